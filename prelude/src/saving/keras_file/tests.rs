//! Files that tests/reference/keras_weights.py has made: Keras's outputs, and what is said of files
//! that do not fit.

use std::fs;

use crate::testing::{close, reference, reference_path};
use crate::*;

/// `branches` of the script.
fn branches() -> Result<Model> {
    let (image, numbers) = (Input::new((6, 5, 2)), Input::new(2));
    let convolution = || Conv2D::new(3, 3).padding("same");
    let left = convolution().name("left").call(&image)?;
    let right = convolution().call(&image)?;
    let x = Concatenate::new().call((&left, &right))?;
    let x = BatchNormalization::new().call(&x)?;
    let x = SeparableConv2D::new(4, 2).call(&x)?;
    let x = DepthwiseConv2D::new(2).depth_multiplier(2).call(&x)?;
    let x = Conv2DTranspose::new(2, 2).call(&x)?;
    let x = Dropout::new(0.5).call(&GlobalAveragePooling2D::new().call(&x)?)?;
    let shared = AnyLayer::new(Dense::new(3).name("shared"));
    let inner = Sequential::new([
        Input::new(3).into(),
        Dense::new(4).activation("tanh").into(),
        LayerNormalization::new().into(),
        Dense::new(3).into(),
    ])?;
    let sum = Add::new().call((&shared.call(&x)?, &shared.call(&numbers)?))?;
    let y = PReLU::new().call(&inner.call(&sum)?)?;
    let y = Dense::new(3).activation("relu").call(&y)?;
    let x = Dense::new(2).name("head").call(&x)?;
    Model::new((&image, &numbers), (&x, &y))
}

/// `sequence` of the script.
fn sequence() -> Result<Model> {
    let words = Input::new(5);
    let x = Embedding::new(9, 4).call(&words)?;
    let x = TimeDistributed::new(Dense::new(6)).call(&x)?;
    let x = Bidirectional::new(LSTM::new(3).return_sequences(true)).call(&x)?;
    let x = MultiHeadAttention::new(2, 3).call((&x, &x))?;
    let x = GRU::new(4).return_sequences(true).call(&x)?;
    let x = SimpleRNN::new(3).return_sequences(true).call(&x)?;
    let x = GroupNormalization::new().groups(3).call(&x)?;
    let x = RMSNormalization::new().call(&x)?;
    let x = Conv1D::new(2, 2).call(&x)?;
    let x = Flatten::new().call(&Dropout::new(0.2).call(&x)?)?;
    let y = Dense::new(3).activation("softmax").call(&x)?;
    Model::new(&words, &y)
}

#[test]
fn branches_shared_layers_and_models_inside_compute_as_in_keras() -> Result<()> {
    let reference = reference("keras_weights");
    let mut model = branches()?;
    model.load_weights(reference_path("keras.weights.h5"))?;
    let inputs = [reference.tensor("image"), reference.tensor("numbers")];
    let outputs = model.predict_all(&inputs)?;
    assert_eq!(outputs.len(), 2);
    for (i, output) in outputs.iter().enumerate() {
        close(output, &reference.tensor(&format!("branch_{i}")), 1e-5);
    }
    Ok(())
}

#[test]
fn layers_made_of_layers_compute_as_in_keras_from_its_archive() -> Result<()> {
    let reference = reference("keras_weights");
    let mut model = sequence()?;
    model.load_weights(reference_path("keras.keras"))?;
    let output = model.predict(&reference.tensor("words"))?;
    close(&output, &reference.tensor("sequence"), 1e-5);
    Ok(())
}

/// What is said of a file that does not fit, and that nothing has changed.
#[track_caller]
fn refused(model: &mut impl Network, path: &str) -> String {
    let weights = |model: &mut dyn Network| model.get_weights().expect("a built model");
    let before = weights(model);
    let error = model.load_weights(path).expect_err("it does not fit");
    assert_eq!(weights(model), before);
    error.to_string()
}

#[test]
fn other_layers_and_sizes_are_named() -> Result<()> {
    let path = reference_path("keras.keras");
    let model = |units: i64, rest: Vec<AnyLayer>| {
        let mut layers: Vec<AnyLayer> = vec![
            Input::new(5).into(),
            Embedding::new(9, units).into(),
            TimeDistributed::new(Dense::new(6)).into(),
        ];
        layers.extend(rest);
        Sequential::new(layers)
    };
    let wide = refused(&mut model(5, Vec::new())?, &path);
    assert!(
        wide.contains(
            "/embeddings` of shape (9, 5), received `layers/embedding/vars/0` of shape (9, 4)"
        ),
        "{wide}"
    );
    let short = refused(&mut model(4, Vec::new())?, &path);
    assert!(
        short.contains("received `layers/bidirectional/backward_layer/cell/vars/0` as well"),
        "{short}"
    );
    let gru = Bidirectional::new(GRU::new(3).use_bias(false).name("words"));
    let other = refused(&mut model(4, vec![gru.name("both").into()])?, &path);
    assert!(
        other.contains("`layers/bidirectional` with both/forward_words/gru_cell/kernel (6, 9)")
            && other.contains("received (6, 12), (3, 12), (12,), (6, 12)"),
        "{other}"
    );
    let first: AnyLayer = Dense::new(3).name("first").into();
    let norm: AnyLayer = LayerNormalization::new().name("norm").into();
    let none = refused(&mut model(4, vec![norm, first])?, &path);
    assert!(
        none.contains(
            "`layers/layer_normalization` with norm/gamma (6,), norm/beta (6,), received nothing"
        ),
        "{none}"
    );
    let names = [("dense", "first")];
    let error = sequence()?.load_weights_as(&path, &names);
    let error = error.expect_err("names").to_string();
    assert!(error.contains("counts layers by their classes"), "{error}");
    let error = load_model(&path).expect_err("no architecture").to_string();
    assert!(
        error.contains("build the model in code and call load_weights"),
        "{error}"
    );
    Ok(())
}

/// Cut short anywhere, or with any byte changed, a file is refused or read, and never a panic.
#[test]
fn damaged_files_are_refused() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("damaged.weights.h5");
    let path = path.to_str().expect("a plain name");
    let whole = fs::read(reference_path("keras.weights.h5")).expect("the reference");
    let mut model = branches()?;
    for length in [8, 40, 96, 200, 1000, whole.len() / 2, whole.len() - 1] {
        fs::write(path, &whole[..length]).expect("disk space");
        let error = refused(&mut model, path);
        assert!(error.contains("an end at byte "), "{length}: {error}");
    }
    let mut other = whole.clone();
    other[8] = 2;
    fs::write(path, &other).expect("disk space");
    let error = refused(&mut model, path);
    assert!(error.contains("received HDF5 of another form"), "{error}");
    for at in (0..whole.len()).step_by(7) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0xff;
        let _ = super::super::hdf5::arrays(&flipped);
    }
    let archive = fs::read(reference_path("keras.keras")).expect("the reference");
    fs::write(path, &archive[..archive.len() / 2]).expect("disk space");
    let error = refused(&mut model, path);
    assert!(error.contains("received invalid Zip archive"), "{error}");
    let at = archive.len() / 2;
    let mut flipped = archive;
    flipped[at] ^= 0xff;
    fs::write(path, &flipped).expect("disk space");
    let error = refused(&mut model, path);
    assert!(error.contains("Invalid checksum"), "{error}");
    Ok(())
}

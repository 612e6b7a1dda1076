//! Models that are saved and loaded: the same outputs, the same training to the last bit, PyTorch's
//! numbers, and what is said of files that are no use.

use std::fs;

use super::*;
use crate::testing::{close, reference};
use crate::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn random(shape: &[i64]) -> Tensor {
    Tensor::randn(shape, (Kind::Float, Device::Cpu))
}

/// Layers of several kinds: a convolution, statistics, chance.
fn classifier() -> Result<Sequential> {
    Sequential::new([
        Input::new((6, 6, 1)).into(),
        Conv2D::new(4, 3).name("conv").into(),
        BatchNormalization::new().name("norm").into(),
        Activation::relu().into(),
        Flatten::new().into(),
        Dropout::new(0.3).into(),
        Dense::new(3).name("head").activation("softmax").into(),
    ])
}

fn digits() -> (Tensor, Tensor) {
    let x = random(&[50, 6, 6, 1]);
    let y = x.reshape([50, 36]).narrow(1, 0, 3).argmax(1, false);
    (x, y)
}

#[test]
fn a_sequence_comes_back_as_it_was() -> Result<()> {
    let folder = folder();
    let path = folder.path().join("new/model.safetensors");
    let model = classifier()?.with_name("digits");
    model.layer("conv")?.set_trainable(false);
    model.save(&path)?;
    let (x, _) = digits();
    let mut again = Sequential::load(&path)?;
    assert_eq!(
        (again.name(), again.layer_names()),
        ("digits", model.layer_names())
    );
    assert_eq!(again.predict(&x)?, model.predict(&x)?);
    assert!(!again.layer("conv")?.is_trainable() && again.layer("head")?.is_trainable());
    assert_eq!(again.architecture()?, model.architecture()?);
    again.add(Dense::new(2))?;
    assert!(
        again.fit(&x, &x).run().is_err(),
        "it was saved before compile"
    );

    let graph = load_model(&path)?;
    assert_eq!(
        (graph.name(), graph.predict(&x)?),
        ("digits", model.predict(&x)?)
    );
    graph.save(&path)?;
    let error = Sequential::load(&path).expect_err("a graph by now");
    assert!(
        error.to_string().contains("load it with load_model"),
        "{error}"
    );
    Ok(())
}

/// Two inputs, a shared layer, a nested model, a join and two outputs.
fn branched() -> Result<Model> {
    let (image, age) = (
        Input::new((4, 4, 1)).name("image"),
        Input::new(1).name("age"),
    );
    let x = Flatten::new().call(&Conv2D::new(2, 3).activation("relu").call(&image)?)?;
    let shared = AnyLayer::new(Dense::new(8).name("shared"));
    let inner = Sequential::new([
        Input::new(8).into(),
        Dense::new(8).name("inner_dense").into(),
        BatchNormalization::new().name("inner_norm").into(),
    ])?
    .with_name("inner");
    let once = shared.call(&x)?;
    let twice = shared.call(&inner.call(&once)?)?;
    let x = Concatenate::new().call((&twice, &age, &once))?;
    let class = Dense::new(3).activation("softmax").name("class").call(&x)?;
    let price = Dense::new(1).name("price").call(&x)?;
    Model::new((&image, &age), (&class, &price))
}

#[test]
fn a_graph_comes_back_with_its_sharing_and_nesting() -> Result<()> {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    let mut model = branched()?;
    model.compile("mse", "rmsprop", (MeanAbsoluteError::new().named("mae"),))?;
    let inputs = [random(&[12, 4, 4, 1]), random(&[12, 1])];
    let targets = [random(&[12, 3]), random(&[12, 1])];
    model.fit(&inputs, &targets).epochs(2).verbose(0).run()?;
    model.save(&path)?;
    let mut again = load_model(&path)?;
    assert_eq!(again.predict_all(&inputs)?, model.predict_all(&inputs)?);
    assert_eq!(again.architecture()?, model.architecture()?);
    assert_eq!(again.output_names(), ["class", "price"]);
    assert_eq!(again.history().keys(), model.history().keys());
    for model in [&mut model, &mut again] {
        model.train_on_batch(&inputs, &targets)?;
    }
    assert_eq!(again.get_weights()?, model.get_weights()?);
    Ok(())
}

/// tests/reference/saving.py: a convolution, a batch normalisation and a dense layer of PyTorch,
/// written by `safetensors.torch.save_file`.
#[test]
fn weights_of_pytorch_give_its_outputs() -> Result<()> {
    let mut model = Sequential::new([
        Input::new((5, 5, 2)).into(),
        Conv2D::new(3, 3).name("conv").into(),
        BatchNormalization::new().epsilon(1e-5).name("norm").into(),
        Flatten::new().into(),
        Dense::new(4).name("head").into(),
    ])?;
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/reference/torch.safetensors"
    );
    model.load_weights_as(path, &[("features.0", "conv"), ("features.1", "norm")])?;
    let reference = reference("saving");
    close(
        &model.predict(&reference.tensor("x"))?,
        &reference.tensor("y"),
        1e-5,
    );

    // And back: the names and layouts of PyTorch, and the same numbers.
    let folder = folder();
    let ours = folder.path().join("ours.safetensors");
    model.save_weights(&ours)?;
    let (theirs, ours) = (TensorFile::read(path.as_ref())?, TensorFile::read(&ours)?);
    assert_eq!(ours.weight_names().len(), theirs.weight_names().len());
    for name in theirs.weight_names() {
        let own = name
            .replace("features.0", "conv")
            .replace("features.1", "norm");
        assert_eq!(theirs.tensor(name)?, ours.tensor(&own)?, "{name}");
    }
    Ok(())
}

#[test]
fn layers_that_pytorch_stacks_otherwise_keep_kerass_names_and_survive() -> Result<()> {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    let model = Sequential::new([
        Input::new((7, 3)).into(),
        Bidirectional::new(LSTM::new(4).name("words").return_sequences(true))
            .name("both")
            .into(),
        GRU::new(5).name("gru").into(),
        Dense::new(2).name("head").into(),
    ])?;
    model.save(&path)?;
    let file = TensorFile::read(&path)?;
    let names = file.weight_names();
    for name in [
        "both.forward_words.lstm_cell.kernel",
        "gru.gru_cell.bias",
        "head.weight",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    let x = random(&[4, 7, 3]);
    assert_eq!(load_model(&path)?.predict(&x)?, model.predict(&x)?);
    Ok(())
}

#[test]
fn weights_go_into_a_model_of_the_same_layers_only() -> Result<()> {
    let folder = folder();
    let path = folder.path().join("weights.safetensors");
    let (x, _) = digits();
    let model = classifier()?;
    model.save_weights(&path)?;
    let mut twin = classifier()?;
    assert_ne!(twin.predict(&x)?, model.predict(&x)?);
    twin.load_weights(&path)?;
    assert_eq!(twin.predict(&x)?, model.predict(&x)?);

    let refuses = |layers: Vec<AnyLayer>, part: &str| -> Result<()> {
        let mut other = Sequential::new(layers)?;
        let before = other.get_weights()?;
        let error = other
            .load_weights(&path)
            .expect_err("other layers")
            .to_string();
        assert!(error.contains(part), "{error}");
        assert_eq!(other.get_weights()?, before);
        Ok(())
    };
    let input = || Input::new((6, 6, 1)).into();
    let conv = |filters: i64| Conv2D::new(filters, 3).name("conv").into();
    refuses(
        vec![input(), conv(5)],
        "`conv.weight` of shape (5, 1, 3, 3), received (4, 1, 3, 3)",
    )?;
    refuses(vec![input(), conv(4)], "received `head.bias` as well")?;
    let renamed = Conv2D::new(4, 3).name("conv1").into();
    refuses(
        vec![input(), renamed],
        "expected a tensor `conv1.weight`, received conv.bias, conv.weight",
    )?;
    let error = load_model(&path).expect_err("no architecture").to_string();
    assert!(
        error.contains("build the model in code and call load_weights"),
        "{error}"
    );
    Ok(())
}

#[test]
fn files_that_are_no_use_are_named_with_the_reason() -> Result<()> {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    classifier()?.save(&path)?;
    let whole = fs::read(&path).expect("just written");
    let refused = |content: &[u8], part: &str| {
        fs::write(&path, content).expect("disk space");
        let error = load_model(&path).expect_err(part).to_string();
        assert!(error.contains("model.safetensors: expected"), "{error}");
        assert!(error.contains(part), "{error}");
    };
    refused(&whole[..whole.len() - 1], "the file is damaged");
    refused(&whole[..3], "the file is damaged");
    refused(b"not a model at all", "the file is damaged");
    let mut flipped = whole.clone();
    let last = flipped.len() - 2;
    flipped[last] ^= 0x10;
    refused(&flipped, "numbers with checksum");
    let text = String::from_utf8_lossy(&whole).into_owned();
    let newer = whole
        .windows(10)
        .position(|bytes| bytes == br#"format\":1"#)
        .unwrap_or_else(|| panic!("no format in {text}"));
    let mut other = whole.clone();
    other[newer + 9] = b'9';
    refused(&other, "format 9");
    let missing = load_model(folder.path().join("other.safetensors"));
    let error = missing.expect_err("not there").to_string();
    assert!(
        error.contains("other.safetensors: file not found"),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_file_appears_whole_or_not_at_all() -> Result<()> {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    classifier()?.save(&path)?;
    let before = fs::read(&path).expect("just written");
    let inside_a_file = path.join("model.safetensors");
    let error = classifier()?
        .save(&inside_a_file)
        .expect_err("no folder")
        .to_string();
    assert!(error.starts_with("cannot write "), "{error}");
    assert_eq!(fs::read(&path).expect("still there"), before);
    classifier()?.save(&path)?;
    let names = fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(names, 1, "nothing temporary is left");
    Ok(())
}

/// A layer of the user's.
struct Twice;

impl Layer for Twice {
    fn class_name(&self) -> &'static str {
        "Twice"
    }
    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        Ok(input.clone())
    }
    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        Ok(input * 2.0)
    }
}

#[test]
fn code_of_the_users_cannot_be_saved_and_says_what_can() -> Result<()> {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    let model = Sequential::new([Input::new(3).into(), Twice.into(), Dense::new(2).into()])?;
    let error = model.save(&path).expect_err("Twice is code").to_string();
    assert!(
        error.contains("the layer `twice") && error.contains("save_weights"),
        "{error}"
    );
    model.save_weights(&path)?;

    let mut model = Sequential::new([Input::new(3).into(), Dense::new(2).into()])?;
    let loss = CustomLoss::new("mine", |y, output| {
        Ok((output - y).abs().mean_dim(-1, false, None))
    });
    model.compile(loss, "sgd", ())?;
    let error = model.save(&path).expect_err("a closure").to_string();
    assert!(error.contains("the loss `mine` cannot be saved"), "{error}");
    model.save_for_inference(&path)?;
    let x = random(&[4, 3]);
    assert_eq!(load_model(&path)?.predict(&x)?, model.predict(&x)?);
    let unbuilt = Sequential::new([Dense::new(2).into()])?;
    assert!(matches!(unbuilt.save(&path), Err(Error::NotBuilt { .. })));
    Ok(())
}

//! Models with masks against Keras: outputs, loss and metrics without masked positions, one step.

use super::*;

/// The models of tests/reference/masks.py.
fn model(name: &str) -> Result<Model> {
    let words = Input::new(6);
    let embedded = || Embedding::new(7, 4).mask_zero(true).call(&words);
    let attention = |causal: bool| -> Result<SymbolicTensor> {
        let e = embedded()?;
        let attended = MultiHeadAttention::new(2, 3).use_causal_mask(causal);
        let x = LayerNormalization::new().call(&attended.call((&e, &e))?)?;
        Dense::new(3).activation("softmax").call(&x)
    };
    let lstm = || LSTM::new(3).return_sequences(true);
    match name {
        "sequence" => {
            let output = Dense::new(2).call(&lstm().call(&embedded()?)?)?;
            Model::new(&words, &output)
        }
        "pooled" => {
            let both = Bidirectional::new(GRU::new(3).return_sequences(true));
            let x = BatchNormalization::new().call(&both.call(&embedded()?)?)?;
            let x = GlobalAveragePooling1D::new().call(&x)?;
            Model::new(&words, &Dense::new(1).activation("sigmoid").call(&x)?)
        }
        "masking" => {
            let series = Input::new((5, 2));
            let rnn = SimpleRNN::new(3).go_backwards(true);
            let x = rnn.call(&Masking::new().call(&series)?)?;
            Model::new(&series, &Dense::new(1).call(&x)?)
        }
        "attention" => Model::new(&words, &attention(false)?),
        "causal" => Model::new(&words, &attention(true)?),
        "nested" => {
            let inner = Sequential::new([
                Input::new((6, 4)).into(),
                Dense::new(3).into(),
                GRU::new(2).return_sequences(true).into(),
            ])?;
            let x = inner.call(&embedded()?)?;
            Model::new(&words, &TimeDistributed::new(Dense::new(1)).call(&x)?)
        }
        _ => {
            let e = embedded()?;
            let x = Concatenate::new().axis(1);
            let sum = Add::new().call((&e, &Dense::new(4).call(&e)?))?;
            let x = x.call((&e, &sum))?;
            let output = Dense::new(2).call(&lstm().zero_output_for_mask(true).call(&x)?)?;
            Model::new(&words, &output)
        }
    }
}

#[test]
fn masked_positions_count_nowhere_as_in_keras() -> Result<()> {
    let reference = reference("masks");
    for (name, loss, metric) in [
        ("sequence", "mse", "mae"),
        ("pooled", "binary_crossentropy", "binary_accuracy"),
        ("masking", "mse", "mae"),
        (
            "attention",
            "sparse_categorical_crossentropy",
            "sparse_categorical_accuracy",
        ),
        (
            "causal",
            "sparse_categorical_crossentropy",
            "sparse_categorical_accuracy",
        ),
        ("nested", "mae", "mse"),
        ("joined", "mse", "mae"),
    ] {
        println!("{name}");
        let array = |what: &str| reference.tensor(&format!("{name}_{what}"));
        let x = reference.tensor(if name == "masking" { "series" } else { "words" });
        let y = array("y");
        let mut model = model(name)?;
        let weights = reference.tensors(&format!("{name}_weight"));
        model.set_weights(&weights)?;
        close(&model.predict(&x)?, &array("predicted"), 1e-5);
        let sgd = || SGD::new().learning_rate(0.1);
        model.compile(loss, sgd(), [metric])?;
        let evaluated = model.evaluate(&x, &y)?;
        let key = evaluated
            .iter()
            .map(|(key, _)| key)
            .find(|key| *key != "loss");
        let evaluated = [evaluated["loss"], evaluated[key.unwrap_or_default()]];
        close(&Tensor::from_slice(&evaluated), &array("evaluated"), 1e-5);

        let mut learned = |sample_weight: Option<Tensor>, stem: &str, after: &str| -> Result<()> {
            model.set_weights(&weights)?;
            model.compile(loss, sgd(), ())?;
            let mut fit = model.fit(&x, &y).batch_size(4).shuffle(false).verbose(0);
            if let Some(weights) = &sample_weight {
                fit = fit.sample_weight(weights);
            }
            let history = fit.run()?;
            close(&Tensor::from_slice(&history["loss"]), &array(stem), 1e-5);
            let expected = reference.tensors(&format!("{name}_{after}"));
            for (actual, expected) in model.get_weights()?.iter().zip(&expected) {
                close(actual, expected, 1e-5);
            }
            Ok(())
        };
        learned(None, "learned", "after")?;
        learned(Some(array("sample_weight")), "weighted", "weighted_after")?;
    }
    Ok(())
}

#[test]
fn weights_of_samples_and_masks_multiply() -> Result<()> {
    let reference = reference("masks");
    let (x, y) = (reference.tensor("words"), reference.tensor("sequence_y"));
    let mut model = model("sequence")?;
    model.compile("mse", SGD::new().learning_rate(0.0), ())?;
    let mut loss = |weights: &Tensor| -> Result<f64> {
        let fit = model.fit(&x, &y).shuffle(false).verbose(0);
        Ok(fit.sample_weight(weights).run()?["loss"][0])
    };
    let per_sample = Tensor::from_slice(&[1.0f32, 2.0, 0.5, 3.0]);
    let per_step = per_sample.unsqueeze(-1).expand([4, 6], false).contiguous();
    assert_eq!(loss(&per_sample)?, loss(&per_step)?);
    Ok(())
}

#[test]
fn a_batch_of_nothing_but_padding_has_a_loss_of_zero() -> Result<()> {
    let mut model = model("sequence")?;
    model.compile("mse", "sgd", ["mae"])?;
    let options = (Kind::Float, Device::Cpu);
    let (x, y) = (
        Tensor::zeros([2, 6], options),
        Tensor::ones([2, 6, 2], options),
    );
    let evaluated = model.evaluate(&x, &y)?;
    assert_eq!(evaluated["loss"], 0.0);
    Ok(())
}

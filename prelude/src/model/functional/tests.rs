//! Graphs: order, sharing, several outputs, nesting, refusals, and that `fit` trains all of it.

use super::*;
use crate::testing::{branched_model, close};
use crate::*;

fn names(layers: &[AnyLayer]) -> Vec<String> {
    layers.iter().map(AnyLayer::name).collect()
}

#[test]
fn layers_and_weights_are_in_kerass_order() -> Result<()> {
    let model = branched_model()?;
    // As Keras 3.15.1 orders the same graph; tests/reference/layers.py prints it.
    let expected = [
        "image", "conv", "flat", "shared", "age", "inner", "join", "drop", "class", "price",
    ];
    assert_eq!(names(&model.layers()), expected);
    let paths: Vec<String> = model.weights().iter().map(Weight::path).collect();
    assert_eq!(
        paths[4..6],
        ["inner/inner_dense/kernel", "inner/inner_dense/bias"]
    );
    assert_eq!(paths.last().map(String::as_str), Some("price/bias"));
    assert_eq!(model.output_names(), ["class", "price"]);
    assert_eq!(model.count_params(), 40 + 725 + 50 + 453 + 151);
    Ok(())
}

#[test]
fn several_inputs_and_outputs_are_trained_by_the_same_fit() -> Result<()> {
    set_random_seed(2);
    let mut model = branched_model()?;
    model.compile("mse", Adam::new().learning_rate(0.01), ["acc"])?;
    let options = (Kind::Float, Device::Cpu);
    let (images, ages) = (
        Tensor::rand([20, 8, 8, 1], options),
        Tensor::rand([20, 1], options),
    );
    let class = Tensor::rand([20, 3], options).softmax(-1, None);
    let price = images.mean_dim([1i64, 2].as_slice(), false, None) + &ages;
    let history = model
        .fit((&images, &ages), (&class, &price))
        .epochs(30)
        .seed(1)
        .verbose(0)
        .run()?;
    let keys = ["class_acc", "class_loss", "loss", "price_acc", "price_loss"];
    assert_eq!(history.keys(), keys);
    let losses = &history["loss"];
    assert!(losses[29] < 0.5 * losses[0], "{history}");
    let measured = model.evaluate([&images, &ages], [&class, &price])?;
    assert!(measured["loss"].is_finite());
    assert_eq!(model.predict_all((&images, &ages))?.len(), 2);
    let error = model.predict((&images, &ages)).expect_err("two outputs");
    assert!(error.to_string().contains("predict_all"), "{error}");
    let error = model
        .fit(&images, (&class, &price))
        .verbose(0)
        .run()
        .expect_err("one input");
    assert!(
        error
            .to_string()
            .contains("one tensor for each of its 2 inputs"),
        "{error}"
    );
    let error = model
        .fit((&images, &ages), &class)
        .verbose(0)
        .run()
        .expect_err("one target");
    assert!(
        error
            .to_string()
            .contains("one array of targets for each of 2 outputs"),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_shared_layer_has_one_set_of_weights_and_the_gradient_of_both_places() -> Result<()> {
    let (a, b) = (Input::new(3), Input::new(3));
    let shared = AnyLayer::new(Dense::new(2).use_bias(false));
    let sum = Add::new().call((&shared.call(&a)?, &shared.call(&b)?))?;
    let model = Model::new((&a, &b), &sum)?;
    assert_eq!(model.count_params(), 6);
    let options = (Kind::Float, Device::Cpu);
    let (x, y) = (Tensor::rand([4, 3], options), Tensor::rand([4, 3], options));
    let outputs = model.compute(&[x.shallow_clone(), y.shallow_clone()], Mode::Train)?;
    let variables = model.trainable_variables();
    close(&outputs[0], &(&x + &y).matmul(&variables[0]), 1e-5);
    let gradient =
        Tensor::f_run_backward(&[outputs[0].sum(Kind::Float)], &variables, false, false)?;
    let expected = (&x + &y)
        .sum_dim_intlist(0i64, false, None)
        .unsqueeze(1)
        .expand([3, 2], false);
    close(&gradient[0], &expected, 1e-5);
    Ok(())
}

#[test]
fn models_of_one_graph_share_weights_and_a_frozen_one_does_not_learn() -> Result<()> {
    let inputs = Input::new(6);
    let code = Dense::new(2).activation("tanh").call(&inputs)?;
    let mut encoder = Model::new(&inputs, &code)?;
    let mut autoencoder = Model::new(&inputs, &Dense::new(6).call(&code)?)?;
    let x = Tensor::rand([16, 6], (Kind::Float, Device::Cpu));
    autoencoder.compile("mse", "adam", ())?;
    let before = encoder.predict(&x)?;
    autoencoder.fit(&x, &x).epochs(2).verbose(0).run()?;
    let after = encoder.predict(&x)?;
    assert_ne!(before, after, "the encoder is part of what was trained");

    encoder.set_trainable(false);
    assert_eq!(autoencoder.trainable_variables().len(), 2);
    autoencoder.compile("mse", "adam", ())?;
    autoencoder.fit(&x, &x).epochs(2).verbose(0).run()?;
    assert_eq!(after, encoder.predict(&x)?);
    Ok(())
}

#[test]
fn a_frozen_batch_normalization_keeps_its_averages() -> Result<()> {
    let mut model = Sequential::new([
        Input::new(3).into(),
        BatchNormalization::new().name("norm").into(),
    ])?;
    let x = Tensor::rand([8, 3], (Kind::Float, Device::Cpu)) * 5.0;
    model.set_trainable(false);
    let frozen = model.forward(&x, Mode::Train)?;
    assert_eq!(frozen, model.forward(&x, Mode::Evaluate)?);
    assert_eq!(
        model.get_weights()?[2],
        Tensor::zeros([3], (Kind::Float, Device::Cpu))
    );
    model.layer("norm")?.set_trainable(true);
    assert_ne!(frozen, model.forward(&x, Mode::Train)?);
    assert_ne!(
        model.get_weights()?[2],
        Tensor::zeros([3], (Kind::Float, Device::Cpu))
    );
    Ok(())
}

#[test]
fn graphs_that_cannot_be_models_are_refused() -> Result<()> {
    let (a, b) = (Input::new(3).name("a"), Input::new(3).name("b"));
    let sum = Add::new().call((&a, &b))?;
    let error = Model::new(&a, &sum).expect_err("b is missing").to_string();
    assert!(
        error.contains("every input that the outputs are computed from, received none for `b`"),
        "{error}"
    );
    let x = Dense::new(2).name("twice").call(&a)?;
    let y = Dense::new(2).name("twice").call(&x)?;
    let error = Model::new(&a, &y).expect_err("two names").to_string();
    assert!(error.contains("two layers named `twice`"), "{error}");
    let dense = AnyLayer::new(Dense::new(2));
    dense.call(&a)?;
    let error = dense
        .call(&Input::new(4))
        .expect_err("built for 3")
        .to_string();
    assert!(
        error.contains("a last axis of 3, for which it was built, received (batch, 4)"),
        "{error}"
    );
    assert!(Dense::new(2).activation("rleu").call(&a).is_err());
    assert!(Conv2D::new(2, 3).call(&a).is_err());
    assert!(Add::new().call((&a, &Input::new(4))).is_err());
    assert!(Model::new(&a, &x)?.layer("thrice").is_err());
    Ok(())
}

#[test]
fn a_softmax_that_is_an_output_is_left_to_the_loss_and_one_inside_is_not() -> Result<()> {
    let inputs = Input::new(3);
    let probabilities = Activation::softmax().call(&inputs)?;
    let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0]).reshape([1, 3]);
    let model = Model::new(&inputs, &probabilities)?;
    let output = &model.forward_to_logits(&[x.shallow_clone()], Mode::Train)?[0];
    assert_eq!(
        (output.form, output.values == x),
        (OutputForm::SoftmaxLogits, true)
    );
    let twice = Model::new(
        &inputs,
        &Multiply::new().call((&probabilities, &probabilities))?,
    )?;
    close(&twice.predict(&x)?, &x.softmax(-1, None).square(), 1e-6);
    Ok(())
}

#[test]
fn an_unused_input_is_listed_and_must_be_fed() -> Result<()> {
    let (a, b) = (Input::new(3).name("used"), Input::new(2).name("unused"));
    let model = Model::new((&a, &b), &Dense::new(1).name("d").call(&a)?)?;
    assert_eq!(names(&model.layers()), ["used", "unused", "d"]);
    let options = (Kind::Float, Device::Cpu);
    let (x, y) = (Tensor::rand([4, 3], options), Tensor::rand([4, 2], options));
    assert_eq!(model.predict((&x, &y))?.shape(), (4, 1));
    assert!(model.predict(&x).is_err());
    Ok(())
}

//! Losses, weights of losses and metrics of single outputs.

use super::*;

/// A class and a number from the same four numbers.
fn two_headed() -> Result<Model> {
    let input = Input::new(4);
    let class = Dense::new(3).activation("softmax").name("class");
    let price = Dense::new(1).name("price");
    Model::new(&input, (&class.call(&input)?, &price.call(&input)?))
}

fn samples() -> (Tensor, Tensor, Tensor) {
    let x = Tensor::rand([20, 4], (Kind::Float, Device::Cpu));
    let class = x.narrow(1, 0, 3).argmax(1, false);
    let price = x.sum_dim_intlist(1i64, true, Kind::Float);
    (x, class, price)
}

fn compile(model: &mut Model) -> Result<()> {
    let losses = (
        SparseCategoricalCrossentropy::new(),
        MeanSquaredError::new().weighted(0.5)?,
    );
    let metrics = (
        Accuracy.named("acc").of_output("class"),
        MeanAbsoluteError::new().of_output("price").named("mae"),
    );
    model.compile(losses, SGD::new().learning_rate(0.1), metrics)
}

/// The keys are those of Keras 3.15 for `loss=[…]`, `loss_weights=[1.0, 0.5]` and
/// `metrics=[["acc"], ["mae"]]`; the losses of the outputs are, as there, without their weights.
#[test]
fn each_output_has_its_loss_its_weight_and_its_metrics() -> Result<()> {
    let (x, class, price) = samples();
    let mut model = two_headed()?;
    compile(&mut model)?;
    let before = model.evaluate(&x, (&class, &price))?;
    let keys: Vec<&str> = before.iter().map(|(key, _)| key).collect();
    let expected = ["class_acc", "class_loss", "loss", "price_loss", "price_mae"];
    assert_eq!(keys, expected);

    let outputs = model.predict_all(&x)?;
    let near = |key: &str, expected: &Tensor| {
        let (measured, expected) = (before[key], expected.double_value(&[]));
        assert!(
            (measured - expected).abs() < 1e-5,
            "{key}: {measured} {expected}"
        );
    };
    let of_class = outputs[0]
        .gather(1, &class.unsqueeze(1), false)
        .log()
        .mean(None);
    let of_class = of_class.neg();
    let error = &outputs[1] - &price;
    let of_price = error.square().mean(None);
    near("class_loss", &of_class);
    near("price_loss", &of_price);
    near("price_mae", &error.abs().mean(None));
    near("loss", &(&of_class + &of_price * 0.5));

    // One step goes down the sum: half the gradient for the price, which is linear.
    let weights = model.get_weights()?;
    let fit = model.fit(&x, (&class, &price)).shuffle(false).verbose(0);
    let history = fit.run()?;
    assert_eq!(history.keys(), expected);
    for key in ["class_loss", "loss", "price_loss"] {
        assert!((history[key][0] - before[key]).abs() < 1e-5, "{history}");
    }
    let gradient = x.transpose(0, 1).matmul(&error) * (2.0 / 20.0);
    close(
        &model.get_weights()?[2],
        &(&weights[2] - gradient * 0.05),
        1e-5,
    );
    assert_eq!(
        model.train_on_batch(&x, (&class, &price))?.iter().count(),
        expected.len()
    );
    Ok(())
}

#[test]
fn losses_and_metrics_of_outputs_survive_being_saved() -> Result<()> {
    let (x, class, price) = samples();
    let mut model = two_headed()?;
    compile(&mut model)?;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("two_headed.safetensors");
    model.save(&path)?;
    let loaded = load_model(&path)?;
    let targets = (&class, &price);
    assert_eq!(loaded.evaluate(&x, targets)?, model.evaluate(&x, targets)?);
    Ok(())
}

#[test]
fn losses_and_metrics_of_outputs_that_are_not_there_are_refused() -> Result<()> {
    let (x, class, price) = samples();
    let mut model = two_headed()?;
    model.compile(["mse", "mse", "mse"], "sgd", ())?;
    let error = model.evaluate(&x, (&class, &price)).expect_err("3 losses");
    assert_eq!(
        error.to_string(),
        "evaluate: the loss of compile: expected one for all outputs, or one for each of 2, received 3"
    );
    model.compile("mse", "sgd", [Accuracy.of_output("clas")])?;
    let one_hot = to_categorical(&class, 3)?;
    let fit = model.fit(&x, (&one_hot, &price)).verbose(0);
    let error = fit.run().expect_err("no output `clas`").to_string();
    assert!(error.contains("did you mean `class`?"), "{error}");
    // Each output is checked by its own loss.
    model.compile(["mse", "sparse_categorical_crossentropy"], "sgd", ())?;
    let fit = model.fit(&x, (&one_hot, &price)).verbose(0);
    assert!(fit.run().is_err());
    let error = "mse".weighted(-1.0).err().expect("below 0").to_string();
    assert!(
        error.ends_with("expected a number from 0, received -1"),
        "{error}"
    );
    Ok(())
}

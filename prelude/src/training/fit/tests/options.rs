//! Weighted metrics, losses and metrics by the names of outputs, and steps of validation: numbers of
//! Keras, made by tests/reference/fit_options.py.

use super::*;
use crate::testing::Reference;

fn two_headed(reference: &Reference) -> Result<Model> {
    let x = Input::new(4);
    let kind = Dense::new(3).activation("softmax").name("kind").call(&x)?;
    let price = Dense::new(1).name("price").call(&x)?;
    let mut model = Model::new(&x, (&kind, &price))?;
    model.set_weights(&reference.tensors("weight"))?;
    model.compile(
        (
            ("price", MeanSquaredError::new().weighted(0.5)?),
            ("kind", "sparse_categorical_crossentropy".weighted(2.0)?),
        ),
        SGD::new().learning_rate(0.05),
        [("price", "mae")],
    )?;
    Ok(model)
}

/// The keys that Keras's history has, and their values.
#[track_caller]
fn compare(history: &History, reference: &Reference, case: &str) {
    let mut keys = history.keys();
    keys.sort_unstable();
    assert_eq!(keys, reference.keys_in(case));
    for key in history.keys() {
        let expected = reference.tensor(&format!("{case}/{key}"));
        let expected: Vec<f64> = Vec::try_from(expected.to_kind(Kind::Double)).expect("numbers");
        let values = &history[key];
        assert_eq!(values.len(), expected.len(), "{key}");
        for (value, expected) in values.iter().zip(&expected) {
            let near = (value - expected).abs() < 1e-5 * expected.abs().max(1.0);
            assert!(near, "{case}/{key}: {values:?}, Keras {expected:?}");
        }
    }
}

fn as_in_the_script(fit: Fit<'_>) -> Fit<'_> {
    fit.batch_size(5).epochs(4).shuffle(false).verbose(0)
}

#[test]
fn outputs_by_name_and_weighted_metrics_are_kerass() -> Result<()> {
    let reference = reference("fit_options");
    let mut model = two_headed(&reference)?;
    model.weighted_metrics([("kind", "mse")])?;
    // Those that were chosen last count.
    model.weighted_metrics([("price", "mae"), ("price", "mse"), ("kind", "acc")])?;
    let (x, weights) = (reference.tensor("x"), reference.tensor("sample_weight"));
    let y = [reference.tensor("kind"), reference.tensor("price")];
    let fit = model.fit(&x, &y).sample_weight(&weights);
    let history = as_in_the_script(fit.validation_split(0.25)).run()?;
    compare(&history, &reference, "named");

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    model.save(&path)?;
    let again = load_model(&path)?;
    assert_eq!(again.evaluate(&x, &y)?, model.evaluate(&x, &y)?);
    let keys = |model: &dyn Network| -> Result<Vec<bool>> {
        let compiled = training::compile::compiled(model, "the test")?;
        Ok(compiled.metrics.iter().map(|m| m.is_weighted()).collect())
    };
    assert_eq!(keys(&again)?, [false, true, true, true]);
    Ok(())
}

#[test]
fn weights_of_classes_count_and_keys_that_are_taken_are_told_apart_as_in_keras() -> Result<()> {
    let reference = reference("fit_options");
    let kind = Dense::new(3).activation("softmax").name("kind");
    let mut model = Sequential::new([Input::new(4).into(), kind.into()])?;
    model.set_weights(&reference.tensors("weight")[..2])?;
    let entropy = "sparse_categorical_crossentropy";
    model.compile(entropy, "sgd", ["acc", entropy, "acc"])?;
    model.weighted_metrics(["acc", "acc", entropy])?;
    let tensor = |name: &str| reference.tensor(name);
    let fit = model.fit(&tensor("x"), &tensor("kind"));
    let fit = fit.class_weight([(0, 0.5), (2, 4.0)]);
    let fit = fit.validation_data(&tensor("val_x"), &tensor("val_kind"));
    compare(&as_in_the_script(fit).run()?, &reference, "classes");
    Ok(())
}

#[test]
fn steps_of_validation_are_the_first_ones_in_each_epoch_as_in_keras() -> Result<()> {
    let reference = reference("fit_options");
    let x = reference.tensor("x");
    let y = [reference.tensor("kind"), reference.tensor("price")];
    let val_x = reference.tensor("val_x");
    let val_y = [reference.tensor("val_kind"), reference.tensor("val_price")];
    let fitted = |options: fn(Fit<'_>) -> Fit<'_>| {
        let mut model = two_headed(&reference)?;
        model.compile(
            (
                ("kind", SparseCategoricalCrossentropy::new().weighted(2.0)?),
                ("price", MeanSquaredError::new().weighted(0.5)?),
            ),
            SGD::new().learning_rate(0.05),
            (),
        )?;
        let fit = as_in_the_script(model.fit(&x, &y));
        options(fit.validation_data(&val_x, &val_y)).run()
    };
    let history = fitted(|fit| fit.validation_steps(2).validation_batch_size(3))?;
    compare(&history, &reference, "steps");
    let history = fitted(|fit| fit.validation_steps(1))?;
    compare(&history, &reference, "own_size");
    // More than there are is all, as it is without.
    let all = fitted(|fit| fit)?;
    for history in [
        fitted(|fit| fit.validation_steps(9))?,
        fitted(|fit| fit.validation_batch_size(2))?,
    ] {
        for (a, b) in all["val_loss"].iter().zip(&history["val_loss"]) {
            assert!((a - b).abs() < 1e-5, "{history}");
        }
    }
    for wrong in [
        fitted(|fit| fit.validation_steps(0)),
        fitted(|fit| fit.validation_batch_size(0)),
    ] {
        let error = wrong.expect_err("nothing to measure").to_string();
        assert!(
            error.ends_with("expected at least 1, received 0"),
            "{error}"
        );
    }
    Ok(())
}

#[test]
fn steps_of_a_dataset_are_its_first_batches() -> Result<()> {
    let reference = reference("fit_options");
    let (x, y) = (reference.tensor("val_x"), reference.tensor("val_price"));
    let dataset = Dataset::new(&x, &y)?.batch(3);
    let mut model = Sequential::new([Input::new(4).into(), Dense::new(1).into()])?;
    model.compile("mse", SGD::new().learning_rate(0.0), ())?;
    let fit = model.fit_dataset(&dataset).validation_dataset(&dataset);
    let history = fit.validation_steps(2).verbose(0).run()?;
    let first = model.evaluate(&x.narrow(0, 0, 6), &y.narrow(0, 0, 6))?;
    assert!((history["val_loss"][0] - first["loss"]).abs() < 1e-6);
    assert!((history["loss"][0] - first["loss"]).abs() > 1e-6);
    Ok(())
}

#[test]
fn names_of_outputs_that_do_not_fit_are_refused() -> Result<()> {
    let mut model = two_headed(&reference("fit_options"))?;
    let mut error = |names: &[&str]| {
        let losses: Vec<(&str, &str)> = names.iter().map(|name| (*name, "mse")).collect();
        let error = model.compile(losses, "sgd", ()).expect_err("other names");
        error.to_string()
    };
    assert!(error(&["kind", "prise"]).ends_with("did you mean `price`?"));
    let one_for_each = "compile: loss: expected one for each of the outputs kind, price, received ";
    assert_eq!(error(&["kind"]), format!("{one_for_each}1"));
    assert_eq!(
        error(&["kind", "price", "kind"]),
        format!("{one_for_each}3")
    );
    let mut new = Sequential::new([Input::new(2).into(), Dense::new(1).into()])?;
    let error = new.weighted_metrics(["mae"]).expect_err("not compiled");
    assert!(error.to_string().contains("call compile("), "{error}");
    Ok(())
}

//! Losses against Keras's numbers, and the targets they refuse.

use super::*;
use crate::testing::{close, reference};

#[track_caller]
fn check(loss: impl Loss, y: &Tensor, values: &Tensor, form: OutputForm, expected: &str) {
    let output = ModelOutput {
        values: values.shallow_clone(),
        form,
    };
    let mean = loss.mean(y, &output).expect("the shapes fit");
    close(&mean, &reference("losses").tensor(expected), 1e-6);
}

#[test]
fn cross_entropies_equal_kerass_from_logits_and_from_probabilities() {
    use OutputForm::{SigmoidLogits, SoftmaxLogits, Values};
    let reference = reference("losses");
    let tensor = |name: &str| reference.tensor(name);
    let (labels, logits, probabilities) =
        (tensor("labels"), tensor("logits"), tensor("probabilities"));

    let sparse = SparseCategoricalCrossentropy::new;
    check(
        sparse(),
        &labels,
        &logits,
        SoftmaxLogits,
        "sparse_from_logits",
    );
    check(
        sparse().from_logits(true),
        &labels,
        &logits,
        Values,
        "sparse_from_logits",
    );
    check(sparse(), &labels, &probabilities, Values, "sparse");
    check(
        sparse(),
        &labels.reshape([5, 1]),
        &probabilities,
        Values,
        "sparse",
    );

    let (one_hot, categorical) = (tensor("one_hot"), CategoricalCrossentropy::new);
    check(
        categorical(),
        &one_hot,
        &logits,
        SoftmaxLogits,
        "categorical_from_logits",
    );
    check(
        categorical(),
        &one_hot,
        &probabilities,
        Values,
        "categorical",
    );

    let (yes, binary) = (tensor("yes"), BinaryCrossentropy::new);
    check(
        binary(),
        &yes,
        &tensor("scores"),
        SigmoidLogits,
        "binary_from_logits",
    );
    check(
        binary(),
        &yes.reshape([-1]),
        &tensor("scores"),
        SigmoidLogits,
        "binary_from_logits",
    );
    check(binary(), &yes, &tensor("sigmoid"), Values, "binary");
}

#[test]
fn differences_equal_kerass() {
    let reference = reference("losses");
    let (yes, scores) = (reference.tensor("yes"), reference.tensor("scores"));
    check(
        MeanSquaredError,
        &yes,
        &scores,
        OutputForm::Values,
        "mean_squared_error",
    );
    check(
        MeanAbsoluteError,
        &yes,
        &scores,
        OutputForm::Values,
        "mean_absolute_error",
    );
}

#[test]
fn losses_are_found_by_kerass_names() -> Result<()> {
    for name in [
        "sparse_categorical_crossentropy",
        "categorical_crossentropy",
        "binary_crossentropy",
        "mean_squared_error",
        "mean_absolute_error",
    ] {
        assert_eq!(name.into_loss()?.name(), name);
    }
    assert!("crossentropy".into_loss().is_err());
    Ok(())
}

#[track_caller]
fn refused(loss: impl Loss, y: &Tensor, output: impl Into<Shape>, part: &str) {
    let error = loss
        .check_targets(y, &output.into(), "fit")
        .expect_err("the targets are wrong");
    assert!(error.to_string().contains(part), "{error}");
}

#[test]
fn targets_that_cannot_be_learned_are_refused() -> Result<()> {
    let labels = Tensor::from_slice(&[0u8, 9]);
    let sparse = SparseCategoricalCrossentropy::new;
    sparse().check_targets(&labels, &10.into(), "fit")?;
    sparse().check_targets(&labels.reshape([2, 1]), &10.into(), "fit")?;
    refused(
        sparse(),
        &labels,
        9,
        "fit: expected labels from 0 to 8, the model's 9 outputs, received 9",
    );
    refused(sparse(), &Tensor::from_slice(&[-1i64, 3]), 9, "received -1");
    refused(
        sparse(),
        &labels,
        (12, 12, 10),
        "received (batch, 12, 12, 10): add Flatten::new()",
    );
    let one_hot = Tensor::zeros([2, 10], (Kind::Float, tch::Device::Cpu));
    refused(
        sparse(),
        &one_hot,
        10,
        "for one-hot targets use CategoricalCrossentropy",
    );
    refused(
        CategoricalCrossentropy::new(),
        &labels,
        10,
        "for class numbers use SparseCategoricalCrossentropy",
    );
    refused(
        MeanSquaredError,
        &labels,
        3,
        "targets of shape (batch, 3), received (2,)",
    );
    MeanSquaredError.check_targets(&labels, &1.into(), "fit")
}

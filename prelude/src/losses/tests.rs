//! Losses against Keras's numbers, and the targets they refuse.

use tch::Kind;

use super::*;
use crate::testing::{Reference, close, reference};
use OutputForm::{SigmoidLogits, SoftmaxLogits, Values};

/// Values, mean, weighted mean and gradient, as tests/reference/losses.py has them under `name`.
/// Settings survive being saved, so the loss that is checked is one that was.
#[track_caller]
fn check(loss: impl Loss, name: &str, y: &str, values: &str, form: OutputForm) {
    let reference = reference("losses");
    let loss = from_config(&loss.config().expect("no closure")).expect("just saved");
    let y = reference.tensor(y);
    let values = reference.tensor(values).set_requires_grad(true);
    let output = ModelOutput {
        values: values.shallow_clone(),
        form,
        mask: None,
    };
    let expect = |what: &str, actual: &Tensor| {
        close(actual, &reference.tensor(&format!("{name}/{what}")), 1e-5);
    };
    expect("values", &loss.values(&y, &output).expect("shapes fit"));
    let mean = loss.mean(&y, &output).expect("shapes fit");
    expect("mean", &mean);
    let weights = reference.tensor(if y.dim() == 2 && y.size()[0] == 2 || y.dim() == 3 {
        "row_weights"
    } else {
        "weights"
    });
    let weighted = loss.weighted_mean(&y, &output, Some(&weights));
    expect("weighted", &weighted.expect("shapes fit"));
    let gradient = Tensor::run_backward(&[mean], &[values], false, false);
    expect("gradient", &gradient[0]);
}

#[test]
fn cross_entropies_equal_kerass_from_logits_and_from_probabilities() {
    let sparse = SparseCategoricalCrossentropy::new;
    let logits = "sparse_from_logits";
    check(sparse(), logits, "labels", "logits", SoftmaxLogits);
    check(
        sparse().from_logits(true),
        logits,
        "labels",
        "logits",
        Values,
    );
    check(sparse(), "sparse", "labels", "probabilities", Values);
    let ignoring = sparse().ignore_class(-1);
    check(
        ignoring,
        "sparse_ignored",
        "labels_ignored",
        "logits",
        SoftmaxLogits,
    );
    check(
        sparse(),
        "sparse_of_rows",
        "row_labels",
        "predicted_rows",
        SoftmaxLogits,
    );

    let categorical = CategoricalCrossentropy::new;
    let logits = "categorical_from_logits";
    check(categorical(), logits, "one_hot", "logits", SoftmaxLogits);
    check(
        categorical(),
        "categorical",
        "one_hot",
        "probabilities",
        Values,
    );
    let smooth = categorical().label_smoothing(0.1);
    check(
        smooth,
        "categorical_smooth",
        "one_hot",
        "logits",
        SoftmaxLogits,
    );

    let binary = BinaryCrossentropy::new;
    check(
        binary(),
        "binary_from_logits",
        "yes",
        "scores",
        SigmoidLogits,
    );
    check(binary(), "binary", "yes", "sigmoid", Values);
    let smooth = binary().label_smoothing(0.1);
    check(smooth, "binary_smooth", "yes", "scores", SigmoidLogits);
}

#[test]
fn losses_of_numbers_equal_kerass() {
    macro_rules! check_all {
        ($($name:literal: $loss:expr, $y:literal, $output:literal;)*) => {
            $(check($loss, $name, $y, $output, Values);)*
        };
    }
    check_all! {
        "mean_squared_error": MeanSquaredError::new(), "y", "prediction";
        "mean_squared_error_of_rows": MeanSquaredError::new(), "rows", "predicted_rows";
        "mean_absolute_error": MeanAbsoluteError::new(), "y", "prediction";
        "mean_absolute_percentage_error": MeanAbsolutePercentageError::new(), "y_nonzero", "prediction";
        "mean_squared_logarithmic_error": MeanSquaredLogarithmicError::new(), "y", "prediction";
        "huber": Huber::new(), "y", "prediction";
        "huber_delta": Huber::new().delta(0.3), "y", "prediction";
        "log_cosh": LogCosh::new(), "y", "prediction";
        "cosine_similarity": CosineSimilarity::new(), "y", "prediction";
        "poisson": Poisson::new(), "counts", "positive";
        "kl_divergence": KLDivergence::new(), "distribution", "approximation";
        "hinge": Hinge::new(), "signs", "prediction";
        "hinge_of_0_and_1": Hinge::new(), "yes", "scores";
        "squared_hinge": SquaredHinge::new(), "signs", "prediction";
        "categorical_hinge": CategoricalHinge::new(), "one_hot", "logits";
    }
}

#[test]
fn kerass_numbers_are_pytorchs_where_the_formula_is_the_same() {
    let reference = reference("losses");
    for name in ["mean_squared_error", "huber"] {
        let torchs = reference.tensor(&format!("torch/{name}"));
        close(&reference.tensor(&format!("{name}/mean")), &torchs, 1e-6);
    }
}

#[test]
fn targets_of_one_column_go_with_outputs_of_one_column() -> Result<()> {
    let output = |values: &Tensor, form| ModelOutput {
        values: values.shallow_clone(),
        form,
        mask: None,
    };
    let reference: Reference = reference("losses");
    let (labels, logits) = (reference.tensor("labels"), reference.tensor("logits"));
    let column = labels.reshape([6, 1]);
    let sparse = SparseCategoricalCrossentropy::new();
    let mean = sparse.mean(&column, &output(&logits, SoftmaxLogits))?;
    close(&mean, &reference.tensor("sparse_from_logits/mean"), 1e-6);

    let (y, scores) = (labels, logits.narrow(1, 0, 1));
    let mse = MeanSquaredError::new();
    let flat = mse.mean(&y, &output(&scores, Values))?;
    close(&flat, &mse.mean(&column, &output(&scores, Values))?, 0.0);
    let error = mse
        .mean(&y, &output(&logits, Values))
        .expect_err("one number against four");
    assert!(
        error
            .to_string()
            .contains("expected targets of shape (6, 4)"),
        "{error}"
    );
    Ok(())
}

#[test]
fn losses_are_found_by_kerass_names() -> Result<()> {
    for name in NAMES {
        let loss = name.into_loss()?;
        assert!(
            loss.name() == name || NAMES.contains(&loss.name()),
            "{name}"
        );
    }
    assert_eq!("mse".into_loss()?.name(), "mean_squared_error");
    let error = "crossentropy"
        .into_loss()
        .err()
        .map(|error| error.to_string());
    let error = error.expect("it is ambiguous");
    assert!(error.starts_with("unknown loss `crossentropy`"), "{error}");
    Ok(())
}

#[test]
fn a_closure_is_a_loss_that_cannot_be_saved() -> Result<()> {
    let loss = CustomLoss::new("cubic", |y, output| {
        Ok((output - y)
            .abs()
            .pow_tensor_scalar(3)
            .mean_dim(-1, false, None))
    });
    let reference = reference("losses");
    let (y, prediction) = (reference.tensor("y"), reference.tensor("prediction"));
    let output = ModelOutput {
        values: prediction.shallow_clone(),
        form: Values,
        mask: None,
    };
    let by_hand = (&prediction - &y).abs().pow_tensor_scalar(3).mean(None);
    close(&loss.mean(&y, &output)?, &by_hand, 1e-6);
    let error = loss.config().expect_err("a closure").to_string();
    assert!(
        error.contains("the loss `cubic` cannot be saved"),
        "{error}"
    );

    let scalar = CustomLoss::new("scalar", |y, output| Ok((output - y).mean(None)));
    let error = scalar.mean(&y, &output).expect_err("no value per sample");
    assert!(
        error.to_string().contains("one value per sample"),
        "{error}"
    );
    Ok(())
}

#[test]
fn weights_that_belong_to_other_samples_are_refused() {
    let x = Tensor::zeros([4, 2], (Kind::Float, tch::Device::Cpu));
    let output = ModelOutput {
        values: x.shallow_clone(),
        form: Values,
        mask: None,
    };
    let error = MeanSquaredError::new()
        .weighted_mean(&x, &output, Some(&x.narrow(0, 0, 3).select(1, 0)))
        .expect_err("3 is not 4");
    assert!(
        error
            .to_string()
            .contains("sample_weight: expected weights of shape (4,)"),
        "{error}"
    );
}

#[track_caller]
fn refused(loss: impl Loss, y: &Tensor, output: impl Into<Shape>, part: &str) {
    let error = loss
        .check_targets(y, &output.into(), "fit")
        .expect_err("the targets are wrong");
    assert!(error.to_string().contains(part), "{error}");
}

#[test]
fn labels_that_cannot_be_learned_are_refused() -> Result<()> {
    let labels = Tensor::from_slice(&[0u8, 9]);
    let sparse = SparseCategoricalCrossentropy::new;
    sparse().check_targets(&labels, &10.into(), "fit")?;
    sparse().check_targets(&labels.reshape([2, 1]), &10.into(), "fit")?;
    let of_rows = Tensor::zeros([2, 5], (Kind::Int64, tch::Device::Cpu));
    sparse().check_targets(&of_rows, &(5, 10).into(), "fit")?;
    let ignored = Tensor::from_slice(&[0i64, -1]);
    sparse()
        .ignore_class(-1)
        .check_targets(&ignored, &10.into(), "fit")?;
    let range = "fit: expected labels from 0 to 8, the model's 9 outputs, received 9";
    refused(sparse(), &labels, 9, range);
    refused(sparse(), &ignored, 9, "received -1");
    let fractions = Tensor::from_slice(&[0.5f32, 1.0]);
    refused(sparse(), &fractions, 9, "labels with fractions");
    let flatten = "received (batch, 12, 12, 10): add Flatten::new()";
    refused(sparse(), &labels, (12, 12, 10), flatten);
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
    Ok(())
}

#[test]
fn numbers_that_cannot_be_learned_are_refused() -> Result<()> {
    let y = Tensor::from_slice(&[0.0f32, 0.5, f32::NAN, 1.0]);
    refused(
        MeanSquaredError::new(),
        &y,
        3,
        "targets of shape (batch, 3), received (4,)",
    );
    refused(
        MeanSquaredError::new(),
        &y,
        1,
        "NaN or an infinity in row 2",
    );
    MeanSquaredError::new().check_targets(&y.narrow(0, 0, 2), &1.into(), "fit")?;
    let numbers = Tensor::from_slice(&[0.0f32, 3.0]);
    refused(
        BinaryCrossentropy::new(),
        &numbers,
        1,
        "targets from 0 (no) to 1 (yes), received 3",
    );
    let smoothed = BinaryCrossentropy::new().label_smoothing(2.0);
    refused(
        smoothed,
        &y.narrow(0, 0, 2),
        1,
        "label_smoothing: expected a share from 0 to 1",
    );
    Ok(())
}

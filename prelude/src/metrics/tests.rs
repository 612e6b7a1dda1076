//! Metrics against Keras's numbers over several batches, and the names they go by.

use tch::{Device, Kind};

use super::*;
use crate::losses::Poisson;
use crate::model::layers::OutputForm;
use crate::testing::{Reference, reference};
use OutputForm::{SigmoidLogits, SoftmaxLogits, Values};

/// The result over the batches of tests/reference/metrics.py.
fn measured(
    metric: &dyn Metric,
    reference: &Reference,
    (y, values, form): (&str, &str, OutputForm),
    weights: Option<&str>,
) -> Result<f64> {
    let (y, values) = (reference.tensor(y), reference.tensor(values));
    let weights = weights.map(|name| reference.tensor(name));
    let mut state = metric.start();
    let mut start = 0;
    for size in Vec::<f64>::try_from(reference.tensor("sizes").to_kind(Kind::Double))? {
        let rows = |x: &Tensor| x.narrow(0, start, size as i64);
        let output = ModelOutput {
            values: rows(&values),
            form,
            mask: None,
        };
        state.update(&rows(&y), &output, weights.as_ref().map(rows).as_ref())?;
        // Reading in between changes nothing.
        state.result()?;
        start += size as i64;
    }
    state.result()
}

/// Without and with weights. Settings survive being saved, so the metric that is checked is one
/// that was.
#[track_caller]
fn check(metric: impl Metric, name: &str, data: (&str, &str, OutputForm)) {
    let reference = reference("metrics");
    let metric = from_config(&metric.config().expect("no closure")).expect("just saved");
    let weights = match name {
        "mean_io_u" => "whole_weights",
        _ => "weights",
    };
    for (key, weights) in [("plain", None), ("weighted", Some(weights))] {
        let actual = measured(&*metric, &reference, data, weights).expect("shapes fit");
        let expected = reference.number(&format!("{name}/{key}"));
        assert!(
            (actual - expected).abs() <= 1e-5,
            "{name}, {key}: {actual} instead of {expected}"
        );
    }
}

const SPARSE: (&str, &str, OutputForm) = ("labels", "probabilities", Values);
const ONE_HOT: (&str, &str, OutputForm) = ("one_hot", "probabilities", Values);
const LOGITS: (&str, &str, OutputForm) = ("one_hot", "logits", SoftmaxLogits);
const YES_NO: (&str, &str, OutputForm) = ("yes", "scores", Values);
const YES_NO_LOGITS: (&str, &str, OutputForm) = ("yes", "score_logits", SigmoidLogits);
const NUMBERS: (&str, &str, OutputForm) = ("y", "prediction", Values);

#[test]
fn accuracies_equal_kerass() {
    check(Accuracy, "sparse_categorical_accuracy", SPARSE);
    check(
        Accuracy,
        "sparse_categorical_accuracy",
        ("labels", "logits", SoftmaxLogits),
    );
    check(Accuracy, "categorical_accuracy", ONE_HOT);
    check(Accuracy, "binary_accuracy", YES_NO);
    check(Accuracy, "binary_accuracy", YES_NO_LOGITS);
    check(
        SparseCategoricalAccuracy::new(),
        "sparse_categorical_accuracy",
        SPARSE,
    );
    check(CategoricalAccuracy::new(), "categorical_accuracy", LOGITS);
    check(BinaryAccuracy::new(), "binary_accuracy", YES_NO_LOGITS);
    check(BinaryAccuracy::new(), "binary_accuracy_of_many", LOGITS);
    let low = || BinaryAccuracy::new().threshold(0.3);
    check(low(), "binary_accuracy_threshold", YES_NO);
    check(low(), "binary_accuracy_threshold", YES_NO_LOGITS);
    check(
        TopKCategoricalAccuracy::new().k(2),
        "top_k_categorical_accuracy",
        LOGITS,
    );
    let sparse = SparseTopKCategoricalAccuracy::new().k(3);
    check(sparse, "sparse_top_k_categorical_accuracy", SPARSE);
}

#[test]
fn precision_and_recall_equal_kerass() {
    check(Precision::new(), "precision", YES_NO);
    check(Precision::new(), "precision", YES_NO_LOGITS);
    check(
        Precision::new().threshold(0.7),
        "precision_threshold",
        YES_NO,
    );
    check(Precision::new().top_k(2), "precision_top_k", LOGITS);
    let class = Precision::new().class_id(1).threshold(0.2);
    check(class, "precision_class_id", ONE_HOT);
    check(Recall::new(), "recall", YES_NO);
    check(Recall::new().top_k(3), "recall_top_k", ONE_HOT);
    let class = Recall::new().class_id(4).threshold(0.2);
    check(class, "recall_class_id", LOGITS);
}

#[test]
fn f_scores_equal_kerass() {
    let f1 = |average| F1Score::new().average(average);
    check(f1(Averaging::Micro), "f1_micro", ONE_HOT);
    check(F1Score::new(), "f1_macro", LOGITS);
    check(f1(Averaging::Weighted), "f1_weighted", ONE_HOT);
    check(F1Score::new().threshold(0.2), "f1_threshold", ONE_HOT);
    check(FBetaScore::new().beta(2.0), "fbeta", ONE_HOT);
}

#[test]
fn areas_under_curves_equal_kerass() {
    check(AUC::new(), "auc", YES_NO);
    check(AUC::new(), "auc_of_many", LOGITS);
    check(AUC::new().num_thresholds(7), "auc_few", YES_NO);
    check(AUC::new().curve(Curve::PR), "auc_pr", YES_NO);
    check(
        AUC::new().from_logits(true),
        "auc",
        ("yes", "score_logits", Values),
    );
    for (method, name) in [
        (SummationMethod::Minoring, "minoring"),
        (SummationMethod::Majoring, "majoring"),
    ] {
        let auc = || AUC::new().num_thresholds(20).summation_method(method);
        check(auc(), &format!("auc_{name}"), YES_NO);
        check(auc().curve(Curve::PR), &format!("auc_pr_{name}"), YES_NO);
    }
}

#[test]
fn means_of_numbers_equal_kerass() {
    check(MeanSquaredError::new(), "mean_squared_error", NUMBERS);
    check(MeanAbsoluteError::new(), "mean_absolute_error", NUMBERS);
    check(
        RootMeanSquaredError::new(),
        "root_mean_squared_error",
        NUMBERS,
    );
    check(CosineSimilarity::new(), "cosine_similarity", NUMBERS);
    check(LogCosh::new(), "log_cosh", NUMBERS);
    let sparse = SparseCategoricalCrossentropy::new();
    check(sparse, "sparse_categorical_crossentropy", SPARSE);
    check(
        BinaryCrossentropy::new(),
        "binary_crossentropy",
        YES_NO_LOGITS,
    );
    check(Hinge::new(), "hinge", YES_NO);
    check(MeanIoU::new(6), "mean_io_u", SPARSE);
}

#[test]
fn a_confusion_matrix_equals_scikit_learns_from_numbers_and_from_outputs() -> Result<()> {
    let reference = reference("metrics");
    let (labels, logits) = (reference.tensor("labels"), reference.tensor("logits"));
    let expected = reference.tensor("confusion_matrix").to_kind(Kind::Int64);
    assert_eq!(confusion_matrix(&labels, &logits, 6)?, expected);
    let predicted = logits.argmax(-1, false);
    assert_eq!(confusion_matrix(&labels, &predicted, 6)?, expected);
    let few = confusion_matrix(&labels, &predicted, 3).expect_err("labels up to 5");
    assert!(few.to_string().contains("labels from 0 to 2"), "{few}");
    let short = confusion_matrix(&labels, &predicted.narrow(0, 0, 2), 6);
    assert!(short.is_err());
    Ok(())
}

#[test]
fn a_closure_is_averaged_over_samples() -> Result<()> {
    let metric = CustomMetric::new("mine", |y, output| Ok((output - y).square()));
    let reference = reference("metrics");
    let mine = measured(&metric, &reference, NUMBERS, Some("weights"))?;
    let expected = reference.number("mean_squared_error/weighted");
    assert!((mine - expected).abs() < 1e-6, "{mine}");
    assert!(metric.config().is_err());
    Ok(())
}

#[test]
fn nothing_measured_is_zero_as_in_keras() -> Result<()> {
    for metric in NAMES {
        assert_eq!(by_name(metric)?.start().result()?, 0.0, "{metric}");
    }
    Ok(())
}

#[test]
fn metrics_are_accepted_in_all_their_forms() -> Result<()> {
    let names = |metrics: Vec<Box<dyn Metric>>| -> Vec<String> {
        metrics.iter().map(|m| m.name()).collect()
    };
    assert_eq!(names([Accuracy].into_metrics()?), ["accuracy"]);
    assert_eq!(names([Accuracy.named("acc")].into_metrics()?), ["acc"]);
    assert_eq!(names(["acc", "mse"].into_metrics()?), ["acc", "mse"]);
    let both = (Accuracy, Poisson::new().named("b"));
    assert_eq!(names(both.into_metrics()?), ["accuracy", "b"]);
    assert!(names(().into_metrics()?).is_empty());
    let error = ["acurracy"].into_metrics().err().expect("misspelt");
    assert!(
        error.to_string().contains("did you mean `accuracy`?"),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_name_survives_being_saved() -> Result<()> {
    let saved = Precision::new().class_id(3).named("of_3").config()?;
    let again = from_config(&saved)?;
    assert_eq!((again.name(), again.config()?), ("of_3".to_owned(), saved));
    Ok(())
}

#[test]
fn class_numbers_where_rows_are_needed_are_refused() {
    let y = Tensor::from_slice(&[1i64, 0]);
    let output = ModelOutput {
        values: Tensor::zeros([2, 3], (Kind::Float, Device::Cpu)),
        form: Values,
        mask: None,
    };
    for metric in ["precision", "auc", "f1_score", "categorical_accuracy"] {
        let mut state = by_name(metric).expect("known").start();
        let error = state.update(&y, &output, None).expect_err("no rows");
        assert!(error.to_string().contains("to_categorical"), "{error}");
    }
    let mut state = Precision::new().class_id(3).start();
    let error = state
        .update(&output.values, &output, None)
        .expect_err("3 classes");
    assert!(
        error
            .to_string()
            .contains("a class from 0 to 2, received 3"),
        "{error}"
    );
}

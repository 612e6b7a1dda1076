//! What is measured beside the loss, with Keras's names and weights.
//!
//! A metric describes what to measure; [`MetricState`] adds it up over an epoch, on the device, so
//! that no batch waits for a number to be read.
//!
//! Here are the traits and Keras's names. Means over samples are in `mean.rs`, with `accuracy.rs`
//! and `regression.rs` on top; what counts hits and misses is in `confusion.rs`, `auc.rs`,
//! `f_score.rs` and `iou.rs`.

mod accuracy;
mod auc;
mod confusion;
mod custom;
mod f_score;
mod iou;
mod mean;
mod regression;

use serde_json::{Value, json};
use tch::Tensor;

pub use accuracy::{
    Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy,
};
pub use auc::{AUC, Curve, SummationMethod};
pub use confusion::{Precision, Recall, confusion_matrix};
pub use custom::CustomMetric;
pub use f_score::{Averaging, F1Score, FBetaScore};
pub use iou::MeanIoU;
pub use regression::RootMeanSquaredError;

use crate::losses::{
    BinaryCrossentropy, CategoricalCrossentropy, CategoricalHinge, CosineSimilarity, Hinge, Huber,
    KLDivergence, LogCosh, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError, Poisson, SparseCategoricalCrossentropy, SquaredHinge,
};
use crate::model::layers::ModelOutput;
use crate::saving::config::{from_class, unknown_class};
use crate::{Error, Result};

/// Something to measure while training and evaluating.
pub trait Metric: Send {
    /// The key in `History`, which gets `val_` in front for validation data.
    fn name(&self) -> String;

    /// The one output of several that it measures; all of them, unless
    /// [`of_output`](Metric::of_output) says otherwise.
    fn output(&self) -> Option<&str> {
        None
    }

    /// Whether it counts samples by their weights, as those of
    /// [`weighted_metrics`](crate::Trainer::weighted_metrics) do. Others count all samples alike.
    fn is_weighted(&self) -> bool {
        false
    }

    /// Begins to measure: at each epoch's start, and for each evaluation.
    fn start(&self) -> Box<dyn MetricState>;

    /// Class and settings, as a saved model keeps them.
    ///
    /// # Errors
    /// [`Error::NotSaveable`], unless it is overridden.
    fn config(&self) -> Result<Value> {
        Err(Error::NotSaveable {
            what: format!("the metric `{}`", self.name()),
            remedy: "after load_model, call compile(…) with it".into(),
        })
    }

    /// The same under another key.
    ///
    /// ```
    /// use torchbook::*;
    /// // As in Keras's `metrics=['acc']`:
    /// let metric = Accuracy.named("acc");
    /// ```
    fn named(self, name: &str) -> Named
    where
        Self: Sized + 'static,
    {
        Named {
            name: name.to_owned(),
            output: self.output().map(str::to_owned),
            is_weighted: self.is_weighted(),
            metric: Box::new(self),
        }
    }

    /// The same for one of a model's outputs only, by name: its key in `History` is
    /// `{output}_{metric}`. Without it each output is measured by every metric. An example is at
    /// [`IntoLosses`](crate::IntoLosses).
    fn of_output(self, output: &str) -> Named
    where
        Self: Sized + 'static,
    {
        Named {
            name: self.name(),
            output: Some(output.to_owned()),
            is_weighted: self.is_weighted(),
            metric: Box::new(self),
        }
    }
}

/// A measurement in progress.
pub trait MetricState: Send {
    /// Adds a batch of targets `y` and outputs. Samples count by their weight, `(batch,)`, if there
    /// are weights; Keras gives them to `weighted_metrics` only.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the two do not fit together.
    fn update(
        &mut self,
        y: &Tensor,
        output: &ModelOutput,
        sample_weight: Option<&Tensor>,
    ) -> Result<()>;

    /// The value over all batches so far. Reading it waits for the device.
    ///
    /// # Errors
    /// [`Error::Torch`] if the device has failed.
    fn result(&self) -> Result<f64>;
}

/// A metric under a name of the user's choice, for one output, or for samples of different weight.
/// Made by [`Metric::named`] and [`Metric::of_output`].
pub struct Named {
    name: String,
    output: Option<String>,
    is_weighted: bool,
    metric: Box<dyn Metric>,
}

impl Metric for Named {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn output(&self) -> Option<&str> {
        self.output.as_deref()
    }

    fn is_weighted(&self) -> bool {
        self.is_weighted
    }

    fn start(&self) -> Box<dyn MetricState> {
        self.metric.start()
    }

    fn config(&self) -> Result<Value> {
        let mut config = self.metric.config()?;
        config["name"] = json!(self.name);
        if let Some(output) = &self.output {
            config["output"] = json!(output);
        }
        if self.is_weighted {
            config["weighted"] = json!(true);
        }
        Ok(config)
    }
}

impl Named {
    /// The same metric for one output only.
    fn for_output(metric: Box<dyn Metric>, output: &str) -> Box<dyn Metric> {
        Box::new(Named {
            name: metric.name(),
            output: Some(output.to_owned()),
            is_weighted: metric.is_weighted(),
            metric,
        })
    }

    /// The same metric, which counts samples by their weights.
    pub(crate) fn weighted(metric: Box<dyn Metric>) -> Box<dyn Metric> {
        Box::new(Named {
            name: metric.name(),
            output: metric.output().map(str::to_owned),
            is_weighted: true,
            metric,
        })
    }
}

/// What `compile` accepts as metrics: `[Accuracy]`, a tuple of different ones, Keras's names as
/// text (`["acc"]`), or `()` for none. For single outputs of several, with the output's name before
/// each: `[("kind", "acc"), ("price", "mae")]`.
pub trait IntoMetrics {
    /// The metrics themselves.
    ///
    /// # Errors
    /// [`Error::UnknownName`] lists the names that are known.
    fn into_metrics(self) -> Result<Vec<Box<dyn Metric>>>;
}

impl<M: Metric + 'static, const N: usize> IntoMetrics for [M; N] {
    fn into_metrics(self) -> Result<Vec<Box<dyn Metric>>> {
        Ok(self
            .into_iter()
            .map(|metric| Box::new(metric) as Box<dyn Metric>)
            .collect())
    }
}

impl<const N: usize> IntoMetrics for [&str; N] {
    fn into_metrics(self) -> Result<Vec<Box<dyn Metric>>> {
        self.into_iter().map(by_name).collect()
    }
}

impl<M: Metric + 'static, const N: usize> IntoMetrics for [(&str, M); N] {
    fn into_metrics(self) -> Result<Vec<Box<dyn Metric>>> {
        let named = self.into_iter();
        let named = named.map(|(output, metric)| Named::for_output(Box::new(metric), output));
        Ok(named.collect())
    }
}

impl<const N: usize> IntoMetrics for [(&str, &str); N] {
    fn into_metrics(self) -> Result<Vec<Box<dyn Metric>>> {
        let named = self.into_iter();
        named
            .map(|(output, name)| Ok(Named::for_output(by_name(name)?, output)))
            .collect()
    }
}

impl IntoMetrics for () {
    fn into_metrics(self) -> Result<Vec<Box<dyn Metric>>> {
        Ok(Vec::new())
    }
}

impl IntoMetrics for Vec<Box<dyn Metric>> {
    fn into_metrics(self) -> Result<Vec<Box<dyn Metric>>> {
        Ok(self)
    }
}

macro_rules! tuple_of_metrics {
    ($($metric:ident),+) => {
        impl<$($metric: Metric + 'static),+> IntoMetrics for ($($metric,)+) {
            #[expect(non_snake_case, reason = "type parameters name the bindings, too")]
            fn into_metrics(self) -> Result<Vec<Box<dyn Metric>>> {
                let ($($metric,)+) = self;
                Ok(vec![$(Box::new($metric)),+])
            }
        }

        impl<$($metric: Metric + 'static),+> IntoMetrics for ($((&str, $metric),)+) {
            #[expect(non_snake_case, reason = "type parameters name the bindings, too")]
            fn into_metrics(self) -> Result<Vec<Box<dyn Metric>>> {
                let ($($metric,)+) = self;
                Ok(vec![$(Named::for_output(Box::new($metric.1), $metric.0)),+])
            }
        }
    };
}
tuple_of_metrics!(A);
tuple_of_metrics!(A, B);
tuple_of_metrics!(A, B, C);
tuple_of_metrics!(A, B, C, D);
tuple_of_metrics!(A, B, C, D, E);
tuple_of_metrics!(A, B, C, D, E, F);

/// The list from which names, and what is saved, become metrics. A metric without a name here needs
/// arguments and has none in Keras's `compile` either.
macro_rules! known_metrics {
    ($($metric:ident: $($text:literal)|*, $default:expr;)*) => {
        /// By the name of a Keras function or class, such as `mse`. As in Keras, the name given is
        /// the key in `History`.
        fn by_name(name: &str) -> Result<Box<dyn Metric>> {
            match name {
                $($($text)|* => Ok(Box::new($default.named(name))),)*
                _ => Err(Error::unknown_name("metric", name, NAMES)),
            }
        }

        /// Keras's names and short forms.
        const NAMES: &[&str] = &[$($($text),*),*];

        /// Makes a metric from what [`Metric::config`] gave.
        pub(crate) fn from_config(config: &Value) -> Result<Box<dyn Metric>> {
            let name = config.get("name").and_then(Value::as_str);
            let output = config.get("output").and_then(Value::as_str).map(str::to_owned);
            let is_weighted = config["weighted"] == json!(true);
            macro_rules! made {
                ($class:ident) => {
                    if let Some(metric) = from_class::<$class>(config, stringify!($class))? {
                        return Ok(match name {
                            Some(name) => Box::new(Named { output, is_weighted, ..metric.named(name) }),
                            None => Box::new(metric),
                        });
                    }
                };
            }
            $(made!($metric);)*
            made!(MeanIoU);
            Err(unknown_class("metric", config))
        }
    };
}

known_metrics! {
    Accuracy: "acc" | "accuracy", Accuracy;
    SparseCategoricalAccuracy: "sparse_categorical_accuracy", SparseCategoricalAccuracy::new();
    CategoricalAccuracy: "categorical_accuracy", CategoricalAccuracy::new();
    BinaryAccuracy: "binary_accuracy", BinaryAccuracy::new();
    TopKCategoricalAccuracy: "top_k_categorical_accuracy", TopKCategoricalAccuracy::new();
    SparseTopKCategoricalAccuracy: "sparse_top_k_categorical_accuracy",
        SparseTopKCategoricalAccuracy::new();
    Precision: "precision", Precision::new();
    Recall: "recall", Recall::new();
    F1Score: "f1_score", F1Score::new();
    FBetaScore: "fbeta_score", FBetaScore::new();
    AUC: "auc", AUC::new();
    RootMeanSquaredError: "root_mean_squared_error" | "rmse", RootMeanSquaredError::new();
    MeanSquaredError: "mean_squared_error" | "mse", MeanSquaredError::new();
    MeanAbsoluteError: "mean_absolute_error" | "mae", MeanAbsoluteError::new();
    MeanAbsolutePercentageError: "mean_absolute_percentage_error" | "mape",
        MeanAbsolutePercentageError::new();
    MeanSquaredLogarithmicError: "mean_squared_logarithmic_error" | "msle",
        MeanSquaredLogarithmicError::new();
    CosineSimilarity: "cosine_similarity", CosineSimilarity::new();
    LogCosh: "log_cosh" | "logcosh", LogCosh::new();
    Huber: "huber", Huber::new();
    KLDivergence: "kl_divergence" | "kld", KLDivergence::new();
    Poisson: "poisson", Poisson::new();
    Hinge: "hinge", Hinge::new();
    SquaredHinge: "squared_hinge", SquaredHinge::new();
    CategoricalHinge: "categorical_hinge", CategoricalHinge::new();
    BinaryCrossentropy: "binary_crossentropy", BinaryCrossentropy::new();
    CategoricalCrossentropy: "categorical_crossentropy", CategoricalCrossentropy::new();
    SparseCategoricalCrossentropy: "sparse_categorical_crossentropy",
        SparseCategoricalCrossentropy::new();
}

#[cfg(test)]
mod tests;

//! Losses as metrics: the mean of their values over the samples, under the loss's name.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Tensor;

use super::mean::{Mean, Values};
use super::{Metric, MetricState};
use crate::Result;
use crate::losses::{
    BinaryCrossentropy, CategoricalCrossentropy, CategoricalHinge, CosineSimilarity, Hinge, Huber,
    KLDivergence, LogCosh, Loss, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError, Poisson, SparseCategoricalCrossentropy, SquaredHinge, aligned,
    cosine,
};
use crate::model::layers::ModelOutput;
use crate::saving::config::class_config;

/// A loss that is measured and not learned from.
struct Measured<L>(L);

impl<L: Loss> Values for Measured<L> {
    fn values(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        self.0.values(y, output)
    }
}

macro_rules! losses_as_metrics {
    ($($loss:ident),*) => {$(
        impl Metric for $loss {
            fn name(&self) -> String {
                Loss::name(self).to_owned()
            }

            fn start(&self) -> Box<dyn MetricState> {
                Mean::of(Measured(self.clone()))
            }

            fn config(&self) -> Result<Value> {
                Loss::config(self)
            }
        }
    )*};
}
losses_as_metrics!(
    MeanSquaredError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    Huber,
    LogCosh,
    KLDivergence,
    Poisson,
    Hinge,
    SquaredHinge,
    CategoricalHinge,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy
);

/// As a metric, the cosine keeps its sign: 1 is the same direction.
struct Cosine;

impl Values for Cosine {
    fn values(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        let output = output.activated()?;
        cosine(&aligned(y, &output, "cosine_similarity")?, &output)
    }
}

impl Metric for CosineSimilarity {
    fn name(&self) -> String {
        Loss::name(self).to_owned()
    }

    fn start(&self) -> Box<dyn MetricState> {
        Mean::of(Cosine)
    }

    fn config(&self) -> Result<Value> {
        Loss::config(self)
    }
}

/// The square root of the mean of (output - target)².
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let mut model = Sequential::new([Input::new(3).into(), Dense::new(1).into()])?;
/// model.compile("mse", "adam", (RootMeanSquaredError::new(), MeanAbsoluteError::new().named("mae")))?;
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.metrics.RootMeanSquaredError`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RootMeanSquaredError {}

impl RootMeanSquaredError {
    /// The metric, which has no settings.
    pub fn new() -> Self {
        RootMeanSquaredError {}
    }
}

impl Values for RootMeanSquaredError {
    fn values(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        MeanSquaredError::new().values(y, output)
    }

    fn finished(&self, mean: f64) -> f64 {
        mean.sqrt()
    }
}

impl Metric for RootMeanSquaredError {
    fn name(&self) -> String {
        "root_mean_squared_error".to_owned()
    }

    fn start(&self) -> Box<dyn MetricState> {
        Mean::of(self.clone())
    }

    fn config(&self) -> Result<Value> {
        class_config("RootMeanSquaredError", self)
    }
}

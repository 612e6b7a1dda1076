//! A metric from a function of the user's.

use std::sync::Arc;

use tch::Tensor;

use super::mean::{Mean, Values};
use super::{Metric, MetricState};
use crate::Result;
use crate::model::layers::ModelOutput;

/// A metric that a closure computes, from targets and the model's output (its last activation
/// applied), one value per sample; it is averaged over the samples of an epoch.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let largest_error = CustomMetric::new("largest_error", |y, output| Ok((output - y).abs().amax(-1, false)));
/// let mut model = Sequential::new([Input::new(2).into(), Dense::new(3).into()])?;
/// model.compile("mse", "adam", [largest_error])?;
/// # Ok::<(), Error>(())
/// ```
pub struct CustomMetric {
    name: String,
    /// Shared with the measurements that are in progress.
    function: Function,
}

type Function = Arc<dyn Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync>;

impl CustomMetric {
    /// The closure gets targets and output, and returns values `(batch,)` or `(batch, …)`.
    pub fn new(
        name: &str,
        function: impl Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static,
    ) -> Self {
        CustomMetric {
            name: name.to_owned(),
            function: Arc::new(function),
        }
    }
}

impl Values for Function {
    fn values(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        self(y, &output.activated()?)
    }
}

impl Metric for CustomMetric {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn start(&self) -> Box<dyn MetricState> {
        Mean::of(Arc::clone(&self.function))
    }
}

//! A loss from a function of the user's.

use tch::Tensor;

use super::Loss;
use crate::model::layers::ModelOutput;
use crate::{Error, Result, Shape, TensorExt};

/// A loss that a closure computes, from targets and the model's output (its last activation
/// applied), one value per sample.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// // Mean of |error|³.
/// let cubic = CustomLoss::new("cubic", |y, output| Ok((output - y).abs().pow_tensor_scalar(3).mean_dim(-1, false, None)));
/// let mut model = Sequential::new([Input::new(2).into(), Dense::new(1).into()])?;
/// model.compile(cubic, "adam", ())?;
/// # Ok::<(), Error>(())
/// ```
///
/// A saved model cannot contain a closure: after `load_model`, compile it again.
pub struct CustomLoss {
    name: String,
    function: Function,
}

type Function = Box<dyn Fn(&Tensor, &Tensor) -> Result<Tensor> + Send>;

impl CustomLoss {
    /// The closure gets targets and output, and returns the loss of each sample: `(batch,)` or
    /// `(batch, …)`.
    pub fn new(
        name: &str,
        function: impl Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + 'static,
    ) -> Self {
        CustomLoss {
            name: name.to_owned(),
            function: Box::new(function),
        }
    }
}

impl Loss for CustomLoss {
    fn name(&self) -> &str {
        &self.name
    }

    fn values(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        let values = (self.function)(y, &output.activated()?)?;
        match values.size().first() == output.values.size().first() {
            true => Ok(values),
            false => Err(Error::ShapeMismatch {
                place: format!("the loss `{}`", self.name),
                expected: format!("one value per sample, ({}, …)", output.values.size()[0]),
                received: values.shape().to_string(),
                remedy: "reduce over the last axis only: .mean_dim(-1, false, None)".into(),
            }),
        }
    }

    fn check_targets(&self, _y: &Tensor, _output: &Shape, _place: &str) -> Result<()> {
        // Only the closure knows what it can work with.
        Ok(())
    }
}

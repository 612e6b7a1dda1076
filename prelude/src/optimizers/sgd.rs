//! Gradient descent.

use tch::Tensor;

use super::declaration::optimizer;
use super::steps::{Moment, Rule, Slot};
use crate::Result;

optimizer! {
    /// Gradient descent, with momentum if asked for.
    ///
    /// `velocity = momentum · velocity - learning_rate · gradient` and `weight += velocity`.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let optimizer = SGD::new().learning_rate(0.1).momentum(0.9).nesterov(true).clipnorm(1.0);
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/optimizers/sgd.py: learning rate 0.01, no momentum.
    SGD, "sgd", learning_rate: 0.01;
    /// The share of the last step that is kept; 0 without this call.
    momentum: f64 = 0.0;
    /// Whether the gradient counts as if the momentum had been applied before.
    nesterov: bool = false;
}

impl Rule for SGD {
    fn slots(&self) -> Vec<Slot> {
        match self.momentum {
            0.0 => Vec::new(),
            _ => vec![Slot::zeros("momentum")],
        }
    }

    fn step(
        &self,
        moment: &Moment,
        parameter: &mut Tensor,
        gradient: &Tensor,
        slots: &mut [Tensor],
    ) -> Result<()> {
        let step = gradient.f_mul_scalar(-moment.learning_rate)?;
        let [velocity] = slots else {
            let _ = parameter.f_add_(&step)?;
            return Ok(());
        };
        let _ = velocity.f_mul_scalar_(self.momentum)?.f_add_(&step)?;
        let _ = match self.nesterov {
            true => parameter.f_add_(&velocity.f_mul_scalar(self.momentum)?.f_add_(&step)?)?,
            false => parameter.f_add_(velocity)?,
        };
        Ok(())
    }
}

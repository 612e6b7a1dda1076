//! RMSprop.

use tch::Tensor;

use super::declaration::optimizer;
use super::steps::{Moment, Rule, Slot, wrong_slots};
use crate::Result;

optimizer! {
    /// Steps divided by a running root mean square of the gradient:
    /// `weight -= learning_rate · gradient / √(v + ε)`.
    ///
    /// # Source
    /// Keras 3, keras/src/optimizers/rmsprop.py: learning rate 0.001, ρ 0.9, ε 1e-7 under the root.
    RMSprop, "rmsprop", learning_rate: 0.001;
    /// How slowly the average follows; 0.9 without this call.
    rho: f64 = 0.9;
    /// The share of the last step that is kept; 0 without this call.
    momentum: f64 = 0.0;
    /// Keeps the division from blowing up; 1e-7 without this call.
    epsilon: f64 = 1e-7;
    /// Whether the square of the average gradient is subtracted, so that the variance is left.
    centered: bool = false;
}

impl Rule for RMSprop {
    fn slots(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::zeros("velocity")];
        if self.centered {
            slots.push(Slot::zeros("average_gradient"));
        }
        if self.momentum > 0.0 {
            slots.push(Slot::zeros("momentum"));
        }
        slots
    }

    fn step(
        &self,
        moment: &Moment,
        parameter: &mut Tensor,
        gradient: &Tensor,
        slots: &mut [Tensor],
    ) -> Result<()> {
        let [velocity, rest @ ..] = slots else {
            return Err(wrong_slots("rmsprop"));
        };
        let _ = velocity.f_lerp_(&gradient.f_square()?, 1.0 - self.rho)?;
        let (variance, rest) = match rest {
            [average, rest @ ..] if self.centered => {
                let _ = average.f_lerp_(gradient, 1.0 - self.rho)?;
                let variance = velocity.f_sub(&average.f_square()?)?;
                (variance.f_add_scalar(self.epsilon)?, rest)
            }
            rest => (velocity.f_add_scalar(self.epsilon)?, rest),
        };
        let root = variance.shallow_clone().f_sqrt_()?;
        let step = gradient.f_mul_scalar(moment.learning_rate)?.f_div_(&root)?;
        let _ = match rest {
            [momentum] => {
                let _ = momentum.f_mul_scalar_(self.momentum)?.f_add_(&step)?;
                parameter.f_sub_(momentum)?
            }
            _ => parameter.f_sub_(&step)?,
        };
        Ok(())
    }
}

//! Adagrad.

use tch::Tensor;

use super::declaration::optimizer;
use super::steps::{Moment, Rule, Slot, wrong_slots};
use crate::Result;

optimizer! {
    /// Steps divided by the root of the sum of all squared gradients so far:
    /// `weight -= learning_rate · gradient / √(sum + ε)`.
    ///
    /// # Source
    /// Keras 3, keras/src/optimizers/adagrad.py: learning rate 0.001, sums that begin at 0.1, ε 1e-7
    /// under the root. Duchi and others 2011.
    Adagrad, "adagrad", learning_rate: 0.001;
    /// What the sums begin with; 0.1 without this call.
    initial_accumulator_value: f64 = 0.1;
    /// Keeps the division from blowing up; 1e-7 without this call.
    epsilon: f64 = 1e-7;
}

impl Rule for Adagrad {
    fn slots(&self) -> Vec<Slot> {
        vec![Slot {
            name: "accumulator",
            initial: self.initial_accumulator_value,
        }]
    }

    fn step(
        &self,
        moment: &Moment,
        parameter: &mut Tensor,
        gradient: &Tensor,
        slots: &mut [Tensor],
    ) -> Result<()> {
        let [sum] = slots else {
            return Err(wrong_slots("adagrad"));
        };
        let _ = sum.f_addcmul_(gradient, gradient)?;
        let root = sum.f_add_scalar(self.epsilon)?.f_sqrt_()?;
        let step = gradient.f_mul_scalar(moment.learning_rate)?.f_div_(&root)?;
        let _ = parameter.f_sub_(&step)?;
        Ok(())
    }
}

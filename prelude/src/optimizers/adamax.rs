//! Adamax.

use tch::Tensor;

use super::declaration::optimizer;
use super::steps::{Moment, Rule, Slot, wrong_slots};
use crate::Result;

optimizer! {
    /// [`Adam`](super::Adam) with the largest recent gradient in place of the root mean square:
    /// `weight -= learning_rate / (1 - β₁ᵗ) · m / (u + ε)`.
    ///
    /// # Source
    /// Keras 3, keras/src/optimizers/adamax.py: learning rate 0.001, β₁ 0.9, β₂ 0.999, ε 1e-7. Kingma
    /// and Ba 2014, section 7.
    Adamax, "adamax", learning_rate: 0.001;
    /// How slowly the average of the gradient follows; 0.9 without this call.
    beta_1: f64 = 0.9;
    /// How slowly a large gradient is forgotten; 0.999 without this call.
    beta_2: f64 = 0.999;
    /// Keeps the division from blowing up; 1e-7 without this call.
    epsilon: f64 = 1e-7;
}

impl Rule for Adamax {
    fn slots(&self) -> Vec<Slot> {
        vec![Slot::zeros("momentum"), Slot::zeros("norm")]
    }

    fn step(
        &self,
        moment: &Moment,
        parameter: &mut Tensor,
        gradient: &Tensor,
        slots: &mut [Tensor],
    ) -> Result<()> {
        let [m, u] = slots else {
            return Err(wrong_slots("adamax"));
        };
        let _ = m.f_lerp_(gradient, 1.0 - self.beta_1)?;
        let larger = u.f_mul_scalar(self.beta_2)?.f_maximum(&gradient.f_abs()?)?;
        u.f_copy_(&larger)?;
        let correction = 1.0 - self.beta_1.powi(moment.step);
        let step = m
            .f_mul_scalar(moment.learning_rate / correction)?
            .f_div_(&larger.f_add_scalar(self.epsilon)?)?;
        let _ = parameter.f_sub_(&step)?;
        Ok(())
    }
}

//! Adam with Nesterov's momentum.

use tch::Tensor;

use super::declaration::optimizer;
use super::steps::{Moment, Rule, Slot, wrong_slots};
use crate::Result;

/// The factors below differ from 1 by less than 1e-9 after this many steps, and their product has
/// long vanished.
const FACTORS: i32 = 500;

optimizer! {
    /// [`Adam`](super::Adam) whose momentum looks one step ahead, and grows from `β₁ / 2` to `β₁`.
    ///
    /// # Source
    /// Keras 3, keras/src/optimizers/nadam.py: learning rate 0.001, β₁ 0.9, β₂ 0.999, ε 1e-7 added
    /// after the correction. Dozat 2016.
    Nadam, "nadam", learning_rate: 0.001, scalars: 1;
    /// How slowly the average of the gradient follows; 0.9 without this call.
    beta_1: f64 = 0.9;
    /// How slowly the average of its square follows; 0.999 without this call.
    beta_2: f64 = 0.999;
    /// Keeps the division from blowing up; 1e-7 without this call.
    epsilon: f64 = 1e-7;
}

impl Nadam {
    /// Momentum of step `t`: `β₁ (1 - 0.96ᵗ / 2)`.
    fn momentum(&self, t: i32) -> f64 {
        self.beta_1 * (1.0 - 0.5 * 0.96f64.powi(t))
    }
}

impl Rule for Nadam {
    fn slots(&self) -> Vec<Slot> {
        vec![Slot::zeros("momentum"), Slot::zeros("velocity")]
    }

    fn step(
        &self,
        moment: &Moment,
        parameter: &mut Tensor,
        gradient: &Tensor,
        slots: &mut [Tensor],
    ) -> Result<()> {
        let [m, v] = slots else {
            return Err(wrong_slots("nadam"));
        };
        let t = moment.step;
        let (now, next) = (self.momentum(t), self.momentum(t.saturating_add(1)));
        let product: f64 = (1..=t.min(FACTORS)).map(|i| self.momentum(i)).product();
        let _ = m.f_lerp_(gradient, 1.0 - self.beta_1)?;
        let _ = v.f_lerp_(&gradient.f_square()?, 1.0 - self.beta_2)?;
        let ahead = m.f_mul_scalar(next / (1.0 - product * next))?;
        let current = gradient.f_mul_scalar((1.0 - now) / (1.0 - product))?;
        let root = v
            .f_div_scalar(1.0 - self.beta_2.powi(t))?
            .f_sqrt_()?
            .f_add_scalar_(self.epsilon)?;
        let step = ahead
            .f_add(&current)?
            .f_mul_scalar_(moment.learning_rate)?
            .f_div_(&root)?;
        let _ = parameter.f_sub_(&step)?;
        Ok(())
    }
}

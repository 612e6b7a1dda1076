//! Adam, and Adam with weight decay.

use tch::Tensor;

use super::declaration::optimizer;
use super::recorded::Numbers;
use super::steps::{Moment, Rule, Slot, wrong_slots};
use crate::Result;
use crate::native::adam::fused_adam;
use crate::native::recorded_adam::{AllAverages, recorded_adam};

optimizer! {
    /// Adam: steps scaled by running averages of the gradient and of its square.
    ///
    /// With `t` steps done, `m` and `v` the averages: `α = learning_rate · √(1 - β₂ᵗ) / (1 - β₁ᵗ)` and
    /// `weight -= α · m / (√v + ε)`. This ε ("epsilon hat" in the paper) is not the one of PyTorch,
    /// which is added after `v` has been corrected.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let optimizer = Adam::new().learning_rate(CosineDecay::new(1e-3, 8440)).global_clipnorm(1.0);
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/optimizers/adam.py: learning rate 0.001, β₁ 0.9, β₂ 0.999, ε 1e-7. Kingma and
    /// Ba 2014, section 2; Reddi and others 2018 for `amsgrad`.
    Adam, "adam", learning_rate: 0.001;
    /// How slowly the average of the gradient follows; 0.9 without this call.
    beta_1: f64 = 0.9;
    /// How slowly the average of its square follows; 0.999 without this call.
    beta_2: f64 = 0.999;
    /// Keeps the division from blowing up; 1e-7 without this call.
    epsilon: f64 = 1e-7;
    /// Whether the largest average of the square so far is used.
    amsgrad: bool = false;
}

optimizer! {
    /// [`Adam`] that takes 0.4 % of the step size off each weight in each step.
    ///
    /// # Source
    /// Keras 3, keras/src/optimizers/adamw.py: weight decay 0.004, the rest as [`Adam`]. Loshchilov and
    /// Hutter 2017.
    AdamW, "adamw", learning_rate: 0.001, weight_decay: 0.004;
    /// How slowly the average of the gradient follows; 0.9 without this call.
    beta_1: f64 = 0.9;
    /// How slowly the average of its square follows; 0.999 without this call.
    beta_2: f64 = 0.999;
    /// Keeps the division from blowing up; 1e-7 without this call.
    epsilon: f64 = 1e-7;
    /// Whether the largest average of the square so far is used.
    amsgrad: bool = false;
}

/// What both have in common.
macro_rules! adams_rule {
    ($name:ident) => {
        impl Rule for $name {
            fn slots(&self) -> Vec<Slot> {
                let mut slots = vec![Slot::zeros("momentum"), Slot::zeros("velocity")];
                if self.amsgrad {
                    slots.push(Slot::zeros("velocity_hat"));
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
                let one = std::slice::from_ref;
                let kept = slots.iter().map(Tensor::shallow_clone).collect();
                self.step_all(moment, one(parameter), one(gradient), &mut [kept])
            }

            fn step_all(
                &self,
                moment: &Moment,
                parameters: &[Tensor],
                gradients: &[Tensor],
                slots: &mut [Vec<Tensor>],
            ) -> Result<()> {
                if slots.iter().any(|kept| kept.len() != self.slots().len()) {
                    return Err(wrong_slots(stringify!($name)));
                }
                let betas = (self.beta_1, self.beta_2);
                fused_adam(parameters, gradients, slots, moment, betas, self.epsilon)
            }

            fn takes_factors(&self) -> bool {
                !self.amsgrad
            }

            fn recorded_rate(&self, moment: &Moment) -> Option<f64> {
                let corrected = |beta: f64| 1.0 - beta.powi(moment.step);
                Some(moment.learning_rate * corrected(self.beta_2).sqrt() / corrected(self.beta_1))
            }

            fn recorded_step(
                &self,
                numbers: &Numbers,
                parameters: &[Tensor],
                gradients: &[Tensor],
                slots: &mut [Vec<Tensor>],
            ) -> Result<()> {
                let slot = |at: usize| slots.iter().filter_map(|slots| slots.get(at)).collect();
                let averages = AllAverages {
                    means: slot(0),
                    squares: slot(1),
                    largest: slot(2),
                };
                recorded_adam(
                    parameters,
                    gradients,
                    &averages,
                    (&numbers.rate, &numbers.steps),
                    (self.beta_1, self.beta_2),
                    self.epsilon,
                )
            }
        }
    };
}
adams_rule!(Adam);
adams_rule!(AdamW);

//! Adadelta.

use tch::Tensor;

use super::declaration::optimizer;
use super::steps::{Moment, Rule, Slot, wrong_slots};
use crate::Result;

optimizer! {
    /// Steps in the weights' own unit: the gradient times the running root mean square of the steps,
    /// divided by that of the gradients.
    ///
    /// # Source
    /// Keras 3, keras/src/optimizers/adadelta.py: learning rate 0.001 (the paper's is 1), ρ 0.95, ε
    /// 1e-7 under both roots. Zeiler 2012.
    Adadelta, "adadelta", learning_rate: 0.001;
    /// How slowly the averages follow; 0.95 without this call.
    rho: f64 = 0.95;
    /// Where the steps begin, and what keeps the division from blowing up; 1e-7 without this call.
    epsilon: f64 = 1e-7;
}

impl Rule for Adadelta {
    fn slots(&self) -> Vec<Slot> {
        vec![
            Slot::zeros("accumulated_grad"),
            Slot::zeros("accumulated_delta_var"),
        ]
    }

    fn step(
        &self,
        moment: &Moment,
        parameter: &mut Tensor,
        gradient: &Tensor,
        slots: &mut [Tensor],
    ) -> Result<()> {
        let [gradients, steps] = slots else {
            return Err(wrong_slots("adadelta"));
        };
        let root = |x: &Tensor| x.f_add_scalar(self.epsilon)?.f_sqrt_();
        let _ = gradients.f_lerp_(&gradient.f_square()?, 1.0 - self.rho)?;
        let step = root(steps)?.f_mul_(gradient)?.f_div_(&root(gradients)?)?;
        let _ = steps.f_lerp_(&step.f_square()?, 1.0 - self.rho)?;
        let _ = parameter.f_sub_(&step.f_mul_scalar(moment.learning_rate)?)?;
        Ok(())
    }
}

//! Adam.

use tch::Tensor;

use super::Optimizer;
use crate::Result;

/// Adam: steps scaled by running averages of the gradient and of its square.
///
/// With `t` steps done, `m` and `v` the averages: `α = learning_rate · √(1 - β₂ᵗ) / (1 - β₁ᵗ)` and
/// `weight -= α · m / (√v + ε)`. This ε ("epsilon hat" in the paper) is not the one of PyTorch,
/// which is added after `v` has been corrected.
///
/// # Source
/// Keras 3, keras/src/optimizers/adam.py: learning rate 0.001, β₁ 0.9, β₂ 0.999, ε 1e-7. Kingma and
/// Ba 2014, section 2.
#[derive(Debug)]
pub struct Adam {
    learning_rate: f64,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    steps: i32,
    /// The averages m and v of each parameter.
    averages: Vec<(Tensor, Tensor)>,
}

impl Default for Adam {
    fn default() -> Self {
        Adam::new()
    }
}

impl Adam {
    /// With Keras's defaults.
    pub fn new() -> Self {
        Adam {
            learning_rate: 1e-3,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
            steps: 0,
            averages: Vec::new(),
        }
    }

    /// The step size; 0.001 without this call.
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = learning_rate;
        self
    }

    /// How slowly the average of the gradient follows; 0.9 without this call.
    pub fn beta_1(mut self, beta_1: f64) -> Self {
        self.beta_1 = beta_1;
        self
    }

    /// How slowly the average of its square follows; 0.999 without this call.
    pub fn beta_2(mut self, beta_2: f64) -> Self {
        self.beta_2 = beta_2;
        self
    }

    /// Keeps the division from blowing up; 1e-7 without this call.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
}

impl Optimizer for Adam {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn apply(&mut self, parameters: &[Tensor], gradients: &[Tensor]) -> Result<()> {
        let _guard = tch::no_grad_guard();
        if self.averages.is_empty() {
            let zeros =
                |parameter: &Tensor| Ok((parameter.f_zeros_like()?, parameter.f_zeros_like()?));
            self.averages = parameters.iter().map(zeros).collect::<Result<_>>()?;
        }
        self.steps += 1;
        let correction =
            (1.0 - self.beta_2.powi(self.steps)).sqrt() / (1.0 - self.beta_1.powi(self.steps));
        let step = self.learning_rate * correction;
        for ((parameter, gradient), (m, v)) in
            parameters.iter().zip(gradients).zip(&mut self.averages)
        {
            let _ = m.f_lerp_(gradient, 1.0 - self.beta_1)?;
            let _ = v.f_lerp_(&gradient.f_square()?, 1.0 - self.beta_2)?;
            // The step goes into the divisor, since tch's addcdiv_ has no factor: one pass less
            // over the weights.
            let divisor = v
                .f_sqrt()?
                .f_add_scalar_(self.epsilon)?
                .f_mul_scalar_(-1.0 / step)?;
            let _ = parameter.shallow_clone().f_addcdiv_(m, &divisor)?;
        }
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        self.learning_rate = learning_rate;
    }

    fn state_count(&self) -> i64 {
        match self.averages.is_empty() {
            true => 0,
            // Keras counts the number of steps and the learning rate as well.
            false => {
                2 + self
                    .averages
                    .iter()
                    .map(|(m, v)| (m.numel() + v.numel()) as i64)
                    .sum::<i64>()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, reference};

    /// Three steps of Keras 3.15.1's Adam, with gradients from 1e-9 to 10 so that epsilon's place
    /// shows.
    #[test]
    fn three_steps_equal_kerass() -> Result<()> {
        let reference = reference("optimizers");
        let parameter = reference.tensor("parameter");
        let mut adam = Adam::new();
        for step in 1..=3 {
            let gradient = reference.tensor(&format!("gradient_{step}"));
            adam.apply(&[parameter.shallow_clone()], &[gradient])?;
            close(&parameter, &reference.tensor(&format!("adam_{step}")), 1e-6);
        }
        Ok(())
    }

    #[test]
    fn the_state_is_counted_as_by_keras() -> Result<()> {
        let mut adam = Adam::new().learning_rate(0.1);
        assert_eq!(adam.state_count(), 0);
        let parameter = Tensor::zeros([3, 2], (tch::Kind::Float, tch::Device::Cpu));
        adam.apply(&[parameter.shallow_clone()], &[parameter.ones_like()])?;
        assert_eq!(adam.state_count(), 2 + 12);
        Ok(())
    }
}

//! Gradient descent.

use tch::Tensor;

use super::Optimizer;
use crate::Result;

/// Gradient descent, with momentum if asked for.
///
/// `velocity = momentum · velocity - learning_rate · gradient` and `weight += velocity`.
///
/// # Source
/// Keras 3, keras/src/optimizers/sgd.py: learning rate 0.01, no momentum.
#[derive(Debug)]
pub struct SGD {
    learning_rate: f64,
    momentum: f64,
    nesterov: bool,
    started: bool,
    velocities: Vec<Tensor>,
}

impl Default for SGD {
    fn default() -> Self {
        SGD::new()
    }
}

impl SGD {
    /// With Keras's defaults.
    pub fn new() -> Self {
        SGD {
            learning_rate: 0.01,
            momentum: 0.0,
            nesterov: false,
            started: false,
            velocities: Vec::new(),
        }
    }

    /// The step size; 0.01 without this call.
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = learning_rate;
        self
    }

    /// The share of the last step that is kept; 0 without this call.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Whether the gradient counts as if the momentum had been applied before.
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }
}

impl Optimizer for SGD {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn apply(&mut self, parameters: &[Tensor], gradients: &[Tensor]) -> Result<()> {
        let _guard = tch::no_grad_guard();
        if !self.started && self.momentum != 0.0 {
            let zeros = parameters.iter().map(Tensor::f_zeros_like);
            self.velocities = zeros.collect::<Result<_, _>>()?;
        }
        self.started = true;
        for (i, (parameter, gradient)) in parameters.iter().zip(gradients).enumerate() {
            let step = gradient.f_mul_scalar(-self.learning_rate)?;
            let mut parameter = parameter.shallow_clone();
            let Some(velocity) = self.velocities.get_mut(i) else {
                let _ = parameter.f_add_(&step)?;
                continue;
            };
            let _ = velocity.f_mul_scalar_(self.momentum)?.f_add_(&step)?;
            let _ = match self.nesterov {
                true => parameter.f_add_(&velocity.f_mul_scalar(self.momentum)?.f_add_(&step)?)?,
                false => parameter.f_add_(velocity)?,
            };
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
        match self.started {
            false => 0,
            true => {
                2 + self
                    .velocities
                    .iter()
                    .map(|v| v.numel() as i64)
                    .sum::<i64>()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, reference};

    #[test]
    fn three_steps_equal_kerass_with_and_without_momentum() -> Result<()> {
        let reference = reference("optimizers");
        for (name, mut sgd) in [
            ("sgd", SGD::new()),
            ("sgd_momentum", SGD::new().learning_rate(0.1).momentum(0.9)),
            (
                "sgd_nesterov",
                SGD::new().learning_rate(0.1).momentum(0.9).nesterov(true),
            ),
        ] {
            let parameter = reference.tensor("parameter");
            for step in 1..=3 {
                let gradient = reference.tensor(&format!("gradient_{step}"));
                sgd.apply(&[parameter.shallow_clone()], &[gradient])?;
                close(
                    &parameter,
                    &reference.tensor(&format!("{name}_{step}")),
                    1e-6,
                );
            }
        }
        Ok(())
    }
}

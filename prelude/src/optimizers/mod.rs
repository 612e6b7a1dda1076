//! How weights follow their gradients, with Keras's names, defaults and order of operations.
//!
//! tch's own optimizers are libtorch's, whose Adam puts epsilon elsewhere and cannot tell its
//! state.

mod adam;
mod sgd;

use tch::Tensor;

pub use adam::Adam;
pub use sgd::SGD;

use crate::{Error, Result};

/// Changes weights step by step. Its state belongs to one model.
pub trait Optimizer: Send {
    /// Keras's name.
    fn name(&self) -> &'static str;

    /// Changes `parameters` in place by one step along `gradients`; both in the same order at every
    /// call.
    ///
    /// # Errors
    /// [`Error::Torch`] if shapes or devices do not fit.
    fn apply(&mut self, parameters: &[Tensor], gradients: &[Tensor]) -> Result<()>;

    /// The step size.
    fn learning_rate(&self) -> f64;

    /// Changes the step size from the next step on.
    fn set_learning_rate(&mut self, learning_rate: f64);

    /// How many numbers the state holds, counted as Keras does; 0 before the first step.
    fn state_count(&self) -> i64;
}

/// What `compile` accepts as an optimizer: a value such as [`Adam`], or Keras's name as text.
pub trait IntoOptimizer {
    /// The optimizer itself.
    ///
    /// # Errors
    /// [`Error::UnknownName`] lists the names that are known.
    fn into_optimizer(self) -> Result<Box<dyn Optimizer>>;
}

impl<O: Optimizer + 'static> IntoOptimizer for O {
    fn into_optimizer(self) -> Result<Box<dyn Optimizer>> {
        Ok(Box::new(self))
    }
}

impl IntoOptimizer for &str {
    fn into_optimizer(self) -> Result<Box<dyn Optimizer>> {
        match self {
            "adam" => Ok(Box::new(Adam::new())),
            "sgd" => Ok(Box::new(SGD::new())),
            _ => Err(Error::UnknownName {
                what: "optimizer",
                received: self.to_owned(),
                known: "adam, sgd".into(),
            }),
        }
    }
}

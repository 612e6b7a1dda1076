//! How weights follow their gradients, with Keras's names, defaults and order of operations.
//!
//! tch's own optimizers are libtorch's, whose Adam puts epsilon elsewhere and cannot tell its
//! state. Here are the trait and Keras's names. What all optimizers do around their formula
//! (clipping, weight decay, averages) is in `steps.rs`, how one is declared in `declaration.rs`;
//! each formula has a file, and `learning_rate.rs` and `schedules.rs` say how long a step is.

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod declaration;
mod learning_rate;
mod nadam;
mod recorded;
mod rmsprop;
mod schedules;
mod sgd;
mod steps;

use serde_json::Value;
use tch::{Device, Tensor};

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use adamax::Adamax;
pub use learning_rate::{LearningRate, LearningRateSchedule};
pub use nadam::Nadam;
pub use rmsprop::RMSprop;
pub use schedules::{
    CosineDecay, CosineDecayRestarts, ExponentialDecay, InverseTimeDecay, OneCycle,
    PiecewiseConstantDecay, PolynomialDecay,
};
pub use sgd::SGD;
pub(crate) use steps::Moment;

use crate::saving::config::{from_class, unknown_class};
use crate::{Error, Result};

/// Changes weights step by step. Its state belongs to one model.
pub trait Optimizer: Send {
    /// Keras's name.
    fn name(&self) -> &str;

    /// Changes `parameters` in place by one step along `gradients`; both in the same order at every
    /// call.
    ///
    /// # Errors
    /// [`Error::Torch`] if shapes or devices do not fit; [`Error::Interrupted`] if the user has pressed
    /// the stop button: nothing has changed then.
    fn apply(&mut self, parameters: &[Tensor], gradients: &[Tensor]) -> Result<()>;

    /// Whether [`apply`](Optimizer::apply) can do with gradients that are kept as two factors.
    #[doc(hidden)]
    fn takes_factors(&self) -> bool {
        false
    }

    /// With a device, [`apply`](Optimizer::apply) does only what can be recorded and replayed there,
    /// until this is called without one. Returns whether the optimizer can do that.
    #[doc(hidden)]
    fn record(&mut self, device: Option<Device>) -> Result<bool> {
        let _ = device;
        Ok(false)
    }

    /// Before a recorded step is replayed: what it reads from the device is written there.
    #[doc(hidden)]
    fn before_replay(&mut self) -> Result<()> {
        Ok(())
    }

    /// The size of the next step.
    fn learning_rate(&self) -> f64;

    /// Changes the step size from the next step on.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if a schedule decides on it, as in Keras, or if it is no number.
    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<()>;

    /// How many steps were done.
    fn iterations(&self) -> i64;

    /// How many numbers the state holds, counted as Keras does; 0 before the first step.
    fn state_count(&self) -> i64;

    /// Looks at the settings once, when a model is compiled.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if they contradict one another or make no sense.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Called at the end of a training, once: with `use_ema`, the weights become their averages.
    ///
    /// # Errors
    /// [`Error::Torch`] if the device has failed.
    fn finish(&mut self, parameters: &[Tensor]) -> Result<()> {
        let _ = parameters;
        Ok(())
    }

    /// Everything that the next step depends on, by name: `momentum/0` belongs to the first
    /// parameter. Empty before the first step.
    ///
    /// # Errors
    /// [`Error::NotSaveable`], unless it is overridden.
    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        Err(not_saveable(self.name()))
    }

    /// Continues from what [`state`](Optimizer::state) gave after `iterations` steps.
    ///
    /// # Errors
    /// [`Error::NotSaveable`], unless it is overridden; [`Error::InvalidArgument`] if the names are
    /// not those of this optimizer.
    fn set_state(&mut self, iterations: i64, state: Vec<(String, Tensor)>) -> Result<()> {
        let _ = (iterations, state);
        Err(not_saveable(self.name()))
    }

    /// Class and settings, as a saved model keeps them.
    ///
    /// # Errors
    /// [`Error::NotSaveable`], unless it is overridden.
    fn config(&self) -> Result<Value> {
        Err(not_saveable(self.name()))
    }
}

fn not_saveable(name: &str) -> Error {
    Error::NotSaveable {
        what: format!("the optimizer `{name}`"),
        remedy: "implement config, state and set_state for it".into(),
    }
}

/// What `compile` accepts as an optimizer: a value such as [`Adam`], or Keras's name as text.
pub trait IntoOptimizer {
    /// The optimizer itself.
    ///
    /// # Errors
    /// [`Error::UnknownName`] lists the names that are known, [`Error::InvalidArgument`] names
    /// settings that make no sense.
    fn into_optimizer(self) -> Result<Box<dyn Optimizer>>;
}

impl<O: Optimizer + 'static> IntoOptimizer for O {
    fn into_optimizer(self) -> Result<Box<dyn Optimizer>> {
        self.check()?;
        Ok(Box::new(self))
    }
}

impl IntoOptimizer for Box<dyn Optimizer> {
    fn into_optimizer(self) -> Result<Box<dyn Optimizer>> {
        self.check()?;
        Ok(self)
    }
}

/// The list from which names, and what is saved, become optimizers.
macro_rules! known_optimizers {
    ($($name:ident: $text:literal,)*) => {
        impl IntoOptimizer for &str {
            fn into_optimizer(self) -> Result<Box<dyn Optimizer>> {
                match self.to_ascii_lowercase().as_str() {
                    $($text => Ok(Box::new($name::new())),)*
                    _ => Err(Error::unknown_name("optimizer", self, &[$($text),*])),
                }
            }
        }

        /// Makes an optimizer from what [`Optimizer::config`] gave.
        pub(crate) fn from_config(config: &Value) -> Result<Box<dyn Optimizer>> {
            $(if let Some(optimizer) = from_class::<$name>(config, stringify!($name))? {
                return Ok(Box::new(optimizer));
            })*
            Err(unknown_class("optimizer", config))
        }
    };
}

known_optimizers! {
    SGD: "sgd",
    Adam: "adam",
    AdamW: "adamw",
    RMSprop: "rmsprop",
    Adagrad: "adagrad",
    Adadelta: "adadelta",
    Adamax: "adamax",
    Nadam: "nadam",
}

#[cfg(test)]
mod tests;

//! How long a step is: a number, or a schedule over the steps.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::Value;

use super::schedules;
use crate::{Error, Result};

/// A step size for each step, such as [`CosineDecay`](super::CosineDecay). Implement it for a
/// struct of your own to use that in an optimizer.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// #[derive(Debug)]
/// struct Halved;
///
/// impl LearningRateSchedule for Halved {
///     fn at(&self, step: i64) -> f64 {
///         if step < 1000 { 0.01 } else { 0.005 }
///     }
/// }
///
/// let optimizer = SGD::new().learning_rate(Halved);
/// assert_eq!(Optimizer::learning_rate(&optimizer), 0.01);
/// ```
pub trait LearningRateSchedule: Send + fmt::Debug {
    /// The size of the step after `step` others.
    fn at(&self, step: i64) -> f64;

    /// Looks at the settings once, when a model is compiled.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if they make no sense.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Class and settings, as a saved model keeps them.
    ///
    /// # Errors
    /// [`Error::NotSaveable`], unless it is overridden.
    fn config(&self) -> Result<Value> {
        Err(Error::NotSaveable {
            what: format!("the learning rate schedule {self:?}"),
            remedy: "use one of the prelude's schedules, or save_weights".into(),
        })
    }
}

/// The size of an optimizer's steps. Made from a number or a schedule with `.into()`.
#[derive(Debug)]
pub enum LearningRate {
    /// Always the same, until it is set.
    Constant(f64),
    /// By a schedule, which cannot be set.
    Schedule(Box<dyn LearningRateSchedule>),
}

impl From<f64> for LearningRate {
    fn from(rate: f64) -> Self {
        LearningRate::Constant(rate)
    }
}

impl<S: LearningRateSchedule + 'static> From<S> for LearningRate {
    fn from(schedule: S) -> Self {
        LearningRate::Schedule(Box::new(schedule))
    }
}

impl LearningRate {
    /// The size of the step after `step` others.
    pub fn at(&self, step: i64) -> f64 {
        match self {
            LearningRate::Constant(rate) => *rate,
            LearningRate::Schedule(schedule) => schedule.at(step),
        }
    }

    pub(super) fn is_schedule(&self) -> bool {
        matches!(self, LearningRate::Schedule(_))
    }

    pub(super) fn set(&mut self, rate: f64, place: &str) -> Result<()> {
        match self {
            LearningRate::Schedule(schedule) => Err(Error::InvalidArgument {
                place: format!("{place}: set_learning_rate"),
                expected: "an optimizer whose learning rate is a number".into(),
                received: format!("one with the schedule {schedule:?}"),
            }),
            LearningRate::Constant(current) => {
                usable(rate, place)?;
                *current = rate;
                Ok(())
            }
        }
    }

    pub(super) fn check(&self, place: &str) -> Result<()> {
        match self {
            LearningRate::Constant(rate) => usable(*rate, place),
            LearningRate::Schedule(schedule) => schedule.check(),
        }
    }
}

fn usable(rate: f64, place: &str) -> Result<()> {
    match rate.is_finite() && rate >= 0.0 {
        true => Ok(()),
        false => Err(Error::InvalidArgument {
            place: format!("{place}: learning_rate"),
            expected: "a number from 0, such as 0.001".into(),
            received: rate.to_string(),
        }),
    }
}

impl Serialize for LearningRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            LearningRate::Constant(rate) => serializer.serialize_f64(*rate),
            LearningRate::Schedule(schedule) => {
                let config = schedule.config().map_err(ser::Error::custom)?;
                config.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for LearningRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match value.as_f64() {
            Some(rate) => Ok(LearningRate::Constant(rate)),
            None => schedules::from_config(&value)
                .map(LearningRate::Schedule)
                .map_err(de::Error::custom),
        }
    }
}

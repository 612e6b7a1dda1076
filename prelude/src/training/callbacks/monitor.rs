//! Watching one number: whether it gets better, and which way is better.

use super::Training;
use crate::training::logs::Logs;
use crate::{Error, Result};

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Smaller,
    Larger,
}

impl Direction {
    /// What the name of a loss or metric says, with or without `val_`; `None` if it says nothing.
    ///
    /// Keras asks the metric's class instead and so does not know which way a loss in a model with
    /// several outputs goes; names say both.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        const SMALLER: [&str; 12] = [
            "loss",
            "error",
            "mse",
            "mae",
            "mape",
            "msle",
            "rmse",
            "entropy",
            "divergence",
            "hinge",
            "poisson",
            "perplexity",
        ];
        const LARGER: [&str; 10] = [
            "acc",
            "auc",
            "precision",
            "recall",
            "f1",
            "fbeta",
            "top_k",
            "iou",
            "similarity",
            "r2",
        ];
        let name = name.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        // Losses first: `top_k_loss` is one.
        if has(&SMALLER) {
            Some(Direction::Smaller)
        } else if has(&LARGER) {
            Some(Direction::Larger)
        } else {
            None
        }
    }

    pub(crate) fn is_better(self, value: f64, than: f64) -> bool {
        match self {
            Direction::Smaller => value < than,
            Direction::Larger => value > than,
        }
    }
}

/// One number of the logs and its best value so far.
///
/// # Source
/// Keras 3, keras/src/callbacks/monitor_callback.py.
#[derive(Clone, Debug)]
pub(super) struct Monitor {
    callback: &'static str,
    pub(super) name: String,
    mode: String,
    min_delta: f64,
    pub(super) best: Option<f64>,
    direction: Option<Direction>,
    has_warned: bool,
}

impl Monitor {
    /// Of `val_loss`, with Keras's defaults.
    pub(super) fn new(callback: &'static str) -> Self {
        Monitor {
            callback,
            name: "val_loss".into(),
            mode: "auto".into(),
            min_delta: 0.0,
            best: None,
            direction: None,
            has_warned: false,
        }
    }

    pub(super) fn set_name(&mut self, name: &str) {
        self.name = name.to_owned();
    }

    pub(super) fn set_mode(&mut self, mode: &str) {
        self.mode = mode.to_owned();
    }

    pub(super) fn set_min_delta(&mut self, min_delta: f64) {
        self.min_delta = min_delta.abs();
    }

    /// Finds out which way is better, before anything is trained.
    pub(super) fn start(&mut self) -> Result<()> {
        self.direction = match self.mode.as_str() {
            "min" => Some(Direction::Smaller),
            "max" => Some(Direction::Larger),
            "auto" => Direction::of_name(&self.name),
            _ => {
                return Err(Error::UnknownName {
                    what: "mode of a callback",
                    received: self.mode.clone(),
                    known: "auto, min, max".into(),
                });
            }
        };
        match self.direction {
            Some(_) => Ok(()),
            None => Err(Error::InvalidArgument {
                place: format!("{}: monitor", self.callback),
                expected: "a name that tells whether more is better, or .mode(\"max\") or .mode(\"min\") beside it"
                    .into(),
                received: self.name.clone(),
            }),
        }
    }

    /// Whether `value` beats `reference` by more than `min_delta`. Anything beats nothing.
    pub(super) fn is_improvement(&self, value: f64, reference: Option<f64>) -> bool {
        let (Some(direction), Some(reference)) = (self.direction, reference) else {
            return true;
        };
        let value = match direction {
            Direction::Smaller => value + self.min_delta,
            Direction::Larger => value - self.min_delta,
        };
        direction.is_better(value, reference)
    }

    /// The monitored number; where it is missing, the user is told once.
    pub(super) fn watch(&mut self, logs: &Logs, training: &mut Training<'_>) -> Option<f64> {
        self.read(logs)
            .map_err(|warning| warning.into_iter().for_each(|text| training.message(text)))
            .ok()
    }

    /// The monitored number, and the first time that it is missing what to say.
    fn read(&mut self, logs: &Logs) -> Result<f64, Option<String>> {
        if let Some(value) = logs.get(&self.name) {
            return Ok(value);
        }
        if std::mem::replace(&mut self.has_warned, true) {
            return Err(None);
        }
        Err(Some(format!(
            "{}: `{}` is not measured and so has no effect; measured are {}",
            self.callback,
            self.name,
            logs.names()
        )))
    }
}

/// The options of a callback that watches a number: `monitor` and `mode`, and `min_delta` where its
/// default is named.
macro_rules! monitor_options {
    () => {
        /// What must improve; `val_loss` without this call.
        pub fn monitor(mut self, name: &str) -> Self {
            self.monitor.set_name(name);
            self
        }

        /// `min`, `max`, or `auto` to go by the name, which is the default.
        pub fn mode(mut self, mode: &str) -> Self {
            self.monitor.set_mode(mode);
            self
        }
    };
    (min_delta: $default:literal) => {
        monitor_options!();

        #[doc = concat!("How much better counts as better; ", $default, " without this call.")]
        pub fn min_delta(mut self, min_delta: f64) -> Self {
            self.monitor.set_min_delta(min_delta);
            self
        }
    };
}
pub(super) use monitor_options;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_which_way_is_better() {
        let direction = Direction::of_name;
        for name in [
            "loss",
            "val_loss",
            "mse",
            "val_mean_absolute_error",
            "digits_loss",
        ] {
            assert_eq!(direction(name), Some(Direction::Smaller), "{name}");
        }
        for name in [
            "acc",
            "val_sparse_categorical_accuracy",
            "auc",
            "f1_score",
            "digits_acc",
        ] {
            assert_eq!(direction(name), Some(Direction::Larger), "{name}");
        }
        assert_eq!(direction("learning_rate"), None);
    }

    #[test]
    fn an_improvement_must_exceed_min_delta() -> Result<()> {
        let mut monitor = Monitor::new("EarlyStopping");
        monitor.set_min_delta(-0.1);
        monitor.start()?;
        assert!(monitor.is_improvement(5.0, None));
        assert!(monitor.is_improvement(0.85, Some(1.0)));
        assert!(!monitor.is_improvement(0.95, Some(1.0)));
        monitor.set_mode("max");
        monitor.start()?;
        assert!(!monitor.is_improvement(1.05, Some(1.0)));
        assert!(monitor.is_improvement(1.15, Some(1.0)));
        assert!(!monitor.is_improvement(f64::NAN, Some(1.0)));
        Ok(())
    }

    #[test]
    fn what_is_unknown_is_said() {
        let mut monitor = Monitor::new("EarlyStopping");
        monitor.set_mode("up");
        let error = monitor.start().expect_err("no such mode").to_string();
        assert!(
            error.contains("`up`: expected one of auto, min, max"),
            "{error}"
        );
        monitor.set_mode("auto");
        monitor.set_name("spread");
        let error = monitor.start().expect_err("ambiguous").to_string();
        assert!(
            error.starts_with("EarlyStopping: monitor: expected"),
            "{error}"
        );
        let logs: Logs = [("loss", 1.0)].into_iter().collect();
        let warning = monitor.read(&logs).expect_err("missing");
        assert!(warning.is_some_and(|text| text.ends_with("measured are loss")));
        assert_eq!(monitor.read(&logs), Err(None));
    }
}

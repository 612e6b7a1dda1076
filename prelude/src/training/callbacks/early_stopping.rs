//! Ending a training that no longer gets better.

use tch::Tensor;

use super::monitor::{Monitor, monitor_options};
use super::{Callback, Training};
use crate::Result;
use crate::training::logs::Logs;

/// Stops when `monitor` has not improved for `patience` epochs.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let mut model = Sequential::new([Input::new(2).into(), Dense::new(1).into()])?;
/// model.compile("mse", SGD::new().learning_rate(0.0), ())?;
/// let (x, y) = (Tensor::ones([4, 2], (Kind::Float, Device::Cpu)), Tensor::ones([4], (Kind::Float, Device::Cpu)));
/// let mut early = EarlyStopping::new().monitor("loss").patience(3).restore_best_weights(true);
/// let history = model.fit(&x, &y).epochs(100).callback(&mut early).run()?;
/// assert_eq!(history.epochs(), [1, 2, 3, 4]); // a step size of 0 learns nothing
/// assert_eq!(early.stopped_epoch(), Some(3));
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.callbacks.EarlyStopping`: `monitor="val_loss"`, `min_delta=0`, `patience=0`,
/// `mode="auto"`, no baseline, `restore_best_weights=False`, `start_from_epoch=0`.
#[derive(Debug)]
pub struct EarlyStopping {
    monitor: Monitor,
    patience: usize,
    verbose: u8,
    baseline: Option<f64>,
    restore_best_weights: bool,
    start_from_epoch: usize,
    wait: usize,
    stopped_epoch: Option<usize>,
    best_epoch: usize,
    best_weights: Option<Vec<Tensor>>,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        EarlyStopping::new()
    }
}

impl EarlyStopping {
    /// With Keras's defaults.
    pub fn new() -> Self {
        EarlyStopping {
            monitor: Monitor::new("EarlyStopping"),
            patience: 0,
            verbose: 0,
            baseline: None,
            restore_best_weights: false,
            start_from_epoch: 0,
            wait: 0,
            stopped_epoch: None,
            best_epoch: 0,
            best_weights: None,
        }
    }

    monitor_options!(min_delta: "anything");

    /// How many epochs may pass without improvement; 0 without this call.
    pub fn patience(mut self, patience: usize) -> Self {
        self.patience = patience;
        self
    }

    /// 1 to say when it stops; 0 without this call.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }

    /// What must be beaten as well, or the epochs count as waited.
    pub fn baseline(mut self, baseline: f64) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// Whether the model gets the weights of its best epoch at the end; not without this call.
    pub fn restore_best_weights(mut self, restore: bool) -> Self {
        self.restore_best_weights = restore;
        self
    }

    /// The first epoch, counted from 0, that is looked at; 0 without this call.
    pub fn start_from_epoch(mut self, epoch: usize) -> Self {
        self.start_from_epoch = epoch;
        self
    }

    /// The epoch, counted from 0, after which it has stopped; `None` if it has not.
    pub fn stopped_epoch(&self) -> Option<usize> {
        self.stopped_epoch
    }

    /// The best epoch, counted from 0.
    pub fn best_epoch(&self) -> usize {
        self.best_epoch
    }

    /// The best value of what is monitored.
    pub fn best(&self) -> Option<f64> {
        self.monitor.best
    }
}

impl Callback for EarlyStopping {
    fn on_train_begin(&mut self, _: &mut Training<'_>) -> Result<()> {
        self.monitor.start()?;
        // A callback can be lent to several trainings.
        (self.wait, self.best_epoch) = (0, 0);
        (self.stopped_epoch, self.best_weights, self.monitor.best) = (None, None, None);
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        epoch: usize,
        logs: &mut Logs,
        training: &mut Training<'_>,
    ) -> Result<()> {
        let Some(current) = self.monitor.watch(logs, training) else {
            return Ok(());
        };
        if epoch < self.start_from_epoch {
            return Ok(());
        }
        if self.restore_best_weights && self.best_weights.is_none() {
            self.best_weights = Some(training.model().get_weights()?);
            self.best_epoch = epoch;
        }
        self.wait += 1;
        if self.monitor.is_improvement(current, self.monitor.best) {
            self.monitor.best = Some(current);
            self.best_epoch = epoch;
            if self.restore_best_weights {
                self.best_weights = Some(training.model().get_weights()?);
            }
            if self.monitor.is_improvement(current, self.baseline) {
                self.wait = 0;
            }
        } else if self.wait >= self.patience && epoch > 0 {
            self.stopped_epoch = Some(epoch);
            training.stop();
        }
        Ok(())
    }

    fn on_train_end(&mut self, _: &Logs, training: &mut Training<'_>) -> Result<()> {
        if let (Some(epoch), 1..) = (self.stopped_epoch, self.verbose) {
            training.message(format!("Epoch {}: early stopping", epoch + 1));
        }
        if let Some(weights) = self.best_weights.take() {
            if self.verbose > 0 {
                let best = self.best_epoch + 1;
                training.message(format!(
                    "Restoring model weights from the end of the best epoch: {best}."
                ));
            }
            training.model_mut().set_weights(&weights)?;
        }
        Ok(())
    }
}

//! Smaller steps where progress has stalled.

use super::monitor::{Monitor, monitor_options};
use super::{Callback, Training};
use crate::training::logs::Logs;
use crate::{Error, Result};

/// Multiplies the learning rate by `factor` when `monitor` has not improved for `patience` epochs.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let mut model = Sequential::new([Input::new(2).into(), Dense::new(1).into()])?;
/// model.compile("mse", SGD::new().learning_rate(1e-30), ())?; // learns nothing
/// let (x, y) = (Tensor::ones([4, 2], (Kind::Float, Device::Cpu)), Tensor::ones([4], (Kind::Float, Device::Cpu)));
/// let reduce = ReduceLROnPlateau::new().monitor("loss").factor(0.5).patience(2);
/// let history = model.fit(&x, &y).epochs(4).callback(reduce).run()?;
/// // At the end of each epoch, before the callback has changed it:
/// assert_eq!(history["learning_rate"], [1e-30, 1e-30, 1e-30, 0.5e-30]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.callbacks.ReduceLROnPlateau`: `monitor="val_loss"`, `factor=0.1`, `patience=10`,
/// `mode="auto"`, `min_delta=1e-4`, `cooldown=0`, `min_lr=0`.
#[derive(Debug)]
pub struct ReduceLROnPlateau {
    monitor: Monitor,
    factor: f64,
    patience: usize,
    verbose: u8,
    cooldown: usize,
    min_lr: f64,
    cooldown_left: usize,
    wait: usize,
}

impl Default for ReduceLROnPlateau {
    fn default() -> Self {
        ReduceLROnPlateau::new()
    }
}

impl ReduceLROnPlateau {
    /// With Keras's defaults.
    pub fn new() -> Self {
        let mut monitor = Monitor::new("ReduceLROnPlateau");
        monitor.set_min_delta(1e-4);
        ReduceLROnPlateau {
            monitor,
            factor: 0.1,
            patience: 10,
            verbose: 0,
            cooldown: 0,
            min_lr: 0.0,
            cooldown_left: 0,
            wait: 0,
        }
    }

    monitor_options!(min_delta: "1e-4");

    /// What the learning rate is multiplied by, below 1; 0.1 without this call.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// How many epochs may pass without improvement; 10 without this call.
    pub fn patience(mut self, patience: usize) -> Self {
        self.patience = patience;
        self
    }

    /// 1 to say when it reduces; 0 without this call.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }

    /// How many epochs are not counted after a reduction; 0 without this call.
    pub fn cooldown(mut self, epochs: usize) -> Self {
        self.cooldown = epochs;
        self
    }

    /// What the learning rate does not fall below; 0 without this call.
    pub fn min_lr(mut self, min_lr: f64) -> Self {
        self.min_lr = min_lr;
        self
    }

    /// Returns whether there was room for a reduction.
    fn reduce(&self, epoch: usize, training: &mut Training<'_>) -> Result<bool> {
        let old = training.learning_rate()?;
        if old <= self.min_lr {
            return Ok(false);
        }
        let new = (old * self.factor).max(self.min_lr);
        training.set_learning_rate(new)?;
        if self.verbose > 0 {
            training.message(format!(
                "Epoch {}: ReduceLROnPlateau reducing learning rate to {new}.",
                epoch + 1
            ));
        }
        Ok(true)
    }
}

impl Callback for ReduceLROnPlateau {
    fn on_train_begin(&mut self, _: &mut Training<'_>) -> Result<()> {
        if !(0.0..1.0).contains(&self.factor) {
            return Err(Error::InvalidArgument {
                place: "ReduceLROnPlateau: factor".into(),
                expected: "at least 0 and below 1".into(),
                received: self.factor.to_string(),
            });
        }
        self.monitor.start()?;
        (self.monitor.best, self.cooldown_left, self.wait) = (None, 0, 0);
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        epoch: usize,
        logs: &mut Logs,
        training: &mut Training<'_>,
    ) -> Result<()> {
        logs.insert("learning_rate", training.learning_rate()?);
        let Some(current) = self.monitor.watch(logs, training) else {
            return Ok(());
        };
        if self.cooldown_left > 0 {
            self.cooldown_left -= 1;
            self.wait = 0;
        }
        if self.monitor.is_improvement(current, self.monitor.best) {
            self.monitor.best = Some(current);
            self.wait = 0;
        } else if self.cooldown_left == 0 {
            self.wait += 1;
            if self.wait >= self.patience && self.reduce(epoch, training)? {
                self.cooldown_left = self.cooldown;
                self.wait = 0;
            }
        }
        Ok(())
    }
}

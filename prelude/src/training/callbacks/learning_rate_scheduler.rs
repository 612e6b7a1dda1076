//! The learning rate as a function of the epoch.

use std::fmt;

use super::{Callback, Training};
use crate::Result;
use crate::training::logs::Logs;

/// Sets the learning rate before each epoch: `schedule` is given the epoch, counted from 0, and the
/// rate, and returns the new one.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let mut model = Sequential::new([Input::new(2).into(), Dense::new(1).into()])?;
/// model.compile("mse", SGD::new().learning_rate(0.1), ())?;
/// let (x, y) = (Tensor::ones([4, 2], (Kind::Float, Device::Cpu)), Tensor::ones([4], (Kind::Float, Device::Cpu)));
/// let schedule = LearningRateScheduler::new(|epoch, rate| if epoch < 2 { rate } else { rate / 2.0 });
/// let history = model.fit(&x, &y).epochs(4).callback(schedule).run()?;
/// assert_eq!(history["learning_rate"], [0.1, 0.1, 0.05, 0.025]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.callbacks.LearningRateScheduler`.
pub struct LearningRateScheduler {
    schedule: Box<dyn FnMut(usize, f64) -> f64>,
    verbose: u8,
}

impl LearningRateScheduler {
    /// By a function of the epoch, counted from 0, and of the rate before it.
    pub fn new(schedule: impl FnMut(usize, f64) -> f64 + 'static) -> Self {
        LearningRateScheduler {
            schedule: Box::new(schedule),
            verbose: 0,
        }
    }

    /// 1 to say what is set; 0 without this call.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }
}

impl fmt::Debug for LearningRateScheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LearningRateScheduler")
            .finish_non_exhaustive()
    }
}

impl Callback for LearningRateScheduler {
    fn on_epoch_begin(&mut self, epoch: usize, training: &mut Training<'_>) -> Result<()> {
        let rate = (self.schedule)(epoch, training.learning_rate()?);
        training.set_learning_rate(rate)?;
        if self.verbose > 0 {
            training.message(format!(
                "Epoch {}: LearningRateScheduler setting learning rate to {rate}.",
                epoch + 1
            ));
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        _: usize,
        logs: &mut Logs,
        training: &mut Training<'_>,
    ) -> Result<()> {
        logs.insert("learning_rate", training.learning_rate()?);
        Ok(())
    }
}

//! Ending a training whose loss is no number.

use super::{Callback, Training};
use crate::{Error, Result};

/// Stops in the batch whose loss is NaN or infinite, in good order: `on_train_end` is called, and
/// `fit` returns its history.
///
/// Without it `fit` ends with [`Error::LossNotFinite`], which names the first such batch, too, but
/// finds it only when the display is painted or the epoch ends. This callback reads each batch's
/// loss, for which a GPU has to be waited for.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let mut model = Sequential::new([Input::new(2).into(), Dense::new(1).into()])?;
/// model.compile("mse", "sgd", ())?;
/// let x = Tensor::full([4, 2], f64::NAN, (Kind::Float, Device::Cpu));
/// let y = Tensor::ones([4], (Kind::Float, Device::Cpu));
/// let history = model.fit(&x, &y).epochs(10).callback(TerminateOnNaN::new()).run()?;
/// assert_eq!(history.epochs(), [1]);
/// assert!(history["loss"][0].is_nan());
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.callbacks.TerminateOnNaN`.
#[derive(Clone, Debug, Default)]
pub struct TerminateOnNaN {
    raise_error: bool,
    epoch: usize,
}

impl TerminateOnNaN {
    /// Stops in good order.
    pub fn new() -> Self {
        TerminateOnNaN::default()
    }

    /// Whether `fit` ends with [`Error::LossNotFinite`] instead, and `on_train_end` is not called.
    pub fn raise_error(mut self, raise_error: bool) -> Self {
        self.raise_error = raise_error;
        self
    }
}

impl Callback for TerminateOnNaN {
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        training.tolerate_nan();
        Ok(())
    }

    fn on_epoch_begin(&mut self, epoch: usize, _: &mut Training<'_>) -> Result<()> {
        self.epoch = epoch;
        Ok(())
    }

    fn on_train_batch_end(&mut self, batch: usize, training: &mut Training<'_>) -> Result<()> {
        match training.batch_loss()? {
            Some(loss) if !loss.is_finite() => {
                if self.raise_error {
                    return Err(Error::LossNotFinite {
                        loss,
                        epoch: self.epoch + 1,
                        batch: batch + 1,
                    });
                }
                training.message(format!("Batch {batch}: Invalid loss, terminating training"));
                training.stop();
            }
            _ => {}
        }
        Ok(())
    }
}

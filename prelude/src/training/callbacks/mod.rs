//! What can be done while a model learns, with Keras's names and semantics.
//!
//! `fit.rs` calls, callbacks answer; they reach the model and the optimizer through [`Training`].
//! Epochs and batches count from 0 here, as they do in Keras.

mod backup_and_restore;
mod csv_logger;
mod early_stopping;
mod file_pattern;
mod lambda_callback;
mod learning_rate_scheduler;
mod model_checkpoint;
pub(crate) mod monitor;
mod reduce_lr_on_plateau;
mod tensorboard;
mod terminate_on_nan;
pub(crate) mod training;

pub use backup_and_restore::BackupAndRestore;
pub use csv_logger::CSVLogger;
pub use early_stopping::EarlyStopping;
pub use lambda_callback::{LambdaCallback, Outcome};
pub use learning_rate_scheduler::LearningRateScheduler;
pub use model_checkpoint::ModelCheckpoint;
pub use reduce_lr_on_plateau::ReduceLROnPlateau;
pub use tensorboard::TensorBoard;
pub use terminate_on_nan::TerminateOnNaN;
pub use training::Training;

use super::logs::Logs;
use crate::Result;

/// Something that is told what happens in a `fit` and can change it. Implement what is needed; the
/// rest does nothing.
///
/// An error ends the `fit`. An interrupted `fit` does not reach `on_train_end`.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// /// Halves the step size whenever the loss has risen.
/// struct Careful {
///     before: f64,
/// }
///
/// impl Callback for Careful {
///     fn on_epoch_end(&mut self, epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
///         if logs["loss"] > self.before {
///             let halved = training.learning_rate()? / 2.0;
///             training.set_learning_rate(halved)?;
///             training.message(format!("epoch {}: step size {halved}", epoch + 1));
///         }
///         self.before = logs["loss"];
///         Ok(())
///     }
/// }
///
/// let mut model = Sequential::new([Input::new(2).into(), Dense::new(1).into()])?;
/// model.compile("mse", "sgd", ())?;
/// let x = Tensor::rand([8, 2], (Kind::Float, Device::Cpu));
/// let y = x.sum_dim_intlist(1i64, false, None);
/// let mut careful = Careful { before: f64::INFINITY };
/// // Lent, it can be looked at afterwards; given away, it need not be.
/// model.fit(&x, &y).epochs(2).callback(&mut careful).callback(TerminateOnNaN::new()).run()?;
/// assert!(careful.before.is_finite());
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.callbacks.Callback`.
#[expect(unused_variables, reason = "the names are the documentation")]
pub trait Callback {
    /// Before the first epoch, with the weights and the step size in place.
    ///
    /// # Errors
    /// Any ends the `fit`, here and below.
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }

    /// After the last epoch; `logs` are that epoch's.
    ///
    /// # Errors
    /// Any ends the `fit`.
    fn on_train_end(&mut self, logs: &Logs, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }

    /// Before each epoch, counted from 0.
    ///
    /// # Errors
    /// Any ends the `fit`.
    fn on_epoch_begin(&mut self, epoch: usize, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }

    /// After each epoch and its validation. What is inserted into `logs` is seen by the callbacks
    /// behind this one, and kept in `History`.
    ///
    /// # Errors
    /// Any ends the `fit`.
    fn on_epoch_end(
        &mut self,
        epoch: usize,
        logs: &mut Logs,
        training: &mut Training<'_>,
    ) -> Result<()> {
        Ok(())
    }

    /// Before each step, counted from 0 in its epoch.
    ///
    /// # Errors
    /// Any ends the `fit`.
    fn on_train_batch_begin(&mut self, batch: usize, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }

    /// After each step. [`Training::logs`] has the means so far, and reading them waits for a GPU:
    /// read them seldom.
    ///
    /// # Errors
    /// Any ends the `fit`.
    fn on_train_batch_end(&mut self, batch: usize, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }

    /// Before the validation.
    ///
    /// # Errors
    /// Any ends the `fit`.
    fn on_test_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }

    /// After the validation; `logs` are what it has measured, without `val_`.
    ///
    /// # Errors
    /// Any ends the `fit`.
    fn on_test_end(&mut self, logs: &Logs, training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
}

/// Passes everything on to what is behind a pointer.
macro_rules! forward_all {
    () => {
        fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
            (**self).on_train_begin(training)
        }
        fn on_train_end(&mut self, logs: &Logs, training: &mut Training<'_>) -> Result<()> {
            (**self).on_train_end(logs, training)
        }
        fn on_epoch_begin(&mut self, epoch: usize, training: &mut Training<'_>) -> Result<()> {
            (**self).on_epoch_begin(epoch, training)
        }
        fn on_epoch_end(
            &mut self,
            epoch: usize,
            logs: &mut Logs,
            training: &mut Training<'_>,
        ) -> Result<()> {
            (**self).on_epoch_end(epoch, logs, training)
        }
        fn on_train_batch_begin(
            &mut self,
            batch: usize,
            training: &mut Training<'_>,
        ) -> Result<()> {
            (**self).on_train_batch_begin(batch, training)
        }
        fn on_train_batch_end(&mut self, batch: usize, training: &mut Training<'_>) -> Result<()> {
            (**self).on_train_batch_end(batch, training)
        }
        fn on_test_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
            (**self).on_test_begin(training)
        }
        fn on_test_end(&mut self, logs: &Logs, training: &mut Training<'_>) -> Result<()> {
            (**self).on_test_end(logs, training)
        }
    };
}

/// A callback that is lent to `fit` and looked at afterwards.
impl<C: Callback + ?Sized> Callback for &mut C {
    forward_all!();
}

/// A callback of any kind, for lists of them.
impl<C: Callback + ?Sized> Callback for Box<C> {
    forward_all!();
}

/// All callbacks of one `fit`, told in their order.
#[derive(Default)]
pub(crate) struct Callbacks<'a>(Vec<Box<dyn Callback + 'a>>);

impl<'a> Callbacks<'a> {
    pub(crate) fn add(&mut self, callback: impl Callback + 'a) {
        self.0.push(Box::new(callback));
    }

    /// Calls one method of each.
    pub(crate) fn tell(
        &mut self,
        mut event: impl FnMut(&mut dyn Callback) -> Result<()>,
    ) -> Result<()> {
        self.0
            .iter_mut()
            .try_for_each(|callback| event(callback.as_mut()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_saving;

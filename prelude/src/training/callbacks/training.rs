//! What a callback sees of the `fit` that calls it.

use crate::model::network::Network;
use crate::training::compile::compiled;
use crate::training::epoch::EpochSoFar;
use crate::training::logs::Logs;
use crate::{Error, Result};

/// A `fit` that is running, as its callbacks see it.
pub struct Training<'a> {
    model: &'a mut dyn Network,
    control: &'a mut Control,
    so_far: Option<&'a EpochSoFar>,
}

/// What callbacks and the loop tell each other.
#[derive(Debug, Default)]
pub(crate) struct Control {
    pub(crate) epochs: usize,
    pub(crate) initial_epoch: usize,
    /// Per epoch, if it is known.
    pub(crate) steps: Option<usize>,
    /// Steps that this `fit` has done.
    pub(crate) steps_done: u64,
    /// Time since `fit` began.
    pub(crate) elapsed: std::time::Duration,
    pub(crate) stop: bool,
    /// A callback looks after losses that are no numbers.
    pub(crate) tolerates_nan: bool,
    pub(crate) messages: Vec<String>,
    /// A callback had the model to change it since the last step.
    pub(crate) model_changed: bool,
}

impl<'a> Training<'a> {
    pub(crate) fn new(
        model: &'a mut dyn Network,
        control: &'a mut Control,
        so_far: Option<&'a EpochSoFar>,
    ) -> Self {
        Training {
            model,
            control,
            so_far,
        }
    }

    /// The model that is trained.
    pub fn model(&self) -> &dyn Network {
        self.model
    }

    /// The model, to change its weights.
    pub fn model_mut(&mut self) -> &mut dyn Network {
        self.control.model_changed = true;
        self.model
    }

    /// Ends the training after the running epoch or, called between two batches, in the middle of
    /// it: Keras's `model.stop_training = True`.
    pub fn stop(&mut self) {
        self.control.stop = true;
    }

    /// Whether a callback has asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.control.stop
    }

    /// The optimizer's step size.
    ///
    /// # Errors
    /// [`Error::NotCompiled`], which `fit` has made impossible.
    pub fn learning_rate(&self) -> Result<f64> {
        Ok(compiled(self.model, "learning_rate")?
            .optimizer
            .borrow()
            .learning_rate())
    }

    /// Changes the optimizer's step size from the next step on.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a number that is negative or none.
    pub fn set_learning_rate(&mut self, learning_rate: f64) -> Result<()> {
        if !learning_rate.is_finite() || learning_rate < 0.0 {
            return Err(Error::InvalidArgument {
                place: "learning_rate".into(),
                expected: "a number from 0".into(),
                received: learning_rate.to_string(),
            });
        }
        let compiled = compiled(self.model, "set_learning_rate")?;
        let mut optimizer = compiled.optimizer.borrow_mut();
        optimizer.set_learning_rate(learning_rate)
    }

    /// The number of the last epoch, counted from 1.
    pub fn epochs(&self) -> usize {
        self.control.epochs
    }

    /// Steps per epoch; `None` if the data do not tell.
    pub fn steps(&self) -> Option<usize> {
        self.control.steps
    }

    /// Steps that this `fit` has done, over all its epochs.
    pub fn steps_done(&self) -> u64 {
        self.control.steps_done
    }

    /// Loss and metrics of the running epoch so far; empty between epochs. Reading them waits for
    /// the device.
    ///
    /// # Errors
    /// [`Error::Torch`] if the device has failed.
    pub fn logs(&self) -> Result<Logs> {
        self.so_far
            .map_or_else(|| Ok(Logs::default()), EpochSoFar::logs)
    }

    /// The loss of the batch just learned from; `None` before the first of an epoch. Reading it
    /// waits for the device.
    ///
    /// # Errors
    /// [`Error::Torch`] if the device has failed.
    pub fn batch_loss(&self) -> Result<Option<f64>> {
        self.so_far.map_or(Ok(None), EpochSoFar::last_loss)
    }

    /// Shows a line below the running epoch, in the display of the `fit`; printed if that is
    /// silent.
    pub fn message(&mut self, text: impl Into<String>) {
        self.control.messages.push(text.into());
    }

    /// Time since `fit` began.
    pub(crate) fn elapsed(&self) -> std::time::Duration {
        self.control.elapsed
    }

    /// Goes on as if so many epochs had been done.
    pub(crate) fn set_initial_epoch(&mut self, epoch: usize) {
        self.control.initial_epoch = epoch;
    }

    /// A loss that is no number will not end the `fit` as an error.
    pub(crate) fn tolerate_nan(&mut self) {
        self.control.tolerates_nan = true;
    }
}

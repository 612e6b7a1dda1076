//! A callback made of closures.

use std::fmt;

use super::{Callback, Training};
use crate::Result;
use crate::training::logs::Logs;

/// What a closure may return: nothing, or a [`Result`] whose error ends the `fit`.
pub trait Outcome {
    /// As a result.
    ///
    /// # Errors
    /// The closure's own.
    fn outcome(self) -> Result<()>;
}

impl Outcome for () {
    fn outcome(self) -> Result<()> {
        Ok(())
    }
}

impl Outcome for Result<()> {
    fn outcome(self) -> Result<()> {
        self
    }
}

type OnTraining<'f> = Box<dyn FnMut(&mut Training<'_>) -> Result<()> + 'f>;
type OnNumber<'f> = Box<dyn FnMut(usize, &mut Training<'_>) -> Result<()> + 'f>;
type OnEpochEnd<'f> = Box<dyn FnMut(usize, &mut Logs, &mut Training<'_>) -> Result<()> + 'f>;

/// A callback made of closures, which may borrow what is around them. Epochs and batches count from
/// 0.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let mut model = Sequential::new([Input::new(2).into(), Dense::new(1).into()])?;
/// model.compile("mse", "sgd", ())?;
/// let (x, y) = (Tensor::ones([4, 2], (Kind::Float, Device::Cpu)), Tensor::ones([4], (Kind::Float, Device::Cpu)));
/// let mut losses = Vec::new();
/// let watch = LambdaCallback::new()
///     .on_epoch_end(|epoch, logs, training| {
///         losses.push(logs["loss"]);
///         if epoch == 2 {
///             training.stop();
///         }
///     })
///     .on_train_end(|training| training.message("done"));
/// model.fit(&x, &y).epochs(10).callback(watch).run()?;
/// assert_eq!(losses.len(), 3);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.callbacks.LambdaCallback`.
#[derive(Default)]
pub struct LambdaCallback<'f> {
    on_train_begin: Option<OnTraining<'f>>,
    on_train_end: Option<OnTraining<'f>>,
    on_epoch_begin: Option<OnNumber<'f>>,
    on_epoch_end: Option<OnEpochEnd<'f>>,
    on_train_batch_begin: Option<OnNumber<'f>>,
    on_train_batch_end: Option<OnNumber<'f>>,
}

impl<'f> LambdaCallback<'f> {
    /// One that does nothing yet.
    pub fn new() -> Self {
        LambdaCallback::default()
    }

    /// Before the first epoch.
    pub fn on_train_begin<O: Outcome>(
        mut self,
        mut call: impl FnMut(&mut Training<'_>) -> O + 'f,
    ) -> Self {
        self.on_train_begin = Some(Box::new(move |training| call(training).outcome()));
        self
    }

    /// After the last epoch.
    pub fn on_train_end<O: Outcome>(
        mut self,
        mut call: impl FnMut(&mut Training<'_>) -> O + 'f,
    ) -> Self {
        self.on_train_end = Some(Box::new(move |training| call(training).outcome()));
        self
    }

    /// Before each epoch.
    pub fn on_epoch_begin<O: Outcome>(
        mut self,
        mut call: impl FnMut(usize, &mut Training<'_>) -> O + 'f,
    ) -> Self {
        self.on_epoch_begin = Some(Box::new(move |epoch, t| call(epoch, t).outcome()));
        self
    }

    /// After each epoch, with what it has measured.
    pub fn on_epoch_end<O: Outcome>(
        mut self,
        mut call: impl FnMut(usize, &mut Logs, &mut Training<'_>) -> O + 'f,
    ) -> Self {
        self.on_epoch_end = Some(Box::new(move |epoch, logs, t| {
            call(epoch, logs, t).outcome()
        }));
        self
    }

    /// Before each step.
    pub fn on_train_batch_begin<O: Outcome>(
        mut self,
        mut call: impl FnMut(usize, &mut Training<'_>) -> O + 'f,
    ) -> Self {
        self.on_train_batch_begin = Some(Box::new(move |batch, t| call(batch, t).outcome()));
        self
    }

    /// After each step.
    pub fn on_train_batch_end<O: Outcome>(
        mut self,
        mut call: impl FnMut(usize, &mut Training<'_>) -> O + 'f,
    ) -> Self {
        self.on_train_batch_end = Some(Box::new(move |batch, t| call(batch, t).outcome()));
        self
    }
}

impl fmt::Debug for LambdaCallback<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LambdaCallback").finish_non_exhaustive()
    }
}

impl Callback for LambdaCallback<'_> {
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        self.on_train_begin
            .as_mut()
            .map_or(Ok(()), |call| call(training))
    }

    fn on_train_end(&mut self, _: &Logs, training: &mut Training<'_>) -> Result<()> {
        self.on_train_end
            .as_mut()
            .map_or(Ok(()), |call| call(training))
    }

    fn on_epoch_begin(&mut self, epoch: usize, training: &mut Training<'_>) -> Result<()> {
        self.on_epoch_begin
            .as_mut()
            .map_or(Ok(()), |call| call(epoch, training))
    }

    fn on_epoch_end(
        &mut self,
        epoch: usize,
        logs: &mut Logs,
        training: &mut Training<'_>,
    ) -> Result<()> {
        self.on_epoch_end
            .as_mut()
            .map_or(Ok(()), |call| call(epoch, logs, training))
    }

    fn on_train_batch_begin(&mut self, batch: usize, training: &mut Training<'_>) -> Result<()> {
        self.on_train_batch_begin
            .as_mut()
            .map_or(Ok(()), |call| call(batch, training))
    }

    fn on_train_batch_end(&mut self, batch: usize, training: &mut Training<'_>) -> Result<()> {
        self.on_train_batch_end
            .as_mut()
            .map_or(Ok(()), |call| call(batch, training))
    }
}

//! What a training can be told: the options of `fit`. The loop itself is `learn.rs`.

use tch::Tensor;

use super::arrays::Arrays;
use super::callbacks::{Callback, Callbacks};
use super::clock::Clock;
use super::history::History;
use super::learn;
use super::progress::Verbosity;
use super::sources::Learned;
use super::validation::{Validating, Validation};
use super::weights::Weighting;
use crate::model::network::Network;
use crate::{Dataset, Result};

/// Options of a training, made by [`Trainer::fit`](crate::Trainer::fit); [`run`](Fit::run) does it.
#[must_use = "nothing is trained before .run()"]
pub struct Fit<'a> {
    pub(super) model: &'a mut dyn Network,
    pub(super) data: Learned,
    pub(super) validation: Validation,
    pub(super) weighting: Weighting,
    pub(super) validating: Validating,
    pub(super) validation_freq: usize,
    pub(super) epochs: usize,
    pub(super) initial_epoch: usize,
    pub(super) steps_per_epoch: Option<usize>,
    pub(super) batch_size: usize,
    pub(super) shuffle: bool,
    pub(super) seed: Option<u32>,
    pub(super) verbosity: Verbosity,
    pub(super) callbacks: Callbacks<'a>,
    pub(super) clock: Clock,
}

impl<'a> Fit<'a> {
    pub(super) fn new(model: &'a mut dyn Network, data: Learned) -> Self {
        Fit {
            model,
            data,
            validation: Validation::None,
            weighting: Weighting::default(),
            validating: Validating::default(),
            validation_freq: 1,
            epochs: 1,
            initial_epoch: 0,
            steps_per_epoch: None,
            batch_size: 32,
            shuffle: true,
            seed: None,
            verbosity: Verbosity::Bar,
            callbacks: Callbacks::default(),
            clock: Clock::system(),
        }
    }

    /// Samples and targets to measure on after each epoch.
    pub fn validation_data(mut self, x: impl Arrays, y: impl Arrays) -> Self {
        self.validation = Validation::Data((x.arrays(), y.arrays()));
        self
    }

    /// A dataset to measure on after each epoch.
    pub fn validation_dataset(mut self, dataset: &Dataset) -> Self {
        self.validation = Validation::Dataset(dataset.clone());
        self
    }

    /// Sets the last samples aside, before anything is shuffled, to measure on after each epoch:
    /// this share of them, from 0 to 1. Not for datasets.
    pub fn validation_split(mut self, share: f64) -> Self {
        self.validation = Validation::Split(share);
        self
    }

    /// Measures on the validation data after every so many epochs only; after each without this
    /// call.
    pub fn validation_freq(mut self, epochs: usize) -> Self {
        self.validation_freq = epochs;
        self
    }

    /// How many batches of the validation data are measured on, always the first ones; without this
    /// call all of them.
    pub fn validation_steps(mut self, steps: usize) -> Self {
        self.validating.steps = Some(steps);
        self
    }

    /// Samples per batch of the validation data. Without this call it is `batch_size`, if there are
    /// [`validation_steps`](Fit::validation_steps), and 256 otherwise: means over all samples do not
    /// depend on it. A dataset has its own.
    pub fn validation_batch_size(mut self, batch_size: usize) -> Self {
        self.validating.batch_size = Some(batch_size);
        self
    }

    /// The number of the last epoch, counted from 1: how many passes over the data, unless
    /// `initial_epoch` is set.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// How many epochs were done before, to continue a training: `.initial_epoch(3).epochs(5)` does
    /// two more. With the same [`seed`](Fit::seed) they see the same batches as if the training had
    /// not been interrupted.
    pub fn initial_epoch(mut self, initial_epoch: usize) -> Self {
        self.initial_epoch = initial_epoch;
        self
    }

    /// How many batches make an epoch; without this call all of them. The next epoch goes on where
    /// this one ended, and begins anew when the data are used up.
    pub fn steps_per_epoch(mut self, steps: usize) -> Self {
        self.steps_per_epoch = Some(steps);
        self
    }

    /// Samples per step; 32 without this call. A dataset has its own.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Whether the order changes with each epoch; it does without this call. A dataset has its own.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Seed of the shuffling. Without it one is drawn from the session
    /// ([`set_random_seed`](crate::set_random_seed)).
    pub fn seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed);
        self
    }

    /// How much is shown: 0 nothing, 1 a progress bar, 2 one line per epoch; 1 without this call.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbosity = match verbose {
            0 => Verbosity::Silent,
            1 => Verbosity::Bar,
            _ => Verbosity::Lines,
        };
        self
    }

    /// How much each class counts in the loss, by its number; 1 for classes that are not named.
    /// Metrics count all samples alike.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let mut model = Sequential::new([Input::new(2).into(), Dense::new(2).into(), Activation::softmax().into()])?;
    /// model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
    /// let x = Tensor::rand([100, 2], (Kind::Float, Device::Cpu));
    /// let y = x.argmax(1, false);
    /// model.fit(&x, &y).class_weight([(0, 1.0), (1, 5.0)]).run()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn class_weight(mut self, weights: impl IntoIterator<Item = (i64, f64)>) -> Self {
        self.weighting.classes = Some(weights.into_iter().collect());
        self
    }

    /// How much each sample counts in the loss: shape `(n,)`. The sum is divided by the number of
    /// samples, not by the weights, as in Keras. With
    /// [`validation_split`](Fit::validation_split) the weights are split, too. Not for datasets.
    pub fn sample_weight(mut self, weights: &Tensor) -> Self {
        self.weighting.samples = Some(weights.shallow_clone());
        self
    }

    /// Adds a callback, given away or lent (`&mut`); those added first are told first.
    pub fn callback(mut self, callback: impl Callback + 'a) -> Self {
        self.callbacks.add(callback);
        self
    }

    /// Adds several callbacks of one kind, or boxed ones:
    /// `.callbacks([Box::new(EarlyStopping::new()) as Box<dyn Callback>, Box::new(TerminateOnNaN::new())])`.
    pub fn callbacks<C: Callback + 'a>(mut self, callbacks: impl IntoIterator<Item = C>) -> Self {
        for callback in callbacks {
            self.callbacks.add(callback);
        }
        self
    }

    /// The time that the display goes by.
    #[cfg(test)]
    pub(crate) fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Trains. Whatever ends it, the model keeps its weights and optimizer state, and
    /// [`history`](crate::Trainer::history) the epochs that were finished: also those of earlier
    /// trainings that this one continues. What is returned are this training's own.
    ///
    /// # Errors
    /// [`Error::NotCompiled`](crate::Error::NotCompiled); what is wrong with data and options before
    /// any step is done: [`Error::LengthMismatch`](crate::Error::LengthMismatch),
    /// [`Error::LabelOutOfRange`](crate::Error::LabelOutOfRange),
    /// [`Error::ShapeMismatch`](crate::Error::ShapeMismatch),
    /// [`Error::EmptyData`](crate::Error::EmptyData),
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument);
    /// [`Error::LossNotFinite`](crate::Error::LossNotFinite) when learning has failed;
    /// [`Error::FitInterrupted`](crate::Error::FitInterrupted) when the user stops it; and whatever
    /// a callback returns.
    pub fn run(self) -> Result<History> {
        learn::run(self)
    }
}

#[cfg(test)]
mod tests;

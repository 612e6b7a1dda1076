//! The training loop: epochs of shuffled batches, validation, history.
//!
//! What happens to one batch is `step.rs`; what is shown is `progress.rs`.

use tch::{Device, Kind, Tensor};

use super::arrays::Arrays;
use super::batches::Batches;
use super::compile::{Measurements, compiled};
use super::evaluate::{evaluation_data, measure};
use super::history::{History, Logs};
use super::interrupt;
use super::progress::{Progress, Verbosity};
use super::step::{Step, train_on_batch};
use crate::model::network::Network;
use crate::random::{self, RandomState};
use crate::{Error, Result, Shape};

/// Options of a training, made by [`Trainer::fit`](crate::Trainer::fit); [`run`](Fit::run) does it.
#[must_use = "nothing is trained before .run()"]
pub struct Fit<'a> {
    model: &'a mut dyn Network,
    x: Vec<Tensor>,
    y: Vec<Tensor>,
    validation: Option<(Vec<Tensor>, Vec<Tensor>)>,
    epochs: usize,
    initial_epoch: usize,
    batch_size: usize,
    shuffle: bool,
    seed: Option<u32>,
    verbosity: Verbosity,
}

impl<'a> Fit<'a> {
    pub(crate) fn new(model: &'a mut dyn Network, x: Vec<Tensor>, y: Vec<Tensor>) -> Self {
        Fit {
            model,
            x,
            y,
            validation: None,
            epochs: 1,
            initial_epoch: 0,
            batch_size: 32,
            shuffle: true,
            seed: None,
            verbosity: Verbosity::Bar,
        }
    }

    /// Samples and targets to measure on after each epoch.
    pub fn validation_data(mut self, x: impl Arrays, y: impl Arrays) -> Self {
        self.validation = Some((x.arrays(), y.arrays()));
        self
    }

    /// The number of the last epoch, counted from 1: how many passes over the data, unless
    /// `initial_epoch` is set.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// How many epochs were done before, to continue a training: `.initial_epoch(3).epochs(5)` does
    /// two more.
    pub fn initial_epoch(mut self, initial_epoch: usize) -> Self {
        self.initial_epoch = initial_epoch;
        self
    }

    /// Samples per step; 32 without this call.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Whether the order changes with each epoch; it does without this call.
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

    /// Trains. Whatever ends it, the model keeps its weights and optimizer state, and
    /// [`history`](crate::Trainer::history) the epochs that were finished.
    ///
    /// # Errors
    /// [`Error::NotCompiled`]; what is wrong with the data before any step is done:
    /// [`Error::LengthMismatch`], [`Error::LabelOutOfRange`], [`Error::ShapeMismatch`],
    /// [`Error::EmptyData`]; [`Error::LossNotFinite`] when learning has failed;
    /// [`Error::FitInterrupted`] when the user stops it.
    pub fn run(self) -> Result<History> {
        let sample = |x: &Tensor| Shape::from(x.size().get(1..).unwrap_or_default());
        let samples: Vec<Shape> = self.x.iter().map(sample).collect();
        self.model.build_for(&samples)?;
        let (data, validation) = self.checked_data()?;
        self.model.training_mut().history = History::default();
        let variables = self.model.trainable_variables();
        let mut random = RandomState::new(self.seed.unwrap_or_else(random::next_seed));
        let mut progress = Progress::new(self.verbosity, self.epochs, data.count());

        for epoch in self.initial_epoch + 1..=self.epochs {
            let model: &dyn Network = self.model;
            let compiled = compiled(model, "fit")?;
            let metrics = compiled.start_metrics(model.output_names());
            let mut measured = EpochSoFar::new(metrics, epoch, &data, model.device())?;
            let order = match self.shuffle {
                true => Some(data.shuffled(&mut random)?),
                false => None,
            };
            progress.epoch_begins(epoch);
            for batch in 0..data.count() {
                if interrupt::take() {
                    progress.interrupted(batch, &measured.logs()?);
                    return Err(self.interrupted(epoch, batch, &data));
                }
                let (x, y) = data.get(batch, order.as_ref())?;
                let step = train_on_batch(model, compiled, &variables, &x, &y)?;
                measured.add(&step, &y)?;
                if progress.is_due(batch + 1) {
                    progress.paint(batch + 1, &measured.logs()?);
                }
            }
            let mut logs = measured.logs()?;
            if let Some(validation) = &validation {
                let measured =
                    measure(model, compiled, validation).map_err(|error| match error {
                        Error::Interrupted => self.interrupted(epoch, data.count(), &data),
                        other => other,
                    })?;
                logs = logs.with("val_", measured);
            }
            progress.epoch_ends(&logs);
            self.model.training_mut().history.push(epoch, &logs);
        }
        Ok(self.model.training().history.clone())
    }

    /// Everything that can be wrong with the data is found here, before the first step.
    fn checked_data(&self) -> Result<(Batches, Option<Batches>)> {
        let model: &dyn Network = self.model;
        let compiled = compiled(model, "fit")?;
        let data = Batches::new(&self.x, &self.y, self.batch_size, model.device(), "fit")?;
        compiled.check_targets(&self.y, &model.output_shapes(), "fit")?;
        let place = "fit: validation_data";
        let validation = match &self.validation {
            Some((x, y)) => Some(evaluation_data(model, compiled, x, y, place)?),
            None => None,
        };
        Ok((data, validation))
    }

    fn interrupted(&self, epoch: usize, batch: usize, data: &Batches) -> Error {
        Error::FitInterrupted {
            epoch,
            epochs: self.epochs,
            initial_epoch: self.initial_epoch,
            batch,
            batches: data.count(),
        }
    }
}

/// Loss and metrics of an epoch that is running, kept on the device until somebody wants to see
/// them.
struct EpochSoFar<'a> {
    epoch: usize,
    data: &'a Batches,
    /// The loss of each batch; the first `done` are filled in.
    losses: Tensor,
    metrics: Measurements,
    done: usize,
}

impl<'a> EpochSoFar<'a> {
    fn new(metrics: Measurements, epoch: usize, data: &'a Batches, device: Device) -> Result<Self> {
        Ok(EpochSoFar {
            epoch,
            data,
            losses: Tensor::f_zeros([data.count() as i64], (Kind::Float, device))?,
            metrics,
            done: 0,
        })
    }

    fn add(&mut self, step: &Step, y: &[Tensor]) -> Result<()> {
        self.losses
            .f_narrow(0, self.done as i64, 1)?
            .f_copy_(&step.loss)?;
        self.metrics.update(y, &step.outputs)?;
        self.done += 1;
        Ok(())
    }

    /// Means over the samples so far. This waits for the device.
    ///
    /// A loss that is no number is found here and not batch by batch, which would cost a wait for
    /// each.
    fn logs(&self) -> Result<Logs> {
        let losses = self.losses.f_narrow(0, 0, self.done as i64)?;
        let losses: Vec<f64> = Vec::try_from(losses.f_to_kind(Kind::Double)?)?;
        if let Some(batch) = losses.iter().position(|loss| !loss.is_finite()) {
            return Err(Error::LossNotFinite {
                loss: losses[batch],
                epoch: self.epoch,
                batch: batch + 1,
            });
        }
        let lengths = || (0..self.done).map(|batch| self.data.length(batch) as f64);
        let total: f64 = losses
            .iter()
            .zip(lengths())
            .map(|(loss, length)| loss * length)
            .sum();
        let samples: f64 = lengths().sum();
        let mut values = vec![("loss".to_owned(), total / samples.max(1.0))];
        values.extend(self.metrics.results()?);
        Ok(Logs::sorted(values))
    }
}

#[cfg(test)]
mod tests;

//! Loss and metrics of an epoch that is running, kept on the device until somebody looks.

use tch::{Device, Kind, Tensor};

use super::batches::Batch;
use super::compile::Measurements;
use super::logs::Logs;
use super::step::Step;
use crate::{Error, Result};

/// What has been measured since the epoch began.
pub(crate) struct EpochSoFar {
    /// From 1.
    epoch: usize,
    /// The loss of each batch; the first `done` are filled in.
    losses: Tensor,
    /// Samples of each batch so far.
    lengths: Vec<i64>,
    metrics: Measurements,
}

impl EpochSoFar {
    /// Nothing yet; `steps` is how many batches there will be, if that is known.
    pub(crate) fn new(
        metrics: Measurements,
        epoch: usize,
        steps: Option<usize>,
        device: Device,
    ) -> Result<Self> {
        let room = steps.unwrap_or(1024).max(1) as i64;
        Ok(EpochSoFar {
            epoch,
            losses: Tensor::f_zeros([room], (Kind::Float, device))?,
            lengths: Vec::new(),
            metrics,
        })
    }

    /// Takes a step in; nothing waits for the device.
    pub(crate) fn add(&mut self, step: &Step, batch: &Batch) -> Result<()> {
        let done = self.lengths.len() as i64;
        let room = self.losses.size1()?;
        if done == room {
            self.losses = Tensor::f_cat(&[&self.losses, &self.losses.f_zeros_like()?], 0)?;
        }
        self.losses.f_narrow(0, done, 1)?.f_copy_(&step.loss)?;
        self.metrics.update(batch, &step.outputs, &step.losses)?;
        self.lengths.push(batch.length);
        Ok(())
    }

    /// Batches so far.
    pub(crate) fn done(&self) -> usize {
        self.lengths.len()
    }

    /// Samples so far.
    pub(crate) fn samples(&self) -> i64 {
        self.lengths.iter().sum()
    }

    /// Means over the samples so far. Reading them waits for the device.
    pub(crate) fn logs(&self) -> Result<Logs> {
        self.read().map(|(logs, _)| logs)
    }

    /// The same and the loss of each batch.
    pub(crate) fn read(&self) -> Result<(Logs, Vec<f64>)> {
        let losses = self.losses.f_narrow(0, 0, self.done() as i64)?;
        let losses: Vec<f64> = Vec::try_from(losses.f_to_kind(Kind::Double)?)?;
        let weighted = losses.iter().zip(&self.lengths);
        let total: f64 = weighted.map(|(loss, &length)| loss * length as f64).sum();
        let mut values = vec![("loss".to_owned(), total / self.samples().max(1) as f64)];
        values.extend(self.metrics.results()?);
        Ok((Logs::sorted(values), losses))
    }

    /// The loss of the last batch. Reading it waits for the device.
    pub(crate) fn last_loss(&self) -> Result<Option<f64>> {
        match self.done() {
            0 => Ok(None),
            done => Ok(Some(f64::try_from(self.losses.f_get(done as i64 - 1)?)?)),
        }
    }

    /// The first of these losses that is no number, as an error.
    ///
    /// It is looked for where losses are read anyway: looking in each batch would cost a wait for
    /// each.
    pub(crate) fn check_finite(&self, losses: &[f64]) -> Result<()> {
        match losses.iter().position(|loss| !loss.is_finite()) {
            Some(batch) => Err(Error::LossNotFinite {
                loss: losses[batch],
                epoch: self.epoch,
                batch: batch + 1,
            }),
            None => Ok(()),
        }
    }
}

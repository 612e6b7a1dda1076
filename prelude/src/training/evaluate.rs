//! Measuring and predicting: forward passes in evaluation mode, which change nothing.

use tch::{Device, Tensor};

use super::batches::Batches;
use super::compile::Compiled;
use super::history::Logs;
use super::interrupt;
use crate::{Error, Mode, Result, Sequential};

/// Means over samples do not depend on it, and larger batches than Keras's 32 are faster.
const BATCH_SIZE: usize = 256;

impl Sequential {
    /// Loss and metrics over all samples, under Keras's names.
    ///
    /// # Errors
    /// [`Error::NotCompiled`], and what is wrong with the data: [`Error::LengthMismatch`],
    /// [`Error::LabelOutOfRange`], [`Error::ShapeMismatch`], [`Error::EmptyData`].
    /// [`Error::Interrupted`] if the user stops it.
    pub fn evaluate(&self, x: &Tensor, y: &Tensor) -> Result<Logs> {
        let compiled = self.compiled("evaluate")?;
        self.check_built("evaluate")?;
        let data = self.evaluation_data(compiled, x, y, "evaluate")?;
        measure(self, compiled, &data)
    }

    /// Outputs for all samples, on the CPU: `(n, …)`.
    ///
    /// # Errors
    /// [`Error::NotBuilt`], [`Error::ShapeMismatch`], and [`Error::Interrupted`] if the user stops
    /// it.
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        self.check_built("predict")?;
        let _guard = tch::no_grad_guard();
        let rows = x.size().first().copied().unwrap_or(0);
        if rows == 0 {
            return Err(Error::EmptyData {
                place: "predict".into(),
            });
        }
        let mut outputs = Vec::new();
        for start in (0..rows).step_by(BATCH_SIZE) {
            interrupt::check()?;
            let batch = x.f_narrow(0, start, (rows - start).min(BATCH_SIZE as i64))?;
            let output = self.forward(&batch, Mode::Evaluate)?;
            outputs.push(output.f_to_device(Device::Cpu)?);
        }
        Ok(Tensor::f_cat(&outputs, 0)?)
    }

    /// Data that are checked once before a loop over them begins.
    pub(crate) fn evaluation_data(
        &self,
        compiled: &Compiled,
        x: &Tensor,
        y: &Tensor,
        place: &str,
    ) -> Result<Batches> {
        let data = Batches::new(x, y, BATCH_SIZE, self.device(), place)?;
        if let Some(output) = self.output_shape() {
            compiled.loss.check_targets(y, output, place)?;
        }
        Ok(data)
    }
}

/// Loss and metrics over all batches. Each batch counts by its number of samples.
pub(crate) fn measure(model: &Sequential, compiled: &Compiled, data: &Batches) -> Result<Logs> {
    let _guard = tch::no_grad_guard();
    let mut metrics = compiled.start_metrics();
    let mut total: Option<Tensor> = None;
    let mut samples = 0;
    for index in 0..data.count() {
        interrupt::check()?;
        let (x, y) = data.get(index, None)?;
        let output = model.forward_to_logits(&x, Mode::Evaluate)?;
        let loss = compiled
            .loss
            .mean(&y, &output)?
            .f_mul_scalar(data.length(index))?;
        for metric in &mut metrics {
            metric.update(&y, &output)?;
        }
        samples += data.length(index);
        total = Some(match total {
            Some(mut total) => total.f_add_(&loss)?,
            None => loss,
        });
    }
    let total = total.map_or(Ok(0.0), f64::try_from)?;
    let mut values = vec![("loss".to_owned(), total / samples as f64)];
    for (metric, state) in compiled.metrics.iter().zip(&metrics) {
        values.push((metric.name(), state.result()?));
    }
    Ok(Logs::sorted(values))
}

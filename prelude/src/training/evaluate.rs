//! Measuring and predicting: forward passes in evaluation mode, which change nothing.

use tch::{Device, Tensor};

use super::batches::Batches;
use super::compile::{Compiled, compiled};
use super::interrupt;
use super::logs::Logs;
use crate::model::network::Network;
use crate::{Error, Mode, Result, mixed_precision};

/// Means over samples do not depend on it, and larger batches than Keras's 32 are faster.
const BATCH_SIZE: usize = 256;

/// Loss and metrics over all samples.
pub(crate) fn evaluate(model: &dyn Network, x: &[Tensor], y: &[Tensor]) -> Result<Logs> {
    let compiled = compiled(model, "evaluate")?;
    model.check_built("evaluate")?;
    let data = evaluation_data(model, compiled, x, y, "evaluate")?;
    measure(model, compiled, &data, |_| ())
}

/// Every output for all samples, on the CPU.
pub(crate) fn predict(model: &dyn Network, x: &[Tensor]) -> Result<Vec<Tensor>> {
    model.check_built("predict")?;
    let _guard = tch::no_grad_guard();
    let data = Batches::of_samples(x, BATCH_SIZE, model.device(), "predict")?;
    let mut outputs: Vec<Vec<Tensor>> = Vec::new();
    for index in 0..data.count() {
        interrupt::check()?;
        let batch = data.get(index, None)?;
        let batch = model.compute(&batch.x, Mode::Evaluate)?;
        outputs.resize_with(batch.len(), Vec::new);
        for (output, part) in outputs.iter_mut().zip(batch) {
            output.push(part.f_to_device(Device::Cpu)?);
        }
    }
    outputs
        .iter()
        .map(|parts| Ok(Tensor::f_cat(parts, 0)?))
        .collect()
}

/// Data that are checked once before a loop over them begins.
pub(crate) fn evaluation_data(
    model: &dyn Network,
    compiled: &Compiled,
    x: &[Tensor],
    y: &[Tensor],
    place: &str,
) -> Result<Batches> {
    let data = Batches::new(x, y, BATCH_SIZE, model.device(), place)?;
    compiled.check_targets(y, &model.output_shapes(), place)?;
    Ok(data)
}

/// Loss and metrics over all batches. Each batch counts by its number of samples; `after_batch` is
/// told how many are done.
pub(crate) fn measure(
    model: &dyn Network,
    compiled: &Compiled,
    data: &Batches,
    mut after_batch: impl FnMut(usize),
) -> Result<Logs> {
    let _guard = tch::no_grad_guard();
    let mut metrics = compiled.start_metrics(model.output_names());
    let mut total: Option<Tensor> = None;
    let mut samples = 0;
    for index in 0..data.count() {
        interrupt::check()?;
        let batch = data.get(index, None)?;
        let inputs = model.checked_inputs(&batch.x)?;
        let outputs = mixed_precision::forward(model, &inputs, Mode::Evaluate)?;
        let loss = compiled
            .mean_loss(&batch.y, &outputs, batch.weights.as_ref())?
            .f_mul_scalar(batch.length)?;
        metrics.update(&batch.y, &outputs)?;
        samples += batch.length;
        total = Some(match total {
            Some(mut total) => total.f_add_(&loss)?,
            None => loss,
        });
        after_batch(index + 1);
    }
    let total = total.map_or(Ok(0.0), f64::try_from)?;
    let penalty = model.penalty()?.map_or(Ok(0.0), f64::try_from)?;
    let mut values = vec![("loss".to_owned(), total / samples as f64 + penalty)];
    values.extend(metrics.results()?);
    Ok(Logs::sorted(values))
}

impl Batches {
    /// Samples without targets.
    fn of_samples(x: &[Tensor], batch_size: usize, device: Device, place: &str) -> Result<Self> {
        if x.is_empty() {
            return Err(Error::EmptyData {
                place: place.to_owned(),
            });
        }
        Batches::new(x, &[], batch_size, device, place)
    }
}

//! Single batches, for training loops of one's own.

use tch::{Device, Kind, Tensor};

use super::batches::Batches;
use super::compile::compiled;
use super::epoch::EpochSoFar;
use super::evaluate::{Measured, measure};
use super::logs::Logs;
use super::{interrupt, step};
use crate::model::network::Network;
use crate::{Mode, Result, Shape};

/// One step of training on all rows of `x` and `y`.
pub(super) fn train(model: &mut dyn Network, x: &[Tensor], y: &[Tensor]) -> Result<Logs> {
    let sample = |x: &Tensor| Shape::from(x.size().get(1..).unwrap_or_default());
    let samples: Vec<Shape> = x.iter().map(sample).collect();
    model.build_for(&samples)?;
    interrupt::check()?;
    let batch = checked(model, x, y, "train_on_batch")?.get(0, None)?;
    let compiled = compiled(model, "train_on_batch")?;
    let metrics = compiled.start_metrics(model.output_names())?;
    let mut measured = EpochSoFar::new(metrics, 1, Some(1), model.device())?;
    let variables = model.trainable_variables();
    let step = step::train_on_batch(model, compiled, &variables, &batch)?;
    measured.add(&step, &batch)?;
    let (logs, losses) = measured.read()?;
    measured.check_finite(&losses)?;
    Ok(logs)
}

/// Loss and metrics of all rows as one batch.
pub(super) fn test(model: &dyn Network, x: &[Tensor], y: &[Tensor]) -> Result<Logs> {
    model.check_built("test_on_batch")?;
    let data = checked(model, x, y, "test_on_batch")?;
    let compiled = compiled(model, "test_on_batch")?;
    measure(model, compiled, &Measured::Arrays(data), |_| ())
}

/// Every output for all rows as one batch, on the CPU.
pub(super) fn predict(model: &dyn Network, x: &[Tensor]) -> Result<Vec<Tensor>> {
    model.check_built("predict_on_batch")?;
    let _guard = tch::no_grad_guard();
    let outputs = model.compute(x, Mode::Evaluate)?;
    outputs
        .iter()
        .map(|output| Ok(output.f_to_device(Device::Cpu)?))
        .collect()
}

/// Class numbers of probabilities or scores: the largest of each row, or of a single one whether it
/// is above one half.
pub(super) fn classes(output: &Tensor) -> Result<Tensor> {
    match output.size().last() {
        Some(&1) => {
            let single = output.f_squeeze_dim(-1)?;
            Ok(single.f_gt(0.5)?.f_to_kind(Kind::Int64)?)
        }
        _ => Ok(output.f_argmax(-1, false)?),
    }
}

/// All rows as one batch.
fn checked(model: &dyn Network, x: &[Tensor], y: &[Tensor], place: &str) -> Result<Batches> {
    let rows = x.first().and_then(|x| x.size().first().copied());
    let rows = rows.unwrap_or(0);
    let compiled = compiled(model, "a step")?;
    let data = Batches::new(x, y, rows.max(1) as usize, model.device(), place)?;
    compiled.check_targets(y, &model.output_shapes(), place)?;
    Ok(data)
}

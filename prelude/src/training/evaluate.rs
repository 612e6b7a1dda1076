//! Measuring and predicting: forward passes in evaluation mode, which change nothing.

use tch::{Device, Tensor};

use super::batches::{Batch, Batches};
use super::compile::{Compiled, compiled};
use super::dataset_batches::DatasetBatches;
use super::interrupt;
use super::logs::Logs;
use crate::model::any_layer::AnyLayer;
use crate::model::network::Network;
use crate::{Dataset, Error, Mode, Result, mixed_precision};

/// Samples in a batch: means over samples do not depend on it, and larger batches than Keras's 32 are
/// faster, up to here.
const LARGEST_BATCH: i64 = 512;
const SMALLEST_BATCH: i64 = 32;
/// What the largest output of a layer has for a batch: 64 MB in 32 bits. Large images shall not take
/// more memory for a little speed.
const NUMBERS_OF_A_BATCH: i64 = 1 << 24;

/// How many samples are measured or predicted at a time, unless the user says so.
pub(crate) fn batch_size(model: &dyn Network) -> usize {
    let layers = model.layers();
    let shapes = layers.iter().filter_map(AnyLayer::known_output_shapes);
    let largest = shapes.flatten().map(|shape| shape.numel()).max();
    size_for(largest.unwrap_or(1))
}

fn size_for(numbers_of_a_sample: i64) -> usize {
    let size = NUMBERS_OF_A_BATCH / numbers_of_a_sample.max(1);
    size.clamp(SMALLEST_BATCH, LARGEST_BATCH) as usize
}

/// Loss and metrics over all samples.
pub(crate) fn evaluate(model: &dyn Network, x: &[Tensor], y: &[Tensor]) -> Result<Logs> {
    let compiled = compiled(model, "evaluate")?;
    model.check_built("evaluate")?;
    let data = evaluation_data(model, compiled, (x, y), batch_size(model), "evaluate")?;
    measure(model, compiled, &Measured::Arrays(data), |_| ())
}

/// The same over a dataset.
pub(crate) fn evaluate_dataset(model: &dyn Network, dataset: &Dataset) -> Result<Logs> {
    let compiled = compiled(model, "evaluate_dataset")?;
    model.check_built("evaluate_dataset")?;
    let data = Measured::dataset(model, dataset, None, "evaluate_dataset")?;
    measure(model, compiled, &data, |_| ())
}

/// Every output for all samples, on the CPU.
pub(crate) fn predict(model: &dyn Network, x: &[Tensor]) -> Result<Vec<Tensor>> {
    model.check_built("predict")?;
    let data = Batches::of_samples(x, batch_size(model), model.device(), "predict")?;
    predict_batches(model, (0..data.count()).map(|index| data.get(index, None)))
}

/// The same for a dataset; its targets are left alone.
pub(crate) fn predict_dataset(model: &dyn Network, dataset: &Dataset) -> Result<Vec<Tensor>> {
    model.check_built("predict_dataset")?;
    let untargeted = dataset.clone().map_batch(|mut batch| {
        batch.y.clear();
        Ok(batch)
    });
    let data = DatasetBatches {
        dataset: untargeted,
        classes: None,
        steps: None,
        device: model.device(),
        place: "predict_dataset",
    };
    predict_batches(model, data.all(&|_| Ok(()))?)
}

fn predict_batches(
    model: &dyn Network,
    batches: impl Iterator<Item = Result<Batch>>,
) -> Result<Vec<Tensor>> {
    let _guard = tch::no_grad_guard();
    let mut outputs: Vec<Vec<Tensor>> = Vec::new();
    for batch in batches {
        interrupt::check()?;
        let batch = model.compute(&batch?.x, Mode::Evaluate)?;
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

/// What a model is measured on.
pub(crate) enum Measured {
    Arrays(Batches),
    Dataset(DatasetBatches),
}

impl Measured {
    /// A dataset that has batches, or `steps` of them.
    pub(crate) fn dataset(
        model: &dyn Network,
        dataset: &Dataset,
        steps: Option<usize>,
        place: &'static str,
    ) -> Result<Self> {
        dataset.check()?;
        Ok(Measured::Dataset(DatasetBatches {
            dataset: dataset.clone(),
            classes: None,
            steps,
            device: model.device(),
            place,
        }))
    }

    /// How many batches there are.
    pub(crate) fn count(&self) -> usize {
        match self {
            Measured::Arrays(data) => data.count(),
            Measured::Dataset(data) => data.count(),
        }
    }
}

/// Data that are checked once before a loop over them begins.
pub(crate) fn evaluation_data(
    model: &dyn Network,
    compiled: &Compiled,
    (x, y): (&[Tensor], &[Tensor]),
    batch_size: usize,
    place: &str,
) -> Result<Batches> {
    let data = Batches::new(x, y, batch_size, model.device(), place)?;
    compiled.check_targets(y, &model.output_shapes(), place)?;
    Ok(data)
}

/// Loss and metrics over all batches. Each batch counts by its number of samples; `after_batch` is
/// told how many are done.
pub(crate) fn measure(
    model: &dyn Network,
    compiled: &Compiled,
    data: &Measured,
    after_batch: impl FnMut(usize),
) -> Result<Logs> {
    match data {
        Measured::Arrays(data) => {
            let batches = (0..data.count()).map(|index| data.get(index, None));
            measure_batches(model, compiled, batches, after_batch)
        }
        Measured::Dataset(data) => {
            let outputs = model.output_shapes();
            let check = |y: &[Tensor]| compiled.check_targets(y, &outputs, data.place);
            measure_batches(model, compiled, data.all(&check)?, after_batch)
        }
    }
}

fn measure_batches(
    model: &dyn Network,
    compiled: &Compiled,
    batches: impl Iterator<Item = Result<Batch>>,
    mut after_batch: impl FnMut(usize),
) -> Result<Logs> {
    let _guard = tch::no_grad_guard();
    let mut metrics = compiled.start_metrics(model.output_names())?;
    let mut total: Option<Tensor> = None;
    let mut samples = 0;
    for (index, batch) in batches.enumerate() {
        interrupt::check()?;
        let batch = batch?;
        let inputs = model.checked_inputs(&batch.x)?;
        let outputs = mixed_precision::forward(model, &inputs, Mode::Evaluate)?;
        let mean = compiled.mean_loss(&batch.y, &outputs, batch.weights.as_ref())?;
        metrics.update(&batch, &outputs, &mean.of_outputs)?;
        let loss = mean.total.f_mul_scalar(batch.length)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Conv2D, Input, Sequential};

    #[test]
    fn batches_are_as_large_as_is_fast_and_as_small_as_large_images_ask_for() -> Result<()> {
        for (side, size) in [(28, 512), (100, 419), (1000, 32)] {
            let model =
                Sequential::new([Input::new((side, side, 1)).into(), Conv2D::new(4, 1).into()])?;
            assert_eq!(batch_size(&model), size, "{side}");
        }
        // Without weights, or with a length that is not known.
        assert_eq!(size_for(0), 512);
        assert_eq!(size_for(-128), 512);
        Ok(())
    }
}

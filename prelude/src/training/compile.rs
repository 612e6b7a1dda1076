//! What a model learns by, and what it has learned from.

use std::cell::RefCell;

use tch::Tensor;

use super::history::History;
use crate::losses::{IntoLoss, Loss, Masked, masked_weights};
use crate::metrics::{IntoMetrics, Metric, MetricState};
use crate::mixed_precision::Policy;
use crate::model::layers::ModelOutput;
use crate::model::network::Network;
use crate::optimizers::{IntoOptimizer, Optimizer};
use crate::{Error, Result, Shape};

/// What training keeps in a model: what `compile` has chosen, and what the last `fit` measured.
#[derive(Default)]
pub struct TrainingState {
    pub(crate) compiled: Option<Compiled>,
    pub(crate) history: History,
    pub(crate) policy: Policy,
    /// Of the shuffling of the last `fit`, for one that continues it.
    pub(crate) seed: Option<u32>,
}

/// Loss, optimizer and metrics of a model.
pub(crate) struct Compiled {
    pub(crate) loss: Box<dyn Loss>,
    /// Changed while the model is read: in the middle of a step.
    pub(crate) optimizer: RefCell<Box<dyn Optimizer>>,
    pub(crate) metrics: Vec<Box<dyn Metric>>,
}

impl Compiled {
    pub(crate) fn new(
        loss: impl IntoLoss,
        optimizer: impl IntoOptimizer,
        metrics: impl IntoMetrics,
    ) -> Result<Self> {
        Ok(Compiled {
            loss: loss.into_loss()?,
            optimizer: RefCell::new(optimizer.into_optimizer()?),
            metrics: metrics.into_metrics()?,
        })
    }

    /// Checks all targets once: one array for each output, each as the loss wants it.
    pub(crate) fn check_targets(&self, y: &[Tensor], outputs: &[Shape], place: &str) -> Result<()> {
        if y.len() != outputs.len() {
            return Err(Error::InvalidArgument {
                place: format!("{place}: y"),
                expected: format!("one array of targets for each of {} outputs", outputs.len()),
                received: y.len().to_string(),
            });
        }
        for (y, output) in y.iter().zip(outputs) {
            self.loss.check_targets(y, output, place)?;
        }
        Ok(())
    }

    /// The mean over a batch, of all outputs together; samples count by their weights, if there are
    /// any.
    pub(crate) fn mean_loss(
        &self,
        y: &[Tensor],
        outputs: &[ModelOutput],
        weights: Option<&Tensor>,
    ) -> Result<Tensor> {
        let mut total: Option<Tensor> = None;
        for (y, output) in y.iter().zip(outputs) {
            let shown = masked_weights(weights, output.mask.as_ref(), Masked::Rescaled)?;
            let weights = shown.as_ref().or(weights);
            let loss = self.loss.weighted_mean(y, output, weights)?;
            total = Some(match total {
                Some(total) => total.f_add(&loss)?,
                None => loss,
            });
        }
        total.ok_or_else(|| Error::InvalidArgument {
            place: "loss".into(),
            expected: "a model with at least one output".into(),
            received: "none".into(),
        })
    }

    /// All metrics from zero, for each output of a model.
    pub(crate) fn start_metrics(&self, outputs: Vec<String>) -> Measurements {
        let several = outputs.len() > 1;
        let mut measurements = Vec::new();
        for (output, name) in outputs.into_iter().enumerate() {
            for metric in &self.metrics {
                let key = match several {
                    true => format!("{name}_{}", metric.name()),
                    false => metric.name(),
                };
                measurements.push((key, output, metric.start()));
            }
        }
        Measurements(measurements)
    }
}

/// Metrics in progress: the key in the history, which output, and the state.
pub(crate) struct Measurements(Vec<(String, usize, Box<dyn MetricState>)>);

impl Measurements {
    pub(crate) fn update(&mut self, y: &[Tensor], outputs: &[ModelOutput]) -> Result<()> {
        for (_, output, state) in &mut self.0 {
            if let (Some(y), Some(output)) = (y.get(*output), outputs.get(*output)) {
                state.update(y, output, None)?;
            }
        }
        Ok(())
    }

    /// Keys and values over all batches so far. Reading waits for the device.
    pub(crate) fn results(&self) -> Result<Vec<(String, f64)>> {
        let result = |(key, _, state): &(String, usize, Box<dyn MetricState>)| {
            Ok((key.clone(), state.result()?))
        };
        self.0.iter().map(result).collect()
    }
}

/// What `compile` has chosen for a model, or the error that nothing was chosen before `action`.
pub(crate) fn compiled<'a>(
    model: &'a (impl Network + ?Sized),
    action: &'static str,
) -> Result<&'a Compiled> {
    let compiled = model.training().compiled.as_ref();
    compiled.ok_or_else(|| Error::NotCompiled {
        model: model.name().to_owned(),
        action,
    })
}

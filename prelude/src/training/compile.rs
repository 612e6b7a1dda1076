//! What a model learns by, and what it has learned from.

use std::cell::RefCell;

use tch::Tensor;

use super::history::History;
use crate::losses::{IntoLosses, Loss, Masked, masked_weights};
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

/// Losses, optimizer and metrics of a model.
pub(crate) struct Compiled {
    /// One for all outputs, or one for each.
    pub(crate) losses: Vec<Box<dyn Loss>>,
    /// Changed while the model is read: in the middle of a step.
    pub(crate) optimizer: RefCell<Box<dyn Optimizer>>,
    pub(crate) metrics: Vec<Box<dyn Metric>>,
}

impl Compiled {
    pub(crate) fn new(
        loss: impl IntoLosses,
        optimizer: impl IntoOptimizer,
        metrics: impl IntoMetrics,
    ) -> Result<Self> {
        Ok(Compiled {
            losses: loss.into_losses()?,
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
        let losses = self.losses.len();
        if losses != 1 && losses != outputs.len() {
            return Err(Error::InvalidArgument {
                place: format!("{place}: the loss of compile"),
                expected: format!("one for all outputs, or one for each of {}", outputs.len()),
                received: losses.to_string(),
            });
        }
        for ((y, output), loss) in y.iter().zip(outputs).zip(self.loss_of_outputs()) {
            loss.check_targets(y, output, place)?;
        }
        Ok(())
    }

    /// The loss of the first output, of the second, and so on.
    fn loss_of_outputs(&self) -> impl Iterator<Item = &dyn Loss> {
        self.losses
            .iter()
            .cycle()
            .map(|loss| -> &dyn Loss { loss.as_ref() })
    }

    /// The means over a batch; samples count by their weights, if there are any.
    pub(crate) fn mean_loss(
        &self,
        y: &[Tensor],
        outputs: &[ModelOutput],
        weights: Option<&Tensor>,
    ) -> Result<MeanLoss> {
        let mut total: Option<Tensor> = None;
        let mut of_outputs = Vec::new();
        for ((y, output), loss) in y.iter().zip(outputs).zip(self.loss_of_outputs()) {
            let shown = masked_weights(weights, output.mask.as_ref(), Masked::Rescaled)?;
            let weights = shown.as_ref().or(weights);
            let mean = loss.weighted_mean(y, output, weights)?;
            of_outputs.push(mean.f_detach()?);
            let mean = match loss.weight() {
                1.0 => mean,
                weight => mean.f_mul_scalar(weight)?,
            };
            total = Some(match total {
                Some(total) => total.f_add(&mean)?,
                None => mean,
            });
        }
        let total = total.ok_or_else(|| Error::InvalidArgument {
            place: "loss".into(),
            expected: "a model with at least one output".into(),
            received: "none".into(),
        })?;
        Ok(MeanLoss { total, of_outputs })
    }

    /// All metrics from zero, for each output of a model.
    ///
    /// # Errors
    /// [`Error::UnknownName`] if a metric is for an output that the model does not have.
    pub(crate) fn start_metrics(&self, outputs: Vec<String>) -> Result<Measurements> {
        let several = outputs.len() > 1;
        let mut metrics = Vec::new();
        for name in self.metrics.iter().filter_map(|metric| metric.output()) {
            if !outputs.iter().any(|output| output == name) {
                let known: Vec<&str> = outputs.iter().map(String::as_str).collect();
                return Err(Error::unknown_name("output", name, &known));
            }
        }
        for (output, name) in outputs.iter().enumerate() {
            let is_meant = |only: &str| only == name;
            for metric in &self.metrics {
                if !metric.output().is_none_or(is_meant) {
                    continue;
                }
                let key = match several {
                    true => format!("{name}_{}", metric.name()),
                    false => metric.name(),
                };
                metrics.push((key, output, metric.start()));
            }
        }
        let loss = |name: String| (format!("{name}_loss"), None);
        Ok(Measurements {
            metrics,
            losses: match several {
                true => outputs.into_iter().map(loss).collect(),
                false => Vec::new(),
            },
            samples: 0,
        })
    }
}

/// What a batch costs.
pub(crate) struct MeanLoss {
    /// The sum over the outputs, each times its weight, with its graph of gradients.
    pub(crate) total: Tensor,
    /// Of each output, before its weight counts and without the graph.
    pub(crate) of_outputs: Vec<Tensor>,
}

/// Metrics in progress.
pub(crate) struct Measurements {
    /// The key in the history, which output, and the state.
    metrics: Vec<(String, usize, Box<dyn MetricState>)>,
    /// The key in the history and the sum over all samples, for each of several outputs.
    losses: Vec<(String, Option<Tensor>)>,
    samples: i64,
}

impl Measurements {
    /// Takes a batch of `length` samples in, with the mean loss of each output.
    pub(crate) fn update(
        &mut self,
        y: &[Tensor],
        outputs: &[ModelOutput],
        losses: &[Tensor],
        length: i64,
    ) -> Result<()> {
        self.samples += length;
        for ((_, sum), loss) in self.losses.iter_mut().zip(losses) {
            let loss = loss.f_mul_scalar(length)?;
            *sum = Some(match sum.take() {
                Some(sum) => sum.f_add(&loss)?,
                None => loss,
            });
        }
        for (_, output, state) in &mut self.metrics {
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
        let mean = |(key, sum): &(String, Option<Tensor>)| {
            let sum = sum.as_ref().map_or(Ok(0.0), f64::try_from)?;
            Ok((key.clone(), sum / self.samples.max(1) as f64))
        };
        let losses = self.losses.iter().map(mean);
        self.metrics.iter().map(result).chain(losses).collect()
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

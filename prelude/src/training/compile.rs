//! What a model learns by, and what it has learned from.

use std::cell::RefCell;
use std::collections::HashMap;

use tch::Tensor;

use super::batches::Batch;
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
    /// `outputs` are the names of the model's.
    pub(crate) fn new(
        loss: impl IntoLosses,
        optimizer: impl IntoOptimizer,
        metrics: impl IntoMetrics,
        outputs: &[String],
    ) -> Result<Self> {
        Ok(Compiled {
            losses: loss.into_losses(outputs)?,
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

    /// All metrics from zero, for each output of a model, those that are weighted last. A name that is
    /// taken is told apart as in Keras: `mae_1`, `weighted_mae`.
    ///
    /// # Errors
    /// [`Error::UnknownName`] if a metric is for an output that the model does not have.
    pub(crate) fn start_metrics(&self, outputs: Vec<String>) -> Result<Measurements> {
        let several = outputs.len() > 1;
        for name in self.metrics.iter().filter_map(|metric| metric.output()) {
            if !outputs.iter().any(|output| output == name) {
                let known: Vec<&str> = outputs.iter().map(String::as_str).collect();
                return Err(Error::unknown_name("output", name, &known));
            }
        }
        let mut keys = Keys::default();
        let mut metrics = Vec::new();
        for is_weighted in [false, true] {
            for (output, name) in outputs.iter().enumerate() {
                let is_meant = |only: &str| only == name;
                for metric in &self.metrics {
                    if metric.is_weighted() != is_weighted || !metric.output().is_none_or(is_meant)
                    {
                        continue;
                    }
                    let key = |metric: String| match several {
                        true => format!("{name}_{metric}"),
                        false => metric,
                    };
                    let plain = key(metric.name());
                    let key = match is_weighted && keys.is_taken(&plain) {
                        true => key(format!("weighted_{}", metric.name())),
                        false => plain,
                    };
                    metrics.push(Measurement {
                        key: keys.next(key),
                        output,
                        is_weighted,
                        state: metric.start(),
                    });
                }
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

/// The keys of a history, each of which is given once.
#[derive(Default)]
struct Keys(HashMap<String, usize>);

impl Keys {
    fn is_taken(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The key itself, or with a number behind it.
    fn next(&mut self, key: String) -> String {
        let count = self.0.entry(key.clone()).or_default();
        *count += 1;
        match *count {
            1 => key,
            n => format!("{key}_{}", n - 1),
        }
    }
}

/// What a batch costs.
pub(crate) struct MeanLoss {
    /// The sum over the outputs, each times its weight, with its graph of gradients.
    pub(crate) total: Tensor,
    /// Of each output, before its weight counts and without the graph.
    pub(crate) of_outputs: Vec<Tensor>,
}

/// A metric in progress.
struct Measurement {
    /// In the history.
    key: String,
    /// Which of the model's.
    output: usize,
    /// Whether samples count by their weights.
    is_weighted: bool,
    state: Box<dyn MetricState>,
}

/// Metrics in progress.
pub(crate) struct Measurements {
    metrics: Vec<Measurement>,
    /// The key in the history and the sum over all samples, for each of several outputs.
    losses: Vec<(String, Option<Tensor>)>,
    samples: i64,
}

impl Measurements {
    /// Takes a batch in, with the mean loss of each output.
    pub(crate) fn update(
        &mut self,
        batch: &Batch,
        outputs: &[ModelOutput],
        losses: &[Tensor],
    ) -> Result<()> {
        self.samples += batch.length;
        for ((_, sum), loss) in self.losses.iter_mut().zip(losses) {
            let loss = loss.f_mul_scalar(batch.length)?;
            *sum = Some(match sum.take() {
                Some(sum) => sum.f_add(&loss)?,
                None => loss,
            });
        }
        for metric in &mut self.metrics {
            let weights = batch.weights.as_ref().filter(|_| metric.is_weighted);
            let (y, output) = (batch.y.get(metric.output), outputs.get(metric.output));
            if let (Some(y), Some(output)) = (y, output) {
                metric.state.update(y, output, weights)?;
            }
        }
        Ok(())
    }

    /// Keys and values over all batches so far. Reading waits for the device.
    pub(crate) fn results(&self) -> Result<Vec<(String, f64)>> {
        let result = |metric: &Measurement| Ok((metric.key.clone(), metric.state.result()?));
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

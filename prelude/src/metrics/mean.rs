//! Means over samples: what most metrics are.

use tch::{Kind, Tensor};

use super::MetricState;
use crate::Result;
use crate::losses::{Masked, masked_weights, spread};
use crate::model::layers::ModelOutput;

/// Values of a batch: one per sample, or more, `(batch, …)`.
pub(super) trait Values: Send {
    fn values(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor>;

    /// Their sum, where they are counted at once, one for each sample.
    fn count(&self, y: &Tensor, output: &ModelOutput) -> Result<Option<i64>> {
        let _ = (y, output);
        Ok(None)
    }

    /// What the mean is turned into at the end.
    fn finished(&self, mean: f64) -> f64 {
        mean
    }
}

/// Keras's `Mean` of a metric's values: each sample is the mean of its values and counts by its
/// weight.
pub(super) struct Mean<V> {
    of: V,
    /// On the device, in 64 bits: an epoch has many batches.
    total: Option<Tensor>,
    /// Weights so far, on the device; `samples` where there are none.
    weights: Option<Tensor>,
    samples: i64,
    /// What was counted at once.
    counted: i64,
}

impl<V: Values + 'static> Mean<V> {
    pub(super) fn of(of: V) -> Box<dyn MetricState> {
        Box::new(Mean {
            of,
            total: None,
            weights: None,
            samples: 0,
            counted: 0,
        })
    }
}

impl<V: Values> MetricState for Mean<V> {
    fn update(
        &mut self,
        y: &Tensor,
        output: &ModelOutput,
        sample_weight: Option<&Tensor>,
    ) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let is_plain = sample_weight.is_none() && output.mask.is_none();
        if is_plain && let Some(count) = self.of.count(y, output)? {
            self.counted += count;
            self.samples += y.size().first().copied().unwrap_or(0);
            return Ok(());
        }
        let values = self.of.values(y, output)?;
        let shown = masked_weights(sample_weight, output.mask.as_ref(), Masked::AsIs)?;
        let sample_weight = shown.as_ref().or(sample_weight);
        let rows = values.size().first().copied().unwrap_or(1);
        let Some(weights) = sample_weight else {
            let per_row = (values.numel() as i64 / rows.max(1)).max(1);
            // Counts of hits stay whole numbers until the division.
            let sum = values.f_sum(Kind::Double)?;
            self.samples += rows;
            return add(&mut self.total, sum.f_div_scalar(per_row)?);
        };
        let weights = spread(weights, &values.f_to_kind(Kind::Double)?, "metric")?;
        let weights = weights.f_expand_as(&values)?;
        let weighted = values.f_mul(&weights)?.f_reshape([rows, -1])?;
        let weights = weights.f_reshape([rows, -1])?;
        let row_means = |x: &Tensor| x.f_mean_dim(1i64, false, Kind::Double);
        add(&mut self.total, row_means(&weighted)?.f_sum(Kind::Double)?)?;
        add(&mut self.weights, row_means(&weights)?.f_sum(Kind::Double)?)
    }

    fn result(&self) -> Result<f64> {
        let total = read(&self.total)? + self.counted as f64;
        let count = self.samples as f64 + read(&self.weights)?;
        Ok(self.of.finished(divide_no_nan(total, count)))
    }
}

/// Adds to a sum on the device, which begins with the first value.
pub(super) fn add(sum: &mut Option<Tensor>, value: Tensor) -> Result<()> {
    match sum {
        Some(sum) => drop(sum.f_add_(&value)?),
        None => *sum = Some(value.f_detach()?),
    }
    Ok(())
}

fn read(sum: &Option<Tensor>) -> Result<f64> {
    match sum {
        Some(sum) => Ok(f64::try_from(sum)?),
        None => Ok(0.0),
    }
}

/// 0 where there is nothing to divide by, as Keras has it.
pub(super) fn divide_no_nan(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

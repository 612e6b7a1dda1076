//! Intersection over union, for segmentation.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Tensor};

use super::confusion::count_pairs;
use super::mean::add;
use super::{Metric, MetricState};
use crate::losses::spread;
use crate::model::layers::ModelOutput;
use crate::saving::config::class_config;
use crate::{Error, Result, TensorExt};

/// Of all places that are of a class or predicted as it, the share that is both; the mean over the
/// classes that occur.
///
/// # Shapes
/// - targets: class numbers `(batch, …)`; others than 0 to `num_classes - 1` are not counted
/// - output: `(batch, …, num_classes)`, of which the largest is taken
///
/// # Source
/// Keras 3, `keras.metrics.MeanIoU` with `sparse_y_pred=False`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MeanIoU {
    num_classes: i64,
}

impl MeanIoU {
    /// For this many classes.
    pub fn new(num_classes: i64) -> Self {
        MeanIoU { num_classes }
    }
}

impl Metric for MeanIoU {
    fn name(&self) -> String {
        "mean_io_u".to_owned()
    }

    fn start(&self) -> Box<dyn MetricState> {
        Box::new(Overlap {
            classes: self.num_classes,
            pairs: None,
        })
    }

    fn config(&self) -> Result<Value> {
        class_config("MeanIoU", self)
    }
}

struct Overlap {
    classes: i64,
    /// The confusion matrix so far.
    pairs: Option<Tensor>,
}

impl MetricState for Overlap {
    fn update(
        &mut self,
        y: &Tensor,
        output: &ModelOutput,
        sample_weight: Option<&Tensor>,
    ) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let predicted = output.values.f_argmax(-1, false)?;
        let received = output.values.size().last().copied().unwrap_or(0);
        if received != self.classes || y.numel() != predicted.numel() {
            return Err(Error::ShapeMismatch {
                place: "mean_io_u".into(),
                expected: format!(
                    "class numbers of shape {} and output with a last axis of {}",
                    predicted.shape(),
                    self.classes
                ),
                received: format!("{} and {}", y.shape(), output.values.shape()),
                remedy: "give MeanIoU the model's number of classes, and class numbers".into(),
            });
        }
        let truth = y.f_to_kind(Kind::Int64)?.f_reshape_as(&predicted)?;
        let counted = truth.f_ge(0)?.f_logical_and(&truth.f_lt(self.classes)?)?;
        let mut weights = counted.f_to_kind(Kind::Double)?;
        if let Some(given) = sample_weight {
            weights = weights.f_mul(&spread(given, &weights, "mean_io_u")?)?;
        }
        let flat = |x: &Tensor| x.f_reshape([-1]);
        let truth = truth.f_clamp(0, self.classes - 1)?;
        let pairs = count_pairs(
            &flat(&truth)?,
            &flat(&predicted)?,
            Some(flat(&weights)?),
            self.classes,
        )?;
        add(&mut self.pairs, pairs)
    }

    fn result(&self) -> Result<f64> {
        let Some(pairs) = &self.pairs else {
            return Ok(0.0);
        };
        let read = |x: Tensor| -> Result<Vec<f64>> { Ok(Vec::try_from(x)?) };
        let hits = read(pairs.f_diag(0)?)?;
        let truth = read(pairs.f_sum_dim_intlist(1i64, false, None)?)?;
        let predicted = read(pairs.f_sum_dim_intlist(0i64, false, None)?)?;
        let mut shares = Vec::new();
        for ((hits, truth), predicted) in hits.iter().zip(&truth).zip(&predicted) {
            let union = truth + predicted - hits;
            if union > 0.0 {
                shares.push(hits / union);
            }
        }
        Ok(shares.iter().sum::<f64>() / shares.len().max(1) as f64)
    }
}

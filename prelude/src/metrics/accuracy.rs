//! The share of samples that are predicted right.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Tensor};

use super::mean::{Mean, Values};
use super::{Metric, MetricState};
use crate::losses::aligned;
use crate::model::layers::{ModelOutput, OutputForm};
use crate::native::class_numbers::hits;
use crate::saving::config::class_config;
use crate::{Error, Result, TensorExt};

/// The share of samples whose class is predicted right, from 0 to 1.
///
/// As Keras's `'accuracy'` it looks at the shapes: class numbers or one-hot rows against the
/// largest output, and 0 or 1 against a single output above one half.
///
/// # Source
/// Keras 3, keras/src/trainers/compile_utils.py: `get_metric`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Accuracy;

/// As `{}`, which is how settings are written, whether there are any or not.
impl<'de> Deserialize<'de> for Accuracy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Accuracy)
    }
}

impl Values for Accuracy {
    fn values(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        let (y_size, size) = (y.size(), output.values.size());
        if size.last() == Some(&1) {
            BinaryAccuracy::new().values(y, output)
        } else if y_size.len() < size.len() || y_size.last() == Some(&1) {
            SparseCategoricalAccuracy::new().values(y, output)
        } else {
            CategoricalAccuracy::new().values(y, output)
        }
    }

    fn count(&self, y: &Tensor, output: &ModelOutput) -> Result<Option<i64>> {
        let classes = output.values.size().last().copied();
        let are_numbers = y.dim() < output.values.dim() || y.size().last() == Some(&1);
        match classes != Some(1) && are_numbers {
            true => hits(&output.values, y),
            false => Ok(None),
        }
    }
}

impl Metric for Accuracy {
    fn name(&self) -> String {
        "accuracy".to_owned()
    }

    fn start(&self) -> Box<dyn MetricState> {
        Mean::of(*self)
    }

    fn config(&self) -> Result<Value> {
        class_config("Accuracy", self)
    }
}

/// A metric that is a mean of hits, with at most one setting.
macro_rules! share_of_hits {
    (
        $(#[$doc:meta])*
        $name:ident, $text:literal
        $(, $(#[$setting_doc:meta])* $setting:ident: $type:ty = $default:literal)?;
        |$this:ident, $y:ident, $output:ident| $formula:expr
    ) => {
        $(#[$doc])*
        ///
        /// # Source
        #[doc = concat!("Keras 3, `keras.metrics.", stringify!($name), "`.")]
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($setting: $type,)?
        }

        impl Default for $name {
            fn default() -> Self {
                $name::new()
            }
        }

        impl $name {
            /// With Keras's defaults.
            pub fn new() -> Self {
                $name { $($setting: $default,)? }
            }

            $(
                $(#[$setting_doc])*
                pub fn $setting(mut self, $setting: $type) -> Self {
                    self.$setting = $setting;
                    self
                }
            )?
        }

        impl Values for $name {
            fn values(&self, $y: &Tensor, $output: &ModelOutput) -> Result<Tensor> {
                let $this = self;
                $formula
            }
        }

        impl Metric for $name {
            fn name(&self) -> String {
                $text.to_owned()
            }

            fn start(&self) -> Box<dyn MetricState> {
                Mean::of(self.clone())
            }

            fn config(&self) -> Result<Value> {
                class_config(stringify!($name), self)
            }
        }
    };
}

share_of_hits!(
    /// The share of samples whose class number, `(batch, …)` or `(batch, …, 1)`, has the largest
    /// output.
    SparseCategoricalAccuracy, "sparse_categorical_accuracy";
    |_this, y, output| {
        let predicted = output.values.f_argmax(-1, false)?;
        Ok(predicted.f_eq_tensor(&labels(y, &predicted, "sparse_categorical_accuracy")?)?)
    }
);

share_of_hits!(
    /// The share of samples whose one-hot row is largest where the output is largest.
    CategoricalAccuracy, "categorical_accuracy";
    |_this, y, output| {
        let y = aligned(y, &output.values, "categorical_accuracy")?;
        Ok(output.values.f_argmax(-1, false)?.f_eq_tensor(&y.f_argmax(-1, false)?)?)
    }
);

share_of_hits!(
    /// The share of numbers that are 1 where the output is above the threshold, and 0 where it is
    /// not.
    BinaryAccuracy, "binary_accuracy",
    /// What an output must exceed to count as 1; one half without this call.
    threshold: f64 = 0.5;
    |this, y, output| {
        let y = aligned(y, &output.values, "binary_accuracy")?;
        let yes = exceeds(output, this.threshold)?;
        Ok(yes.f_to_kind(y.kind())?.f_eq_tensor(&y)?)
    }
);

share_of_hits!(
    /// The share of samples whose class, given as a one-hot row, is among the `k` largest outputs.
    TopKCategoricalAccuracy, "top_k_categorical_accuracy",
    /// How many outputs are looked at; 5 without this call.
    k: i64 = 5;
    |this, y, output| {
        let y = aligned(y, &output.values, "top_k_categorical_accuracy")?;
        in_top_k(&y.f_argmax(-1, false)?, &output.values, this.k)
    }
);

share_of_hits!(
    /// The share of samples whose class number is among the `k` largest outputs.
    SparseTopKCategoricalAccuracy, "sparse_top_k_categorical_accuracy",
    /// How many outputs are looked at; 5 without this call.
    k: i64 = 5;
    |this, y, output| {
        let place = "sparse_top_k_categorical_accuracy";
        let labels = labels(y, &output.values.f_select(-1, 0)?, place)?;
        in_top_k(&labels, &output.values, this.k)
    }
);

/// Class numbers in the shape of `like`, which has no axis for the classes.
fn labels(y: &Tensor, like: &Tensor, place: &str) -> Result<Tensor> {
    if y.numel() != like.numel() {
        return Err(Error::ShapeMismatch {
            place: place.to_owned(),
            expected: format!("class numbers of shape {}", like.shape()),
            received: y.shape().to_string(),
            remedy: "for one-hot rows use CategoricalAccuracy".into(),
        });
    }
    Ok(y.f_to_kind(Kind::Int64)?.f_reshape_as(like)?)
}

/// Whether outputs, with their last activation, are above `threshold`.
pub(super) fn exceeds(output: &ModelOutput, threshold: f64) -> Result<Tensor> {
    // A sigmoid is above one half where its argument is above zero.
    if output.form == OutputForm::SigmoidLogits && threshold == 0.5 {
        return Ok(output.values.f_gt(0.0)?);
    }
    Ok(output.activated()?.f_gt(threshold)?)
}

/// Whether fewer than `k` outputs are larger than the one of the label. A label that no output
/// belongs to is never hit: looking for one would wait for the device in each batch.
fn in_top_k(labels: &Tensor, outputs: &Tensor, k: i64) -> Result<Tensor> {
    let classes = outputs.size().last().copied().unwrap_or(0);
    let known = labels.f_clamp(0, classes - 1)?;
    let own = outputs.f_gather(-1, &known.f_unsqueeze(-1)?, false)?;
    let larger = outputs.f_gt_tensor(&own)?;
    let hits = larger
        .f_sum_dim_intlist(-1i64, false, Kind::Int64)?
        .f_lt(k)?;
    Ok(hits.f_logical_and(&known.f_eq_tensor(labels)?)?)
}

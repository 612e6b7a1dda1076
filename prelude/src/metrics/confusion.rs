//! Hits and misses: precision, recall, and the confusion matrix.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Tensor};

use super::accuracy::exceeds;
use super::mean::{add, divide_no_nan};
use super::{Metric, MetricState};
use crate::data::categorical::at_least_one_class;
use crate::losses::{aligned, spread};
use crate::model::layers::ModelOutput;
use crate::saving::config::class_config;
use crate::{Error, Result, TensorExt};

/// Which outputs count as "yes".
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Selection {
    /// One half, or none where the largest are taken.
    threshold: Option<f64>,
    top_k: Option<i64>,
    class_id: Option<i64>,
}

impl Selection {
    /// Targets as 0 and 1, and what is predicted as 0 and 1, in one shape.
    fn apply(&self, y: &Tensor, output: &ModelOutput, place: &str) -> Result<(Tensor, Tensor)> {
        let y = aligned(y, &output.values, place)?.f_ne(0.0)?;
        let mut yes = exceeds(output, self.threshold.unwrap_or(0.5))?;
        if let Some(k) = self.top_k {
            let classes = output.values.size().last().copied().unwrap_or(1);
            let (_, largest) = output.values.f_topk(k.clamp(1, classes), -1, true, false)?;
            let chosen = yes.f_zeros_like()?.f_scatter_value(-1, &largest, 1)?;
            yes = match self.threshold {
                Some(_) => yes.f_logical_and(&chosen)?,
                None => chosen,
            };
        }
        let Some(class) = self.class_id else {
            return Ok((y, yes));
        };
        let classes = y.size().last().copied().unwrap_or(1);
        match (0..classes).contains(&class) && y.dim() > 1 {
            true => Ok((y.f_narrow(-1, class, 1)?, yes.f_narrow(-1, class, 1)?)),
            false => Err(Error::InvalidArgument {
                place: format!("{place}: class_id"),
                expected: format!("a class from 0 to {}", classes - 1),
                received: class.to_string(),
            }),
        }
    }
}

/// Adds up two counts whose quotient is the result.
struct Counts {
    name: &'static str,
    selection: Selection,
    hits: Option<Tensor>,
    misses: Option<Tensor>,
    /// Which misses: "no" that was predicted as yes, or "yes" as no.
    false_positives: bool,
}

impl MetricState for Counts {
    fn update(
        &mut self,
        y: &Tensor,
        output: &ModelOutput,
        sample_weight: Option<&Tensor>,
    ) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let (y, yes) = self.selection.apply(y, output, self.name)?;
        let missed = match self.false_positives {
            true => yes.f_logical_and(&y.f_logical_not()?)?,
            false => y.f_logical_and(&yes.f_logical_not()?)?,
        };
        for (sum, which) in [
            (&mut self.hits, y.f_logical_and(&yes)?),
            (&mut self.misses, missed),
        ] {
            add(sum, weighted_count(&which, sample_weight, self.name)?)?;
        }
        Ok(())
    }

    fn result(&self) -> Result<f64> {
        let (Some(hits), Some(misses)) = (&self.hits, &self.misses) else {
            return Ok(0.0);
        };
        let (hits, misses) = (f64::try_from(hits)?, f64::try_from(misses)?);
        Ok(divide_no_nan(hits, hits + misses))
    }
}

fn weighted_count(which: &Tensor, weights: Option<&Tensor>, place: &str) -> Result<Tensor> {
    match weights {
        None => Ok(which.f_sum(Kind::Double)?),
        Some(weights) => {
            let which = which.f_to_kind(Kind::Double)?;
            let weights = spread(weights, &which, place)?;
            Ok(which.f_mul(&weights)?.f_sum(Kind::Double)?)
        }
    }
}

/// Precision and recall differ in which misses they count.
macro_rules! quotient_of_hits {
    ($(#[$doc:meta])* $name:ident, $text:literal, $false_positives:literal) => {
        $(#[$doc])*
        ///
        /// # Shapes
        /// Targets as the output, 0 or 1: `(batch, …)`; `(batch,)` goes with `(batch, 1)`. Class
        /// numbers become such rows with [`to_categorical`](crate::to_categorical).
        ///
        /// # Example
        /// ```
        /// use torchbook::*;
        ///
        #[doc = concat!("let metric = ", stringify!($name), "::new().class_id(2).threshold(0.8).named(\"sure_of_2\");")]
        /// ```
        ///
        /// # Source
        #[doc = concat!("Keras 3, `keras.metrics.", stringify!($name), "`, with one threshold.")]
        #[derive(Clone, Debug, Default, Serialize, Deserialize)]
        pub struct $name {
            #[serde(flatten)]
            selection: Selection,
        }

        impl $name {
            /// With Keras's defaults: outputs above one half are "yes".
            pub fn new() -> Self {
                $name::default()
            }

            /// What an output must exceed to count as "yes"; one half without this call.
            pub fn threshold(mut self, threshold: f64) -> Self {
                self.selection.threshold = Some(threshold);
                self
            }

            /// Counts the `k` largest outputs of each sample as "yes".
            pub fn top_k(mut self, k: i64) -> Self {
                self.selection.top_k = Some(k);
                self
            }

            /// Looks at one class only, counted from 0.
            pub fn class_id(mut self, class: i64) -> Self {
                self.selection.class_id = Some(class);
                self
            }
        }

        impl Metric for $name {
            fn name(&self) -> String {
                $text.to_owned()
            }

            fn start(&self) -> Box<dyn MetricState> {
                Box::new(Counts {
                    name: $text,
                    selection: self.selection.clone(),
                    hits: None,
                    misses: None,
                    false_positives: $false_positives,
                })
            }

            fn config(&self) -> Result<Value> {
                class_config(stringify!($name), self)
            }
        }
    };
}

quotient_of_hits!(
    /// Of what is predicted as "yes", the share that is.
    Precision, "precision", true
);

quotient_of_hits!(
    /// Of what is "yes", the share that is predicted as such.
    Recall, "recall", false
);

/// How often class `row` was predicted as class `column`: `(classes, classes)`, as 64-bit integers.
///
/// `y_pred` may have class numbers, `(n,)`, or a model's outputs, `(n, classes)`; so may `y_true`.
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::LabelOutOfRange`].
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let truth = Tensor::from_slice(&[0i64, 1, 1, 2]);
/// let predicted = Tensor::from_slice(&[0i64, 1, 2, 2]);
/// let matrix = confusion_matrix(&truth, &predicted, 3)?;
/// assert_eq!(Vec::<i64>::try_from(matrix.reshape([-1]))?, [1, 0, 0, 0, 1, 1, 0, 0, 1]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// scikit-learn, `sklearn.metrics.confusion_matrix`.
pub fn confusion_matrix(y_true: &Tensor, y_pred: &Tensor, classes: i64) -> Result<Tensor> {
    at_least_one_class(classes, "confusion_matrix")?;
    let (truth, predicted) = (class_numbers(y_true)?, class_numbers(y_pred)?);
    if truth.numel() != predicted.numel() {
        return Err(Error::LengthMismatch {
            place: "confusion_matrix".into(),
            first: "y_true".into(),
            first_length: truth.numel() as i64,
            second: "y_pred".into(),
            second_length: predicted.numel() as i64,
        });
    }
    for (numbers, name) in [(&truth, "y_true"), (&predicted, "y_pred")] {
        if numbers.numel() == 0 {
            continue;
        }
        for label in [numbers.f_min()?, numbers.f_max()?] {
            let label = i64::try_from(label)?;
            if !(0..classes).contains(&label) {
                let place = format!("confusion_matrix: {name}");
                return Err(Error::LabelOutOfRange {
                    place,
                    label,
                    classes,
                });
            }
        }
    }
    count_pairs::<Tensor>(
        &truth,
        &predicted.f_to_device(truth.device())?,
        None,
        classes,
    )
}

/// Counts (or adds up weights) per pair of class numbers, which are in range.
pub(super) fn count_pairs<T: std::borrow::Borrow<Tensor>>(
    truth: &Tensor,
    predicted: &Tensor,
    weights: Option<T>,
    classes: i64,
) -> Result<Tensor> {
    let pairs = truth.f_mul_scalar(classes)?.f_add(predicted)?;
    let counts = pairs.f_bincount(weights, classes * classes)?;
    Ok(counts.f_reshape([classes, classes])?)
}

/// Class numbers as they are, or the places of the largest outputs.
fn class_numbers(y: &Tensor) -> Result<Tensor> {
    let numbers = match *y.size() {
        [_] => y.shallow_clone(),
        [_, 1] => y.f_reshape([-1])?,
        [_, classes] if classes > 0 => y.f_argmax(-1, false)?,
        _ => {
            return Err(Error::ShapeMismatch {
                place: "confusion_matrix".into(),
                expected: "class numbers of shape (n,) or outputs of shape (n, classes)".into(),
                received: y.shape().to_string(),
                remedy: "reshape to one row per sample".into(),
            });
        }
    };
    Ok(numbers.f_to_kind(Kind::Int64)?)
}

//! Cross-entropies, computed from logits where there are any.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Reduction, Tensor};

use super::targets::{finite, labels_in_range};
use super::{EPSILON, Loss, aligned, same_shape};
use crate::model::layers::{ModelOutput, OutputForm};
use crate::native::class_numbers::crossentropy;
use crate::saving::config::class_config;
use crate::{Error, Result, Shape, TensorExt};

/// What libtorch skips where no class is to be ignored.
const NO_LABEL: i64 = -100;

/// Constructors that the cross-entropies share.
macro_rules! crossentropy {
    ($name:ident) => {
        impl $name {
            /// For a model that ends in probabilities.
            pub fn new() -> Self {
                $name::default()
            }

            /// For a model whose last layer has no softmax or sigmoid. Where the last layer has
            /// one, the loss is computed from what comes before it without being told.
            pub fn from_logits(mut self, from_logits: bool) -> Self {
                self.from_logits = from_logits;
                self
            }
        }
    };
}

/// Label smoothing, which two of them have.
macro_rules! label_smoothing {
    ($name:ident) => {
        impl $name {
            /// How far targets are moved towards the even distribution, from 0 to 1; 0 without this
            /// call.
            pub fn label_smoothing(mut self, label_smoothing: f64) -> Self {
                self.label_smoothing = label_smoothing;
                self
            }

            /// Targets, moved towards `even`.
            fn smoothed(&self, y: Tensor, even: f64) -> Result<Tensor> {
                match self.label_smoothing {
                    0.0 => Ok(y),
                    share => Ok(y.f_mul_scalar(1.0 - share)?.f_add_scalar(share * even)?),
                }
            }

            fn check_smoothing(&self) -> Result<()> {
                match (0.0..=1.0).contains(&self.label_smoothing) {
                    true => Ok(()),
                    false => Err(Error::InvalidArgument {
                        place: format!("{}: label_smoothing", stringify!($name)),
                        expected: "a share from 0 to 1".into(),
                        received: self.label_smoothing.to_string(),
                    }),
                }
            }
        }
    };
}

/// Cross-entropy for class numbers: `-ln p(label)`, in nats.
///
/// Where the model ends in a softmax, the loss is computed from what comes before it.
///
/// # Shapes
/// - targets: `(batch, …)` or `(batch, …, 1)`, whole numbers from 0
/// - output: `(batch, …, classes)`
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let mut model = Sequential::new([Input::new(4).into(), Dense::new(3).into()])?;
/// model.compile(SparseCategoricalCrossentropy::new().from_logits(true), Adam::new(), ())?;
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.losses.SparseCategoricalCrossentropy`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SparseCategoricalCrossentropy {
    from_logits: bool,
    ignore_class: Option<i64>,
}

crossentropy!(SparseCategoricalCrossentropy);

impl SparseCategoricalCrossentropy {
    /// A label, such as -1 or 255, that says "not to be learned": such samples do not count.
    pub fn ignore_class(mut self, label: i64) -> Self {
        self.ignore_class = Some(label);
        self
    }

    fn reduced(&self, y: &Tensor, output: &ModelOutput, reduction: Reduction) -> Result<Tensor> {
        let labels = y.f_reshape([-1])?.f_to_kind(Kind::Int64)?;
        let log_probabilities = log_probabilities(output, self.from_logits)?;
        let classes = log_probabilities.size().last().copied().unwrap_or(1);
        let rows = log_probabilities.f_reshape([-1, classes])?;
        if rows.size()[0] != labels.size()[0] {
            return Err(Error::ShapeMismatch {
                place: self.name().into(),
                expected: format!("one label for each of {} outputs", rows.size()[0]),
                received: format!("labels of shape {}", y.shape()),
                remedy: "for one-hot targets use CategoricalCrossentropy".into(),
            });
        }
        let ignored = self.ignore_class.unwrap_or(NO_LABEL);
        Ok(rows.f_nll_loss::<Tensor>(&labels, None, reduction, ignored)?)
    }
}

impl Loss for SparseCategoricalCrossentropy {
    fn name(&self) -> &str {
        "sparse_categorical_crossentropy"
    }

    fn values(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        let values = self.reduced(y, output, Reduction::None)?;
        let shape = output.values.size();
        Ok(values.f_reshape(shape.split_last().map_or(&[][..], |(_, outer)| outer))?)
    }

    fn mean(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        let are_logits = self.from_logits || output.form == OutputForm::SoftmaxLogits;
        if are_logits
            && self.ignore_class.is_none()
            && let Some(loss) = crossentropy(&output.values, y)?
        {
            return Ok(loss);
        }
        // Ignored samples are not counted by libtorch, as they are not by Keras.
        self.reduced(y, output, Reduction::Mean)
    }

    fn weighted_mean(
        &self,
        y: &Tensor,
        output: &ModelOutput,
        sample_weight: Option<&Tensor>,
    ) -> Result<Tensor> {
        let Some(weights) = sample_weight else {
            return self.mean(y, output);
        };
        let values = self.values(y, output)?;
        let weighted = values.f_mul(&super::spread(weights, &values, self.name())?)?;
        match self.ignore_class {
            None => Ok(weighted.f_mean(None)?),
            Some(ignored) => {
                let counted = y.f_ne(ignored)?.f_sum(Kind::Float)?;
                Ok(weighted.f_sum(None)?.f_div(&counted.f_clamp_min(1.0)?)?)
            }
        }
    }

    fn check_targets(&self, y: &Tensor, output: &Shape, place: &str) -> Result<()> {
        let y_size = y.size();
        let flat = matches!(*y_size, [_] | [_, 1]);
        let Some((&classes, outer)) = output.split_last() else {
            return Err(needs_classes(self.name(), output));
        };
        let samples = y_size.get(1..).unwrap_or_default();
        let fits = samples == outer
            || samples.split_last() == Some((&1, outer))
            || flat && outer.is_empty();
        if !fits && flat {
            return Err(needs_classes(self.name(), output));
        }
        if !fits {
            return Err(Error::ShapeMismatch {
                place: format!("{place}: {}", self.name()),
                expected: match outer {
                    [] => "labels of shape (n,) or (n, 1)".into(),
                    _ => format!("labels of shape {}", Shape::from(outer).per_sample()),
                },
                received: y.shape().to_string(),
                remedy: "for one-hot targets use CategoricalCrossentropy".into(),
            });
        }
        labels_in_range(y, classes, self.ignore_class, place)
    }

    fn config(&self) -> Result<Value> {
        class_config("SparseCategoricalCrossentropy", self)
    }
}

fn needs_classes(name: &str, output: &Shape) -> Error {
    Error::ShapeMismatch {
        place: name.to_owned(),
        expected: "a model with output of shape (batch, classes)".into(),
        received: output.per_sample(),
        remedy: "add Flatten::new() before the dense layers".into(),
    }
}

/// Cross-entropy for one-hot rows or probabilities: `-Σ y ln p`, in nats.
///
/// # Shapes
/// Targets as the output: `(batch, …, classes)`.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let loss = CategoricalCrossentropy::new().label_smoothing(0.1);
/// let y = to_categorical(&Tensor::from_slice(&[2i64, 0]), 3)?;
/// loss.check_targets(&y, &3.into(), "fit")?;
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.losses.CategoricalCrossentropy`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CategoricalCrossentropy {
    from_logits: bool,
    label_smoothing: f64,
}

crossentropy!(CategoricalCrossentropy);
label_smoothing!(CategoricalCrossentropy);

impl Loss for CategoricalCrossentropy {
    fn name(&self) -> &str {
        "categorical_crossentropy"
    }

    fn values(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        let log_probabilities = log_probabilities(output, self.from_logits)?;
        let classes = log_probabilities.size().last().copied().unwrap_or(1);
        let y = aligned(y, &log_probabilities, self.name())?;
        let y = self.smoothed(y, 1.0 / classes as f64)?;
        let products = y.f_mul(&log_probabilities)?;
        Ok(products.f_sum_dim_intlist(-1i64, false, None)?.f_neg()?)
    }

    fn check_targets(&self, y: &Tensor, output: &Shape, place: &str) -> Result<()> {
        self.check_smoothing()?;
        let remedy = "for class numbers use SparseCategoricalCrossentropy";
        same_shape(y, output, &format!("{place}: {}", self.name()), remedy)
    }

    fn config(&self) -> Result<Value> {
        class_config("CategoricalCrossentropy", self)
    }
}

/// Cross-entropy for yes or no: `-(y ln p + (1 - y) ln (1 - p))`, in nats, mean over the last axis.
///
/// # Shapes
/// Targets as the output, with values from 0 to 1; `(batch,)` goes with an output of `(batch, 1)`.
///
/// # Source
/// Keras 3, `keras.losses.BinaryCrossentropy`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BinaryCrossentropy {
    from_logits: bool,
    label_smoothing: f64,
}

crossentropy!(BinaryCrossentropy);
label_smoothing!(BinaryCrossentropy);

impl BinaryCrossentropy {
    fn reduced(&self, y: &Tensor, output: &ModelOutput, reduction: Reduction) -> Result<Tensor> {
        let values = &output.values;
        let y = self.smoothed(aligned(y, values, self.name())?, 0.5)?;
        if self.from_logits || output.form == OutputForm::SigmoidLogits {
            return Ok(
                values.f_binary_cross_entropy_with_logits::<Tensor>(&y, None, None, reduction)?
            );
        }
        let values = output.activated()?.f_clamp(EPSILON, 1.0 - EPSILON)?;
        Ok(values.f_binary_cross_entropy::<Tensor>(&y, None, reduction)?)
    }
}

impl Loss for BinaryCrossentropy {
    fn name(&self) -> &str {
        "binary_crossentropy"
    }

    fn values(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        let values = self.reduced(y, output, Reduction::None)?;
        Ok(values.f_mean_dim(-1i64, false, None)?)
    }

    fn mean(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        self.reduced(y, output, Reduction::Mean)
    }

    fn check_targets(&self, y: &Tensor, output: &Shape, place: &str) -> Result<()> {
        self.check_smoothing()?;
        let remedy = "pass one target per output";
        same_shape(y, output, &format!("{place}: {}", self.name()), remedy)?;
        finite(y, place)?;
        if y.numel() == 0 {
            return Ok(());
        }
        for extreme in [f64::try_from(y.f_min()?)?, f64::try_from(y.f_max()?)?] {
            if !(0.0..=1.0).contains(&extreme) {
                return Err(Error::InvalidArgument {
                    place: format!("{place}: {}", self.name()),
                    expected: "targets from 0 (no) to 1 (yes)".into(),
                    received: extreme.to_string(),
                });
            }
        }
        Ok(())
    }

    fn config(&self) -> Result<Value> {
        class_config("BinaryCrossentropy", self)
    }
}

/// ln p along the last axis, from logits where there are any.
fn log_probabilities(output: &ModelOutput, from_logits: bool) -> Result<Tensor> {
    if from_logits || output.form == OutputForm::SoftmaxLogits {
        return Ok(output.values.f_log_softmax(-1, None)?);
    }
    let values = output.activated()?;
    let sum = values.f_sum_dim_intlist(-1i64, true, None)?;
    Ok(values
        .f_div(&sum)?
        .f_clamp(EPSILON, 1.0 - EPSILON)?
        .f_log()?)
}

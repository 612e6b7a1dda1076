//! What `fit` makes small, with Keras's names and numbers.
//!
//! Each is the mean over the batch, so that an epoch's loss is the mean over its samples.

use tch::{Kind, Reduction, Tensor};

use crate::model::layers::{ModelOutput, OutputForm};
use crate::{Error, Result, Shape, TensorExt};

/// Keras keeps probabilities this far from 0 and 1 before it takes their logarithm.
const EPSILON: f64 = 1e-7;

/// A measure of how wrong a model's output is.
pub trait Loss: Send {
    /// Keras's name.
    fn name(&self) -> &'static str;

    /// The mean over a batch of targets `y` and outputs, as a tensor of one element.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the two do not fit together.
    fn mean(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor>;

    /// Looks at all targets once before training: `output` is the shape of one output sample.
    ///
    /// # Errors
    /// [`Error::LabelOutOfRange`] or [`Error::ShapeMismatch`] if a batch of them could not be
    /// learned.
    fn check_targets(&self, y: &Tensor, output: &Shape, place: &str) -> Result<()>;
}

/// What `compile` accepts as a loss: a value such as [`SparseCategoricalCrossentropy`], or Keras's
/// name as text.
pub trait IntoLoss {
    /// The loss itself.
    ///
    /// # Errors
    /// [`Error::UnknownName`] lists the names that are known.
    fn into_loss(self) -> Result<Box<dyn Loss>>;
}

impl<L: Loss + 'static> IntoLoss for L {
    fn into_loss(self) -> Result<Box<dyn Loss>> {
        Ok(Box::new(self))
    }
}

impl IntoLoss for &str {
    fn into_loss(self) -> Result<Box<dyn Loss>> {
        Ok(match self {
            "sparse_categorical_crossentropy" => Box::new(SparseCategoricalCrossentropy::new()),
            "categorical_crossentropy" => Box::new(CategoricalCrossentropy::new()),
            "binary_crossentropy" => Box::new(BinaryCrossentropy::new()),
            "mean_squared_error" | "mse" => Box::new(MeanSquaredError::new()),
            "mean_absolute_error" | "mae" => Box::new(MeanAbsoluteError::new()),
            _ => {
                return Err(Error::UnknownName {
                    what: "loss",
                    received: self.to_owned(),
                    known: "sparse_categorical_crossentropy, categorical_crossentropy, binary_crossentropy, \
                            mean_squared_error (mse), mean_absolute_error (mae)"
                        .into(),
                });
            }
        })
    }
}

/// Constructors that the cross-entropies share.
macro_rules! crossentropy {
    ($name:ident) => {
        impl $name {
            /// For a model that ends in probabilities.
            pub fn new() -> Self {
                $name::default()
            }

            /// For a model whose last layer has no softmax or sigmoid.
            pub fn from_logits(mut self, from_logits: bool) -> Self {
                self.from_logits = from_logits;
                self
            }
        }
    };
}

/// Cross-entropy for class numbers: `-ln p(label)`, in nats.
///
/// Where the model ends in a softmax, the loss is computed from what comes before it.
///
/// # Shapes
/// - targets: `(batch,)` or `(batch, 1)`, whole numbers from 0
/// - output: `(batch, classes)`
///
/// # Source
/// Keras 3, `keras.losses.SparseCategoricalCrossentropy`.
#[derive(Clone, Debug, Default)]
pub struct SparseCategoricalCrossentropy {
    from_logits: bool,
}

crossentropy!(SparseCategoricalCrossentropy);

impl Loss for SparseCategoricalCrossentropy {
    fn name(&self) -> &'static str {
        "sparse_categorical_crossentropy"
    }

    fn mean(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        let labels = y.f_reshape([-1])?.f_to_kind(Kind::Int64)?;
        let log_probabilities = log_probabilities(output, self.from_logits)?;
        Ok(log_probabilities.f_nll_loss::<Tensor>(&labels, None, Reduction::Mean, -100)?)
    }

    fn check_targets(&self, y: &Tensor, output: &Shape, place: &str) -> Result<()> {
        let &[classes] = &**output else {
            return Err(Error::ShapeMismatch {
                place: self.name().into(),
                expected: "a model with output of shape (batch, classes)".into(),
                received: output.per_sample(),
                remedy: "add Flatten::new() before the dense layers".into(),
            });
        };
        if !matches!(*y.size(), [_] | [_, 1]) {
            return Err(Error::ShapeMismatch {
                place: format!("{place}: {}", self.name()),
                expected: "labels of shape (n,) or (n, 1)".into(),
                received: y.shape().to_string(),
                remedy: "for one-hot targets use CategoricalCrossentropy".into(),
            });
        }
        if y.numel() == 0 {
            return Ok(());
        }
        for extreme in [y.f_min()?, y.f_max()?] {
            let label = f64::try_from(extreme)?;
            if !(0.0..classes as f64).contains(&label) {
                return Err(Error::LabelOutOfRange {
                    place: place.to_owned(),
                    label: label as i64,
                    classes,
                });
            }
        }
        Ok(())
    }
}

/// Cross-entropy for one-hot rows or probabilities: `-Σ y ln p`, in nats.
///
/// # Shapes
/// Targets as the output: `(batch, classes)`.
///
/// # Source
/// Keras 3, `keras.losses.CategoricalCrossentropy`.
#[derive(Clone, Debug, Default)]
pub struct CategoricalCrossentropy {
    from_logits: bool,
}

crossentropy!(CategoricalCrossentropy);

impl Loss for CategoricalCrossentropy {
    fn name(&self) -> &'static str {
        "categorical_crossentropy"
    }

    fn mean(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        let log_probabilities = log_probabilities(output, self.from_logits)?;
        let y = y.f_to_kind(Kind::Float)?;
        let per_sample = y
            .f_mul(&log_probabilities)?
            .f_sum_dim_intlist(-1i64, false, None)?;
        Ok(per_sample.f_mean(None)?.f_neg()?)
    }

    fn check_targets(&self, y: &Tensor, output: &Shape, place: &str) -> Result<()> {
        let remedy = "for class numbers use SparseCategoricalCrossentropy";
        same_shape(y, output, &format!("{place}: {}", self.name()), remedy)
    }
}

/// Cross-entropy for yes or no: `-(y ln p + (1 - y) ln (1 - p))`, in nats, mean over all elements.
///
/// # Shapes
/// Targets as the output, with values from 0 to 1; `(batch,)` goes with an output of `(batch, 1)`.
///
/// # Source
/// Keras 3, `keras.losses.BinaryCrossentropy`.
#[derive(Clone, Debug, Default)]
pub struct BinaryCrossentropy {
    from_logits: bool,
}

crossentropy!(BinaryCrossentropy);

impl Loss for BinaryCrossentropy {
    fn name(&self) -> &'static str {
        "binary_crossentropy"
    }

    fn mean(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        let y = y.f_to_kind(Kind::Float)?.f_reshape_as(&output.values)?;
        let (values, mean) = (&output.values, Reduction::Mean);
        if self.from_logits || output.form == OutputForm::SigmoidLogits {
            return Ok(values.f_binary_cross_entropy_with_logits::<Tensor>(&y, None, None, mean)?);
        }
        let values = values.f_clamp(EPSILON, 1.0 - EPSILON)?;
        Ok(values.f_binary_cross_entropy::<Tensor>(&y, None, mean)?)
    }

    fn check_targets(&self, y: &Tensor, output: &Shape, place: &str) -> Result<()> {
        same_shape(
            y,
            output,
            &format!("{place}: {}", self.name()),
            "pass one target per output",
        )
    }
}

/// Losses that compare output and target element by element.
macro_rules! elementwise {
    ($(#[$doc:meta])* $name:ident, $text:literal, |$difference:ident| $formula:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $name;

        impl $name {
            /// The loss, which has no settings.
            pub fn new() -> Self {
                $name
            }
        }

        impl Loss for $name {
            fn name(&self) -> &'static str {
                $text
            }

            fn mean(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
                let output = output.activated()?;
                let y = y.f_to_kind(Kind::Float)?.f_reshape_as(&output)?;
                let $difference = output.f_sub(&y)?;
                Ok($formula.f_mean(None)?)
            }

            fn check_targets(&self, y: &Tensor, output: &Shape, place: &str) -> Result<()> {
                same_shape(y, output, &format!("{place}: {}", self.name()), "pass one target per output")
            }
        }
    };
}

elementwise!(
    /// Mean of (output - target)².
    ///
    /// # Source
    /// Keras 3, `keras.losses.MeanSquaredError`.
    MeanSquaredError,
    "mean_squared_error",
    |difference| difference.f_square()?
);

elementwise!(
    /// Mean of |output - target|.
    ///
    /// # Source
    /// Keras 3, `keras.losses.MeanAbsoluteError`.
    MeanAbsoluteError,
    "mean_absolute_error",
    |difference| difference.f_abs()?
);

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

fn same_shape(y: &Tensor, output: &Shape, place: &str, remedy: &str) -> Result<()> {
    let received = y.size();
    let rows = received.first().copied().unwrap_or(0);
    let fits = received.get(1..) == Some(output)
        || rows * output.numel() == y.numel() as i64 && output.numel() == 1;
    match fits {
        true => Ok(()),
        false => Err(Error::ShapeMismatch {
            place: place.to_owned(),
            expected: format!("targets of shape {}", output.per_sample()),
            received: y.shape().to_string(),
            remedy: remedy.to_owned(),
        }),
    }
}

impl ModelOutput {
    /// The output with its last activation applied.
    ///
    /// # Errors
    /// [`Error::Torch`] if libtorch refuses.
    pub fn activated(&self) -> Result<Tensor> {
        Ok(match self.form {
            OutputForm::Values => self.values.shallow_clone(),
            OutputForm::SoftmaxLogits => self.values.f_softmax(-1, None)?,
            OutputForm::SigmoidLogits => self.values.f_sigmoid()?,
        })
    }
}

#[cfg(test)]
mod tests;

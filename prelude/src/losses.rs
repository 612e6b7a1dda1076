//! What `fit` makes small, with Keras's names, numbers and reduction.
//!
//! Here are the trait, the reduction and Keras's names; the formulas are in `crossentropy.rs`,
//! `regression.rs`, `hinge.rs` and `custom.rs`, the checks of targets in `targets.rs`, losses of several
//! outputs in `of_outputs.rs`.

mod crossentropy;
mod custom;
mod hinge;
mod of_outputs;
mod regression;
mod targets;

use serde_json::Value;
use tch::{Kind, Tensor};

pub use crossentropy::{
    BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy,
};
pub use custom::CustomLoss;
pub use hinge::{CategoricalHinge, Hinge, SquaredHinge};
pub use of_outputs::IntoLosses;
pub(crate) use of_outputs::from_weighted_config;
pub(crate) use regression::cosine;
pub use regression::{
    CosineSimilarity, Huber, KLDivergence, LogCosh, MeanAbsoluteError, MeanAbsolutePercentageError,
    MeanSquaredError, MeanSquaredLogarithmicError, Poisson,
};
pub(crate) use targets::{aligned, same_shape};

use crate::model::layers::{ModelOutput, OutputForm};
use crate::saving::config::from_class;
use crate::{Error, Result, Shape, TensorExt};

/// Keras keeps probabilities this far from 0 and 1 before it takes their logarithm
/// (`keras.config.epsilon()`).
pub(crate) const EPSILON: f64 = 1e-7;

/// A measure of how wrong a model's output is.
pub trait Loss: Send {
    /// Keras's name.
    fn name(&self) -> &str;

    /// What it is multiplied with where the losses of a model's outputs are added up: 1, unless
    /// [`weighted`](IntoLoss::weighted) says otherwise.
    fn weight(&self) -> f64 {
        1.0
    }

    /// The loss of each sample: `(batch,)`, or `(batch, …)` if an output has more axes than the one
    /// that the loss runs over. Keras's `reduction="none"`.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the two do not fit together.
    fn values(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor>;

    /// The mean over a batch of targets `y` and outputs, as a tensor of one element.
    ///
    /// # Errors
    /// As [`values`](Loss::values).
    fn mean(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        Ok(self.values(y, output)?.f_mean(None)?)
    }

    /// The sum of all losses times their weights, divided by their *number*: Keras's
    /// `reduction="sum_over_batch_size"`, in which weights of 2 count double and do not cancel.
    ///
    /// `sample_weight` has a weight for each sample, `(batch,)`, or for each value of
    /// [`values`](Loss::values).
    ///
    /// # Errors
    /// As [`values`](Loss::values).
    fn weighted_mean(
        &self,
        y: &Tensor,
        output: &ModelOutput,
        sample_weight: Option<&Tensor>,
    ) -> Result<Tensor> {
        match sample_weight {
            Some(weights) => {
                let values = self.values(y, output)?;
                let weights = spread(weights, &values, self.name())?;
                Ok(values.f_mul(&weights)?.f_mean(None)?)
            }
            None => self.mean(y, output),
        }
    }

    /// Looks at all targets once before training: `output` is the shape of one output sample.
    ///
    /// # Errors
    /// [`Error::LabelOutOfRange`], [`Error::ShapeMismatch`] or [`Error::InvalidArgument`] if a
    /// batch of them could not be learned.
    fn check_targets(&self, y: &Tensor, output: &Shape, place: &str) -> Result<()>;

    /// Class and settings, as a saved model keeps them.
    ///
    /// # Errors
    /// [`Error::NotSaveable`], unless it is overridden.
    fn config(&self) -> Result<Value> {
        Err(Error::NotSaveable {
            what: format!("the loss `{}`", self.name()),
            remedy: "after load_model, call compile(…) with it".into(),
        })
    }
}

/// What `compile` accepts as a loss: a value such as [`SparseCategoricalCrossentropy`], or Keras's
/// name as text.
pub trait IntoLoss {
    /// The loss itself.
    ///
    /// # Errors
    /// [`Error::UnknownName`] lists the names that are known.
    fn into_loss(self) -> Result<Box<dyn Loss>>;

    /// The loss that counts so much beside those of a model's other outputs: Keras's
    /// `loss_weights`. An example is at [`IntoLosses`].
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a weight below 0 or one that is no number.
    fn weighted(self, weight: f64) -> Result<Box<dyn Loss>>
    where
        Self: Sized,
    {
        let loss = self.into_loss()?;
        of_outputs::check_weight(&*loss, weight)?;
        Ok(Box::new(of_outputs::Weighted { loss, weight }))
    }
}

impl<L: Loss + 'static> IntoLoss for L {
    fn into_loss(self) -> Result<Box<dyn Loss>> {
        Ok(Box::new(self))
    }
}

impl IntoLoss for Box<dyn Loss> {
    fn into_loss(self) -> Result<Box<dyn Loss>> {
        Ok(self)
    }
}

impl IntoLoss for &str {
    fn into_loss(self) -> Result<Box<dyn Loss>> {
        by_name(self)
    }
}

/// The list from which names, and what is saved, become losses.
macro_rules! known_losses {
    ($($name:ident: $text:literal $(| $alias:literal)*,)*) => {
        /// By the name of a Keras function, such as `mse`.
        fn by_name(name: &str) -> Result<Box<dyn Loss>> {
            match name {
                $($text $(| $alias)* => Ok(Box::new($name::new())),)*
                _ => Err(Error::unknown_name("loss", name, &NAMES)),
            }
        }

        /// Keras's names and short forms.
        const NAMES: [&str; [$($text $(, $alias)*),*].len()] = [$($text $(, $alias)*),*];

        /// Makes a loss from what [`Loss::config`] gave.
        pub(crate) fn from_config(config: &Value) -> Result<Box<dyn Loss>> {
            $(if let Some(loss) = from_class::<$name>(config, stringify!($name))? {
                return Ok(Box::new(loss));
            })*
            Err(crate::saving::config::unknown_class("loss", config))
        }
    };
}

known_losses! {
    SparseCategoricalCrossentropy: "sparse_categorical_crossentropy",
    CategoricalCrossentropy: "categorical_crossentropy",
    BinaryCrossentropy: "binary_crossentropy",
    MeanSquaredError: "mean_squared_error" | "mse",
    MeanAbsoluteError: "mean_absolute_error" | "mae",
    MeanAbsolutePercentageError: "mean_absolute_percentage_error" | "mape",
    MeanSquaredLogarithmicError: "mean_squared_logarithmic_error" | "msle",
    Huber: "huber",
    LogCosh: "log_cosh" | "logcosh",
    KLDivergence: "kl_divergence" | "kld",
    Poisson: "poisson",
    CosineSimilarity: "cosine_similarity",
    Hinge: "hinge",
    SquaredHinge: "squared_hinge",
    CategoricalHinge: "categorical_hinge",
}

/// What a position that counts weighs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Masked {
    /// 1.
    AsIs,
    /// So much more that the mean over all positions is the mean over those that count.
    Rescaled,
}

/// Weights of samples, `(batch,)` or `(batch, steps)`, together with a mask of their positions,
/// `(batch, steps)`: 0 where a position is masked. `None` without a mask.
///
/// # Source
/// Keras 3, keras/src/losses/loss.py, `apply_mask`.
pub(crate) fn masked_weights(
    weights: Option<&Tensor>,
    mask: Option<&Tensor>,
    masked: Masked,
) -> Result<Option<Tensor>> {
    let Some(mask) = mask else {
        return Ok(None);
    };
    let mut shown = mask.f_to_kind(Kind::Float)?;
    if masked == Masked::Rescaled {
        // Where nothing counts, the weights are 0 times anything.
        let valid = shown.f_sum(Kind::Float)?.f_clamp_min(1.0)?;
        shown = shown.f_mul_scalar(mask.numel() as i64)?.f_div(&valid)?;
    }
    Ok(Some(match weights {
        Some(weights) => shown.f_mul(&spread(weights, &shown, "mask")?)?,
        None => shown,
    }))
}

/// Weights in a shape that multiplies `values` as Keras does it: one per sample, or one per value.
pub(crate) fn spread(weights: &Tensor, values: &Tensor, place: &str) -> Result<Tensor> {
    let (mut shape, wanted) = (weights.size(), values.size());
    if shape.len() == wanted.len() + 1 && shape.last() == Some(&1) {
        shape.pop();
    }
    if shape.len() > wanted.len() || shape.first() != wanted.first() {
        return Err(Error::ShapeMismatch {
            place: format!("{place}: sample_weight"),
            expected: format!("weights of shape ({},) or {}", wanted[0], values.shape()),
            received: weights.shape().to_string(),
            remedy: "pass one weight per sample".into(),
        });
    }
    shape.resize(wanted.len(), 1);
    Ok(weights.f_to_kind(values.kind())?.f_reshape(shape)?)
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

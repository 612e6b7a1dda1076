//! Losses that compare outputs and targets number by number, and reduce over the last axis.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Reduction, Tensor};

use super::{EPSILON, Loss, aligned, same_shape};
use crate::model::layers::ModelOutput;
use crate::saving::config::class_config;
use crate::{Result, Shape};

/// A loss of targets and outputs of one shape. The formula gets both as tensors of that shape and
/// yields one value per sample.
macro_rules! paired_loss {
    (
        $(#[$doc:meta])*
        $name:ident, $text:literal $(, $(#[$setting_doc:meta])* $setting:ident: $default:literal)?;
        |$this:ident, $y:ident, $output:ident| $formula:expr
    ) => {
        $(#[$doc])*
        ///
        /// # Shapes
        /// Targets as the output: `(batch, …, n)`; `(batch,)` goes with an output of `(batch, 1)`.
        ///
        /// # Source
        #[doc = concat!("Keras 3, `keras.losses.", stringify!($name), "`.")]
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($setting: f64,)?
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
                pub fn $setting(mut self, $setting: f64) -> Self {
                    self.$setting = $setting;
                    self
                }
            )?
        }

        impl Loss for $name {
            fn name(&self) -> &str {
                $text
            }

            fn values(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
                let $output = &output.activated()?;
                let $y = &aligned(y, $output, $text)?;
                let $this = self;
                Ok($formula)
            }

            fn check_targets(&self, y: &Tensor, output: &Shape, place: &str) -> Result<()> {
                same_shape(y, output, &format!("{place}: {}", $text), "pass one target per output")
            }

            fn config(&self) -> Result<Value> {
                class_config(stringify!($name), self)
            }
        }
    };
}
pub(super) use paired_loss;

paired_loss!(
    /// Mean of (output - target)².
    MeanSquaredError, "mean_squared_error";
    |_this, y, output| mean(&output.f_sub(y)?.f_square()?)?
);

paired_loss!(
    /// Mean of |output - target|.
    MeanAbsoluteError, "mean_absolute_error";
    |_this, y, output| mean(&output.f_sub(y)?.f_abs()?)?
);

paired_loss!(
    /// 100 times the mean of |output - target| / |target|, with targets of at least 1e-7.
    MeanAbsolutePercentageError, "mean_absolute_percentage_error";
    |_this, y, output| {
        let scale = y.f_abs()?.f_clamp_min(EPSILON)?;
        mean(&y.f_sub(output)?.f_div(&scale)?.f_abs()?)?.f_mul_scalar(100.0)?
    }
);

paired_loss!(
    /// Mean of (ln(1 + output) - ln(1 + target))², both taken as at least 1e-7.
    MeanSquaredLogarithmicError, "mean_squared_logarithmic_error";
    |_this, y, output| {
        let logarithm = |x: &Tensor| x.f_clamp_min(EPSILON)?.f_add_scalar(1.0)?.f_log();
        mean(&logarithm(output)?.f_sub(&logarithm(y)?)?.f_square()?)?
    }
);

paired_loss!(
    /// Half the squared error where that is at most `delta`, and `delta · (|error| - delta / 2)`
    /// beyond: outliers count less than in [`MeanSquaredError`].
    Huber, "huber",
    /// Where the parabola becomes a line; 1 without this call.
    delta: 1.0;
    |this, y, output| mean(&output.f_huber_loss(y, Reduction::None, this.delta)?)?
);

paired_loss!(
    /// Mean of ln(cosh(output - target)): a smooth [`Huber`].
    LogCosh, "log_cosh";
    |_this, y, output| {
        let error = output.f_sub(y)?;
        let tail = error.f_mul_scalar(-2.0)?.f_softplus()?;
        mean(&error.f_add(&tail)?.f_sub_scalar(std::f64::consts::LN_2)?)?
    }
);

paired_loss!(
    /// Σ target · ln(target / output), both clipped to [1e-7, 1]: how far a distribution is from the
    /// one that was meant.
    KLDivergence, "kl_divergence";
    |_this, y, output| {
        let (y, output) = (y.f_clamp(EPSILON, 1.0)?, output.f_clamp(EPSILON, 1.0)?);
        let terms = y.f_mul(&y.f_div(&output)?.f_log()?)?;
        terms.f_sum_dim_intlist(-1i64, false, None)?
    }
);

paired_loss!(
    /// Mean of output - target · ln(output + 1e-7), for counts.
    Poisson, "poisson";
    |_this, y, output| {
        let logarithm = output.f_add_scalar(EPSILON)?.f_log()?;
        mean(&output.f_sub(&y.f_mul(&logarithm)?)?)?
    }
);

paired_loss!(
    /// Minus the cosine of the angle between output and target, from -1 (same direction) to 1. As a
    /// metric it is the cosine itself.
    CosineSimilarity, "cosine_similarity";
    |_this, y, output| cosine(y, output)?.f_neg()?
);

/// The cosine of the angle between two rows.
pub(crate) fn cosine(y: &Tensor, output: &Tensor) -> Result<Tensor> {
    let products = unit(y)?.f_mul(&unit(output)?)?;
    Ok(products.f_sum_dim_intlist(-1i64, false, None)?)
}

/// Rows of length 1; Keras (`normalize`) keeps the squared length above 1e-12.
fn unit(x: &Tensor) -> Result<Tensor> {
    let length = x.f_square()?.f_sum_dim_intlist(-1i64, true, None)?;
    Ok(x.f_mul(&length.f_clamp_min(1e-12)?.f_rsqrt()?)?)
}

pub(super) fn mean(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_mean_dim(-1i64, false, None::<Kind>)?)
}

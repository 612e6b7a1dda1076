//! Losses that ask for a margin between right and wrong.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Tensor;

use super::regression::{mean, paired_loss};
use super::{Loss, aligned, same_shape};
use crate::model::layers::ModelOutput;
use crate::saving::config::class_config;
use crate::{Result, Shape};

paired_loss!(
    /// Mean of max(1 - target · output, 0), for targets of -1 and 1. Targets of 0 and 1 are
    /// converted.
    Hinge, "hinge";
    |_this, y, output| mean(&margin(y, output)?)?
);

paired_loss!(
    /// Mean of max(1 - target · output, 0)², for targets of -1 and 1. Targets of 0 and 1 are
    /// converted.
    SquaredHinge, "squared_hinge";
    |_this, y, output| mean(&margin(y, output)?.f_square()?)?
);

paired_loss!(
    /// max(1 + largest wrong output - right output, 0), for one-hot targets.
    CategoricalHinge, "categorical_hinge";
    |_this, y, output| {
        let right = y.f_mul(output)?.f_sum_dim_intlist(-1i64, false, None)?;
        let wrong = y.f_rsub_scalar(1.0)?.f_mul(output)?.f_amax(-1i64, false)?;
        wrong.f_sub(&right)?.f_add_scalar(1.0)?.f_clamp_min(0.0)?
    }
);

/// max(1 - y · output, 0), where a batch of zeros and ones means -1 and 1.
fn margin(y: &Tensor, output: &Tensor) -> Result<Tensor> {
    // Decided on the device: reading the answer would make every batch wait.
    let binary = y.f_eq(0.0)?.f_logical_or(&y.f_eq(1.0)?)?.f_all()?;
    let converted = y.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?;
    let y = converted.f_where_self(&binary, y)?;
    Ok(y.f_mul(output)?.f_rsub_scalar(1.0)?.f_clamp_min(0.0)?)
}

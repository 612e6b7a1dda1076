//! Penalties on large weights, added to the loss in training and evaluation.

use serde_json::{Value, json};
use tch::{Kind, Tensor};

use crate::Result;
use crate::model::layers::Argument;
use crate::model::layers::arguments::{Mistake, Setting};

/// `l1 · Σ|w| + l2 · Σw²`.
///
/// ```
/// use torchbook::*;
///
/// let a = Dense::new(10).kernel_regularizer("l2");
/// let b = Dense::new(10).kernel_regularizer(Regularizer::l2(0.01));
/// assert_eq!(a.config(), b.config());
/// ```
///
/// # Source
/// Keras 3, keras/src/regularizers/regularizers.py: by name each factor is 0.01.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regularizer {
    l1: f64,
    l2: f64,
}

impl Regularizer {
    /// A penalty on absolute values, which makes weights exactly 0.
    pub fn l1(l1: f64) -> Self {
        Regularizer { l1, l2: 0.0 }
    }

    /// A penalty on squares, which keeps weights small.
    pub fn l2(l2: f64) -> Self {
        Regularizer { l1: 0.0, l2 }
    }

    /// Both.
    pub fn l1_l2(l1: f64, l2: f64) -> Self {
        Regularizer { l1, l2 }
    }

    /// The penalty, as a tensor of one element.
    pub(crate) fn penalty(self, weight: &Tensor) -> Result<Tensor> {
        let absolute = |weight: &Tensor| -> Result<Tensor> {
            Ok(weight.f_abs()?.f_sum(Kind::Float)?.f_mul_scalar(self.l1)?)
        };
        let square = |weight: &Tensor| -> Result<Tensor> {
            Ok(weight
                .f_square()?
                .f_sum(Kind::Float)?
                .f_mul_scalar(self.l2)?)
        };
        match (self.l1 != 0.0, self.l2 != 0.0) {
            (true, false) => absolute(weight),
            (false, _) => square(weight),
            (true, true) => Ok(absolute(weight)?.f_add(&square(weight)?)?),
        }
    }
}

impl Argument<Option<Regularizer>> for &str {
    fn argument(self) -> Result<Option<Regularizer>, Mistake> {
        match self {
            "l1" => Ok(Some(Regularizer::l1(0.01))),
            "l2" => Ok(Some(Regularizer::l2(0.01))),
            "l1_l2" | "l1l2" => Ok(Some(Regularizer::l1_l2(0.01, 0.01))),
            _ => Err(Mistake::unknown(
                "regularizer",
                self,
                &["l1", "l2", "l1_l2"],
            )),
        }
    }
}

impl Setting for Regularizer {
    fn to_json(&self) -> Value {
        json!({ "l1": self.l1, "l2": self.l2 })
    }

    fn from_json(value: &Value) -> Option<Self> {
        Some(Regularizer {
            l1: value["l1"].as_f64()?,
            l2: value["l2"].as_f64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn penalties_are_sums_over_all_weights() -> Result<()> {
        let weight = Tensor::from_slice(&[1.0f32, -2.0]);
        let penalty = |r: Regularizer| -> Result<f64> { Ok(r.penalty(&weight)?.double_value(&[])) };
        assert_eq!(penalty(Regularizer::l1(0.5))?, 1.5);
        assert_eq!(penalty(Regularizer::l2(0.5))?, 2.5);
        assert_eq!(penalty(Regularizer::l1_l2(0.5, 1.0))?, 6.5);
        assert_eq!(penalty(Regularizer::l2(0.0))?, 0.0);
        Ok(())
    }
}

//! Initial weights, with Keras's formulas.
//!
//! tch's own defaults differ (Kaiming uniform with a gain, random biases, gamma from 0 to 1), which
//! shows in the first epoch's loss: so none of them is used.

use serde_json::{Map, Value};
use tch::{Device, Kind, Tensor};

use crate::model::layers::Argument;
use crate::model::layers::arguments::{Mistake, Setting};
use crate::{Error, Result, Shape};

/// How a weight begins. Arguments take Keras's names, too: `.kernel_initializer("he_normal")`.
///
/// # Source
/// Keras 3, keras/src/initializers/{constant,random}_initializers.py.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Initializer {
    /// All 0: biases.
    Zeros,
    /// All 1: the scale of a normalisation.
    Ones,
    /// All the same number.
    Constant(f64),
    /// 1 on the diagonal of a square matrix, times a gain.
    Identity(f64),
    /// Uniform in ±√(6 / (fan_in + fan_out)): kernels, unless something else is asked for.
    GlorotUniform,
    /// Normal, cut at two deviations, with variance 2 / (fan_in + fan_out).
    GlorotNormal,
    /// Uniform in ±√(6 / fan_in), for layers before a ReLU.
    HeUniform,
    /// Normal, cut at two deviations, with variance 2 / fan_in, for layers before a ReLU.
    HeNormal,
    /// Uniform in ±√(3 / fan_in).
    LecunUniform,
    /// Normal, cut at two deviations, with variance 1 / fan_in.
    LecunNormal,
    /// An orthogonal matrix, all axes but the last taken as rows, times a gain: recurrent kernels.
    Orthogonal(f64),
    /// Uniform between two numbers; by name ("random_uniform", "uniform") between ±0.05.
    RandomUniform {
        /// The lower limit.
        low: f64,
        /// The upper limit.
        high: f64,
    },
    /// Normal with a mean and a standard deviation; by name ("random_normal", "normal") 0 and 0.05.
    RandomNormal {
        /// The mean.
        mean: f64,
        /// The standard deviation.
        stddev: f64,
    },
    /// Normal, but drawn again where it is more than two deviations from the mean; by name
    /// ("truncated_normal") 0 and 0.05.
    TruncatedNormal {
        /// The mean.
        mean: f64,
        /// The standard deviation before the cut.
        stddev: f64,
    },
}

/// By Keras's names, with Keras's defaults.
const NAMED: [(&str, Initializer); 16] = [
    ("zeros", Initializer::Zeros),
    ("ones", Initializer::Ones),
    ("constant", Initializer::Constant(0.0)),
    ("identity", Initializer::Identity(1.0)),
    ("glorot_uniform", Initializer::GlorotUniform),
    ("glorot_normal", Initializer::GlorotNormal),
    ("he_uniform", Initializer::HeUniform),
    ("he_normal", Initializer::HeNormal),
    ("lecun_uniform", Initializer::LecunUniform),
    ("lecun_normal", Initializer::LecunNormal),
    ("orthogonal", Initializer::Orthogonal(1.0)),
    ("random_uniform", Initializer::UNIFORM),
    ("uniform", Initializer::UNIFORM),
    ("random_normal", Initializer::NORMAL),
    ("normal", Initializer::NORMAL),
    (
        "truncated_normal",
        Initializer::TruncatedNormal {
            mean: 0.0,
            stddev: 0.05,
        },
    ),
];

/// The deviation of a normal distribution with deviation 1 that is cut at ±2.
const CUT_DEVIATION: f64 = 0.879_625_661_034_239_8;

/// The share of a normal distribution that lies below -2 deviations.
const BELOW_CUT: f64 = 0.022_750_131_948_179_21;

impl Initializer {
    /// Keras's "uniform": of embeddings.
    pub(crate) const UNIFORM: Initializer = Initializer::RandomUniform {
        low: -0.05,
        high: 0.05,
    };

    /// Keras's "normal".
    const NORMAL: Initializer = Initializer::RandomNormal {
        mean: 0.0,
        stddev: 0.05,
    };

    /// A new 32-bit float tensor of Keras's `shape`. Random numbers come from libtorch's generator
    /// of the device.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if the shape has too few axes for the initialiser,
    /// [`Error::Torch`] if the memory cannot be had.
    pub fn tensor(self, shape: &Shape, device: Device) -> Result<Tensor> {
        let mut tensor = Tensor::f_empty(&**shape, (Kind::Float, device))?;
        let (fan_in, fan_out) = fans(shape);
        let mut uniform = |limit: f64| tensor.f_uniform_(-limit, limit);
        Ok(match self {
            Initializer::GlorotUniform => uniform((6.0 / (fan_in + fan_out)).sqrt())?,
            Initializer::HeUniform => uniform((6.0 / fan_in).sqrt())?,
            Initializer::LecunUniform => uniform((3.0 / fan_in).sqrt())?,
            Initializer::RandomUniform { low, high } => tensor.f_uniform_(low, high)?,
            Initializer::RandomNormal { mean, stddev } => tensor.f_normal_(mean, stddev)?,
            Initializer::GlorotNormal => with_variance(tensor, 2.0 / (fan_in + fan_out))?,
            Initializer::HeNormal => with_variance(tensor, 2.0 / fan_in)?,
            Initializer::LecunNormal => with_variance(tensor, 1.0 / fan_in)?,
            Initializer::TruncatedNormal { mean, stddev } => cut_normal(tensor, mean, stddev)?,
            Initializer::Zeros => tensor.f_zero_()?,
            Initializer::Ones => tensor.f_fill_(1.0)?,
            Initializer::Constant(value) => tensor.f_fill_(value)?,
            Initializer::Identity(gain) => match **shape {
                [rows, columns] if rows == columns => {
                    Tensor::f_eye(rows, (Kind::Float, device))?.f_mul_scalar(gain)?
                }
                _ => return Err(wrong_shape("identity", "a square matrix", shape)),
            },
            Initializer::Orthogonal(gain) => orthogonal(shape, device)?.f_mul_scalar(gain)?,
        })
    }

    /// Keras's name, without arguments.
    fn name(self) -> &'static str {
        let same =
            |other: &Initializer| std::mem::discriminant(other) == std::mem::discriminant(&self);
        NAMED
            .iter()
            .find(|(_, known)| same(known))
            .map_or("", |(name, _)| name)
    }
}

fn wrong_shape(name: &str, expected: &str, shape: &Shape) -> Error {
    Error::InvalidArgument {
        place: format!("initializer {name}"),
        expected: expected.into(),
        received: format!("a weight of shape {shape}"),
    }
}

/// Fills with a normal distribution that is cut at two deviations and has this variance after the
/// cut.
fn with_variance(tensor: Tensor, variance: f64) -> Result<Tensor> {
    cut_normal(tensor, 0.0, variance.sqrt() / CUT_DEVIATION)
}

/// A normal distribution cut at two deviations, from a uniform one by the inverse of the
/// distribution function.
fn cut_normal(mut tensor: Tensor, mean: f64, stddev: f64) -> Result<Tensor> {
    let _ = tensor.f_uniform_(2.0 * BELOW_CUT - 1.0, 1.0 - 2.0 * BELOW_CUT)?;
    let _ = tensor.f_erfinv_()?;
    let _ = tensor.f_mul_scalar_(stddev * std::f64::consts::SQRT_2)?;
    let _ = tensor.f_add_scalar_(mean)?;
    Ok(tensor.f_clamp_(mean - 2.0 * stddev, mean + 2.0 * stddev)?)
}

/// # Source
/// Keras 3, `OrthogonalInitializer`: Q of a normal matrix, signs after R's diagonal.
fn orthogonal(shape: &Shape, device: Device) -> Result<Tensor> {
    let Some((&columns, outer)) = shape.split_last().filter(|(_, outer)| !outer.is_empty()) else {
        return Err(wrong_shape("orthogonal", "at least two axes", shape));
    };
    let rows: i64 = outer.iter().product();
    let mut normal = Tensor::f_empty(
        [rows.max(columns), rows.min(columns)],
        (Kind::Float, device),
    )?;
    let (q, r) = Tensor::f_linalg_qr(&normal.f_normal_(0.0, 1.0)?, "reduced")?;
    let q = q.f_mul(&r.f_diag(0)?.f_sign()?)?;
    let q = if rows < columns {
        q.f_transpose(0, 1)?
    } else {
        q
    };
    Ok(q.f_reshape(&**shape)?.f_contiguous()?)
}

impl Argument<Initializer> for &str {
    fn argument(self) -> Result<Initializer, Mistake> {
        let found = NAMED.iter().find(|(name, _)| *name == self);
        found
            .map(|(_, initializer)| *initializer)
            .ok_or_else(|| Mistake::unknown("initializer", self, &NAMED.map(|(name, _)| name)))
    }
}

/// `{"glorot_uniform": []}`, `{"random_uniform": [-0.05, 0.05]}`: the name and its numbers.
impl Setting for Initializer {
    fn to_json(&self) -> Value {
        let numbers = match *self {
            Initializer::Constant(a) | Initializer::Identity(a) | Initializer::Orthogonal(a) => {
                vec![a]
            }
            Initializer::RandomUniform { low: a, high: b }
            | Initializer::RandomNormal { mean: a, stddev: b }
            | Initializer::TruncatedNormal { mean: a, stddev: b } => vec![a, b],
            _ => vec![],
        };
        Map::from_iter([(self.name().to_owned(), numbers.into())]).into()
    }

    fn from_json(value: &Value) -> Option<Self> {
        let (name, numbers) = value.as_object()?.iter().next()?;
        let numbers: Vec<f64> = numbers
            .as_array()?
            .iter()
            .filter_map(Value::as_f64)
            .collect();
        let default: Initializer = name.as_str().argument().ok()?;
        Some(match (default, numbers.as_slice()) {
            (Initializer::Constant(_), &[value]) => Initializer::Constant(value),
            (Initializer::Identity(_), &[gain]) => Initializer::Identity(gain),
            (Initializer::Orthogonal(_), &[gain]) => Initializer::Orthogonal(gain),
            (Initializer::RandomUniform { .. }, &[low, high]) => {
                Initializer::RandomUniform { low, high }
            }
            (Initializer::RandomNormal { .. }, &[mean, stddev]) => {
                Initializer::RandomNormal { mean, stddev }
            }
            (Initializer::TruncatedNormal { .. }, &[mean, stddev]) => {
                Initializer::TruncatedNormal { mean, stddev }
            }
            (other, []) => other,
            _ => return None,
        })
    }
}

/// Connections into and out of one unit: the last two axes, times the extent of a convolution's
/// kernel.
///
/// # Source
/// Keras 3, `compute_fans`.
fn fans(shape: &[i64]) -> (f64, f64) {
    match shape {
        [] => (1.0, 1.0),
        [only] => (*only as f64, *only as f64),
        [kernel @ .., input, output] => {
            let extent: i64 = kernel.iter().product();
            ((extent * input) as f64, (extent * output) as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limits that real Keras weights of the founding model have.
    #[test]
    fn glorot_limits_are_kerass_for_the_founding_model() -> Result<()> {
        for (shape, limit) in [
            (Shape::from((5, 5, 1, 64)), 0.060_764),
            (Shape::from((9216, 128)), 0.025_340),
            (Shape::from((128, 10)), 0.208_514),
        ] {
            let weights = Initializer::GlorotUniform.tensor(&shape, Device::Cpu)?;
            let largest = f64::try_from(weights.abs().max())?;
            assert!(
                largest <= limit + 1e-6,
                "{shape}: {largest} is above {limit}"
            );
            assert!(
                largest > 0.98 * limit,
                "{shape}: {largest} is far below {limit}"
            );
            let mean = f64::try_from(weights.mean(Kind::Double))?;
            assert!(mean.abs() < limit / 10.0, "{shape}: the mean is {mean}");
        }
        Ok(())
    }

    #[test]
    fn distributions_have_kerass_variance_and_limits() -> Result<()> {
        tch::manual_seed(1);
        let shape = Shape::from((3, 3, 40, 60));
        let (fan_in, fan_out) = (360.0f64, 540.0);
        let uniform =
            |initializer: Initializer, limit: f64| (initializer, limit.powi(2) / 3.0, limit);
        let normal = |initializer: Initializer, variance: f64| {
            (initializer, variance, 2.0 * variance.sqrt() / CUT_DEVIATION)
        };
        for (initializer, variance, limit) in [
            uniform(
                Initializer::GlorotUniform,
                (6.0 / (fan_in + fan_out)).sqrt(),
            ),
            uniform(Initializer::HeUniform, (6.0 / fan_in).sqrt()),
            uniform(Initializer::LecunUniform, (3.0 / fan_in).sqrt()),
            uniform(Initializer::UNIFORM, 0.05),
            normal(Initializer::GlorotNormal, 2.0 / (fan_in + fan_out)),
            normal(Initializer::HeNormal, 2.0 / fan_in),
            normal(Initializer::LecunNormal, 1.0 / fan_in),
            normal(
                Initializer::TruncatedNormal {
                    mean: 0.0,
                    stddev: 0.05,
                },
                (0.05 * CUT_DEVIATION).powi(2),
            ),
            (Initializer::NORMAL, 0.05f64.powi(2), f64::INFINITY),
        ] {
            let weights = initializer
                .tensor(&shape, Device::Cpu)?
                .to_kind(Kind::Double);
            let measured = weights.var(false).double_value(&[]);
            assert!(
                (measured / variance - 1.0).abs() < 0.03,
                "{initializer:?}: {measured} is not {variance}"
            );
            assert!(weights.mean(Kind::Double).double_value(&[]).abs() < variance.sqrt() / 50.0);
            let largest = weights.abs().max().double_value(&[]);
            assert!(
                largest <= limit * (1.0 + 1e-6),
                "{initializer:?}: {largest} is above {limit}"
            );
        }
        Ok(())
    }

    #[test]
    fn orthogonal_matrices_are_orthogonal_whichever_side_is_longer() -> Result<()> {
        for (shape, small) in [(Shape::from((2, 3, 4)), 4), (Shape::from((4, 9)), 4)] {
            let columns = shape.last().copied().unwrap_or(1);
            let matrix = Initializer::Orthogonal(1.0)
                .tensor(&shape, Device::Cpu)?
                .reshape([-1, columns]);
            let gram = match columns == small {
                true => matrix.transpose(0, 1).matmul(&matrix),
                false => matrix.matmul(&matrix.transpose(0, 1)),
            };
            let eye = Tensor::eye(small, (Kind::Float, Device::Cpu));
            assert!(gram.allclose(&eye, 1e-5, 1e-5, false), "{gram}");
        }
        assert!(
            Initializer::Orthogonal(1.0)
                .tensor(&3.into(), Device::Cpu)
                .is_err()
        );
        assert!(
            Initializer::Identity(1.0)
                .tensor(&(2, 3).into(), Device::Cpu)
                .is_err()
        );
        Ok(())
    }

    #[test]
    fn names_and_json_give_the_initializer_back() {
        for (name, initializer) in NAMED {
            assert_eq!(name.argument(), Ok(initializer));
            assert_eq!(
                Initializer::from_json(&initializer.to_json()),
                Some(initializer)
            );
        }
        assert_eq!(
            Initializer::from_json(&Initializer::Constant(2.5).to_json()),
            Some(Initializer::Constant(2.5))
        );
        let mistake: Result<Initializer, _> = "he_norml".argument();
        assert!(mistake.is_err());
    }

    #[test]
    fn constants_are_constant() -> Result<()> {
        let shape = Shape::from((2, 3));
        for (initializer, value) in [
            (Initializer::Zeros, 0.0),
            (Initializer::Ones, 1.0),
            (Initializer::Constant(0.25), 0.25),
        ] {
            let tensor = initializer.tensor(&shape, Device::Cpu)?;
            assert_eq!(Vec::<f32>::try_from(tensor.reshape([-1]))?, [value; 6]);
        }
        Ok(())
    }
}

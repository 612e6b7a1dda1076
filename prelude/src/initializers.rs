//! Initial weights, with Keras's formulas.
//!
//! tch's own defaults differ (Kaiming uniform with a gain, random biases, gamma from 0 to 1), which
//! shows in the first epoch's loss: so none of them is used.

use tch::{Device, Kind, Tensor};

use crate::{Result, Shape};

/// How a weight begins.
///
/// # Source
/// Keras 3, keras/src/initializers/random_initializers.py.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Initializer {
    /// All 0: biases.
    Zeros,
    /// All 1: the scale of a normalisation.
    Ones,
    /// All the same number.
    Constant(f64),
    /// Uniform in ±√(6 / (fan_in + fan_out)): kernels, unless something else is asked for.
    GlorotUniform,
    /// Uniform in ±√(6 / fan_in), for layers before a ReLU.
    HeUniform,
    /// Uniform in ±√(3 / fan_in).
    LecunUniform,
    /// Uniform between two numbers.
    RandomUniform {
        /// The lower limit.
        low: f64,
        /// The upper limit.
        high: f64,
    },
    /// Normal with a mean and a standard deviation.
    RandomNormal {
        /// The mean.
        mean: f64,
        /// The standard deviation.
        stddev: f64,
    },
}

impl Initializer {
    /// A new 32-bit float tensor of Keras's `shape`. Random numbers come from libtorch's generator
    /// of the device.
    ///
    /// # Errors
    /// [`Error::Torch`](crate::Error::Torch) if the memory cannot be had.
    pub fn tensor(self, shape: &Shape, device: Device) -> Result<Tensor> {
        let mut tensor = Tensor::f_empty(&**shape, (Kind::Float, device))?;
        let (fan_in, fan_out) = fans(shape);
        let uniform = |limit: f64| (-limit, limit);
        let (low, high) = match self {
            Initializer::Zeros => return Ok(tensor.f_zero_()?),
            Initializer::Ones => return Ok(tensor.f_fill_(1.0)?),
            Initializer::Constant(value) => return Ok(tensor.f_fill_(value)?),
            Initializer::RandomNormal { mean, stddev } => {
                return Ok(tensor.f_normal_(mean, stddev)?);
            }
            Initializer::GlorotUniform => uniform((6.0 / (fan_in + fan_out)).sqrt()),
            Initializer::HeUniform => uniform((6.0 / fan_in).sqrt()),
            Initializer::LecunUniform => uniform((3.0 / fan_in).sqrt()),
            Initializer::RandomUniform { low, high } => (low, high),
        };
        Ok(tensor.f_uniform_(low, high)?)
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

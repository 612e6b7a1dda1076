//! Batch normalisation.

use tch::{Device, Tensor};

use super::{Layer, check_last_axis, not_built};
use crate::initializers::Initializer;
use crate::model::weight::{AxisOrder, Weight};
use crate::{Error, Mode, Result, Shape, TensorExt};

/// Normalises each channel (the last axis) to mean 0 and variance 1, then scales by gamma and
/// shifts by beta.
///
/// In training the batch's own mean and variance are used, and moving averages follow them: `moving
/// = moving * momentum + batch * (1 - momentum)`. In evaluation the moving averages are used.
///
/// The moving variance follows the batch's biased variance, as in Keras 3 (TensorFlow 2's fused
/// kernel and PyTorch use the unbiased one).
///
/// # Shapes
/// - input and output: `(batch, …, channels)`
/// - weights: gamma, beta, moving_mean and moving_variance, `(channels,)` each; the last two are
///   not trained
///
/// # Source
/// Keras 3, keras/src/layers/normalization/batch_normalization.py: momentum 0.99 (0.01 in PyTorch's
/// way of counting), epsilon 0.001, gamma 1, beta 0, moving mean 0, moving variance 1.
#[derive(Debug)]
pub struct BatchNormalization {
    momentum: f64,
    epsilon: f64,
    name: Option<String>,
    weights: Option<Weights>,
}

#[derive(Debug)]
struct Weights {
    gamma: Weight,
    beta: Weight,
    moving_mean: Weight,
    moving_variance: Weight,
}

impl Default for BatchNormalization {
    fn default() -> Self {
        BatchNormalization::new()
    }
}

impl BatchNormalization {
    /// A layer with Keras's defaults.
    pub fn new() -> Self {
        BatchNormalization {
            momentum: 0.99,
            epsilon: 1e-3,
            name: None,
            weights: None,
        }
    }

    /// How slowly the moving averages follow, from 0 to 1; 0.99 without this call.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Added to the variance before the division; 0.001 without this call.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Chooses a name instead of the automatic one.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Moves the averages towards a batch, whose `mean` and `inverse_deviation` = 1/√(variance +
    /// epsilon) libtorch has computed for the normalisation anyway: no second pass over the batch.
    fn follow(&self, weights: &Weights, mean: &Tensor, inverse_deviation: &Tensor) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let variance = inverse_deviation
            .f_pow_tensor_scalar(-2)?
            .f_sub_scalar_(self.epsilon)?
            .f_clamp_min_(0)?;
        let step = 1.0 - self.momentum;
        let mut moving_mean = weights.moving_mean.tensor().shallow_clone();
        let mut moving_variance = weights.moving_variance.tensor().shallow_clone();
        let _ = moving_mean.f_lerp_(mean, step)?;
        let _ = moving_variance.f_lerp_(&variance, step)?;
        Ok(())
    }
}

impl Layer for BatchNormalization {
    fn class_name(&self) -> &'static str {
        "BatchNormalization"
    }

    fn given_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        match input.is_empty() {
            false => Ok(input.clone()),
            true => Err(Error::ShapeMismatch {
                place: "BatchNormalization".into(),
                expected: "input of shape (batch, …, channels)".into(),
                received: "(batch,)".into(),
                remedy: "reshape the samples to (n, 1)".into(),
            }),
        }
    }

    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        let channels = input.last().copied().unwrap_or(1);
        let weight = |name, initializer, trainable| {
            Weight::new(
                name,
                channels,
                initializer,
                trainable,
                AxisOrder::Same,
                device,
            )
        };
        self.weights = Some(Weights {
            gamma: weight("gamma", Initializer::Ones, true)?,
            beta: weight("beta", Initializer::Zeros, true)?,
            moving_mean: weight("moving_mean", Initializer::Zeros, false)?,
            moving_variance: weight("moving_variance", Initializer::Ones, false)?,
        });
        Ok(())
    }

    fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
        let weights = self
            .weights
            .as_ref()
            .ok_or_else(|| not_built("BatchNormalization"))?;
        let gamma = weights.gamma.tensor();
        let beta = weights.beta.tensor();
        check_last_axis("BatchNormalization", input, gamma.shape()[0])?;
        // (batch, …, channels) -> (batch, channels, …), as a view.
        let channels_second = input.f_movedim_int(-1, 1)?;
        let output = match mode {
            Mode::Train => {
                let (output, mean, inverse_deviation) = channels_second.f_native_batch_norm(
                    Some(gamma),
                    Some(beta),
                    None,
                    None,
                    true,
                    0.0,
                    self.epsilon,
                )?;
                self.follow(weights, &mean, &inverse_deviation)?;
                output
            }
            Mode::Evaluate => channels_second.f_batch_norm(
                Some(gamma),
                Some(beta),
                Some(weights.moving_mean.tensor()),
                Some(weights.moving_variance.tensor()),
                false,
                0.0,
                self.epsilon,
                true,
            )?,
        };
        Ok(output.f_movedim_int(1, -1)?)
    }

    fn weights(&self) -> Vec<Weight> {
        let all = self.weights.iter();
        all.flat_map(|w| [&w.gamma, &w.beta, &w.moving_mean, &w.moving_variance])
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    fn built(channels: i64) -> Result<BatchNormalization> {
        let mut layer = BatchNormalization::new();
        layer.build(&channels.into(), Device::Cpu)?;
        Ok(layer)
    }

    fn numbers(weight: &Weight) -> Vec<f32> {
        Vec::try_from(weight.tensor()).expect("one axis")
    }

    #[test]
    fn training_follows_the_batch_and_evaluation_changes_nothing() -> Result<()> {
        let layer = built(1)?;
        // Mean 2, biased variance 1, unbiased variance 2.
        let x = Tensor::from_slice(&[1.0f32, 3.0]).reshape([2, 1]);
        let y = layer.forward(&x, Mode::Train)?;
        let deviation = (1.0f64 + 1e-3).sqrt();
        let expected = Tensor::from_slice(&[-1.0 / deviation, 1.0 / deviation]).reshape([2, 1]);
        assert!(y.allclose(&expected.to_float32(), 1e-5, 1e-6, false));
        let weights = layer.weights();
        assert!((numbers(&weights[2])[0] - 0.02).abs() < 1e-7);
        assert!(
            (numbers(&weights[3])[0] - (0.99 + 0.01)).abs() < 1e-6,
            "biased, as Keras 3"
        );

        let before = (numbers(&weights[2]), numbers(&weights[3]));
        let _ = layer.forward(&x, Mode::Evaluate)?;
        assert_eq!(before, (numbers(&weights[2]), numbers(&weights[3])));
        Ok(())
    }

    #[test]
    fn a_batch_of_one_sample_leaves_usable_numbers() -> Result<()> {
        let layer = built(2)?;
        let x = Tensor::from_slice(&[1.0f32, 3.0]).reshape([1, 2]);
        let _ = layer.forward(&x, Mode::Train)?;
        let variance = numbers(&layer.weights()[3]);
        assert!(
            variance.iter().all(|v| (v - 0.99).abs() < 1e-6),
            "{variance:?}"
        );
        Ok(())
    }

    #[test]
    fn channels_are_the_last_axis_of_images() -> Result<()> {
        let layer = built(3)?;
        let x = Tensor::rand([4, 5, 6, 3], (Kind::Float, Device::Cpu));
        let y = layer.forward(&x, Mode::Train)?;
        assert_eq!(y.shape(), (4, 5, 6, 3));
        let means = y.mean_dim(&[0i64, 1, 2][..], false, Kind::Float);
        assert!(f64::try_from(means.abs().max())? < 1e-5);
        Ok(())
    }
}

//! Batch normalisation.

use tch::{Device, Kind, Tensor};

use super::activation::Function;
use super::convolution::sample_shape;
use super::declare::{declared, layer};
use super::{Layer, ModelOutput, axis_index, built, check_channels, check_last_axis, only_input};
use crate::initializers::Initializer;
use crate::losses::EPSILON;
use crate::model::weight::Weight;
use crate::native::batch_norm::BatchNorm;
use crate::regularizers::Regularizer;
use crate::{Error, Mode, Result, Shape};

layer! {
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
    BatchNormalization() {
        /// The axis of the channels, counted with the batch; the last one without this call.
        axis: i64 = -1,
        /// How slowly the moving averages follow, from 0 to 1; 0.99 without this call.
        momentum: f64 = 0.99,
        /// Added to the variance before the division; 0.001 without this call.
        epsilon: f64 = 1e-3,
        /// Whether there is a beta; there is without this call.
        center: bool = true,
        /// Whether there is a gamma; there is without this call.
        scale: bool = true,
        /// How beta begins; zero without this call.
        beta_initializer: Initializer = Initializer::Zeros,
        /// How gamma begins; one without this call.
        gamma_initializer: Initializer = Initializer::Ones,
        /// How the moving mean begins; zero without this call.
        moving_mean_initializer: Initializer = Initializer::Zeros,
        /// How the moving variance begins; one without this call.
        moving_variance_initializer: Initializer = Initializer::Ones,
        /// A penalty on beta; none without this call.
        beta_regularizer: Option<Regularizer> = None,
        /// A penalty on gamma; none without this call.
        gamma_regularizer: Option<Regularizer> = None,
    }
    weights { gamma, beta, moving_mean, moving_variance }
}

impl BatchNormalization {
    /// Moves the averages towards a batch, whose `mean` and `inverse_deviation` = 1/√(variance +
    /// epsilon) libtorch has computed for the normalisation anyway: no second pass over the batch.
    fn follow(&self, mean: &Tensor, inverse_deviation: &Tensor) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let variance = inverse_deviation
            .f_pow_tensor_scalar(-2)?
            .f_sub_scalar_(self.epsilon)?
            .f_clamp_min_(0)?;
        let step = 1.0 - self.momentum;
        let mut moving_mean = built("BatchNormalization", &self.moving_mean)?.shallow_clone();
        let mut moving_variance =
            built("BatchNormalization", &self.moving_variance)?.shallow_clone();
        let _ = moving_mean.f_lerp_(mean, step)?;
        let _ = moving_variance.f_lerp_(&variance, step)?;
        Ok(())
    }
}

impl BatchNormalization {
    /// Training on the positions of a batch, `(batch, …, channels)`, that are not masked.
    ///
    /// # Source
    /// Keras 3, `BatchNormalization._moments`.
    fn normalize_shown(&self, input: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let shown = mask.f_unsqueeze(-1)?;
        let outer: Vec<i64> = (0..input.dim() as i64 - 1).collect();
        let mean_of = |x: &Tensor| -> Result<Tensor> {
            let shown_only = x.f_where_self(&shown, &x.f_zeros_like()?)?;
            let sum = shown_only.f_sum_dim_intlist(&outer[..], false, None::<Kind>)?;
            let count = shown.f_expand_as(x)?;
            let count = count.f_sum_dim_intlist(&outer[..], false, x.kind())?;
            Ok(sum.f_div(&count.f_add_scalar(EPSILON)?)?)
        };
        let mean = mean_of(input)?;
        let centered = input.f_sub(&mean)?;
        let variance = mean_of(&centered.f_square()?)?;
        let inverse_deviation = variance.f_add_scalar(self.epsilon)?.f_rsqrt()?;
        self.follow(&mean, &inverse_deviation)?;
        let mut output = centered.f_mul(&inverse_deviation)?;
        if let Some(gamma) = &self.gamma {
            output = output.f_mul(gamma.tensor())?;
        }
        if let Some(beta) = &self.beta {
            output = output.f_add(beta.tensor())?;
        }
        Ok(output)
    }
}

impl BatchNormalization {
    /// A frozen layer is one that evaluates, as in Keras.
    fn mode(&self, mode: Mode) -> Mode {
        match self.common.trainable {
            true => mode,
            false => Mode::Evaluate,
        }
    }

    /// The output of `activation` on the layer's output in one operation, where there is one.
    fn at_once(&self, input: &Tensor, mode: Mode, activation: Function) -> Result<Option<Tensor>> {
        let relu = match activation {
            Function::Linear => false,
            Function::Relu => true,
            _ => return Ok(None),
        };
        let moving_mean = built("BatchNormalization", &self.moving_mean)?;
        let last = axis_index("BatchNormalization", self.axis, input.dim())? + 1 == input.dim();
        if !last || input.size().last() != moving_mean.size().first() {
            return Ok(None);
        }
        let layer = BatchNorm {
            gamma: self.gamma.as_ref().map(Weight::tensor),
            beta: self.beta.as_ref().map(Weight::tensor),
            moving_mean,
            moving_variance: built("BatchNormalization", &self.moving_variance)?,
            momentum: self.momentum,
            epsilon: self.epsilon,
            relu,
        };
        layer.forward(input, self.mode(mode))
    }

    fn by_libtorch(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
        let moving_mean = built("BatchNormalization", &self.moving_mean)?;
        let moving_variance = built("BatchNormalization", &self.moving_variance)?;
        let gamma = self.gamma.as_ref().map(Weight::tensor);
        let beta = self.beta.as_ref().map(Weight::tensor);
        // (batch, …, channels) -> (batch, channels, …), as a view.
        let channels_second = input.f_movedim_int(self.axis, 1)?;
        check_last_axis(
            "BatchNormalization",
            &channels_second.f_movedim_int(1, -1)?,
            moving_mean.size()[0],
        )?;
        let output = match self.mode(mode) {
            Mode::Train => {
                let (output, mean, inverse_deviation) = channels_second.f_native_batch_norm(
                    gamma,
                    beta,
                    None::<&Tensor>,
                    None::<&Tensor>,
                    true,
                    0.0,
                    self.epsilon,
                )?;
                self.follow(&mean, &inverse_deviation)?;
                output
            }
            Mode::Evaluate => channels_second.f_batch_norm(
                gamma,
                beta,
                Some(moving_mean),
                Some(moving_variance),
                false,
                0.0,
                self.epsilon,
                true,
            )?,
        };
        Ok(output.f_movedim_int(1, self.axis)?)
    }
}

impl Layer for BatchNormalization {
    declared!(BatchNormalization);

    fn forward_masked(
        &self,
        inputs: &[Tensor],
        masks: &[Option<Tensor>],
        mode: Mode,
    ) -> Result<Vec<ModelOutput>> {
        let input = only_input("BatchNormalization", inputs)?;
        let Some(Some(mask)) = masks.first() else {
            return Ok(vec![ModelOutput::of_values(self.forward(input, mode)?)]);
        };
        let learns = mode == Mode::Train && self.common.trainable;
        let axis = axis_index("BatchNormalization", self.axis, input.dim())?;
        let output = match learns && axis + 1 == input.dim() {
            true => {
                self.output_shape(&sample_shape(input))?;
                self.normalize_shown(input, mask)?
            }
            false => self.forward(input, mode)?,
        };
        Ok(vec![
            ModelOutput::of_values(output).masked(Some(mask.shallow_clone())),
        ])
    }

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        if input.is_empty() {
            return Err(Error::ShapeMismatch {
                place: "BatchNormalization".into(),
                expected: "input of shape (batch, …, channels)".into(),
                received: "(batch,)".into(),
                remedy: "reshape the samples to (n, 1)".into(),
            });
        }
        let axis = axis_index("BatchNormalization", self.axis, input.len() + 1)?;
        let channels = input.get(axis.wrapping_sub(1)).copied();
        let known = self.moving_mean.as_ref().map(Weight::count);
        check_channels(
            "BatchNormalization",
            &channels.into_iter().collect::<Vec<i64>>().into(),
            known,
        )?;
        Ok(input.clone())
    }

    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        let axis = axis_index("BatchNormalization", self.axis, input.len() + 1)?;
        let channels = input.get(axis.wrapping_sub(1)).copied().unwrap_or(1);
        if self.scale {
            let gamma = Weight::new("gamma", channels, self.gamma_initializer, device)?;
            self.gamma = Some(gamma.regularized(self.gamma_regularizer));
        }
        if self.center {
            let beta = Weight::new("beta", channels, self.beta_initializer, device)?;
            self.beta = Some(beta.regularized(self.beta_regularizer));
        }
        let average =
            |name, initializer| Weight::new(name, channels, initializer, device)?.not_trained();
        self.moving_mean = Some(average("moving_mean", self.moving_mean_initializer)?);
        self.moving_variance = Some(average(
            "moving_variance",
            self.moving_variance_initializer,
        )?);
        Ok(())
    }

    fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
        match self.at_once(input, mode, Function::Linear)? {
            Some(output) => Ok(output),
            None => self.by_libtorch(input, mode),
        }
    }

    fn forward_through(
        &self,
        input: &Tensor,
        activation: Function,
        mode: Mode,
    ) -> Result<Option<Tensor>> {
        self.at_once(input, mode, activation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TensorExt;
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

//! Normalisation of each sample on its own: no moving averages, the same in training and
//! evaluation. Batch normalisation is in `batch_normalization.rs`.

use tch::{Device, Tensor};

use super::convolution::sample_shape;
use super::declare::{declared, layer};
use super::{Layer, axis_index, built, check_channels};
use crate::initializers::Initializer;
use crate::model::weight::Weight;
use crate::regularizers::Regularizer;
use crate::{Error, Mode, Result, Shape};

/// The size of an axis of a sample, counted with the batch.
fn axis_size(class: &str, input: &Shape, axis: i64) -> Result<i64> {
    let place = axis_index(class, axis, input.len() + 1)?.checked_sub(1);
    let size = place.and_then(|place| input.get(place)).copied();
    size.ok_or_else(|| Error::ShapeMismatch {
        place: class.to_owned(),
        expected: "an axis of the samples to normalise along".into(),
        received: input.per_sample(),
        remedy: "reshape the samples to (n, 1), or choose another axis".into(),
    })
}

/// A normalisation with gamma and beta for each position of one axis.
macro_rules! scaled_normalization {
    (
        $(#[$meta:meta])* $layer:ident {
            $($(#[$option_meta:meta])* $option:ident: $option_type:ty = $default:expr,)*
        }
        $check:expr, $normalize:expr
    ) => {
        layer! {
            $(#[$meta])*
            $layer() {
                $($(#[$option_meta])* $option: $option_type = $default,)*
                /// The axis of the channels, counted with the batch; the last one without this call.
                axis: i64 = -1,
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
                /// A penalty on beta; none without this call.
                beta_regularizer: Option<Regularizer> = None,
                /// A penalty on gamma; none without this call.
                gamma_regularizer: Option<Regularizer> = None,
            }
            weights { gamma, beta }
        }

        impl Layer for $layer {
            declared!($layer);

            fn output_shape(&self, input: &Shape) -> Result<Shape> {
                let size = axis_size(stringify!($layer), input, self.axis)?;
                let known = self.gamma.as_ref().or(self.beta.as_ref()).map(Weight::count);
                check_channels(stringify!($layer), &size.into(), known)?;
                let check: fn(&Self, i64) -> Result<()> = $check;
                check(self, size)?;
                Ok(input.clone())
            }

            fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
                let size = axis_size(stringify!($layer), input, self.axis)?;
                if self.scale {
                    let gamma = Weight::new("gamma", size, self.gamma_initializer, device)?;
                    self.gamma = Some(gamma.regularized(self.gamma_regularizer));
                }
                if self.center {
                    let beta = Weight::new("beta", size, self.beta_initializer, device)?;
                    self.beta = Some(beta.regularized(self.beta_regularizer));
                }
                Ok(())
            }

            fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
                self.output_shape(&sample_shape(input))?;
                let normalize: fn(&Self, &Tensor, Option<&Tensor>, Option<&Tensor>) -> Result<Tensor> = $normalize;
                let gamma = self.gamma.as_ref().map(Weight::tensor);
                let beta = self.beta.as_ref().map(Weight::tensor);
                normalize(self, input, gamma, beta)
            }
        }
    };
}

scaled_normalization! {
    /// Normalises each sample along its channels to mean 0 and variance 1, then scales by gamma and
    /// shifts by beta.
    ///
    /// # Shapes
    /// - input and output: `(batch, …, channels)`
    /// - weights: gamma and beta, `(channels,)` each
    ///
    /// # Source
    /// Keras 3, keras/src/layers/normalization/layer_normalization.py: epsilon 0.001 (PyTorch: 1e-5).
    LayerNormalization {}
    |_, _| Ok(()),
    |layer, input, gamma, beta| {
        let last = input.f_movedim_int(layer.axis, -1)?;
        let size = last.size()[last.dim() - 1];
        let output = last.f_layer_norm([size], gamma, beta, layer.epsilon, true)?;
        Ok(output.f_movedim_int(-1, layer.axis)?)
    }
}

scaled_normalization! {
    /// Normalises groups of channels of each sample, over all positions, to mean 0 and variance 1,
    /// then scales by gamma and shifts by beta.
    ///
    /// # Shapes
    /// - input and output: `(batch, …, channels)`
    /// - weights: gamma and beta, `(channels,)` each
    ///
    /// # Source
    /// Keras 3, keras/src/layers/normalization/group_normalization.py: 32 groups, epsilon 0.001.
    GroupNormalization {
        /// How many groups, a divisor of the channels; -1 for a group of its own for each channel;
        /// 32 without this call.
        groups: i64 = 32,
    }
    |layer, channels| {
        let groups = if layer.groups == -1 { channels } else { layer.groups };
        match groups > 0 && channels % groups == 0 {
            true => Ok(()),
            false => Err(Error::InvalidArgument {
                place: "GroupNormalization: groups".into(),
                expected: format!("a divisor of {channels} channels, or -1"),
                received: groups.to_string(),
            }),
        }
    },
    |layer, input, gamma, beta| {
        let second = input.f_movedim_int(layer.axis, 1)?;
        let groups = if layer.groups == -1 { second.size()[1] } else { layer.groups };
        let output = second.f_group_norm(groups, gamma, beta, layer.epsilon, true)?;
        Ok(output.f_movedim_int(1, layer.axis)?)
    }
}

layer! {
    /// Divides each sample by the root of the mean square of its channels, then scales by what is
    /// learned.
    ///
    /// # Shapes
    /// - input and output: `(batch, …, channels)`
    /// - weights: scale `(channels,)`
    ///
    /// # Source
    /// Keras 3, keras/src/layers/normalization/rms_normalization.py: epsilon 1e-6.
    RMSNormalization() {
        /// The axis of the channels, counted with the batch; the last one without this call.
        axis: i64 = -1,
        /// Added to the mean square before the division; 1e-6 without this call.
        epsilon: f64 = 1e-6,
    }
    weights { scale }
}

impl Layer for RMSNormalization {
    declared!(RMSNormalization);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let size = axis_size("RMSNormalization", input, self.axis)?;
        check_channels(
            "RMSNormalization",
            &size.into(),
            self.scale.as_ref().map(Weight::count),
        )?;
        Ok(input.clone())
    }

    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        let size = axis_size("RMSNormalization", input, self.axis)?;
        self.scale = Some(Weight::new("scale", size, Initializer::Ones, device)?);
        Ok(())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        let scale = built("RMSNormalization", &self.scale)?;
        self.output_shape(&sample_shape(input))?;
        let last = input.f_movedim_int(self.axis, -1)?;
        let square = last.f_square()?.f_mean_dim(-1i64, true, None)?;
        let inverse = square.f_add_scalar(self.epsilon)?.f_rsqrt()?;
        Ok(last
            .f_mul(&inverse)?
            .f_mul(scale)?
            .f_movedim_int(-1, self.axis)?)
    }
}

layer! {
    /// Brings each sample to length 1 along one axis.
    ///
    /// # Shapes
    /// Output as input.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/normalization/unit_normalization.py.
    UnitNormalization() {
        /// Along which axis, counted with the batch; the last one without this call.
        axis: i64 = -1,
    }
}

impl Layer for UnitNormalization {
    declared!(UnitNormalization);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        axis_size("UnitNormalization", input, self.axis)?;
        Ok(input.clone())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        self.output_shape(&sample_shape(input))?;
        let square = input.f_square()?.f_sum_dim_intlist(self.axis, true, None)?;
        Ok(input.f_mul(&square.f_clamp_min(1e-24)?.f_rsqrt()?)?)
    }
}

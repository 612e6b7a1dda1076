//! Activation functions with arguments, or with weights, as layers of their own.

use tch::{Device, Tensor};

use super::activation::leaky_relu;
use super::convolution::sample_shape;
use super::declare::{declared, layer};
use super::{Layer, ModelOutput, OutputForm, axis_index, built};
use crate::initializers::Initializer;
use crate::model::weight::Weight;
use crate::regularizers::Regularizer;
use crate::{Error, Mode, Result, Shape};

/// A layer that works element by element and has no weights.
macro_rules! elementwise {
    ($layer:ident, $compute:expr) => {
        impl Layer for $layer {
            declared!($layer);

            fn output_shape(&self, input: &Shape) -> Result<Shape> {
                Ok(input.clone())
            }

            fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
                let compute: fn(&Self, &Tensor) -> Result<Tensor> = $compute;
                compute(self, input)
            }
        }
    };
}

layer! {
    /// max(x, 0), with an upper limit, a threshold and a slope below it if they are asked for.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let y = ReLU::new().max_value(6.0).forward(&Tensor::from_slice(&[-1.0f32, 3.0, 9.0]), Mode::Train)?;
    /// assert_eq!(Vec::<f32>::try_from(y)?, [0.0, 3.0, 6.0]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/activations/relu.py.
    ReLU() {
        /// The largest output; none without this call.
        max_value: Option<f64> = None,
        /// The slope below the threshold; 0 without this call.
        negative_slope: f64 = 0.0,
        /// Below it inputs count as negative; 0 without this call.
        threshold: f64 = 0.0,
    }
}
elementwise!(ReLU, |layer, x| {
    let above = match layer.threshold == 0.0 {
        true => x.f_relu()?,
        false => x.f_mul(&x.f_gt(layer.threshold)?.f_to_kind(x.kind())?)?,
    };
    let above = match layer.max_value {
        Some(limit) => above.f_clamp_max(limit)?,
        None => above,
    };
    if layer.negative_slope == 0.0 {
        return Ok(above);
    }
    let below = x.f_sub_scalar(layer.threshold)?.f_clamp_max(0.0)?;
    Ok(above.f_add(&below.f_mul_scalar(layer.negative_slope)?)?)
});

layer! {
    /// max(x, 0), and a small multiple of x below 0, so that the gradient never vanishes.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/activations/leaky_relu.py: a slope of 0.3 (the function by name,
    /// "leaky_relu", has 0.2).
    LeakyReLU() {
        /// The slope below 0; 0.3 without this call.
        negative_slope: f64 = 0.3,
    }
}
elementwise!(LeakyReLU, |layer, x| leaky_relu(x, layer.negative_slope));

layer! {
    /// x above 0, alpha · (exp(x) - 1) below.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/activations/elu.py.
    ELU() {
        /// How far below 0 it goes; 1 without this call.
        alpha: f64 = 1.0,
    }
}
elementwise!(ELU, |layer, x| {
    let below = x.f_clamp_max(0.0)?.f_expm1()?.f_mul_scalar(layer.alpha)?;
    Ok(x.f_relu()?.f_add(&below)?)
});

layer! {
    /// Probabilities that add up to 1 along one axis.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/activations/softmax.py.
    Softmax() {
        /// Along which axis, counted with the batch; the last one without this call.
        axis: i64 = -1,
    }
}

impl Layer for Softmax {
    declared!(Softmax);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        axis_index("Softmax", self.axis, input.len() + 1)?;
        Ok(input.clone())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        Ok(input.f_softmax(self.axis, None)?)
    }

    fn forward_to_logits(&self, input: &Tensor, mode: Mode) -> Result<ModelOutput> {
        // Losses know softmaxes along the last axis.
        if axis_index("Softmax", self.axis, input.dim())? + 1 != input.dim() {
            return Ok(ModelOutput::of_values(self.forward(input, mode)?));
        }
        Ok(ModelOutput {
            values: input.shallow_clone(),
            form: OutputForm::SoftmaxLogits,
            mask: None,
        })
    }
}

layer! {
    /// max(x, 0), and below 0 a multiple of x that is learned for each element.
    ///
    /// # Shapes
    /// - output as input
    /// - weights: alpha, of one sample's shape, with 1 for the axes that share it
    ///
    /// # Source
    /// Keras 3, keras/src/layers/activations/prelu.py.
    PReLU() {
        /// How alpha begins; zero without this call.
        alpha_initializer: Initializer = Initializer::Zeros,
        /// A penalty on alpha; none without this call.
        alpha_regularizer: Option<Regularizer> = None,
        /// Axes along which alpha is the same, counted with the batch: `(1, 2)` for one alpha per
        /// channel of images.
        shared_axes: Shape = ().into(),
    }
    weights { alpha }
}

impl PReLU {
    fn alpha_shape(&self, input: &Shape) -> Result<Shape> {
        let mut shape = input.to_vec();
        for &axis in self.shared_axes.iter() {
            let place = axis_index("PReLU", axis, input.len() + 1)?.checked_sub(1);
            let place = place.and_then(|place| shape.get_mut(place));
            *place.ok_or_else(|| Error::InvalidArgument {
                place: "PReLU: shared_axes".into(),
                expected: "axes of the samples, from 1 on".into(),
                received: axis.to_string(),
            })? = 1;
        }
        Ok(shape.into())
    }
}

impl Layer for PReLU {
    declared!(PReLU);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let alpha = self.alpha_shape(input)?;
        match &self.alpha {
            Some(known) if known.tensor().size() != *alpha => Err(Error::ShapeMismatch {
                place: "PReLU".into(),
                expected: format!(
                    "samples for which alpha is of shape {}",
                    Shape::from(known.tensor().size())
                ),
                received: input.per_sample(),
                remedy: "feed samples of the shape that the layer was built with".into(),
            }),
            _ => Ok(input.clone()),
        }
    }

    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        let alpha = Weight::new(
            "alpha",
            self.alpha_shape(input)?,
            self.alpha_initializer,
            device,
        )?;
        self.alpha = Some(alpha.regularized(self.alpha_regularizer));
        Ok(())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        let alpha = built("PReLU", &self.alpha)?;
        self.output_shape(&sample_shape(input))?;
        Ok(input
            .f_relu()?
            .f_add(&input.f_clamp_max(0.0)?.f_mul(alpha)?)?)
    }
}

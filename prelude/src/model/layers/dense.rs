//! The fully connected layer.

use tch::{Device, Tensor};

use super::{Activation, Layer, ModelOutput, check_last_axis, not_built};
use crate::initializers::Initializer;
use crate::model::weight::{AxisOrder, Weight};
use crate::{Error, Mode, Result, Shape, TensorExt};

/// Fully connected layer: `output = activation(input · kernel + bias)`.
///
/// Use [`Conv2D`](super::Conv2D) when neighbouring inputs belong together.
///
/// # Shapes
/// - input: `(batch, …, features)`
/// - output: `(batch, …, units)`
/// - weights: kernel `(features, units)`, bias `(units,)`
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let model = Sequential::new([
///     Input::new(784).into(),
///     Dense::new(128).activation(Activation::relu()).into(),
///     Dense::new(10).activation(Activation::softmax()).into(),
/// ])?;
/// assert_eq!(model.count_params(), 784 * 128 + 128 + 128 * 10 + 10);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, keras/src/layers/core/dense.py: Glorot uniform kernel, zero bias.
#[derive(Debug)]
pub struct Dense {
    units: i64,
    activation: Activation,
    use_bias: bool,
    kernel_initializer: Initializer,
    bias_initializer: Initializer,
    name: Option<String>,
    kernel: Option<Weight>,
    bias: Option<Weight>,
}

impl Dense {
    /// A layer with `units` outputs.
    pub fn new(units: i64) -> Self {
        Dense {
            units,
            activation: Activation::linear(),
            use_bias: true,
            kernel_initializer: Initializer::GlorotUniform,
            bias_initializer: Initializer::Zeros,
            name: None,
            kernel: None,
            bias: None,
        }
    }

    /// A function applied to the output; linear without it.
    pub fn activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// Whether there is a bias; there is without this call.
    pub fn use_bias(mut self, use_bias: bool) -> Self {
        self.use_bias = use_bias;
        self
    }

    /// How the kernel begins; Glorot uniform without this call.
    pub fn kernel_initializer(mut self, initializer: Initializer) -> Self {
        self.kernel_initializer = initializer;
        self
    }

    /// How the bias begins; zero without this call.
    pub fn bias_initializer(mut self, initializer: Initializer) -> Self {
        self.bias_initializer = initializer;
        self
    }

    /// Chooses a name instead of the automatic one.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    fn linear(&self, input: &Tensor) -> Result<Tensor> {
        let kernel = self
            .kernel
            .as_ref()
            .ok_or_else(|| not_built("Dense"))?
            .tensor();
        check_last_axis("Dense", input, kernel.shape()[0])?;
        Ok(match self.bias.as_ref().map(Weight::tensor) {
            // One pass over the output instead of two.
            Some(bias) if input.dim() == 2 => bias.f_addmm(input, kernel)?,
            Some(bias) => input.f_matmul(kernel)?.f_add(bias)?,
            None => input.f_matmul(kernel)?,
        })
    }
}

impl Layer for Dense {
    fn class_name(&self) -> &'static str {
        "Dense"
    }

    fn given_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        if self.units < 1 {
            return Err(Error::InvalidArgument {
                place: "Dense: units".into(),
                expected: "at least 1".into(),
                received: self.units.to_string(),
            });
        }
        match input.split_last() {
            Some((_, outer)) => Ok([outer, &[self.units]].concat().into()),
            None => Err(Error::ShapeMismatch {
                place: "Dense".into(),
                expected: "input of shape (batch, …, features)".into(),
                received: "(batch,)".into(),
                remedy: "reshape the samples to (n, 1)".into(),
            }),
        }
    }

    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        let features = input.last().copied().unwrap_or(1);
        let (units, same) = (self.units, AxisOrder::Same);
        let kernel = (features, units);
        self.kernel = Some(Weight::new(
            "kernel",
            kernel,
            self.kernel_initializer,
            true,
            same,
            device,
        )?);
        if self.use_bias {
            self.bias = Some(Weight::new(
                "bias",
                units,
                self.bias_initializer,
                true,
                same,
                device,
            )?);
        }
        Ok(())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        self.activation.apply(&self.linear(input)?)
    }

    fn forward_to_logits(&self, input: &Tensor, _mode: Mode) -> Result<ModelOutput> {
        self.activation.apply_to_logits(self.linear(input)?)
    }

    fn weights(&self) -> Vec<Weight> {
        self.kernel.iter().chain(&self.bias).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn the_last_axis_is_replaced_and_any_before_it_is_kept() -> Result<()> {
        let mut layer = Dense::new(5);
        let input = Shape::from((7, 3));
        assert_eq!(layer.output_shape(&input)?, (7, 5));
        layer.build(&input, Device::Cpu)?;
        let x = Tensor::ones([2, 7, 3], (Kind::Float, Device::Cpu));
        assert_eq!(layer.forward(&x, Mode::Train)?.shape(), (2, 7, 5));
        Ok(())
    }

    #[test]
    fn an_input_of_another_width_is_refused() -> Result<()> {
        let mut layer = Dense::new(5);
        layer.build(&9216.into(), Device::Cpu)?;
        let x = Tensor::ones([2, 12, 12, 64], (Kind::Float, Device::Cpu));
        let error = layer
            .forward(&x, Mode::Train)
            .expect_err("64 is not 9216")
            .to_string();
        assert!(
            error.starts_with("Dense: expected a last axis of 9216"),
            "{error}"
        );
        assert!(Dense::new(0).output_shape(&9216.into()).is_err());
        Ok(())
    }
}

//! Activation functions, as layers of their own or at the end of another.

use tch::Tensor;

use super::arguments::{Mistake, named_choices};
use super::declare::{declared, layer};
use super::{Argument, Layer, ModelOutput, OutputForm};
use crate::{Mode, Result, Shape};

layer! {
    /// Applies a function to every element (softmax: along the last axis).
    ///
    /// As a layer, `Activation::new("relu")` or `Activation::relu()`; at the end of another,
    /// `Dense::new(10).activation("softmax")`.
    ///
    /// # Shapes
    /// Output as input.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/activations/activation.py.
    Activation(activation: Function) {}
}

named_choices! {
    /// An activation function, by Keras's name where an argument is wanted: `"relu"`.
    ///
    /// # Source
    /// Keras 3, keras/src/activations/activations.py, with Keras's default arguments.
    #[derive(Default)]
    "activation" Function {
        /// No change: f(x) = x.
        #[default]
        Linear = "linear",
        /// max(x, 0).
        Relu = "relu",
        /// max(x, 0), and 0.2·x below 0.
        LeakyRelu = "leaky_relu",
        /// min(max(x, 0), 6).
        Relu6 = "relu6",
        /// 1 / (1 + exp(-x)): independent probabilities.
        Sigmoid = "sigmoid",
        /// ln of the sigmoid.
        LogSigmoid = "log_sigmoid",
        /// A sigmoid of straight lines: min(max(x + 3, 0), 6) / 6.
        HardSigmoid = "hard_sigmoid",
        /// Probabilities that add up to 1 along the last axis.
        Softmax = "softmax",
        /// ln of the softmax.
        LogSoftmax = "log_softmax",
        /// Hyperbolic tangent.
        Tanh = "tanh",
        /// x between -1 and 1.
        HardTanh = "hard_tanh",
        /// x - tanh x.
        TanhShrink = "tanh_shrink",
        /// exp(x) - 1 below 0, x above.
        Elu = "elu",
        /// The same with α = 1 in Celu's form.
        Celu = "celu",
        /// Elu with the two constants that keep mean and variance.
        Selu = "selu",
        /// x · Φ(x), with the exact distribution function.
        Gelu = "gelu",
        /// x · sigmoid(x).
        Silu = "silu" | "swish",
        /// x · hard sigmoid(x).
        HardSilu = "hard_silu" | "hard_swish",
        /// x · tanh(softplus(x)).
        Mish = "mish",
        /// ln(1 + exp(x)).
        Softplus = "softplus",
        /// x / (1 + |x|).
        Softsign = "softsign",
        /// x towards 0 by 0.5, 0 between.
        SoftShrink = "soft_shrink",
        /// x where |x| > 0.5, else 0.
        HardShrink = "hard_shrink",
        /// exp(x).
        Exponential = "exponential",
    }
}

/// So that `.activation(Activation::relu())` says the same as `.activation("relu")`.
impl Argument<Function> for Activation {
    fn argument(self) -> Result<Function, Mistake> {
        Ok(self.activation)
    }
}

impl Function {
    pub(crate) fn apply(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Function::Linear => x.shallow_clone(),
            Function::Relu => x.f_relu()?,
            Function::LeakyRelu => leaky_relu(x, 0.2)?,
            Function::Relu6 => x.f_clamp(0.0, 6.0)?,
            Function::Sigmoid => x.f_sigmoid()?,
            Function::LogSigmoid => x.f_log_sigmoid()?,
            Function::HardSigmoid => x.f_hardsigmoid()?,
            Function::Softmax => x.f_softmax(-1, None)?,
            Function::LogSoftmax => x.f_log_softmax(-1, None)?,
            Function::Tanh => x.f_tanh()?,
            Function::HardTanh => x.f_clamp(-1.0, 1.0)?,
            Function::TanhShrink => x.f_sub(&x.f_tanh()?)?,
            Function::Elu => x.f_elu()?,
            Function::Celu => x.f_celu()?,
            Function::Selu => x.f_selu()?,
            Function::Gelu => x.f_gelu("none")?,
            Function::Silu => x.f_silu()?,
            Function::HardSilu => x.f_hardswish()?,
            Function::Mish => x.f_mish()?,
            Function::Softplus => x.f_softplus()?,
            Function::Softsign => x.f_div(&x.f_abs()?.f_add_scalar(1.0)?)?,
            Function::SoftShrink => x.f_softshrink()?,
            Function::HardShrink => x.f_hardshrink()?,
            Function::Exponential => x.f_exp()?,
        })
    }

    /// The function, unless it is one that losses want to see the argument of.
    pub(crate) fn apply_to_logits(self, x: Tensor) -> Result<ModelOutput> {
        let (values, form) = match self {
            Function::Softmax => (x, OutputForm::SoftmaxLogits),
            Function::Sigmoid => (x, OutputForm::SigmoidLogits),
            _ => (self.apply(&x)?, OutputForm::Values),
        };
        Ok(ModelOutput {
            values,
            form,
            mask: None,
        })
    }
}

/// max(x, 0) + slope · min(x, 0).
pub(crate) fn leaky_relu(x: &Tensor, slope: f64) -> Result<Tensor> {
    Ok(x.f_relu()?
        .f_add(&x.f_clamp_max(0.0)?.f_mul_scalar(slope)?)?)
}

impl Activation {
    /// max(x, 0).
    pub fn relu() -> Self {
        Activation::new(Function::Relu)
    }

    /// 1 / (1 + exp(-x)): independent probabilities.
    pub fn sigmoid() -> Self {
        Activation::new(Function::Sigmoid)
    }

    /// Probabilities that add up to 1 along the last axis.
    pub fn softmax() -> Self {
        Activation::new(Function::Softmax)
    }

    /// Hyperbolic tangent.
    pub fn tanh() -> Self {
        Activation::new(Function::Tanh)
    }
}

impl Layer for Activation {
    declared!(Activation);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        Ok(input.clone())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        self.activation.apply(input)
    }

    fn forward_to_logits(&self, input: &Tensor, _mode: Mode) -> Result<ModelOutput> {
        self.activation.apply_to_logits(input.shallow_clone())
    }

    fn as_function(&self) -> Option<Function> {
        Some(self.activation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Input, Sequential};

    #[test]
    fn functions_are_found_by_kerass_names() -> Result<()> {
        for &name in Function::NAMES {
            let function: Function = name.argument()?;
            assert_eq!(
                function.apply(&Tensor::from_slice(&[-1.0f32, 2.0]))?.size(),
                [2]
            );
        }
        // A mistake in a builder is an error where the layer joins a model.
        let error = Sequential::new([Input::new(3).into(), Activation::new("rleu").into()])
            .expect_err("a typing error");
        assert!(
            error
                .to_string()
                .starts_with("unknown activation `rleu`: expected one of linear, relu"),
            "{error}"
        );
        Ok(())
    }

    #[test]
    fn a_softmax_is_left_to_the_loss() -> Result<()> {
        let x = Tensor::from_slice(&[1.0f32, 2.0]).reshape([1, 2]);
        let output = Activation::softmax().forward_to_logits(&x, Mode::Train)?;
        assert_eq!(
            (output.form, output.values == x),
            (OutputForm::SoftmaxLogits, true)
        );
        let output = Activation::relu().forward_to_logits(&x, Mode::Train)?;
        assert_eq!(output.form, OutputForm::Values);
        Ok(())
    }
}

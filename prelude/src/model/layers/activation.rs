//! Activation functions, as layers of their own or at the end of another.

use tch::Tensor;

use super::{Layer, ModelOutput, OutputForm};
use crate::{Error, Mode, Result, Shape};

/// Applies a function to every element (softmax: along the last axis).
///
/// As a layer, `Activation::relu()`; at the end of another,
/// `Dense::new(10).activation(Activation::softmax())`.
///
/// # Shapes
/// Output as input.
///
/// # Source
/// Keras 3, keras/src/activations/activations.py.
#[derive(Clone, Debug)]
pub struct Activation {
    function: Function,
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Linear,
    Relu,
    Sigmoid,
    Softmax,
    Tanh,
    Elu,
    Gelu,
    Silu,
    Softplus,
}

/// By Keras's names.
const FUNCTIONS: [(&str, Function); 10] = [
    ("linear", Function::Linear),
    ("relu", Function::Relu),
    ("sigmoid", Function::Sigmoid),
    ("softmax", Function::Softmax),
    ("tanh", Function::Tanh),
    ("elu", Function::Elu),
    ("gelu", Function::Gelu),
    ("silu", Function::Silu),
    ("swish", Function::Silu),
    ("softplus", Function::Softplus),
];

impl Activation {
    /// By Keras's name, as in `Activation('relu')`.
    ///
    /// # Errors
    /// [`Error::UnknownName`] lists the names that are known.
    pub fn new(name: &str) -> Result<Self> {
        FUNCTIONS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, function)| Activation::of(*function))
            .ok_or_else(|| Error::UnknownName {
                what: "activation",
                received: name.to_owned(),
                known: FUNCTIONS.map(|(known, _)| known).join(", "),
            })
    }

    /// No change: f(x) = x.
    pub fn linear() -> Self {
        Activation::of(Function::Linear)
    }

    /// max(x, 0).
    pub fn relu() -> Self {
        Activation::of(Function::Relu)
    }

    /// 1 / (1 + exp(-x)): independent probabilities.
    pub fn sigmoid() -> Self {
        Activation::of(Function::Sigmoid)
    }

    /// Probabilities that add up to 1 along the last axis.
    pub fn softmax() -> Self {
        Activation::of(Function::Softmax)
    }

    /// Hyperbolic tangent.
    pub fn tanh() -> Self {
        Activation::of(Function::Tanh)
    }

    /// Chooses a name instead of the automatic one.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    fn of(function: Function) -> Self {
        Activation {
            function,
            name: None,
        }
    }

    /// The function alone.
    pub(super) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        Ok(match self.function {
            Function::Linear => x.shallow_clone(),
            Function::Relu => x.f_relu()?,
            Function::Sigmoid => x.f_sigmoid()?,
            Function::Softmax => x.f_softmax(-1, None)?,
            Function::Tanh => x.f_tanh()?,
            Function::Elu => x.f_elu()?,
            Function::Gelu => x.f_gelu("none")?,
            Function::Silu => x.f_silu()?,
            Function::Softplus => x.f_softplus()?,
        })
    }

    /// The function, unless it is one that losses want to see the argument of.
    pub(super) fn apply_to_logits(&self, x: Tensor) -> Result<ModelOutput> {
        let (values, form) = match self.function {
            Function::Softmax => (x, OutputForm::SoftmaxLogits),
            Function::Sigmoid => (x, OutputForm::SigmoidLogits),
            _ => (self.apply(&x)?, OutputForm::Values),
        };
        Ok(ModelOutput { values, form })
    }
}

impl Layer for Activation {
    fn class_name(&self) -> &'static str {
        "Activation"
    }

    fn given_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        Ok(input.clone())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        self.apply(input)
    }

    fn forward_to_logits(&self, input: &Tensor, _mode: Mode) -> Result<ModelOutput> {
        self.apply_to_logits(input.shallow_clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_by_kerass_names() -> Result<()> {
        for (name, _) in FUNCTIONS {
            Activation::new(name)?;
        }
        let error = Activation::new("rleu").expect_err("a typing error");
        assert!(
            error
                .to_string()
                .starts_with("unknown activation `rleu`: expected one of linear, relu")
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

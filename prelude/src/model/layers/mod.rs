//! Layers, with Keras's names, arguments, defaults and shapes.
//!
//! A layer computes its output's shape before any tensor exists, owns its weights, and does one
//! forward pass. Names are given by the model it joins.
//!
//! At this surface images are (batch, rows, columns, channels). Convolutions compute in libtorch's
//! order of axes on permuted views, so nothing is copied on the way in or out.

mod activation;
mod batch_normalization;
mod conv2d;
mod dense;
mod flatten;
mod input;

pub use activation::Activation;
pub use batch_normalization::BatchNormalization;
pub use conv2d::{Conv2D, Padding, Pair};
pub use dense::Dense;
pub use flatten::Flatten;
pub use input::Input;

use tch::{Device, Tensor};

use super::Mode;
use super::weight::Weight;
use crate::{Error, Result, Shape, TensorExt};

/// One step of a model. Implement it for a struct of your own to use that in a
/// [`Sequential`](crate::Sequential).
///
/// # Example
/// ```
/// use torchbook::*;
///
/// /// Doubles its input.
/// struct Twice;
///
/// impl Layer for Twice {
///     fn class_name(&self) -> &'static str {
///         "Twice"
///     }
///     fn output_shape(&self, input: &Shape) -> Result<Shape> {
///         Ok(input.clone())
///     }
///     fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
///         Ok(input * 2.0)
///     }
/// }
///
/// let model = Sequential::new([Input::new(3).into(), Twice.into()])?;
/// let y = model.predict(&Tensor::ones([1, 3], (Kind::Float, Device::Cpu)))?;
/// assert_eq!(Vec::<f32>::try_from(y.reshape([-1]))?, [2.0; 3]);
/// # Ok::<(), Error>(())
/// ```
pub trait Layer: Send {
    /// Keras's class name, such as `Conv2D`; the automatic name is made from it.
    fn class_name(&self) -> &'static str;

    /// A name that the user has chosen, if any.
    fn given_name(&self) -> Option<&str> {
        None
    }

    /// The shape of one sample that a model must be fed, if the layer is an [`Input`].
    fn input_shape(&self) -> Option<&Shape> {
        None
    }

    /// The shape of one output sample for an input sample of shape `input`; no axis for the batch
    /// in either.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the layer cannot work on such an input.
    fn output_shape(&self, input: &Shape) -> Result<Shape>;

    /// Creates the weights for input samples of shape `input`, which `output_shape` has accepted.
    ///
    /// # Errors
    /// [`Error::Torch`] if the memory cannot be had.
    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        let _ = (input, device);
        Ok(())
    }

    /// Computes the output for a batch; both have the batch as their first axis.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the input is not of the shape that the layer was built for.
    fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor>;

    /// What the layer's final softmax or sigmoid would be applied to, if it ends in one: losses
    /// computed from it are exact where probabilities have been rounded to 0 or 1.
    ///
    /// # Errors
    /// As `forward`.
    fn forward_to_logits(&self, input: &Tensor, mode: Mode) -> Result<ModelOutput> {
        let values = self.forward(input, mode)?;
        Ok(ModelOutput {
            values,
            form: OutputForm::Values,
        })
    }

    /// Handles of the layer's weights, in Keras's order.
    fn weights(&self) -> Vec<Weight> {
        Vec::new()
    }
}

/// A layer of any kind, as models keep them: `Dense::new(10).into()`.
pub type AnyLayer = Box<dyn Layer>;

impl<L: Layer + 'static> From<L> for AnyLayer {
    fn from(layer: L) -> Self {
        Box::new(layer)
    }
}

/// What a model computes for a batch, as losses and metrics receive it.
#[derive(Debug)]
pub struct ModelOutput {
    /// (batch, …): the output, or what comes before its last activation.
    pub values: Tensor,
    /// Which of the two.
    pub form: OutputForm,
}

/// What the numbers of a [`ModelOutput`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputForm {
    /// The model's output as it is.
    Values,
    /// The model ends in a softmax, which has not been applied.
    SoftmaxLogits,
    /// The model ends in a sigmoid, which has not been applied.
    SigmoidLogits,
}

/// Checks the last axis of a layer's input against the one it was built for.
fn check_last_axis(class: &str, input: &Tensor, expected: i64) -> Result<()> {
    let received = input.shape();
    match received.last() == Some(&expected) {
        true => Ok(()),
        false => Err(Error::ShapeMismatch {
            place: class.to_owned(),
            expected: format!("a last axis of {expected}, for which it was built"),
            received: received.to_string(),
            remedy: "feed samples of the shape that the model was built with".into(),
        }),
    }
}

/// What a layer says when it is used before `build`.
fn not_built(class: &str) -> Error {
    Error::NotBuilt {
        model: class.to_owned(),
        action: "a forward pass",
    }
}

#[cfg(test)]
mod tests;

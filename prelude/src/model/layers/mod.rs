//! Layers, with Keras's names, arguments, defaults and shapes.
//!
//! A layer computes its output's shape before any tensor exists, owns its weights, and does one
//! forward pass. Its name and place are kept by the [`AnyLayer`] that a model makes of it.
//!
//! At this surface images are (batch, rows, columns, channels). Convolutions compute in libtorch's
//! order of axes on permuted views, so nothing is copied on the way in or out.

pub(crate) mod activation;
pub(crate) mod activations;
pub(crate) mod arguments;
pub(crate) mod attention;
pub(crate) mod batch_normalization;
pub(crate) mod convolution;
pub(crate) mod declare;
pub(crate) mod dense;
pub(crate) mod dropout;
pub(crate) mod embedding;
pub(crate) mod flatten;
pub(crate) mod input;
pub(crate) mod lambda;
pub(crate) mod masking;
pub(crate) mod merging;
pub(crate) mod normalization;
pub(crate) mod pooling;
pub(crate) mod preprocessing;
pub(crate) mod random_image;
pub(crate) mod recurrent;
pub(crate) mod registry;
pub(crate) mod reshaping;
pub(crate) mod time_distributed;
pub(crate) mod torch_module;

pub use activation::{Activation, Function};
pub use arguments::{Argument, Border, Config, Mistake, Pair};
pub use batch_normalization::BatchNormalization;
pub use convolution::Padding;

pub use dense::Dense;
pub use flatten::Flatten;
pub use input::Input;

use tch::{Device, Tensor};

use super::Mode;
use super::any_layer::AnyLayer;
use super::graph::{SymbolicTensor, Symbols};
use super::weight::Weight;
use crate::{Error, Result, Shape, TensorExt};

/// One step of a model. Implement it for a struct of your own to use that in a model.
///
/// Layers with one input and one output implement `output_shape` and `forward`; `build` and
/// `weights` if they have weights. The methods with `all` in their names are for several inputs or
/// outputs.
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

    /// Whether an optimizer changes the weights, until somebody switches it.
    fn starts_trainable(&self) -> bool {
        true
    }

    /// Refuses arguments that make no sense; asked once, when the layer joins a model.
    ///
    /// # Errors
    /// [`Error::UnknownName`], [`Error::InvalidArgument`].
    fn check_arguments(&self) -> Result<()> {
        Ok(())
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
        Ok(ModelOutput::of_values(self.forward(input, mode)?))
    }

    /// Handles of the layer's weights, in Keras's order.
    fn weights(&self) -> Vec<Weight> {
        Vec::new()
    }

    /// The layers inside, if it is a model or wraps one.
    fn layers(&self) -> Vec<AnyLayer> {
        Vec::new()
    }

    /// Tells the layer that it is trained or not. Which weights are shown as trainable is not its
    /// concern; layers that behave otherwise when frozen want to know.
    fn set_trainable(&mut self, trainable: bool) {
        let _ = trainable;
    }

    /// The arguments by Keras's names, if the layer can be built again from them.
    fn config(&self) -> Option<Config> {
        None
    }

    /// Shapes of all outputs for inputs of these shapes.
    ///
    /// # Errors
    /// As `output_shape`; [`Error::InvalidArgument`] for another number of inputs than the layer
    /// takes.
    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        Ok(vec![
            self.output_shape(only_input(self.class_name(), inputs)?)?,
        ])
    }

    /// `build` for several inputs.
    ///
    /// # Errors
    /// As `build`.
    fn build_all(&mut self, inputs: &[Shape], device: Device) -> Result<()> {
        self.build(only_input(self.class_name(), inputs)?, device)
    }

    /// `forward_to_logits` for several inputs and outputs.
    ///
    /// # Errors
    /// As `forward`; [`Error::InvalidArgument`] for another number of inputs than the layer takes.
    fn forward_all(&self, inputs: &[Tensor], mode: Mode) -> Result<Vec<ModelOutput>> {
        let input = only_input(self.class_name(), inputs)?;
        Ok(vec![self.forward_to_logits(input, mode)?])
    }

    /// [`forward_all`](Layer::forward_all) where positions of the inputs are masked: `masks` has one
    /// for each input, `(batch, steps)`, or nothing where all positions count. Sets the masks of the
    /// outputs: those of the first input, if the layer [passes](Layer::passes_masks) them.
    ///
    /// # Errors
    /// As `forward_all`.
    fn forward_masked(
        &self,
        inputs: &[Tensor],
        masks: &[Option<Tensor>],
        mode: Mode,
    ) -> Result<Vec<ModelOutput>> {
        let mut outputs = self.forward_all(inputs, mode)?;
        if let (true, Some(Some(mask)), Some(output)) =
            (self.passes_masks(), masks.first(), outputs.first_mut())
        {
            output.mask = Some(mask.shallow_clone());
        }
        Ok(outputs)
    }

    /// Whether a mask of the input is one of the output, too: for layers that treat each step alike.
    /// Keras's `supports_masking`.
    fn passes_masks(&self) -> bool {
        false
    }

    /// The function that the layer applies to each element, if that is all it does.
    #[doc(hidden)]
    fn as_function(&self) -> Option<Function> {
        None
    }

    /// `activation` of the layer's output, where both can be had in one pass; `None`, and nothing
    /// has happened, where they cannot.
    ///
    /// # Errors
    /// As `forward`.
    #[doc(hidden)]
    fn forward_through(
        &self,
        input: &Tensor,
        activation: Function,
        mode: Mode,
    ) -> Result<Option<Tensor>> {
        let _ = (input, activation, mode);
        Ok(None)
    }

    /// Puts the layer behind `inputs` in a graph that becomes a [`Model`](crate::Model), and builds
    /// it.
    ///
    /// # Errors
    /// As `output_shapes` and `build`.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let inputs = Input::new((28, 28, 1));
    /// let x = Flatten::new().call(&inputs)?;
    /// let outputs = Dense::new(10).activation("softmax").call(&x)?;
    /// assert_eq!(outputs.shape(), &Shape::from(10));
    /// let model = Model::new(&inputs, &outputs)?;
    /// # Ok::<(), Error>(())
    /// ```
    fn call(self, inputs: impl Symbols) -> Result<SymbolicTensor>
    where
        Self: Sized + 'static,
    {
        AnyLayer::from(self).call(inputs)
    }
}

/// What a model computes for a batch, as losses and metrics receive it.
#[derive(Debug)]
pub struct ModelOutput {
    /// (batch, …): the output, or what comes before its last activation.
    pub values: Tensor,
    /// Which of the two.
    pub form: OutputForm,
    /// Which positions count, `(batch, steps)` of booleans; `None` if all do. Keras's `_keras_mask`.
    pub mask: Option<Tensor>,
}

impl ModelOutput {
    /// An output as it is.
    pub(crate) fn of_values(values: Tensor) -> Self {
        ModelOutput {
            values,
            form: OutputForm::Values,
            mask: None,
        }
    }

    /// The same with these positions masked.
    pub(crate) fn masked(self, mask: Option<Tensor>) -> Self {
        ModelOutput { mask, ..self }
    }
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

/// The one input of a layer that takes one.
pub(crate) fn only_input<'a, T>(class: &str, inputs: &'a [T]) -> Result<&'a T> {
    match inputs {
        [input] => Ok(input),
        _ => Err(wrong_count(class, "one input", inputs.len())),
    }
}

/// The one output of a layer that stands where one is wanted.
pub(crate) fn only_output<T>(layer: &str, outputs: Vec<T>) -> Result<T> {
    let count = outputs.len();
    match <[T; 1]>::try_from(outputs) {
        Ok([output]) => Ok(output),
        Err(_) => Err(wrong_count(layer, "a layer with one output here", count)),
    }
}

fn wrong_count(class: &str, expected: &str, received: usize) -> Error {
    Error::InvalidArgument {
        place: class.to_owned(),
        expected: expected.to_owned(),
        received: received.to_string(),
    }
}

/// Checks the last axis of a layer's input against the one it was built for, if it was built:
/// `channels` is the size that its weight has there.
fn check_channels(class: &str, received: &Shape, channels: Option<i64>) -> Result<()> {
    match channels {
        Some(channels) if received.last() != Some(&channels) => Err(Error::ShapeMismatch {
            place: class.to_owned(),
            expected: format!("a last axis of {channels}, for which it was built"),
            received: received.per_sample(),
            remedy: "feed samples of the shape that the layer was built with".into(),
        }),
        _ => Ok(()),
    }
}

/// The same for a batch.
fn check_last_axis(class: &str, input: &Tensor, expected: i64) -> Result<()> {
    let shape = input.shape();
    check_channels(
        class,
        &shape.get(1..).unwrap_or_default().into(),
        Some(expected),
    )
}

/// Refuses numbers below 1: units, kernel sizes, strides.
fn check_positive(class: &str, names: &str, numbers: &[i64]) -> Result<()> {
    match numbers.iter().find(|&&number| number < 1) {
        None => Ok(()),
        Some(wrong) => Err(Error::InvalidArgument {
            place: format!("{class}: {names}"),
            expected: "at least 1".into(),
            received: wrong.to_string(),
        }),
    }
}

/// A weight's tensor, or the error that the layer is used before `build`.
fn built<'a>(class: &str, weight: &'a Option<Weight>) -> Result<&'a Tensor> {
    let weight = weight.as_ref().ok_or_else(|| Error::NotBuilt {
        model: class.to_owned(),
        action: "a forward pass",
    })?;
    Ok(weight.tensor())
}

/// An axis counted from the end if it is negative, for samples or batches with `rank` axes.
fn axis_index(class: &str, axis: i64, rank: usize) -> Result<usize> {
    let rank = rank as i64;
    let index = if axis < 0 { axis + rank } else { axis };
    match (0..rank).contains(&index) {
        true => Ok(index as usize),
        false => Err(Error::InvalidArgument {
            place: format!("{class}: axis"),
            expected: format!("from {} to {}, the batch included", -rank, rank - 1),
            received: axis.to_string(),
        }),
    }
}

#[cfg(test)]
mod keras_cases;
#[cfg(test)]
mod tests;

//! A model whose layers follow one another.
//!
//! Here are its layers, weights and forward pass; `compile`, `fit`, `evaluate` and `predict` are in
//! `training/`, the table in `summary.rs`.

use std::fmt;
use std::sync::OnceLock;

use serde_json::Value;
use tch::{Device, Tensor};

use super::any_layer::AnyLayer;
use super::layers::{ModelOutput, only_output};
use super::names::next_name;
use super::network::{Network, wrong_input};
use super::ordering::check_names;
use crate::saving::architecture;
use crate::training::compile::TrainingState;
use crate::{Error, Mode, Result, Shape, default_device};

/// A model whose layers follow one another.
///
/// Weights are created as soon as the shape of the input is known: at once after an
/// [`Input`](crate::Input), else with the first data. They lie on the [default
/// device](crate::default_device).
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let mut model = Sequential::new([
///     Input::new((28, 28, 1)).into(),
///     Conv2D::new(8, (5, 5)).strides((2, 2)).into(),
///     Activation::relu().into(),
///     Flatten::new().into(),
/// ])?;
/// model.add(Dense::new(10))?;
/// model.add(Activation::softmax())?;
/// model.summary();
/// assert_eq!(model.output_shape().map(ToString::to_string), Some("(10,)".to_owned()));
/// # Ok::<(), Error>(())
/// ```
pub struct Sequential {
    name: String,
    layers: Vec<AnyLayer>,
    /// Of one sample, after the input and after each layer; empty until the input is known.
    shapes: Vec<Shape>,
    device: Device,
    training: TrainingState,
    pub(super) as_layer: OnceLock<AnyLayer>,
}

impl Sequential {
    /// A model of these layers; each with `.into()`, since they are of different types.
    ///
    /// # Errors
    /// As [`add`](Sequential::add).
    pub fn new(layers: impl IntoIterator<Item = AnyLayer>) -> Result<Self> {
        let mut model = Sequential {
            name: next_name("Sequential"),
            layers: Vec::new(),
            shapes: Vec::new(),
            device: default_device(),
            training: TrainingState::default(),
            as_layer: OnceLock::new(),
        };
        for layer in layers {
            model.push(layer)?;
        }
        model.count_as_keras();
        Ok(model)
    }

    /// The same model under this name.
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// The same layers and weights in a second model that is compiled and trained on its own.
    pub fn share(&self) -> Self {
        Sequential {
            name: self.name.clone(),
            layers: self.layers.clone(),
            shapes: self.shapes.clone(),
            device: self.device,
            training: TrainingState::default(),
            as_layer: self.as_layer.clone(),
        }
    }

    /// Appends a layer.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] or [`Error::InvalidArgument`] if the layer cannot follow the ones
    /// before it, and what is wrong with its arguments. The model is then as it was.
    pub fn add(&mut self, layer: impl Into<AnyLayer>) -> Result<&mut Self> {
        self.push(layer.into())?;
        self.count_as_keras();
        Ok(self)
    }

    /// Keras makes a `Functional` of its own of every built `Sequential`, which takes a name.
    fn count_as_keras(&self) {
        if !self.layers.is_empty() && !self.shapes.is_empty() {
            let _ = next_name("Functional");
        }
    }

    fn push(&mut self, layer: AnyLayer) -> Result<()> {
        if let Some(shape) = layer.input_shape() {
            if !self.layers.is_empty() || !self.shapes.is_empty() {
                return Err(Error::InvalidArgument {
                    place: format!("{}: add", self.name),
                    expected: "Input as the first layer only".into(),
                    received: format!("a second beginning after {} layers", self.layers.len()),
                });
            }
            // Counted for Keras's numbering, though a Sequential lists no input layer.
            layer.join()?;
            self.shapes.push(shape);
            return Ok(());
        }
        layer.join()?;
        let mut layers = self.layers.clone();
        layers.push(layer.clone());
        check_names(&self.name, &layers)?;
        if let Some(shape) = self.shapes.last() {
            let shape = one_shape(
                &layer,
                layer.build(std::slice::from_ref(shape), self.device)?,
            )?;
            self.shapes.push(shape);
        }
        self.layers = layers;
        // Models that have this one as a layer keep the layers it had.
        self.as_layer = OnceLock::new();
        Ok(())
    }

    /// Creates the weights for samples of this shape, where there is no [`Input`](crate::Input).
    ///
    /// # Errors
    /// As [`add`](Sequential::add), and [`Error::ShapeMismatch`] if they exist for another shape.
    pub fn build(&mut self, input: impl Into<Shape>) -> Result<()> {
        let input = input.into();
        if let Some(known) = self.shapes.first() {
            return match *known == input {
                true => Ok(()),
                false => Err(wrong_input(&self.name, known, &input.per_sample())),
            };
        }
        let mut shapes = vec![input];
        for layer in &self.layers {
            let outputs = layer.build(&shapes[shapes.len() - 1..], self.device)?;
            shapes.push(one_shape(layer, outputs)?);
        }
        self.shapes = shapes;
        self.count_as_keras();
        Ok(())
    }

    /// Names of the layers, in order.
    pub fn layer_names(&self) -> Vec<String> {
        self.layers.iter().map(AnyLayer::name).collect()
    }

    /// Shape of one input sample, if it is known.
    pub fn input_shape(&self) -> Option<&Shape> {
        self.shapes.first()
    }

    /// Shape of one output sample, if it is known.
    pub fn output_shape(&self) -> Option<&Shape> {
        self.shapes.last()
    }

    /// Computes the output for a batch, with gradients if they are enabled: for training loops of
    /// your own.
    ///
    /// Integer inputs are converted to 32-bit floats.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the samples are not of the input's shape.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        only_output(&self.name, self.compute(std::slice::from_ref(x), mode)?)
    }
}

/// The shape of a layer that has one output.
fn one_shape(layer: &AnyLayer, outputs: Vec<Shape>) -> Result<Shape> {
    only_output(&layer.name(), outputs)
}

impl Network for Sequential {
    fn name(&self) -> &str {
        &self.name
    }

    fn class_name(&self) -> &'static str {
        "Sequential"
    }

    fn device(&self) -> Device {
        self.device
    }

    fn input_shapes(&self) -> Vec<Shape> {
        self.shapes.iter().take(1).cloned().collect()
    }

    fn output_shapes(&self) -> Vec<Shape> {
        self.shapes.last().cloned().into_iter().collect()
    }

    fn output_names(&self) -> Vec<String> {
        self.layers.last().map(AnyLayer::name).into_iter().collect()
    }

    fn shapes_for(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let input = super::layers::only_input(&self.name, inputs)?;
        match self.shapes.first() {
            Some(known) if known == input => Ok(self.output_shapes()),
            Some(known) => Err(wrong_input(&self.name, known, &input.per_sample())),
            None => {
                let mut shape = input.clone();
                for layer in &self.layers {
                    let outputs = layer.output_shapes(std::slice::from_ref(&shape))?;
                    shape = one_shape(layer, outputs)?;
                }
                Ok(vec![shape])
            }
        }
    }

    fn build_for(&mut self, inputs: &[Shape]) -> Result<()> {
        match self.shapes.is_empty() {
            true => self.build(super::layers::only_input(&self.name, inputs)?),
            false => Ok(()),
        }
    }

    fn forward_to_logits(&self, inputs: &[Tensor], mode: Mode) -> Result<Vec<ModelOutput>> {
        self.forward_masked(inputs, &[None], mode)
    }

    fn forward_masked(
        &self,
        inputs: &[Tensor],
        masks: &[Option<Tensor>],
        mode: Mode,
    ) -> Result<Vec<ModelOutput>> {
        let input = super::layers::only_input(&self.name, inputs)?;
        let mask = masks.first().and_then(Option::as_ref);
        let mut output =
            ModelOutput::of_values(input.shallow_clone()).masked(mask.map(Tensor::shallow_clone));
        let mut layers = self.layers.iter().peekable();
        while let Some(layer) = layers.next() {
            let masks = [output.mask.take()];
            let input = output.activated()?;
            if let ([None], Some(next)) = (&masks, layers.peek())
                && let Some(values) = layer.forward_through(next, &input, mode)?
            {
                // The activation layer's work is done, too.
                layers.next();
                output = ModelOutput::of_values(values);
                continue;
            }
            let outputs = layer.forward_masked(&[input], &masks, mode)?;
            output = only_output(&self.name, outputs)?;
        }
        Ok(vec![output])
    }

    fn layers(&self) -> Vec<AnyLayer> {
        self.layers.clone()
    }

    fn architecture(&self) -> Result<Value> {
        architecture::of_sequential(self)
    }

    fn training(&self) -> &TrainingState {
        &self.training
    }

    fn training_mut(&mut self) -> &mut TrainingState {
        &mut self.training
    }
}

/// The summary's table.
impl fmt::Debug for Sequential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.summary_table())
    }
}

//! A model whose layers follow one another.
//!
//! Here are its layers, weights and forward pass; `compile`, `fit`, `evaluate` and `predict` are in
//! `training/`, the table in `summary.rs`.

use std::fmt;

use tch::{Device, Tensor};

use super::layers::{AnyLayer, ModelOutput, OutputForm};
use super::names::next_name;
use super::network::{Network, wrong_input};
use super::summary::Summary;
use super::weight::Weight;
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
    layers: Vec<NamedLayer>,
    /// Of one sample; `None` until it is known.
    input_shape: Option<Shape>,
    device: Device,
    training: TrainingState,
}

/// A layer in its place.
pub(crate) struct NamedLayer {
    pub(crate) name: String,
    pub(crate) layer: AnyLayer,
    /// Of one sample; `None` until the layer is built.
    pub(crate) output_shape: Option<Shape>,
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
            input_shape: None,
            device: default_device(),
            training: TrainingState::default(),
        };
        for layer in layers {
            model.add(layer)?;
        }
        Ok(model)
    }

    /// Appends a layer.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] or [`Error::InvalidArgument`] if the layer cannot follow the ones
    /// before it.
    pub fn add(&mut self, layer: impl Into<AnyLayer>) -> Result<&mut Self> {
        let layer = layer.into();
        if let Some(shape) = layer.input_shape() {
            if !self.layers.is_empty() || self.input_shape.is_some() {
                return Err(Error::InvalidArgument {
                    place: format!("{}: add", self.name),
                    expected: "Input as the first layer only".into(),
                    received: format!("a second beginning after {} layers", self.layers.len()),
                });
            }
            self.input_shape = Some(shape.clone());
            // Counted for Keras's numbering, though a Sequential lists no input layer.
            let _ = next_name(layer.class_name());
            return Ok(self);
        }
        let given = layer.given_name().map(str::to_owned);
        let name = given.unwrap_or_else(|| next_name(layer.class_name()));
        let mut named = NamedLayer {
            name,
            layer,
            output_shape: None,
        };
        if let Some(shape) = self.output_shape() {
            named.build(&shape.clone(), self.device)?;
        }
        self.layers.push(named);
        Ok(self)
    }

    /// Creates the weights for samples of this shape, where there is no [`Input`](crate::Input).
    ///
    /// # Errors
    /// As [`add`](Sequential::add), and [`Error::ShapeMismatch`] if they exist for another shape.
    pub fn build(&mut self, input: impl Into<Shape>) -> Result<()> {
        let input = input.into();
        if let Some(known) = &self.input_shape {
            return match *known == input {
                true => Ok(()),
                false => Err(wrong_input(&self.name, known, &input.per_sample())),
            };
        }
        let mut shape = input.clone();
        for named in &mut self.layers {
            shape = named.build(&shape, self.device)?;
        }
        self.input_shape = Some(input);
        Ok(())
    }

    /// Names of the layers, in order.
    pub fn layer_names(&self) -> Vec<String> {
        self.layers.iter().map(|named| named.name.clone()).collect()
    }

    /// Shape of one input sample, if it is known.
    pub fn input_shape(&self) -> Option<&Shape> {
        self.input_shape.as_ref()
    }

    /// Shape of one output sample, if it is known.
    pub fn output_shape(&self) -> Option<&Shape> {
        match self.layers.last() {
            Some(last) => last.output_shape.as_ref(),
            None => self.input_shape.as_ref(),
        }
    }

    /// Computes the output for a batch, with gradients if they are enabled: for training loops of
    /// your own.
    ///
    /// Integer inputs are converted to 32-bit floats.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the samples are not of the input's shape.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let [x] = <[Tensor; 1]>::try_from(self.checked_inputs(std::slice::from_ref(x))?)
            .map_err(|_| self.one_input())?;
        self.layers
            .iter()
            .try_fold(x, |x, named| named.layer.forward(&x, mode))
    }

    fn one_input(&self) -> Error {
        Error::InvalidArgument {
            place: self.name.clone(),
            expected: "one input, as every Sequential has".into(),
            received: "another number".into(),
        }
    }

    /// Shows Keras's table: each layer with its output shape and number of weights.
    pub fn summary(&self) {
        self.summary_table().to_rich().display();
    }

    /// The table that [`summary`](Sequential::summary) shows, as a value.
    pub fn summary_table(&self) -> Summary {
        let compiled = self.training.compiled.as_ref();
        let optimizer = compiled.map(|compiled| compiled.optimizer.borrow().state_count());
        Summary::new(
            &self.name,
            &self.layers,
            optimizer.filter(|&count| count > 0),
        )
    }
}

impl Network for Sequential {
    fn name(&self) -> &str {
        &self.name
    }

    fn device(&self) -> Device {
        self.device
    }

    fn input_shapes(&self) -> Vec<Shape> {
        self.input_shape.iter().cloned().collect()
    }

    fn output_shapes(&self) -> Vec<Shape> {
        self.output_shape().cloned().into_iter().collect()
    }

    fn output_names(&self) -> Vec<String> {
        self.layers
            .iter()
            .next_back()
            .map(|last| last.name.clone())
            .into_iter()
            .collect()
    }

    fn build_for(&mut self, inputs: &[Shape]) -> Result<()> {
        match (&self.input_shape, inputs) {
            (Some(_), _) => Ok(()),
            (None, [input]) => self.build(input),
            (None, _) => Err(self.one_input()),
        }
    }

    fn forward_to_logits(&self, inputs: &[Tensor], mode: Mode) -> Result<Vec<ModelOutput>> {
        let [x] = inputs else {
            return Err(self.one_input());
        };
        let x = x.shallow_clone();
        let Some((last, before)) = self.layers.split_last() else {
            return Ok(vec![ModelOutput {
                values: x,
                form: OutputForm::Values,
            }]);
        };
        let x = before
            .iter()
            .try_fold(x, |x, named| named.layer.forward(&x, mode))?;
        Ok(vec![last.layer.forward_to_logits(&x, mode)?])
    }

    fn weights(&self) -> Vec<Weight> {
        self.layers.iter().flat_map(NamedLayer::weights).collect()
    }

    fn training(&self) -> &TrainingState {
        &self.training
    }

    fn training_mut(&mut self) -> &mut TrainingState {
        &mut self.training
    }
}

impl NamedLayer {
    /// The layer's weights, with its name in their paths.
    pub(crate) fn weights(&self) -> Vec<Weight> {
        let weights = self.layer.weights().into_iter();
        weights.map(|weight| weight.within(&self.name)).collect()
    }

    /// Creates the weights; returns the shape of the output.
    fn build(&mut self, input: &Shape, device: Device) -> Result<Shape> {
        let output = self.layer.output_shape(input)?;
        self.layer.build(input, device)?;
        self.output_shape = Some(output.clone());
        Ok(output)
    }
}

/// The summary's table.
impl fmt::Debug for Sequential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.summary_table())
    }
}

//! A model whose layers follow one another.
//!
//! Here are its layers, weights and forward pass; `compile`, `fit`, `evaluate` and `predict` are in
//! `training/`, the table in `summary.rs`.

use std::fmt;

use tch::{Device, Kind, Tensor};

use super::layers::{AnyLayer, ModelOutput, OutputForm};
use super::names::next_name;
use super::summary::Summary;
use super::weight::Weight;
use crate::training::compile::Compiled;
use crate::training::history::History;
use crate::{Error, Mode, Result, Shape, TensorExt, default_device};

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
    pub(crate) compiled: Option<Compiled>,
    pub(crate) history: History,
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
            compiled: None,
            history: History::default(),
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
                false => Err(self.wrong_input(&input.per_sample())),
            };
        }
        let mut shape = input.clone();
        for named in &mut self.layers {
            shape = named.build(&shape, self.device)?;
        }
        self.input_shape = Some(input);
        Ok(())
    }

    /// Creates the weights for samples like those in `x`, unless they exist.
    pub(crate) fn build_for(&mut self, x: &Tensor) -> Result<()> {
        match self.input_shape {
            Some(_) => Ok(()),
            None => self.build(x.size().get(1..).unwrap_or_default()),
        }
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of the layers, in order.
    pub fn layer_names(&self) -> Vec<String> {
        self.layers.iter().map(|named| named.name.clone()).collect()
    }

    /// Where the weights lie and where the model computes.
    pub fn device(&self) -> Device {
        self.device
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
        let x = self.check_input(x)?;
        self.layers
            .iter()
            .try_fold(x, |x, named| named.layer.forward(&x, mode))
    }

    /// The same up to the last layer's softmax or sigmoid.
    pub(crate) fn forward_to_logits(&self, x: &Tensor, mode: Mode) -> Result<ModelOutput> {
        let x = self.check_input(x)?;
        let Some((last, before)) = self.layers.split_last() else {
            return Ok(ModelOutput {
                values: x,
                form: OutputForm::Values,
            });
        };
        let x = before
            .iter()
            .try_fold(x, |x, named| named.layer.forward(&x, mode))?;
        last.layer.forward_to_logits(&x, mode)
    }

    fn check_input(&self, x: &Tensor) -> Result<Tensor> {
        let shape = self.input_shape.as_ref().ok_or_else(|| Error::NotBuilt {
            model: self.name.clone(),
            action: "a forward pass",
        })?;
        if x.size().get(1..) != Some(shape) {
            return Err(self.wrong_input(&x.shape().to_string()));
        }
        let x = x.f_to_device(self.device)?;
        Ok(match x.is_floating_point() {
            true => x,
            false => x.f_to_kind(Kind::Float)?,
        })
    }

    fn wrong_input(&self, received: &str) -> Error {
        let expected = self
            .input_shape
            .as_ref()
            .map_or_else(String::new, Shape::per_sample);
        Error::ShapeMismatch {
            place: self.name.clone(),
            expected: format!("input of shape {expected}"),
            received: received.to_owned(),
            remedy: "bring the samples into that shape with reshape_to".into(),
        }
    }

    /// All weights, layer by layer, in Keras's order.
    pub fn weights(&self) -> Vec<&Weight> {
        self.layers
            .iter()
            .flat_map(|named| named.layer.weights())
            .collect()
    }

    /// The tensors that an optimizer changes. They are the model's own, not copies.
    pub fn trainable_variables(&self) -> Vec<Tensor> {
        let trainable = self
            .weights()
            .into_iter()
            .filter(|weight| weight.is_trainable());
        trainable
            .map(|weight| weight.tensor().shallow_clone())
            .collect()
    }

    /// Copies of all weights on the CPU, in Keras's order and shapes.
    ///
    /// # Errors
    /// [`Error::NotBuilt`] if they do not exist yet.
    pub fn get_weights(&self) -> Result<Vec<Tensor>> {
        self.check_built("get_weights")?;
        self.weights().into_iter().map(Weight::to_keras).collect()
    }

    /// Overwrites all weights, given in Keras's order and shapes.
    ///
    /// # Errors
    /// [`Error::NotBuilt`], [`Error::ShapeMismatch`], and [`Error::InvalidArgument`] for another
    /// number of arrays.
    pub fn set_weights(&mut self, values: &[Tensor]) -> Result<()> {
        self.check_built("set_weights")?;
        let expected = self.weights().len();
        if expected != values.len() {
            return Err(Error::InvalidArgument {
                place: format!("{}: set_weights", self.name),
                expected: format!("{expected} arrays, as get_weights() gives them"),
                received: values.len().to_string(),
            });
        }
        let mut values = values.iter();
        for named in &mut self.layers {
            for (weight, value) in named.layer.weights_mut().into_iter().zip(&mut values) {
                weight.set_from_keras(value, &named.name)?;
            }
        }
        Ok(())
    }

    pub(crate) fn check_built(&self, action: &'static str) -> Result<()> {
        match self.output_shape() {
            Some(_) => Ok(()),
            None => Err(Error::NotBuilt {
                model: self.name.clone(),
                action,
            }),
        }
    }

    /// How many numbers all weights hold; 0 before they exist.
    pub fn count_params(&self) -> i64 {
        self.weights().iter().map(|weight| weight.count()).sum()
    }

    /// Shows Keras's table: each layer with its output shape and number of weights.
    pub fn summary(&self) {
        self.summary_table().to_rich().display();
    }

    /// The table that [`summary`](Sequential::summary) shows, as a value.
    pub fn summary_table(&self) -> Summary {
        let optimizer = self
            .compiled
            .as_ref()
            .map(|compiled| compiled.optimizer.borrow().state_count());
        Summary::new(
            &self.name,
            &self.layers,
            optimizer.filter(|&count| count > 0),
        )
    }

    /// The history of the last `fit`, also if that was interrupted: the epochs that were finished.
    pub fn history(&self) -> History {
        self.history.clone()
    }
}

impl NamedLayer {
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

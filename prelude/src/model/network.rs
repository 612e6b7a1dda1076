//! What training needs of a model, whatever it is made of.
//!
//! [`Network`] is all that `training/` sees of a model; [`Sequential`](crate::Sequential) and the
//! other models implement it, and so does whatever else `fit` shall train. What users call on a
//! model (`compile`, `fit`, `evaluate`, `predict`) is written once for all networks, in
//! [`Trainer`](crate::Trainer).

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::any_layer::{AnyLayer, set_weights};
use super::layers::ModelOutput;
use super::summary::Summary;
use super::weight::Weight;
use crate::training::compile::TrainingState;
use crate::{Error, Mode, Result, Shape, TensorExt, mixed_precision};

/// Something with weights that computes outputs from inputs: a model.
///
/// Inputs and outputs are slices, since a model can have several; most have one of each.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let model = Sequential::new([Input::new(3).into(), Dense::new(2).into()])?;
/// fn describe(network: &dyn Network) -> String {
///     format!("{:?} -> {:?}", network.input_shapes(), network.output_shapes())
/// }
/// assert_eq!(describe(&model), "[(3,)] -> [(2,)]");
/// # Ok::<(), Error>(())
/// ```
pub trait Network: Send {
    /// The model's name.
    fn name(&self) -> &str;

    /// Keras's name of the kind of model, which a summary shows where it is part of another.
    fn class_name(&self) -> &'static str {
        "Model"
    }

    /// Where the weights lie and where the model computes.
    fn device(&self) -> Device;

    /// Shape of one sample of each input; empty until it is known.
    fn input_shapes(&self) -> Vec<Shape>;

    /// Shape of one sample of each output; empty until the model is built.
    fn output_shapes(&self) -> Vec<Shape>;

    /// Names of the outputs, in the order of `output_shapes`: losses and metrics of several outputs
    /// are told apart by them.
    fn output_names(&self) -> Vec<String>;

    /// Shapes of the outputs for samples of these shapes, computed without any tensor.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the model cannot work on them.
    fn shapes_for(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let expected = self.input_shapes();
        if expected.len() != inputs.len() {
            return Err(wrong_count(self.name(), expected.len(), inputs.len()));
        }
        match expected
            .iter()
            .zip(inputs)
            .find(|(known, input)| known != input)
        {
            None => Ok(self.output_shapes()),
            Some((known, input)) => Err(wrong_input(self.name(), known, &input.per_sample())),
        }
    }

    /// Creates the weights for samples of these shapes, unless they exist.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if a layer cannot work on them.
    fn build_for(&mut self, inputs: &[Shape]) -> Result<()>;

    /// Computes every output of a batch, up to its final softmax or sigmoid, with gradients if they
    /// are enabled. The inputs have been [checked](Network::checked_inputs).
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if a layer refuses what it is given.
    fn forward_to_logits(&self, inputs: &[Tensor], mode: Mode) -> Result<Vec<ModelOutput>>;

    /// The same where positions of the inputs are masked, one mask for each input: a model that is a
    /// layer of another one.
    ///
    /// # Errors
    /// As `forward_to_logits`.
    fn forward_masked(
        &self,
        inputs: &[Tensor],
        masks: &[Option<Tensor>],
        mode: Mode,
    ) -> Result<Vec<ModelOutput>> {
        let _ = masks;
        self.forward_to_logits(inputs, mode)
    }

    /// The layers in Keras's order; those of a model inside are in that one's own list. They are
    /// the model's own, not copies.
    fn layers(&self) -> Vec<AnyLayer>;

    /// What each of the layers is connected to, for the summary; `None` if each follows the one
    /// before.
    fn connections(&self) -> Option<Vec<Vec<Connection>>> {
        None
    }

    /// Handles of all weights, layer by layer, in Keras's order. A weight that several layers share
    /// is listed once.
    fn weights(&self) -> Vec<Weight> {
        let mut weights: Vec<Weight> = Vec::new();
        let mut seen = HashSet::new();
        for weight in self.layers().iter().flat_map(AnyLayer::weights) {
            let memory = weight.tensor().data_ptr() as usize;
            if memory == 0 || seen.insert(memory) {
                weights.push(weight);
            }
        }
        weights
    }

    /// A layer by its name.
    ///
    /// # Errors
    /// [`Error::UnknownName`] lists the names that there are.
    fn layer(&self, name: &str) -> Result<AnyLayer> {
        let layers = self.layers();
        let found = layers.iter().find(|layer| layer.name() == name);
        found.cloned().ok_or_else(|| Error::UnknownName {
            what: "layer",
            received: name.to_owned(),
            known: layers
                .iter()
                .map(AnyLayer::name)
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// Freezes all layers, or thaws them. Takes effect with the next `fit`.
    fn set_trainable(&mut self, trainable: bool) {
        for layer in self.layers() {
            layer.set_trainable(trainable);
        }
    }

    /// The sum of all penalties of regularizers, which is part of the loss; `None` without any.
    ///
    /// # Errors
    /// [`Error::Torch`], never in practice.
    fn penalty(&self) -> Result<Option<Tensor>> {
        let mut total: Option<Tensor> = None;
        for weight in self.weights().iter().filter(|weight| weight.is_trainable()) {
            if let Some(penalty) = weight.penalty()? {
                total = Some(match total {
                    Some(total) => total.f_add(&penalty)?,
                    None => penalty,
                });
            }
        }
        Ok(total)
    }

    /// Shows Keras's table: each layer with its output shape and number of weights.
    fn summary(&self) {
        self.summary_table().display();
    }

    /// The table that [`summary`](Network::summary) shows, as a value with further options.
    fn summary_table(&self) -> Summary {
        Summary::new(self)
    }

    /// Class, layers and connections as JSON, from which a saved model is built again.
    ///
    /// # Errors
    /// [`Error::NotSaveable`], unless it is overridden, and for layers of the user's.
    fn architecture(&self) -> Result<Value> {
        Err(Error::NotSaveable {
            what: format!("the model {}", self.name()),
            remedy: "save_weights keeps the weights of any model".into(),
        })
    }

    /// What `compile` has chosen and `fit` has measured.
    fn training(&self) -> &TrainingState;

    /// The same, to be changed.
    fn training_mut(&mut self) -> &mut TrainingState;

    /// Computes every output of a batch, final activations included.
    ///
    /// # Errors
    /// As [`checked_inputs`](Network::checked_inputs) and
    /// [`forward_to_logits`](Network::forward_to_logits).
    fn compute(&self, inputs: &[Tensor], mode: Mode) -> Result<Vec<Tensor>> {
        mixed_precision::forward(self, &self.checked_inputs(inputs)?, mode)?
            .iter()
            .map(ModelOutput::activated)
            .collect()
    }

    /// The inputs on the model's device as 32-bit floats, as Keras feeds them: whole numbers, truth
    /// values and floats of other sizes are converted.
    ///
    /// # Errors
    /// [`Error::NotBuilt`]; [`Error::ShapeMismatch`] if a sample is not of its input's shape;
    /// [`Error::InvalidArgument`] for another number of inputs, and for complex numbers.
    fn checked_inputs(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let shapes = self.input_shapes();
        if shapes.is_empty() {
            return Err(not_built(self.name(), "a forward pass"));
        }
        if shapes.len() != inputs.len() {
            return Err(wrong_count(self.name(), shapes.len(), inputs.len()));
        }
        let checked = |(x, shape): (&Tensor, &Shape)| {
            if x.size().get(1..) != Some(shape) {
                return Err(wrong_input(self.name(), shape, &x.shape().to_string()));
            }
            if x.is_complex() {
                return Err(Error::InvalidArgument {
                    place: self.name().to_owned(),
                    expected: "real numbers".into(),
                    received: format!("{:?}", x.kind()),
                });
            }
            Ok(x.f_to_device(self.device())?.f_to_kind(Kind::Float)?)
        };
        inputs.iter().zip(&shapes).map(checked).collect()
    }

    /// Refuses an action that needs weights before they exist.
    ///
    /// # Errors
    /// [`Error::NotBuilt`].
    fn check_built(&self, action: &'static str) -> Result<()> {
        match self.output_shapes().is_empty() {
            false => Ok(()),
            true => Err(not_built(self.name(), action)),
        }
    }

    /// The tensors that an optimizer changes. They are the model's own, not copies.
    fn trainable_variables(&self) -> Vec<Tensor> {
        let trainable = self.weights().into_iter().filter(Weight::is_trainable);
        trainable
            .map(|weight| weight.tensor().shallow_clone())
            .collect()
    }

    /// Copies of all weights on the CPU, in Keras's order and shapes.
    ///
    /// # Errors
    /// [`Error::NotBuilt`] if they do not exist yet.
    fn get_weights(&self) -> Result<Vec<Tensor>> {
        self.check_built("get_weights")?;
        self.weights().iter().map(Weight::to_keras).collect()
    }

    /// Overwrites all weights, given in Keras's order and shapes.
    ///
    /// # Errors
    /// [`Error::NotBuilt`], [`Error::ShapeMismatch`], and [`Error::InvalidArgument`] for another
    /// number of arrays.
    fn set_weights(&mut self, values: &[Tensor]) -> Result<()> {
        self.check_built("set_weights")?;
        set_weights(self.name(), &self.weights(), values)
    }

    /// How many numbers all weights hold; 0 before they exist.
    fn count_params(&self) -> i64 {
        self.weights().iter().map(Weight::count).sum()
    }
}

/// What a layer is fed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Name of the layer.
    pub layer: String,
    /// Which of its calls, counted from 0.
    pub call: usize,
    /// Which of its outputs, counted from 0.
    pub output: usize,
}

/// As Keras's summary writes it: `dense[0][0]`.
impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}][{}]", self.layer, self.call, self.output)
    }
}

fn not_built(model: &str, action: &'static str) -> Error {
    Error::NotBuilt {
        model: model.to_owned(),
        action,
    }
}

fn wrong_count(model: &str, inputs: usize, received: usize) -> Error {
    Error::InvalidArgument {
        place: model.to_owned(),
        expected: format!("one tensor for each of its {inputs} inputs"),
        received: received.to_string(),
    }
}

pub(super) fn wrong_input(model: &str, expected: &Shape, received: &str) -> Error {
    Error::ShapeMismatch {
        place: model.to_owned(),
        expected: format!("input of shape {}", expected.per_sample()),
        received: received.to_owned(),
        remedy: "bring the samples into that shape with reshape_to".into(),
    }
}

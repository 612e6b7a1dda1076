//! A layer in its place: with a name, built or not, trained or not, and shared by all who hold it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tch::{Device, Tensor};

use super::graph::{Node, SymbolicTensor, Symbols};
use super::layers::{Config, Layer, ModelOutput};
use super::names::next_name;
use super::weight::Weight;
use crate::{Error, Mode, Result, Shape, default_device};

/// A layer of any kind, as models keep it: `Dense::new(10).into()`.
///
/// It is a handle, as a layer is in Python: clones are the same layer. So a layer can be called
/// twice in a graph and have one set of weights, and what [`Network::layer`](crate::Network::layer)
/// returns is the model's own.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let model = Sequential::new([Input::new(3).into(), Dense::new(2).name("head").into()])?;
/// let head = model.layer("head")?;
/// head.set_trainable(false);
/// assert_eq!(head.count_params(), 8);
/// assert!(model.trainable_variables().is_empty());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct AnyLayer(Arc<Mutex<Placed>>);

struct Placed {
    layer: Box<dyn Layer>,
    /// Given when the layer joins a model.
    name: Option<String>,
    trainable: bool,
    /// Shapes of one sample of its outputs where it was called last; `None` until it is built.
    outputs: Option<Vec<Shape>>,
    /// How often it was called in graphs.
    calls: usize,
    /// What it has computed last, while somebody watches.
    watched: Option<Vec<Tensor>>,
}

impl<L: Layer + 'static> From<L> for AnyLayer {
    fn from(layer: L) -> Self {
        AnyLayer(Arc::new(Mutex::new(Placed {
            name: layer.given_name().map(str::to_owned),
            trainable: layer.starts_trainable(),
            outputs: None,
            calls: 0,
            watched: None,
            layer: Box::new(layer),
        })))
    }
}

impl AnyLayer {
    /// A layer to be called several times: a shorter name for `.into()`.
    pub fn new(layer: impl Into<AnyLayer>) -> Self {
        layer.into()
    }

    fn lock(&self) -> MutexGuard<'_, Placed> {
        // A panic in a layer's forward pass leaves nothing half done in here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether both are the same layer.
    pub(crate) fn is(&self, other: &AnyLayer) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The layer's name; its class as long as it has joined no model.
    pub fn name(&self) -> String {
        let placed = self.lock();
        let class = || placed.layer.class_name().to_owned();
        placed.name.clone().unwrap_or_else(class)
    }

    /// Keras's class name, such as `Conv2D`.
    pub fn class_name(&self) -> &'static str {
        self.lock().layer.class_name()
    }

    /// Whether an optimizer changes its weights.
    pub fn is_trainable(&self) -> bool {
        self.lock().trainable
    }

    /// Freezes the layer or thaws it, with all layers inside it. A frozen batch normalisation uses
    /// its moving averages in training, too. Takes effect with the next `fit`.
    pub fn set_trainable(&self, trainable: bool) {
        let mut placed = self.lock();
        placed.trainable = trainable;
        placed.layer.set_trainable(trainable);
        for inner in placed.layer.layers() {
            inner.set_trainable(trainable);
        }
    }

    /// Whether its weights exist.
    pub fn is_built(&self) -> bool {
        self.lock().outputs.is_some()
    }

    /// Handles of its weights in Keras's order, with its name in their paths.
    pub fn weights(&self) -> Vec<Weight> {
        let placed = self.lock();
        let name = placed.name.as_deref();
        let name = name.unwrap_or_else(|| placed.layer.class_name());
        let weights = placed.layer.weights().into_iter();
        let shown = |weight: Weight| match placed.trainable {
            true => weight.within(name),
            false => weight.within(name).frozen(),
        };
        weights.map(shown).collect()
    }

    /// Copies of its weights on the CPU, in Keras's order and shapes.
    ///
    /// # Errors
    /// [`Error::Torch`] if the memory cannot be had.
    pub fn get_weights(&self) -> Result<Vec<Tensor>> {
        self.weights().iter().map(Weight::to_keras).collect()
    }

    /// Overwrites its weights, given in Keras's order and shapes.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`], and [`Error::InvalidArgument`] for another number of arrays.
    pub fn set_weights(&self, values: &[Tensor]) -> Result<()> {
        set_weights(&self.name(), &self.weights(), values)
    }

    /// How many numbers its weights hold; 0 before they exist.
    pub fn count_params(&self) -> i64 {
        self.weights().iter().map(Weight::count).sum()
    }

    /// The layers inside, if it is a model or wraps one.
    pub fn layers(&self) -> Vec<AnyLayer> {
        self.lock().layer.layers()
    }

    /// The arguments by Keras's names, if the layer can be built again from them.
    pub fn config(&self) -> Option<Config> {
        self.lock().layer.config()
    }

    /// The shape it wants to be fed, if it is an [`Input`](crate::Input).
    pub(crate) fn input_shape(&self) -> Option<Shape> {
        self.lock().layer.input_shape().cloned()
    }

    /// Checks the arguments and gives the layer its name, unless it has one.
    pub(crate) fn join(&self) -> Result<String> {
        let mut placed = self.lock();
        placed.layer.check_arguments()?;
        let class = placed.layer.class_name();
        Ok(placed.name.get_or_insert_with(|| next_name(class)).clone())
    }

    /// Shapes of the outputs for such inputs. Creates the weights, unless they exist.
    pub(crate) fn build(&self, inputs: &[Shape], device: Device) -> Result<Vec<Shape>> {
        let mut placed = self.lock();
        if let Some(empty) = inputs
            .iter()
            .find(|shape| shape.iter().any(|&axis| axis < 1))
        {
            return Err(Error::ShapeMismatch {
                place: placed.layer.class_name().to_owned(),
                expected: "samples whose axes are at least 1".into(),
                received: empty.per_sample(),
                remedy: "feed samples that are not empty".into(),
            });
        }
        let outputs = placed.layer.output_shapes(inputs)?;
        if placed.outputs.is_none() {
            placed.layer.build_all(inputs, device)?;
        }
        placed.outputs = Some(outputs.clone());
        Ok(outputs)
    }

    /// Shapes of the outputs for such inputs.
    pub(crate) fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        self.lock().layer.output_shapes(inputs)
    }

    /// Shapes of one sample of its outputs, where it was called last; `None` until it is built.
    pub(crate) fn known_output_shapes(&self) -> Option<Vec<Shape>> {
        self.lock().outputs.clone()
    }

    /// The outputs for a batch, up to a final softmax or sigmoid.
    pub(crate) fn forward_to_logits(
        &self,
        inputs: &[Tensor],
        mode: Mode,
    ) -> Result<Vec<ModelOutput>> {
        self.forward_masked(inputs, &[], mode)
    }

    /// The same where positions of the inputs are masked.
    pub(crate) fn forward_masked(
        &self,
        inputs: &[Tensor],
        masks: &[Option<Tensor>],
        mode: Mode,
    ) -> Result<Vec<ModelOutput>> {
        let mut placed = self.lock();
        let outputs = placed.layer.forward_masked(inputs, masks, mode)?;
        if let Some(watched) = &mut placed.watched {
            *watched = outputs
                .iter()
                .map(ModelOutput::activated)
                .collect::<Result<_>>()?;
        }
        Ok(outputs)
    }

    /// What `next` computes of this layer's output, where both can be had in one pass; `None`, and
    /// nothing has happened, where they cannot, or where somebody watches what lies between.
    pub(crate) fn forward_through(
        &self,
        next: &AnyLayer,
        input: &Tensor,
        mode: Mode,
    ) -> Result<Option<Tensor>> {
        let function = match &*next.lock() {
            Placed {
                watched: Some(_), ..
            } => None,
            placed => placed.layer.as_function(),
        };
        match (function, &*self.lock()) {
            (
                Some(function),
                Placed {
                    watched: None,
                    layer,
                    ..
                },
            ) => layer.forward_through(input, function, mode),
            _ => Ok(None),
        }
    }

    /// What the layer computes while `compute` runs a model that it is in, final activation
    /// included; of its last call, if there are several, and nothing if there is none.
    pub(crate) fn outputs_during(
        &self,
        compute: impl FnOnce() -> Result<()>,
    ) -> Result<Vec<Tensor>> {
        self.lock().watched = Some(Vec::new());
        let computed = compute();
        let watched = self.lock().watched.take();
        computed.map(|()| watched.unwrap_or_default())
    }

    /// Puts the layer behind `inputs` in a graph, and builds it. Called again it is the same layer,
    /// with the same weights, in a second place.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the layer cannot work on such inputs, what is wrong with its
    /// arguments, and [`Error::InvalidArgument`] if it has several outputs
    /// ([`call_all`](AnyLayer::call_all) gives them).
    pub fn call(&self, inputs: impl Symbols) -> Result<SymbolicTensor> {
        let outputs = self.call_all(inputs)?;
        let count = outputs.len();
        match <[SymbolicTensor; 1]>::try_from(outputs) {
            Ok([output]) => Ok(output),
            Err(_) => Err(Error::InvalidArgument {
                place: format!("{}: call", self.name()),
                expected: "a layer with one output; call_all gives several".into(),
                received: count.to_string(),
            }),
        }
    }

    /// [`call`](AnyLayer::call) for layers with several outputs.
    ///
    /// # Errors
    /// As `call`.
    pub fn call_all(&self, inputs: impl Symbols) -> Result<Vec<SymbolicTensor>> {
        let inputs = inputs.symbols()?;
        self.join()?;
        let shapes: Vec<Shape> = inputs.iter().map(|input| input.shape().clone()).collect();
        let outputs = self.build(&shapes, default_device())?;
        let mut placed = self.lock();
        let call = placed.calls;
        placed.calls += 1;
        Ok(Node::record(self.clone(), call, inputs, outputs))
    }
}

/// Name and class.
impl std::fmt::Debug for AnyLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{} name={}>", self.class_name(), self.name())
    }
}

/// Overwrites `weights` with as many arrays of Keras's shapes.
pub(crate) fn set_weights(place: &str, weights: &[Weight], values: &[Tensor]) -> Result<()> {
    if weights.len() != values.len() {
        return Err(Error::InvalidArgument {
            place: format!("{place}: set_weights"),
            expected: format!("{} arrays, as get_weights() gives them", weights.len()),
            received: values.len().to_string(),
        });
    }
    for (weight, value) in weights.iter().zip(values) {
        weight.set_from_keras(value)?;
    }
    Ok(())
}

//! A model made of a graph: several inputs and outputs, branches, joins, shared layers.
//!
//! `graph.rs` records calls; here the part between some inputs and outputs is put into an order in
//! which it can be computed.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use tch::{Device, Tensor};

use super::any_layer::AnyLayer;
use super::graph::{Node, SymbolicTensor, Symbols};
use super::layers::ModelOutput;
use super::names::next_name;
use super::network::{Connection, Network};
use super::ordering::{Order, key};
use crate::saving::architecture;
use crate::training::compile::TrainingState;
use crate::{Error, Mode, Result, Shape, default_device};

/// A model with any graph of layers between its inputs and outputs.
///
/// # Example
/// Two inputs, a join and two outputs:
/// ```
/// use torchbook::*;
///
/// let image = Input::new((8, 8, 1)).name("image");
/// let age = Input::new(1).name("age");
/// let x = Conv2D::new(4, 3).activation("relu").call(&image)?;
/// let x = Flatten::new().call(&x)?;
/// let x = Concatenate::new().call((&x, &age))?;
/// let class = Dense::new(3).activation("softmax").name("class").call(&x)?;
/// let price = Dense::new(1).name("price").call(&x)?;
/// let model = Model::new((&image, &age), (&class, &price))?;
///
/// let (images, ages) = (Tensor::zeros([5, 8, 8, 1], (Kind::Float, Device::Cpu)), Tensor::zeros([5, 1], (Kind::Float, Device::Cpu)));
/// let outputs = model.predict_all((&images, &ages))?;
/// assert_eq!((outputs[0].shape(), outputs[1].shape()), (Shape::from((5, 3)), Shape::from((5, 1))));
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.Model(inputs, outputs)`, class `Functional`; the order of layers and weights is
/// Keras's.
pub struct Model {
    name: String,
    device: Device,
    inputs: Vec<SymbolicTensor>,
    outputs: Vec<SymbolicTensor>,
    /// In Keras's order: by distance from the outputs.
    layers: Vec<AnyLayer>,
    /// In an order in which they can be computed.
    steps: Vec<Step>,
    /// Where each input is put, and each output found, among the tensors of a forward pass.
    input_slots: Vec<usize>,
    output_slots: Vec<usize>,
    /// Whether a step needs the tensor there: then its final activation is applied at once.
    consumed: Vec<bool>,
    training: TrainingState,
    pub(super) as_layer: OnceLock<AnyLayer>,
}

/// One call of a layer, with the places of its inputs and outputs.
struct Step {
    node: Arc<Node>,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
}

impl Model {
    /// A model of what lies between `inputs` and `outputs`. The layers are the ones that were
    /// called, not copies: two models made of one graph share weights.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if the outputs need an input that is not among `inputs`, or if
    /// two layers have the same name.
    pub fn new(inputs: impl Symbols, outputs: impl Symbols) -> Result<Self> {
        let (inputs, outputs) = (inputs.symbols()?, outputs.symbols()?);
        let name = next_name("Functional");
        let order = Order::new(&name, &inputs, &outputs)?;

        let mut slots: HashMap<(usize, usize), usize> = HashMap::new();
        let mut slot = |symbol: &SymbolicTensor| {
            let next = slots.len();
            *slots.entry(key(symbol)).or_insert(next)
        };
        let input_slots: Vec<usize> = inputs.iter().map(&mut slot).collect();
        let mut steps = Vec::new();
        for node in &order.nodes {
            let outputs = Node::outputs(node);
            steps.push(Step {
                node: node.clone(),
                inputs: node.inputs.iter().map(&mut slot).collect(),
                outputs: outputs.iter().map(&mut slot).collect(),
            });
        }
        let output_slots: Vec<usize> = outputs.iter().map(&mut slot).collect();
        let mut consumed = vec![false; slots.len()];
        for input in steps.iter().flat_map(|step| &step.inputs) {
            consumed[*input] = true;
        }
        Ok(Model {
            name,
            device: default_device(),
            inputs,
            outputs,
            layers: order.layers,
            steps,
            input_slots,
            output_slots,
            consumed,
            training: TrainingState::default(),
            as_layer: OnceLock::new(),
        })
    }

    /// The same model under this name.
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// The same layers and weights in a second model that is compiled and trained on its own.
    pub fn share(&self) -> Self {
        let steps = self.steps.iter().map(|step| Step {
            node: step.node.clone(),
            inputs: step.inputs.clone(),
            outputs: step.outputs.clone(),
        });
        Model {
            name: self.name.clone(),
            device: self.device,
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            layers: self.layers.clone(),
            steps: steps.collect(),
            input_slots: self.input_slots.clone(),
            output_slots: self.output_slots.clone(),
            consumed: self.consumed.clone(),
            training: TrainingState::default(),
            as_layer: self.as_layer.clone(),
        }
    }

    /// The model's inputs, to build further models on them.
    pub fn inputs(&self) -> &[SymbolicTensor] {
        &self.inputs
    }

    /// The model's outputs, to build further models on them.
    pub fn outputs(&self) -> &[SymbolicTensor] {
        &self.outputs
    }

    /// Calls of layers, in an order in which they can be computed.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.steps.iter().map(|step| &step.node)
    }
}

/// Another handle of a mask.
fn shared(mask: &Option<Tensor>) -> Option<Tensor> {
    mask.as_ref().map(Tensor::shallow_clone)
}

fn shapes(symbols: &[SymbolicTensor]) -> Vec<Shape> {
    symbols
        .iter()
        .map(|symbol| symbol.shape().clone())
        .collect()
}

impl Network for Model {
    fn name(&self) -> &str {
        &self.name
    }

    fn class_name(&self) -> &'static str {
        "Functional"
    }

    fn device(&self) -> Device {
        self.device
    }

    fn input_shapes(&self) -> Vec<Shape> {
        shapes(&self.inputs)
    }

    fn output_shapes(&self) -> Vec<Shape> {
        shapes(&self.outputs)
    }

    fn output_names(&self) -> Vec<String> {
        self.outputs
            .iter()
            .map(|output| output.node().layer.name())
            .collect()
    }

    /// The weights exist since the layers were called.
    fn build_for(&mut self, _inputs: &[Shape]) -> Result<()> {
        Ok(())
    }

    fn forward_to_logits(&self, inputs: &[Tensor], mode: Mode) -> Result<Vec<ModelOutput>> {
        self.forward_masked(inputs, &[], mode)
    }

    fn forward_masked(
        &self,
        inputs: &[Tensor],
        masks: &[Option<Tensor>],
        mode: Mode,
    ) -> Result<Vec<ModelOutput>> {
        let mut slots: Vec<Option<ModelOutput>> = self.consumed.iter().map(|_| None).collect();
        let missing = || Error::NotBuilt {
            model: self.name.clone(),
            action: "a forward pass",
        };
        for (index, (slot, input)) in self.input_slots.iter().zip(inputs).enumerate() {
            let input = ModelOutput::of_values(input.shallow_clone());
            slots[*slot] = Some(input.masked(shared(masks.get(index).unwrap_or(&None))));
        }
        let (mut arguments, mut masks) = (Vec::new(), Vec::new());
        for step in &self.steps {
            arguments.clear();
            masks.clear();
            for slot in &step.inputs {
                let output = slots[*slot].as_ref().ok_or_else(missing)?;
                arguments.push(output.values.shallow_clone());
                masks.push(shared(&output.mask));
            }
            let layer = &step.node.layer;
            let outputs = layer.forward_masked(&arguments, &masks, mode)?;
            for (slot, output) in step.outputs.iter().zip(outputs) {
                slots[*slot] = Some(match self.consumed[*slot] {
                    true => ModelOutput::of_values(output.activated()?).masked(output.mask),
                    false => output,
                });
            }
        }
        let output = |slot: &usize| {
            let output = slots[*slot].as_ref().ok_or_else(missing)?;
            Ok(ModelOutput {
                values: output.values.shallow_clone(),
                form: output.form,
                mask: shared(&output.mask),
            })
        };
        self.output_slots.iter().map(output).collect()
    }

    fn layers(&self) -> Vec<AnyLayer> {
        self.layers.clone()
    }

    fn connections(&self) -> Option<Vec<Vec<Connection>>> {
        let mut follows = self.input_slots.clone();
        let is_chain = self.steps.len() + 1 == self.layers.len()
            && follows.len() == 1
            && self.steps.iter().all(|step| {
                let fits = step.inputs == follows;
                follows = step.outputs.clone();
                fits
            });
        let of_layer = |layer: &AnyLayer| -> Vec<Connection> {
            let mut nodes: Vec<&Arc<Node>> =
                self.nodes().filter(|node| node.layer.is(layer)).collect();
            nodes.sort_by_key(|node| node.call);
            let inputs = nodes.iter().flat_map(|node| &node.inputs);
            let origin = |input: &SymbolicTensor| {
                let node = input.node();
                Connection {
                    layer: node.layer.name(),
                    call: node.call,
                    output: input.index(),
                }
            };
            inputs.map(origin).collect()
        };
        (!is_chain).then(|| self.layers.iter().map(of_layer).collect())
    }

    fn architecture(&self) -> Result<Value> {
        architecture::of_graph(self)
    }

    fn training(&self) -> &TrainingState {
        &self.training
    }

    fn training_mut(&mut self) -> &mut TrainingState {
        &mut self.training
    }
}

/// The summary's table.
impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.summary_table())
    }
}

#[cfg(test)]
mod tests;

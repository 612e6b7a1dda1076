//! In which order the layers of a graph are listed and computed: Keras's, so that weights can be
//! exchanged.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::any_layer::AnyLayer;
use super::graph::{Node, SymbolicTensor};
use crate::{Error, Result};

/// The part of a graph that leads from some inputs to some outputs.
pub(super) struct Order {
    /// Calls to compute, each after those that it needs.
    pub(super) nodes: Vec<Arc<Node>>,
    /// Layers as a summary lists them.
    pub(super) layers: Vec<AnyLayer>,
}

/// Which output of which call, as a key.
pub(super) fn key(symbol: &SymbolicTensor) -> (usize, usize) {
    (node_key(symbol.node()), symbol.index())
}

fn node_key(node: &Arc<Node>) -> usize {
    Arc::as_ptr(node) as usize
}

impl Order {
    /// # Source
    /// Keras 3, keras/src/ops/function.py, `map_graph`: layers by their largest distance from an
    /// output, and those at the same distance as a search from the outputs meets them.
    pub(super) fn new(
        model: &str,
        inputs: &[SymbolicTensor],
        outputs: &[SymbolicTensor],
    ) -> Result<Self> {
        let mut search = Search {
            model,
            inputs,
            met: HashSet::new(),
            nodes: Vec::new(),
            layers: Vec::new(),
        };
        for output in outputs {
            search.visit(output)?;
        }
        let Search {
            nodes, mut layers, ..
        } = search;

        let mut node_depths: HashMap<usize, usize> = HashMap::new();
        let mut layer_depths = vec![0usize; layers.len()];
        for node in nodes.iter().rev() {
            let layer = layers.iter().position(|layer| layer.is(&node.layer));
            let known = layer.map_or(0, |layer| layer_depths[layer]);
            let depth = known.max(node_depths.get(&node_key(node)).copied().unwrap_or(0));
            if let Some(layer) = layer {
                layer_depths[layer] = depth;
            }
            for input in &node.inputs {
                let before = node_depths.entry(node_key(input.node())).or_default();
                *before = (*before).max(depth + 1);
            }
        }
        let mut ordered: Vec<(usize, AnyLayer)> =
            layer_depths.into_iter().zip(layers.drain(..)).collect();
        // Inputs that no output needs are listed, too.
        for input in inputs {
            let layer = &input.node().layer;
            let is_listed = ordered.iter().any(|(_, known)| known.is(layer));
            if layer.input_shape().is_some() && !is_listed {
                ordered.insert(0, (0, layer.clone()));
            }
        }
        ordered.sort_by_key(|(depth, _)| std::cmp::Reverse(*depth));
        let layers: Vec<AnyLayer> = ordered.into_iter().map(|(_, layer)| layer).collect();
        check_names(model, &layers)?;
        // Inputs are there before anything is computed.
        let computed = nodes
            .into_iter()
            .filter(|node| node.layer.input_shape().is_none());
        Ok(Order {
            nodes: computed.collect(),
            layers,
        })
    }
}

/// Every layer of a model is found by its name, so no two may have the same.
pub(super) fn check_names(model: &str, layers: &[AnyLayer]) -> Result<()> {
    let names: Vec<String> = layers.iter().map(AnyLayer::name).collect();
    for (i, name) in names.iter().enumerate() {
        if names[..i].contains(name) {
            return Err(Error::InvalidArgument {
                place: model.to_owned(),
                expected: "a name of its own for every layer".into(),
                received: format!("two layers named `{name}`"),
            });
        }
    }
    Ok(())
}

/// A search from the outputs, depth first.
struct Search<'a> {
    model: &'a str,
    inputs: &'a [SymbolicTensor],
    /// Calls that were met: a graph has no cycles, since a call is made on what is there.
    met: HashSet<usize>,
    /// Each after those it needs.
    nodes: Vec<Arc<Node>>,
    /// As they are met.
    layers: Vec<AnyLayer>,
}

impl Search<'_> {
    fn visit(&mut self, symbol: &SymbolicTensor) -> Result<()> {
        let node = symbol.node();
        if self.met.contains(&node_key(node)) {
            return Ok(());
        }
        let is_given = self.inputs.iter().any(|input| input.is(symbol));
        let is_input = node.layer.input_shape().is_some();
        if is_given && !is_input {
            return Ok(());
        }
        if is_input && !is_given {
            return Err(Error::InvalidArgument {
                place: format!("{}: inputs", self.model),
                expected: "every input that the outputs are computed from".into(),
                received: format!("none for `{}`", node.layer.name()),
            });
        }
        if !self.layers.iter().any(|layer| layer.is(&node.layer)) {
            self.layers.push(node.layer.clone());
        }
        self.met.insert(node_key(node));
        for input in &node.inputs {
            self.visit(input)?;
        }
        self.nodes.push(node.clone());
        Ok(())
    }
}

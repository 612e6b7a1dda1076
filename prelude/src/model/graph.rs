//! The graph that functional calls make: which layer was called on whose outputs.
//!
//! It holds shapes and layers, no tensors. `functional.rs` makes a model of a part of it.

use std::fmt;
use std::sync::Arc;

use super::any_layer::AnyLayer;
use crate::{Error, Input, Result, Shape};

/// What a layer will compute when the model runs: a place in a graph, with a shape.
///
/// # Source
/// Keras 3, `KerasTensor`.
#[derive(Clone)]
pub struct SymbolicTensor {
    node: Arc<Node>,
    /// Which of the node's outputs.
    index: usize,
}

/// One call of a layer.
pub(crate) struct Node {
    pub(crate) layer: AnyLayer,
    /// How often the layer had been called before.
    pub(crate) call: usize,
    pub(crate) inputs: Vec<SymbolicTensor>,
    outputs: Vec<Shape>,
}

impl Node {
    /// Records a call; returns its outputs.
    pub(crate) fn record(
        layer: AnyLayer,
        call: usize,
        inputs: Vec<SymbolicTensor>,
        outputs: Vec<Shape>,
    ) -> Vec<SymbolicTensor> {
        Node::outputs(&Arc::new(Node {
            layer,
            call,
            inputs,
            outputs,
        }))
    }

    pub(crate) fn outputs(node: &Arc<Node>) -> Vec<SymbolicTensor> {
        let symbol = |index| SymbolicTensor {
            node: node.clone(),
            index,
        };
        (0..node.outputs.len()).map(symbol).collect()
    }
}

impl SymbolicTensor {
    /// The shape of one sample.
    pub fn shape(&self) -> &Shape {
        // Made by Node::outputs for an output that exists.
        &self.node.outputs[self.index]
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Whether both are the same output of the same call.
    pub(crate) fn is(&self, other: &SymbolicTensor) -> bool {
        Arc::ptr_eq(&self.node, &other.node) && self.index == other.index
    }
}

/// Shape and origin.
impl fmt::Debug for SymbolicTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shape, layer) = (self.shape().with_batch(), self.node.layer.name());
        write!(f, "<SymbolicTensor shape={shape} of {layer}>")
    }
}

/// What layers are called on: a symbolic tensor, an [`Input`], or an array, a vector or a tuple of
/// them.
pub trait Symbols {
    /// The symbolic tensors, in order.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for an input with a wrong name or none at all.
    fn symbols(self) -> Result<Vec<SymbolicTensor>>;
}

impl Symbols for &SymbolicTensor {
    fn symbols(self) -> Result<Vec<SymbolicTensor>> {
        Ok(vec![self.clone()])
    }
}

impl Symbols for &Input {
    fn symbols(self) -> Result<Vec<SymbolicTensor>> {
        Ok(vec![self.symbol()?])
    }
}

impl<S> Symbols for &[S]
where
    for<'a> &'a S: Symbols,
{
    fn symbols(self) -> Result<Vec<SymbolicTensor>> {
        if self.is_empty() {
            return Err(Error::InvalidArgument {
                place: "call".into(),
                expected: "at least one symbolic tensor".into(),
                received: "none".into(),
            });
        }
        let mut symbols = Vec::new();
        for each in self {
            symbols.extend(each.symbols()?);
        }
        Ok(symbols)
    }
}

impl<S> Symbols for &Vec<S>
where
    for<'a> &'a S: Symbols,
{
    fn symbols(self) -> Result<Vec<SymbolicTensor>> {
        self.as_slice().symbols()
    }
}

impl<S: Symbols, const N: usize> Symbols for [S; N] {
    fn symbols(self) -> Result<Vec<SymbolicTensor>> {
        let mut symbols = Vec::new();
        for each in self {
            symbols.extend(each.symbols()?);
        }
        Ok(symbols)
    }
}

macro_rules! tuple_of_symbols {
    ($($symbol:ident),+) => {
        impl<$($symbol: Symbols),+> Symbols for ($($symbol,)+) {
            #[expect(non_snake_case, reason = "type parameters name the bindings, too")]
            fn symbols(self) -> Result<Vec<SymbolicTensor>> {
                let ($($symbol,)+) = self;
                let mut symbols = Vec::new();
                $(symbols.extend($symbol.symbols()?);)+
                Ok(symbols)
            }
        }
    };
}
tuple_of_symbols!(A, B);
tuple_of_symbols!(A, B, C);
tuple_of_symbols!(A, B, C, D);

//! The shape that a model is fed.

use std::sync::{Arc, OnceLock};

use tch::Tensor;

use super::{Config, Layer};
use crate::model::any_layer::AnyLayer;
use crate::model::graph::{Node, SymbolicTensor};
use crate::model::layers::arguments::{Setting, read_required};
use crate::{Error, Mode, Result, Shape};

/// States the shape of one input sample: as the first layer of a
/// [`Sequential`](crate::Sequential), or as the beginning of a graph that becomes a
/// [`Model`](crate::Model).
///
/// A `Sequential` without it creates its weights when it first sees data.
///
/// # Shapes
/// One sample, without the batch: `(28, 28, 1)` for grey images, `784` for flat ones.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let vectors = Input::new(784);
/// let scores = Dense::new(10).call(&vectors)?;
/// let model = Model::new(&vectors, &scores)?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Input {
    shape: Shape,
    name: Option<String>,
    /// Made when a layer is first called on it; clones are the same input.
    symbol: Arc<OnceLock<SymbolicTensor>>,
}

impl Input {
    /// Samples of shape `shape`.
    ///
    /// ```
    /// use torchbook::*;
    /// let images = Input::new((28, 28, 1));
    /// let vectors = Input::new(784);
    /// ```
    pub fn new(shape: impl Into<Shape>) -> Self {
        Input {
            shape: shape.into(),
            name: None,
            symbol: Arc::default(),
        }
    }

    /// Chooses a name instead of the automatic one.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// The beginning of a graph; always the same one.
    pub(crate) fn symbol(&self) -> Result<SymbolicTensor> {
        if let Some(symbol) = self.symbol.get() {
            return Ok(symbol.clone());
        }
        let layer = AnyLayer::from(Input {
            symbol: Arc::default(),
            ..self.clone()
        });
        layer.join()?;
        layer.build(std::slice::from_ref(&self.shape), tch::Device::Cpu)?;
        let outputs = Node::record(layer, 0, Vec::new(), vec![self.shape.clone()]);
        let symbol = outputs.into_iter().next();
        let symbol = symbol.ok_or_else(|| super::wrong_count("Input", "one output", 0))?;
        Ok(self.symbol.get_or_init(|| symbol).clone())
    }

    pub(crate) fn from_config(config: &Config) -> Result<AnyLayer> {
        let mut input = Input::new(read_required::<Shape>("InputLayer", config, "shape")?);
        input.name = config
            .get("name")
            .and_then(|name| name.as_str())
            .map(str::to_owned);
        Ok(input.into())
    }
}

impl Layer for Input {
    fn class_name(&self) -> &'static str {
        "InputLayer"
    }

    fn given_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn check_arguments(&self) -> Result<()> {
        match self.shape.iter().find(|&&axis| axis < 1) {
            None => Ok(()),
            Some(axis) => Err(Error::InvalidArgument {
                place: "Input: shape".into(),
                expected: "axes of at least 1, without the batch".into(),
                received: axis.to_string(),
            }),
        }
    }

    fn input_shape(&self) -> Option<&Shape> {
        Some(&self.shape)
    }

    fn output_shape(&self, _input: &Shape) -> Result<Shape> {
        Ok(self.shape.clone())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        Ok(input.shallow_clone())
    }

    fn config(&self) -> Option<Config> {
        let shape = ("shape".to_owned(), self.shape.to_json());
        Some(Config::from_iter([
            ("name".to_owned(), self.name.clone().into()),
            shape,
        ]))
    }
}

//! The shape that a model is fed.

use tch::Tensor;

use super::Layer;
use crate::{Mode, Result, Shape};

/// States the shape of one input sample, so that the weights of all following layers can be created
/// at once.
///
/// Without it a [`Sequential`](crate::Sequential) creates them when it first sees data.
///
/// # Shapes
/// One sample, without the batch: `(28, 28, 1)` for grey images, `784` for flat ones.
#[derive(Clone, Debug)]
pub struct Input {
    shape: Shape,
    name: Option<String>,
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
        }
    }

    /// Chooses a name instead of the automatic one.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }
}

impl Layer for Input {
    fn class_name(&self) -> &'static str {
        "InputLayer"
    }

    fn given_name(&self) -> Option<&str> {
        self.name.as_deref()
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
}

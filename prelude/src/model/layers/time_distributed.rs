//! One layer for every step of a sequence.

use tch::{Device, Tensor};

use super::arguments::Common;
use super::convolution::sample_shape;
use super::{Config, Layer, only_output};
use crate::model::any_layer::AnyLayer;
use crate::model::weight::Weight;
use crate::{Error, Mode, Result, Shape};

/// One layer for every step of a sequence, with the same weights.
///
/// # Shapes
/// `(batch, steps, …)`, where the layer takes `(batch, …)`.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let layer = TimeDistributed::new(Conv2D::new(8, 3));
/// assert_eq!(layer.call(&Input::new((10, 28, 28, 1)))?.shape(), &Shape::from((10, 26, 26, 8)));
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, keras/src/layers/rnn/time_distributed.py.
#[derive(Debug)]
pub struct TimeDistributed {
    common: Common,
    layer: AnyLayer,
}

impl TimeDistributed {
    /// Keras's names of the arguments.
    pub(crate) const ARGUMENTS: &'static [&'static str] = &["layer"];

    /// `layer` for every step.
    pub fn new(layer: impl Into<AnyLayer>) -> Self {
        TimeDistributed {
            common: Common::default(),
            layer: layer.into(),
        }
    }

    /// Chooses a name instead of the automatic one.
    pub fn name(mut self, name: &str) -> Self {
        self.common.name = Some(name.to_owned());
        self
    }

    /// One step of a sequence.
    fn step(input: &Shape) -> Result<(i64, Shape)> {
        match input.split_first() {
            Some((steps, step)) => Ok((*steps, step.into())),
            None => Err(Error::ShapeMismatch {
                place: "TimeDistributed".into(),
                expected: "input of shape (batch, steps, …)".into(),
                received: input.per_sample(),
                remedy: "add the missing axis with reshape_to".into(),
            }),
        }
    }

    pub(crate) fn from_config(config: &Config) -> Result<AnyLayer> {
        let inner = config.get("layer").and_then(|layer| layer.as_object());
        let class = inner.and_then(|inner| inner.get("class_name")?.as_str());
        let arguments = inner.and_then(|inner| inner.get("config")?.as_object());
        let (Some(class), Some(arguments)) = (class, arguments) else {
            return Err(Error::InvalidArgument {
                place: "TimeDistributed: layer".into(),
                expected: "a layer as config() writes it".into(),
                received: config
                    .get("layer")
                    .map_or_else(|| "nothing".to_owned(), ToString::to_string),
            });
        };
        let mut layer = TimeDistributed::new(AnyLayer::from_config(class, arguments)?);
        layer.common.name = config
            .get("name")
            .and_then(|name| name.as_str())
            .map(str::to_owned);
        Ok(layer.into())
    }
}

impl Layer for TimeDistributed {
    fn class_name(&self) -> &'static str {
        "TimeDistributed"
    }

    fn given_name(&self) -> Option<&str> {
        self.common.name.as_deref()
    }

    fn check_arguments(&self) -> Result<()> {
        self.layer.join().map(drop)
    }

    /// Of the steps, which stay.
    fn passes_masks(&self) -> bool {
        true
    }

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let (steps, step) = TimeDistributed::step(input)?;
        let output = only_output("TimeDistributed", self.layer.output_shapes(&[step])?)?;
        Ok([&[steps], &*output].concat().into())
    }

    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        let (_, step) = TimeDistributed::step(input)?;
        self.layer.build(&[step], device).map(drop)
    }

    fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
        let sample = sample_shape(input);
        let output = self.output_shape(&sample)?;
        let (steps, step) = TimeDistributed::step(&sample)?;
        let batch = input.size()[0];
        let flat = input.f_reshape([&[batch * steps], &*step].concat())?;
        let outputs = self.layer.forward_to_logits(&[flat], mode)?;
        let values = only_output("TimeDistributed", outputs)?.activated()?;
        Ok(values.f_reshape([&[batch], &*output].concat())?)
    }

    fn weights(&self) -> Vec<Weight> {
        self.layer.weights()
    }

    fn set_trainable(&mut self, trainable: bool) {
        self.layer.set_trainable(trainable);
    }

    fn config(&self) -> Option<Config> {
        let layer = serde_json::json!({"class_name": self.layer.class_name(), "config": self.layer.config()?});
        Some(Config::from_iter([
            ("name".to_owned(), self.common.name.clone().into()),
            ("layer".to_owned(), layer),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::*;

    #[test]
    fn one_layer_serves_every_step() -> Result<()> {
        let mut layer = TimeDistributed::new(Dense::new(2).name("inner"));
        layer.check_arguments()?;
        layer.build(&(5, 3).into(), Device::Cpu)?;
        let x = Tensor::rand([4, 5, 3], (Kind::Float, Device::Cpu));
        let weights = layer.weights();
        testing::close(
            &layer.forward(&x, Mode::Train)?,
            &x.matmul(weights[0].tensor()),
            1e-6,
        );
        assert_eq!(weights[0].path(), "inner/kernel");
        assert!(layer.output_shape(&().into()).is_err());
        let again = AnyLayer::from_config("TimeDistributed", &layer.config().unwrap_or_default())?;
        assert_eq!(again.class_name(), "TimeDistributed");
        Ok(())
    }
}

//! Models as layers of other models.

use tch::{Device, Tensor};

use super::any_layer::AnyLayer;
use super::functional::Model;
use super::graph::{SymbolicTensor, Symbols};
use super::layers::{Config, Layer, ModelOutput};
use super::network::Network;
use super::sequential::Sequential;
use super::weight::Weight;
use crate::{Mode, Result, Shape};

/// A model in another model. Its layers are shared with the original.
///
/// A struct of its own, since a model that was a [`Layer`] and a [`Network`] would have two methods
/// of every name.
struct Nested<N> {
    name: String,
    network: N,
}

impl<N: Network> Layer for Nested<N> {
    fn class_name(&self) -> &'static str {
        self.network.class_name()
    }

    fn given_name(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let shapes = self.output_shapes(std::slice::from_ref(input))?;
        super::layers::only_output(&self.name, shapes)
    }

    fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
        let outputs = self.forward_all(std::slice::from_ref(input), mode)?;
        super::layers::only_output(&self.name, outputs)?.activated()
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        self.network.shapes_for(inputs)
    }

    fn build_all(&mut self, inputs: &[Shape], _device: Device) -> Result<()> {
        self.network.build_for(inputs)
    }

    fn forward_all(&self, inputs: &[Tensor], mode: Mode) -> Result<Vec<ModelOutput>> {
        self.network
            .forward_to_logits(&self.network.checked_inputs(inputs)?, mode)
    }

    fn forward_masked(
        &self,
        inputs: &[Tensor],
        masks: &[Option<Tensor>],
        mode: Mode,
    ) -> Result<Vec<ModelOutput>> {
        let inputs = self.network.checked_inputs(inputs)?;
        self.network.forward_masked(&inputs, masks, mode)
    }

    fn weights(&self) -> Vec<Weight> {
        self.network.weights()
    }

    fn layers(&self) -> Vec<AnyLayer> {
        self.network.layers()
    }

    fn config(&self) -> Option<Config> {
        let architecture = self.network.architecture().ok()?;
        architecture.get("config")?.as_object().cloned()
    }
}

macro_rules! model_as_layer {
    ($model:ident) => {
        impl From<$model> for AnyLayer {
            fn from(model: $model) -> Self {
                model.to_layer()
            }
        }

        impl $model {
            /// The model as a layer of other models, with the same weights. Always the same layer.
            pub fn to_layer(&self) -> AnyLayer {
                let nested = || Nested {
                    name: self.name().to_owned(),
                    network: self.share(),
                };
                self.as_layer.get_or_init(|| nested().into()).clone()
            }

            /// Puts the model behind `inputs` in a graph, as a layer. It shares its weights with
            /// the new place.
            ///
            /// # Errors
            /// [`Error::ShapeMismatch`](crate::Error::ShapeMismatch) if the inputs have other
            /// shapes.
            ///
            /// # Example
            /// ```
            /// use torchbook::*;
            ///
            /// let inputs = Input::new(8);
            /// let code = Dense::new(2).call(&inputs)?;
            /// let encoder = Model::new(&inputs, &code)?;
            /// let decoder = Sequential::new([Input::new(2).into(), Dense::new(8).into()])?;
            ///
            /// let x = Input::new(8);
            /// let autoencoder = Model::new(&x, &decoder.call(&encoder.call(&x)?)?)?;
            /// assert_eq!(autoencoder.count_params(), encoder.count_params() + decoder.count_params());
            /// # Ok::<(), Error>(())
            /// ```
            pub fn call(&self, inputs: impl Symbols) -> Result<SymbolicTensor> {
                self.to_layer().call(inputs)
            }

            /// [`call`](Self::call) for models with several outputs.
            ///
            /// # Errors
            /// As `call`.
            pub fn call_all(&self, inputs: impl Symbols) -> Result<Vec<SymbolicTensor>> {
                self.to_layer().call_all(inputs)
            }
        }
    };
}
model_as_layer!(Sequential);
model_as_layer!(Model);

//! A recurrent layer that reads sequences from both ends.

use tch::{Device, Tensor};

use super::super::arguments::{Common, named_choices};
use super::super::{Argument, Config, Layer, ModelOutput, only_output, wrong_count};
use crate::model::any_layer::AnyLayer;
use crate::model::weight::Weight;
use crate::{Error, Mode, Result, Shape};

named_choices! {
    /// How [`Bidirectional`] joins the two directions.
    #[derive(Default)]
    "merge_mode" MergeMode {
        /// Side by side.
        #[default]
        Concat = "concat",
        /// The sum.
        Sum = "sum",
        /// The product.
        Mul = "mul",
        /// The mean.
        Ave = "ave",
    }
}

/// A recurrent layer that reads sequences from both ends, with weights of its own for each.
///
/// # Shapes
/// As the layer inside; with [`MergeMode::Concat`] twice as many units. With `return_state` the
/// states of the forward direction follow, then those of the backward one.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let layer = Bidirectional::new(LSTM::new(8).return_sequences(true));
/// let output = layer.call(&Input::new((20, 3)))?;
/// assert_eq!(output.shape(), &Shape::from((20, 16)));
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, keras/src/layers/rnn/bidirectional.py. `merge_mode=None` and `backward_layer` are not
/// there.
#[derive(Debug)]
pub struct Bidirectional {
    common: Common,
    merge_mode: MergeMode,
    /// Both made from the arguments of the given layer; its own weights are not used.
    directions: Result<[AnyLayer; 2], String>,
    return_sequences: bool,
}

impl Bidirectional {
    /// Keras's names of the arguments.
    pub(crate) const ARGUMENTS: &'static [&'static str] = &["layer", "merge_mode"];

    /// Both directions of `layer`: a `SimpleRNN`, `LSTM` or `GRU`.
    pub fn new(layer: impl Into<AnyLayer>) -> Self {
        let layer = layer.into();
        let config = layer.config().unwrap_or_default();
        let set = |key: &str| {
            config
                .get(key)
                .and_then(|value| value.as_bool())
                .unwrap_or_default()
        };
        let direction = |prefix: &str, backwards: bool| -> Result<AnyLayer> {
            let name = format!("{prefix}_{}", layer.join()?);
            let mut config = config.clone();
            config.insert("name".to_owned(), name.into());
            config.insert("go_backwards".to_owned(), backwards.into());
            // As Keras: the state before would be another step's in the other direction.
            config.insert(
                "zero_output_for_mask".to_owned(),
                set("return_sequences").into(),
            );
            AnyLayer::from_config(layer.class_name(), &config)
        };
        let both = || -> Result<[AnyLayer; 2]> {
            if !config.contains_key("go_backwards") {
                return Err(Error::InvalidArgument {
                    place: "Bidirectional: layer".into(),
                    expected: "SimpleRNN, LSTM or GRU".into(),
                    received: layer.class_name().to_owned(),
                });
            }
            let backwards = set("go_backwards");
            Ok([
                direction("forward", backwards)?,
                direction("backward", !backwards)?,
            ])
        };
        Bidirectional {
            common: Common::default(),
            merge_mode: MergeMode::Concat,
            directions: both().map_err(|error| error.to_string()),
            return_sequences: set("return_sequences"),
        }
    }

    /// How the two directions are joined; "concat" without this call.
    pub fn merge_mode(mut self, merge_mode: impl Argument<MergeMode>) -> Self {
        self.common.take(&mut self.merge_mode, merge_mode);
        self
    }

    /// Chooses a name instead of the automatic one.
    pub fn name(mut self, name: &str) -> Self {
        self.common.name = Some(name.to_owned());
        self
    }

    fn directions(&self) -> Result<&[AnyLayer; 2]> {
        self.directions
            .as_ref()
            .map_err(|problem| Error::InvalidArgument {
                place: "Bidirectional".into(),
                expected: "a recurrent layer".into(),
                received: problem.clone(),
            })
    }

    /// The layer that `config` has described.
    pub(crate) fn from_config(config: &Config) -> Result<AnyLayer> {
        let missing = |what: &str| Error::InvalidArgument {
            place: format!("Bidirectional: {what}"),
            expected: "a value as config() writes it".into(),
            received: config
                .get(what)
                .map_or_else(|| "nothing".to_owned(), ToString::to_string),
        };
        let inner = config.get("layer").and_then(|layer| layer.as_object());
        let inner = inner.ok_or_else(|| missing("layer"))?;
        let class = inner.get("class_name").and_then(|class| class.as_str());
        let arguments = inner.get("config").and_then(|config| config.as_object());
        let (Some(class), Some(arguments)) = (class, arguments) else {
            return Err(missing("layer"));
        };
        let mut layer = Bidirectional::new(AnyLayer::from_config(class, arguments)?);
        if let Some(mode) = config.get("merge_mode").and_then(|mode| mode.as_str()) {
            layer = layer.merge_mode(mode);
        }
        layer.common.name = config
            .get("name")
            .and_then(|name| name.as_str())
            .map(str::to_owned);
        Ok(layer.into())
    }
}

impl Layer for Bidirectional {
    fn class_name(&self) -> &'static str {
        "Bidirectional"
    }

    fn given_name(&self) -> Option<&str> {
        self.common.name.as_deref()
    }

    fn check_arguments(&self) -> Result<()> {
        self.common.check()?;
        for direction in self.directions()? {
            direction.join()?;
        }
        Ok(())
    }

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        only_output(
            "Bidirectional",
            self.output_shapes(std::slice::from_ref(input))?,
        )
    }

    fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
        only_output(
            "Bidirectional",
            self.forward_all(std::slice::from_ref(input), mode)?,
        )?
        .activated()
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let [sequence] = inputs else {
            return Err(wrong_count("Bidirectional", "a sequence", inputs.len()));
        };
        let [forward, _] = self.directions()?;
        let mut shapes = forward.output_shapes(std::slice::from_ref(sequence))?;
        let states = shapes.split_off(1);
        if self.merge_mode == MergeMode::Concat {
            let mut doubled = shapes
                .first()
                .map(|shape| shape.to_vec())
                .unwrap_or_default();
            if let Some(units) = doubled.last_mut() {
                *units *= 2;
            }
            shapes = vec![doubled.into()];
        }
        Ok([shapes, states.clone(), states].concat())
    }

    fn build_all(&mut self, inputs: &[Shape], device: Device) -> Result<()> {
        for direction in self.directions()? {
            direction.build(inputs, device)?;
        }
        Ok(())
    }

    fn forward_all(&self, inputs: &[Tensor], mode: Mode) -> Result<Vec<ModelOutput>> {
        self.forward_masked(inputs, &[], mode)
    }

    fn forward_masked(
        &self,
        inputs: &[Tensor],
        masks: &[Option<Tensor>],
        mode: Mode,
    ) -> Result<Vec<ModelOutput>> {
        let [forward, backward] = self.directions()?;
        let (mut forward, mut backward) = (
            forward.forward_masked(inputs, masks, mode)?,
            backward.forward_masked(inputs, masks, mode)?,
        );
        let (forward_states, backward_states) = (forward.split_off(1), backward.split_off(1));
        let forward = only_output("Bidirectional", forward)?;
        let mask = forward.mask;
        let (forward, backward) = (
            forward.values,
            only_output("Bidirectional", backward)?.values,
        );
        // The backward direction's steps come in the order in which it read them.
        let backward = match self.return_sequences {
            true => backward.f_flip(1)?,
            false => backward,
        };
        let merged = match self.merge_mode {
            MergeMode::Concat => Tensor::f_cat(&[forward, backward], -1)?,
            MergeMode::Sum => forward.f_add(&backward)?,
            MergeMode::Mul => forward.f_mul(&backward)?,
            MergeMode::Ave => forward.f_add(&backward)?.f_div_scalar(2.0)?,
        };
        let merged = ModelOutput::of_values(merged).masked(mask);
        Ok(std::iter::once(merged)
            .chain(forward_states)
            .chain(backward_states)
            .collect())
    }

    fn weights(&self) -> Vec<Weight> {
        let directions = self.directions.iter().flatten();
        directions.flat_map(AnyLayer::weights).collect()
    }

    fn set_trainable(&mut self, trainable: bool) {
        for direction in self.directions.iter().flatten() {
            direction.set_trainable(trainable);
        }
    }

    fn config(&self) -> Option<Config> {
        let [forward, _] = self.directions.as_ref().ok()?;
        let mut inner = forward.config()?;
        let name = forward.name();
        let name = name.strip_prefix("forward_").unwrap_or(&name).to_owned();
        inner.insert("name".to_owned(), name.into());
        let layer = serde_json::json!({"class_name": forward.class_name(), "config": inner});
        Some(Config::from_iter([
            ("name".to_owned(), self.common.name.clone().into()),
            ("layer".to_owned(), layer),
            ("merge_mode".to_owned(), self.merge_mode.name().into()),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dense, GRU, Input};

    #[test]
    fn only_recurrent_layers_have_two_directions() {
        let error = Bidirectional::new(Dense::new(3))
            .call(&Input::new((4, 2)))
            .expect_err("Dense");
        assert!(
            error
                .to_string()
                .contains("expected SimpleRNN, LSTM or GRU, received Dense"),
            "{error}"
        );
        let error = Bidirectional::new(GRU::new(3))
            .merge_mode("add")
            .call(&Input::new((4, 2)));
        assert!(
            error
                .expect_err("unknown")
                .to_string()
                .contains("unknown merge_mode `add`")
        );
    }

    #[test]
    fn the_directions_are_named_as_by_keras_and_have_weights_of_their_own() -> Result<()> {
        let layer = AnyLayer::new(Bidirectional::new(GRU::new(3).name("gru")).name("both"));
        layer.call(&Input::new((4, 2)))?;
        let paths: Vec<String> = layer.weights().iter().map(Weight::path).collect();
        assert_eq!(paths[0], "both/forward_gru/gru_cell/kernel");
        assert_eq!(paths[5], "both/backward_gru/gru_cell/bias");
        let weights = layer.get_weights()?;
        assert_ne!(weights[0], weights[3]);
        let again = AnyLayer::from_config("Bidirectional", &layer.config().unwrap_or_default())?;
        assert_eq!(again.config(), layer.config());
        layer.set_trainable(false);
        assert!(layer.weights().iter().all(|weight| !weight.is_trainable()));
        Ok(())
    }
}

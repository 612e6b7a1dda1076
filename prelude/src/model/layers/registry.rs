//! Layers by Keras's class names: what it takes to build a stored model again.

use super::activations::{ELU, LeakyReLU, PReLU, ReLU, Softmax};
use super::arguments::unknown_argument;
use super::attention::MultiHeadAttention;
use super::convolution::{
    conv1d::Conv1D, conv2d::Conv2D, conv2d_transpose::Conv2DTranspose,
    depthwise_conv2d::DepthwiseConv2D, separable_conv2d::SeparableConv2D,
};
use super::dropout::{Dropout, GaussianDropout, GaussianNoise, SpatialDropout1D, SpatialDropout2D};
use super::embedding::Embedding;
use super::lambda::Identity;
use super::masking::Masking;
use super::merging::{Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract};
use super::normalization::{
    GroupNormalization, LayerNormalization, RMSNormalization, UnitNormalization,
};
use super::pooling::{
    AveragePooling1D, AveragePooling2D, GlobalAveragePooling1D, GlobalAveragePooling2D,
    GlobalMaxPooling1D, GlobalMaxPooling2D, MaxPooling1D, MaxPooling2D,
};
use super::preprocessing::{CenterCrop, Normalization, Rescaling, Resizing};
use super::random_image::{RandomFlip, RandomRotation, RandomTranslation, RandomZoom};
use super::recurrent::{bidirectional::Bidirectional, gru::GRU, lstm::LSTM, simple_rnn::SimpleRNN};
use super::reshaping::{
    Cropping1D, Cropping2D, Permute, RepeatVector, Reshape, UpSampling1D, UpSampling2D,
    ZeroPadding1D, ZeroPadding2D,
};
use super::time_distributed::TimeDistributed;
use super::{Activation, BatchNormalization, Config, Dense, Flatten, Input};
use crate::model::any_layer::AnyLayer;
use crate::{Error, Result};

/// A layer's class, Keras's names of its arguments, and how it is built from them.
pub(crate) struct Class {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [&'static str],
    build: fn(&Config) -> Result<AnyLayer>,
}

macro_rules! classes {
    ($($layer:ident),* $(,)?) => {
        /// Every layer that is declared in this folder.
        pub(crate) const CLASSES: &[Class] = &[
            Class {
                name: "InputLayer",
                arguments: &["shape"],
                build: Input::from_config,
            },
            $(Class {
                name: stringify!($layer),
                arguments: $layer::ARGUMENTS,
                build: $layer::from_config,
            },)*
        ];
    };
}
classes!(
    Activation,
    Add,
    Average,
    AveragePooling1D,
    AveragePooling2D,
    Bidirectional,
    BatchNormalization,
    CenterCrop,
    Concatenate,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Cropping1D,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dot,
    Dropout,
    ELU,
    Embedding,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GroupNormalization,
    GRU,
    Identity,
    LayerNormalization,
    LeakyReLU,
    LSTM,
    Masking,
    Maximum,
    MaxPooling1D,
    MaxPooling2D,
    Minimum,
    MultiHeadAttention,
    Multiply,
    Normalization,
    Permute,
    PReLU,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    ReLU,
    RepeatVector,
    Rescaling,
    Reshape,
    Resizing,
    RMSNormalization,
    SeparableConv2D,
    SimpleRNN,
    Softmax,
    SpatialDropout1D,
    SpatialDropout2D,
    Subtract,
    TimeDistributed,
    UnitNormalization,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
);

impl AnyLayer {
    /// The layer of Keras's class `class` that [`config`](AnyLayer::config) has described. Its
    /// weights are new ones.
    ///
    /// # Errors
    /// [`Error::UnknownName`] for a class that is not among the prelude's own layers,
    /// [`Error::InvalidArgument`] for an argument that the class does not have or of the wrong kind.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let layer = AnyLayer::new(Dense::new(10).activation("relu"));
    /// let config = layer.config().expect("Dense can be described");
    /// let again = AnyLayer::from_config(layer.class_name(), &config)?;
    /// assert_eq!(again.config(), Some(config));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn from_config(class: &str, config: &Config) -> Result<AnyLayer> {
        let known = CLASSES.iter().find(|known| known.name == class);
        let known = known.ok_or_else(|| Error::UnknownName {
            what: "layer class",
            received: class.to_owned(),
            known: CLASSES
                .iter()
                .map(|class| class.name)
                .collect::<Vec<_>>()
                .join(", "),
        })?;
        let expected =
            |key: &str| known.arguments.contains(&key) || ["name", "trainable"].contains(&key);
        match config.keys().find(|key| !expected(key)) {
            None => (known.build)(config),
            Some(key) => Err(unknown_argument(class, key, known.arguments)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Said once above the table instead of in each row.
    fn is_left_out_everywhere(argument: &str) -> bool {
        let suffixes = ["_constraint", "activity_regularizer"];
        let names = [
            "autocast",
            "bounding_box_format",
            "data_format",
            "lora_alpha",
            "lora_rank",
            "pad_to_aspect_ratio",
            "quantization_config",
            "seed",
            "weights",
            "zero_output_for_mask",
        ];
        names.contains(&argument) || suffixes.iter().any(|suffix| argument.ends_with(suffix))
    }

    /// KERAS.md: a layer that is there has a row, which names the arguments that it does not have.
    #[test]
    fn the_table_names_the_arguments_that_are_missing() {
        let keras: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/reference/keras_api.json"))
                .expect("JSON");
        let table = include_str!("../../../KERAS.md");
        let mut wrong = Vec::new();
        for class in CLASSES {
            let arguments = keras["Layer arguments"][class.name]
                .as_str()
                .unwrap_or_default();
            let missing = arguments.split(", ").filter(|argument| {
                !argument.is_empty()
                    && !class.arguments.contains(argument)
                    && !is_left_out_everywhere(argument)
            });
            let missing: Vec<String> = missing.map(|argument| format!("`{argument}`")).collect();
            let end = match missing.is_empty() {
                true => String::new(),
                false => format!("without {}", missing.join(", ")),
            };
            let start = format!("| `{}` | ", class.name);
            let row = table.lines().find(|line| line.starts_with(&start));
            let text = row
                .and_then(|row| row.trim_end_matches([' ', '|']).rsplit('|').next())
                .unwrap_or("no row");
            if !text.trim().ends_with(&end)
                || end.is_empty() && text.contains("without `")
                || text == "no row"
            {
                wrong.push(format!("{start}… | {end} |"));
            }
        }
        assert!(wrong.is_empty(), "rows of KERAS.md:\n{}", wrong.join("\n"));
    }

    #[test]
    fn arguments_that_a_class_does_not_have_are_refused() {
        let config = |text: serde_json::Value| text.as_object().cloned().unwrap_or_default();
        let error = |class: &str, text| match AnyLayer::from_config(class, &config(text)) {
            Ok(layer) => panic!("{layer:?}"),
            Err(error) => error.to_string(),
        };
        assert!(
            error("Dense", json!({"unit": 3})).contains("Dense: expected one of units, activation")
        );
        assert!(error("Dense", json!({})).contains("Dense: units: expected a value"));
        assert!(error("Dense", json!({"units": "three"})).contains("received \"three\""));
        assert!(error("Dens", json!({})).contains("unknown layer class `Dens`"));
    }
}

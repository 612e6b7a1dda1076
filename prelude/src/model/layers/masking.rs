//! Masks: which positions of a sequence count.
//!
//! A mask travels beside a tensor, in [`ModelOutput`]; layers take it in `forward_masked`. Here are
//! the layer that makes one of the numbers themselves and the list of those that pass it on;
//! `Embedding` makes one of zeros, recurrent layers, attention, pooling and joins have rules of their
//! own.

use tch::Tensor;

use super::convolution::sample_shape;
use super::declare::{declared, layer};
use super::{Layer, ModelOutput, only_input};
use crate::{Error, Mode, Result, Shape};

/// Layers through which a mask passes as it is.
///
/// # Source
/// Keras 3, `supports_masking` of each layer.
pub(crate) const PASSING: &[&str] = &[
    "Activation",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "ELU",
    "GaussianDropout",
    "GaussianNoise",
    "GroupNormalization",
    "Identity",
    "LayerNormalization",
    "LeakyReLU",
    "Normalization",
    "PReLU",
    "ReLU",
    "Rescaling",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "UnitNormalization",
];

layer! {
    /// Masks the steps of which every number is `mask_value`: recurrent layers pass them over,
    /// attention does not see them, and they do not count in means, losses and metrics.
    ///
    /// # Shapes
    /// Output as input, `(batch, steps, …)`; masked steps become 0.
    ///
    /// # Example
    /// Sequences of different lengths, filled up with zeros:
    /// ```
    /// use torchbook::*;
    ///
    /// set_random_seed(0);
    /// let model = Sequential::new([Input::new((5, 2)).into(), Masking::new().into(), LSTM::new(3).into()])?;
    /// let short = Tensor::rand([1, 3, 2], (Kind::Float, Device::Cpu));
    /// let padded = Tensor::cat(&[short.shallow_clone(), Tensor::zeros([1, 2, 2], (Kind::Float, Device::Cpu))], 1);
    /// let other = Sequential::new([Input::new((3, 2)).into(), LSTM::new(3).into()])?;
    /// model.layer("lstm")?.set_weights(&other.get_weights()?)?;
    /// assert!(model.predict(&padded)?.allclose(&other.predict(&short)?, 1e-5, 1e-6, false));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/core/masking.py.
    Masking() {
        /// What stands for no value; 0 without this call.
        mask_value: f64 = 0.0,
    }
}

impl Layer for Masking {
    declared!(Masking);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        match input.len() {
            0 | 1 => Err(Error::ShapeMismatch {
                place: "Masking".into(),
                expected: "input of shape (batch, steps, …)".into(),
                received: input.per_sample(),
                remedy: "add the missing axis with reshape_to".into(),
            }),
            _ => Ok(input.clone()),
        }
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        self.output_shape(&sample_shape(input))?;
        let shown = self.shown(input)?.f_unsqueeze(-1)?;
        Ok(input.f_where_self(&shown, &input.f_zeros_like()?)?)
    }

    fn forward_masked(
        &self,
        inputs: &[Tensor],
        _masks: &[Option<Tensor>],
        mode: Mode,
    ) -> Result<Vec<ModelOutput>> {
        let input = only_input("Masking", inputs)?;
        let output = ModelOutput::of_values(self.forward(input, mode)?);
        Ok(vec![output.masked(Some(self.shown(input)?))])
    }
}

impl Masking {
    fn shown(&self, input: &Tensor) -> Result<Tensor> {
        Ok(input.f_ne(self.mask_value)?.f_any_dim(-1, false)?)
    }
}

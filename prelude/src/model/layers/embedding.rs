//! Vectors for whole numbers: words, classes, users.

use tch::{Device, Kind, Tensor};

use super::declare::{declared, layer};
use super::{Layer, ModelOutput, built, check_positive, only_input};
use crate::initializers::Initializer;
use crate::model::weight::Weight;
use crate::regularizers::Regularizer;
use crate::{Error, Mode, Result, Shape};

layer! {
    /// A trained vector of length `output_dim` for each number from 0 to `input_dim - 1`.
    ///
    /// # Shapes
    /// - input: `(batch, …)`, whole numbers
    /// - output: `(batch, …, output_dim)`
    /// - weights: embeddings `(input_dim, output_dim)`
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let model = Sequential::new([
    ///     Input::new(10).into(),
    ///     Embedding::new(1000, 16).into(),
    ///     GlobalAveragePooling1D::new().into(),
    ///     Dense::new(1).activation("sigmoid").into(),
    /// ])?;
    /// let y = model.predict(&Tensor::zeros([2, 10], (Kind::Int64, Device::Cpu)))?;
    /// assert_eq!(y.shape(), (2, 1));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/core/embedding.py: uniform between ±0.05.
    Embedding(input_dim: i64, output_dim: i64) {
        /// How the vectors begin; uniform between ±0.05 without this call.
        embeddings_initializer: Initializer = Initializer::UNIFORM,
        /// A penalty on the vectors; none without this call.
        embeddings_regularizer: Option<Regularizer> = None,
        /// Whether 0 is padding: such positions are masked, for the layers behind and for loss and
        /// metrics. Not without this call.
        mask_zero: bool = false,
    }
    weights { embeddings }
}

impl Layer for Embedding {
    declared!(Embedding);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        check_positive(
            "Embedding",
            "input_dim, output_dim",
            &[self.input_dim, self.output_dim],
        )?;
        Ok([&**input, &[self.output_dim]].concat().into())
    }

    fn build(&mut self, _input: &Shape, device: Device) -> Result<()> {
        let shape = (self.input_dim, self.output_dim);
        let embeddings = Weight::new("embeddings", shape, self.embeddings_initializer, device)?;
        self.embeddings = Some(embeddings.regularized(self.embeddings_regularizer));
        Ok(())
    }

    fn forward_masked(
        &self,
        inputs: &[Tensor],
        _masks: &[Option<Tensor>],
        mode: Mode,
    ) -> Result<Vec<ModelOutput>> {
        let input = only_input("Embedding", inputs)?;
        let mask = match self.mask_zero {
            true => Some(input.f_ne(0)?),
            false => None,
        };
        let output = ModelOutput::of_values(self.forward(input, mode)?);
        Ok(vec![output.masked(mask)])
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        let embeddings = built("Embedding", &self.embeddings)?;
        let numbers = input.f_to_kind(Kind::Int64)?;
        if numbers.numel() > 0 {
            // On a GPU a number without a vector would end the process.
            for extreme in [numbers.f_min()?, numbers.f_max()?] {
                let number = i64::try_from(extreme)?;
                if !(0..self.input_dim).contains(&number) {
                    return Err(Error::InvalidArgument {
                        place: "Embedding: input".into(),
                        expected: format!("numbers from 0 to {}", self.input_dim - 1),
                        received: number.to_string(),
                    });
                }
            }
        }
        Ok(Tensor::f_embedding(embeddings, &numbers, -1, false, false)?)
    }
}

//! Attention: every position of one sequence looks at all positions of another.

use tch::{Device, Tensor};

use super::convolution::{sample_shape, sequence_shape};
use super::declare::{declared, layer};
use super::{Layer, ModelOutput, built, check_positive, only_output, wrong_count};
use crate::initializers::Initializer;
use crate::model::weight::Weight;
use crate::regularizers::Regularizer;
use crate::{Error, Mode, Result, Shape};

layer! {
    /// Attention with several heads: each query position gets a mean of all value positions,
    /// weighted by how well its query fits their keys, from each head; a linear layer joins them.
    ///
    /// Called on `(query, value)` or `(query, value, key)`; called on one sequence it attends to
    /// itself.
    ///
    /// # Shapes
    /// - query `(batch, steps, channels)`, value and key `(batch, other steps, channels)`
    /// - output: `(batch, steps, channels of the query)`, or `output_shape` channels
    /// - weights: query, key and value kernels `(channels, num_heads, key_dim)` (value: `value_dim`),
    ///   each followed by its bias `(num_heads, key_dim)`, then attention_output's kernel
    ///   `(num_heads, value_dim, channels)` and bias
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let x = Input::new((10, 16));
    /// let attended = MultiHeadAttention::new(2, 8).use_causal_mask(true).call((&x, &x))?;
    /// let x = LayerNormalization::new().call(&Add::new().call((&x, &attended))?)?;
    /// assert_eq!(x.shape(), &Shape::from((10, 16)));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/attention/multi_head_attention.py. `use_causal_mask`, there an
    /// argument of the call, is one of the layer here. Masks of query, value and key hide positions
    /// of padding. Attention over several axes and returned scores are not there.
    MultiHeadAttention(num_heads: i64, key_dim: i64) {
        /// The size of each head's values; `key_dim` without this call.
        value_dim: Option<i64> = None,
        /// The share of positions that is dropped in training; 0 without this call.
        dropout: f64 = 0.0,
        /// Whether there are biases; there are without this call.
        use_bias: bool = true,
        /// The channels of the output; those of the query without this call.
        output_dim: Option<i64> = None,
        /// Whether a position sees only itself and earlier ones; all without this call.
        use_causal_mask: bool = false,
        /// How the kernels begin; Glorot uniform without this call.
        kernel_initializer: Initializer = Initializer::GlorotUniform,
        /// How the biases begin; zero without this call.
        bias_initializer: Initializer = Initializer::Zeros,
        /// A penalty on the kernels; none without this call.
        kernel_regularizer: Option<Regularizer> = None,
        /// A penalty on the biases; none without this call.
        bias_regularizer: Option<Regularizer> = None,
    }
    weights {
        query_kernel, query_bias, key_kernel, key_bias, value_kernel, value_bias, output_kernel, output_bias,
    }
}

const CLASS: &str = "MultiHeadAttention";

/// The score of a position that is not seen.
///
/// # Source
/// jax.nn.dot_product_attention, which Keras calls: 0.7 of the smallest number, so that scores can
/// be added to it.
const HIDDEN: f64 = -0.7 * f32::MAX as f64;

/// Query, value and key of a call.
fn roles<T>(inputs: &[T]) -> Result<[&T; 3]> {
    match inputs {
        [own] => Ok([own, own, own]),
        [query, value] => Ok([query, value, value]),
        [query, value, key] => Ok([query, value, key]),
        _ => Err(wrong_count(
            CLASS,
            "query, value and perhaps key",
            inputs.len(),
        )),
    }
}

impl MultiHeadAttention {
    fn value_size(&self) -> i64 {
        self.value_dim.unwrap_or(self.key_dim)
    }

    /// A kernel from `inputs` to `outputs` axes and its bias. Its initialiser sees it as a matrix.
    fn projection(
        &self,
        name: &str,
        inputs: &[i64],
        outputs: &[i64],
        device: Device,
    ) -> Result<(Option<Weight>, Option<Weight>)> {
        let size = |axes: &[i64]| axes.iter().product::<i64>();
        let matrix = self
            .kernel_initializer
            .tensor(&(size(inputs), size(outputs)).into(), device)?;
        let kernel = Weight::of_tensor(
            "kernel",
            matrix.f_reshape([inputs, outputs].concat())?,
            true,
        )?;
        let kernel = kernel.within(name).regularized(self.kernel_regularizer);
        let bias = match self.use_bias {
            true => {
                let bias = Weight::new("bias", outputs, self.bias_initializer, device)?;
                Some(bias.within(name).regularized(self.bias_regularizer))
            }
            false => None,
        };
        Ok((Some(kernel), bias))
    }

    /// Which position of the query sees which of the values, `(batch, 1, queries, values)`; `None`
    /// if no position is masked.
    ///
    /// # Source
    /// Keras 3, `_compute_attention_mask`.
    fn seen(&self, masks: &[Option<Tensor>], queries: i64, values: i64) -> Result<Option<Tensor>> {
        if masks.iter().all(Option::is_none) {
            return Ok(None);
        }
        let [query, value, key] = roles(masks)?;
        let mut seen: Option<Tensor> = None;
        let mut restrict = |mask: Tensor| -> Result<()> {
            seen = Some(match seen.take() {
                Some(seen) => seen.f_logical_and(&mask)?,
                None => mask,
            });
            Ok(())
        };
        if let Some(query) = query {
            restrict(query.f_unsqueeze(1)?.f_unsqueeze(-1)?)?;
        }
        for mask in [value, key].into_iter().flatten() {
            restrict(mask.f_unsqueeze(1)?.f_unsqueeze(1)?)?;
        }
        if let (true, Some(mask)) = (self.use_causal_mask, masks.iter().flatten().next()) {
            let all = Tensor::f_ones([queries, values], (mask.kind(), mask.device()))?;
            restrict(all.f_tril(0)?)?;
        }
        Ok(seen)
    }

    /// (batch, steps, channels) to (batch, heads, steps, size of a head).
    fn heads(&self, x: &Tensor, kernel: &Option<Weight>, bias: &Option<Weight>) -> Result<Tensor> {
        let kernel = built(CLASS, kernel)?;
        let &[channels, heads, size] = kernel.size().as_slice() else {
            return Err(wrong_count(CLASS, "a kernel of three axes", kernel.dim()));
        };
        let projected = x.f_matmul(&kernel.f_reshape([channels, heads * size])?)?;
        let projected = match bias {
            Some(bias) => projected.f_add(&bias.tensor().f_reshape([heads * size])?)?,
            None => projected,
        };
        let axes = x.size();
        Ok(projected
            .f_reshape([axes[0], axes[1], heads, size])?
            .f_transpose(1, 2)?)
    }
}

impl Layer for MultiHeadAttention {
    declared!(MultiHeadAttention);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        only_output(CLASS, self.output_shapes(std::slice::from_ref(input))?)
    }

    fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
        only_output(CLASS, self.forward_all(std::slice::from_ref(input), mode)?)?.activated()
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        let sizes = [
            self.num_heads,
            self.key_dim,
            self.value_size(),
            self.output_dim.unwrap_or(1),
        ];
        check_positive(CLASS, "num_heads, key_dim, value_dim, output_dim", &sizes)?;
        if !(0.0..=1.0).contains(&self.dropout) {
            return Err(Error::InvalidArgument {
                place: format!("{CLASS}: dropout"),
                expected: "a share from 0 to 1".into(),
                received: self.dropout.to_string(),
            });
        }
        let [query, value, key] = roles(inputs)?;
        let [steps, channels] = sequence_shape(CLASS, query)?;
        let ([values, _], [keys, _]) = (sequence_shape(CLASS, value)?, sequence_shape(CLASS, key)?);
        if values != keys {
            return Err(Error::ShapeMismatch {
                place: CLASS.into(),
                expected: "a key for each value".into(),
                received: format!("{} and {}", value.per_sample(), key.per_sample()),
                remedy: "pass sequences of one length".into(),
            });
        }
        let kernels = [&self.query_kernel, &self.value_kernel, &self.key_kernel];
        for (input, kernel) in [query, value, key].into_iter().zip(kernels) {
            super::check_channels(
                CLASS,
                input,
                kernel.as_ref().map(|kernel| kernel.tensor().size()[0]),
            )?;
        }
        Ok(vec![(steps, self.output_dim.unwrap_or(channels)).into()])
    }

    fn build_all(&mut self, inputs: &[Shape], device: Device) -> Result<()> {
        let [query, value, key] = roles(inputs)?;
        let channels = |shape: &Shape| [shape.last().copied().unwrap_or(1)];
        let keys = [self.num_heads, self.key_dim];
        let values = [self.num_heads, self.value_size()];
        let output = [self.output_dim.unwrap_or(channels(query)[0])];
        (self.query_kernel, self.query_bias) =
            self.projection("query", &channels(query), &keys, device)?;
        (self.key_kernel, self.key_bias) = self.projection("key", &channels(key), &keys, device)?;
        (self.value_kernel, self.value_bias) =
            self.projection("value", &channels(value), &values, device)?;
        (self.output_kernel, self.output_bias) =
            self.projection("attention_output", &values, &output, device)?;
        Ok(())
    }

    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        self.build_all(std::slice::from_ref(input), device)
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
        let shapes: Vec<Shape> = inputs.iter().map(sample_shape).collect();
        self.output_shapes(&shapes)?;
        let [query, value, key] = roles(inputs)?;
        let query = self.heads(query, &self.query_kernel, &self.query_bias)?;
        let key = self.heads(key, &self.key_kernel, &self.key_bias)?;
        let value = self.heads(value, &self.value_kernel, &self.value_bias)?;
        let dropout = if mode == Mode::Train {
            self.dropout
        } else {
            0.0
        };
        // Added to the scores. Finite, as in Keras: a masked query attends to all values alike.
        let hidden = match self.seen(masks, query.size()[2], key.size()[2])? {
            Some(seen) => {
                let zeros = Tensor::f_zeros(seen.size(), (query.kind(), query.device()))?;
                Some(zeros.f_masked_fill(&seen.f_logical_not()?, HIDDEN)?)
            }
            None => None,
        };
        // libtorch takes a mask or makes a causal one, not both.
        let is_causal = self.use_causal_mask && hidden.is_none();
        let attended = Tensor::f_scaled_dot_product_attention(
            &query, &key, &value, hidden, dropout, is_causal, None, false,
        )?;
        // (batch, heads, steps, size) to (batch, steps, heads · size).
        let axes = attended.size();
        let joined =
            attended
                .f_transpose(1, 2)?
                .f_reshape([axes[0], axes[2], axes[1] * axes[3]])?;
        let kernel = built(CLASS, &self.output_kernel)?;
        let output = joined.f_matmul(&kernel.f_reshape([axes[1] * axes[3], -1])?)?;
        let output = ModelOutput::of_values(match &self.output_bias {
            Some(bias) => output.f_add(bias.tensor())?,
            None => output,
        });
        let query_mask = masks.first().and_then(Option::as_ref);
        Ok(vec![output.masked(query_mask.map(Tensor::shallow_clone))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn a_causal_mask_hides_later_positions() -> Result<()> {
        let mut layer = MultiHeadAttention::new(2, 3).use_causal_mask(true);
        layer.build(&(5, 4).into(), Device::Cpu)?;
        let x = Tensor::rand([1, 5, 4], (Kind::Float, Device::Cpu));
        let before = layer.forward(&x, Mode::Evaluate)?;
        let _ = x.narrow(1, 4, 1).fill_(9.0);
        let after = layer.forward(&x, Mode::Evaluate)?;
        assert_eq!(before.narrow(1, 0, 4), after.narrow(1, 0, 4));
        assert_ne!(before, after);
        Ok(())
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let shapes = |shapes: &[(i64, i64)]| {
            shapes
                .iter()
                .map(|&shape| shape.into())
                .collect::<Vec<Shape>>()
        };
        let layer = MultiHeadAttention::new(2, 3);
        assert!(
            layer
                .output_shapes(&shapes(&[(5, 4), (6, 4), (7, 4)]))
                .is_err()
        );
        assert!(layer.output_shapes(&[]).is_err());
        assert!(layer.output_shape(&4.into()).is_err());
        assert!(
            MultiHeadAttention::new(0, 3)
                .output_shape(&(5, 4).into())
                .is_err()
        );
        assert!(
            MultiHeadAttention::new(1, 3)
                .dropout(-0.1)
                .output_shape(&(5, 4).into())
                .is_err()
        );
    }
}

//! The fully connected layer.

use tch::{Device, Tensor};

use super::declare::{activated, declared, layer};
use super::{Layer, built, check_channels, check_last_axis, check_positive};
use crate::model::weight::{AxisOrder, Weight};
use crate::native::dense::dense;
use crate::{Error, Result, Shape};

layer! {
    /// Fully connected layer: `output = activation(input · kernel + bias)`.
    ///
    /// Use [`Conv2D`](crate::Conv2D) when neighbouring inputs belong together.
    ///
    /// # Shapes
    /// - input: `(batch, …, features)`
    /// - output: `(batch, …, units)`
    /// - weights: kernel `(features, units)`, bias `(units,)`
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let model = Sequential::new([
    ///     Input::new(784).into(),
    ///     Dense::new(128).activation("relu").into(),
    ///     Dense::new(10).activation("softmax").into(),
    /// ])?;
    /// assert_eq!(model.count_params(), 784 * 128 + 128 + 128 * 10 + 10);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/core/dense.py: Glorot uniform kernel, zero bias.
    Dense(units: i64) {}
    kernel_and_bias
}

impl Dense {
    fn linear(&self, input: &Tensor) -> Result<Tensor> {
        let kernel = built("Dense", &self.kernel)?;
        check_last_axis("Dense", input, kernel.size()[0])?;
        let bias = self.bias.as_ref().map(Weight::tensor);
        if let Some(output) = dense(input, kernel, bias)? {
            return Ok(output);
        }
        Ok(match bias {
            // One pass over the output instead of two.
            Some(bias) if input.dim() == 2 => bias.f_addmm(input, kernel)?,
            Some(bias) => input.f_matmul(kernel)?.f_add(bias)?,
            None => input.f_matmul(kernel)?,
        })
    }
}

impl Layer for Dense {
    declared!(Dense);
    activated!(linear);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        check_positive("Dense", "units", &[self.units])?;
        check_channels(
            "Dense",
            input,
            self.kernel.as_ref().map(|kernel| kernel.tensor().size()[0]),
        )?;
        match input.split_last() {
            Some((_, outer)) => Ok([outer, &[self.units]].concat().into()),
            None => Err(Error::ShapeMismatch {
                place: "Dense".into(),
                expected: "input of shape (batch, …, features)".into(),
                received: "(batch,)".into(),
                remedy: "reshape the samples to (n, 1)".into(),
            }),
        }
    }

    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        let features = input.last().copied().unwrap_or(1);
        self.build_kernel_and_bias((features, self.units), AxisOrder::Same, self.units, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mode, TensorExt};
    use tch::Kind;

    #[test]
    fn the_last_axis_is_replaced_and_any_before_it_is_kept() -> Result<()> {
        let mut layer = Dense::new(5);
        let input = Shape::from((7, 3));
        assert_eq!(layer.output_shape(&input)?, (7, 5));
        layer.build(&input, Device::Cpu)?;
        let x = Tensor::ones([2, 7, 3], (Kind::Float, Device::Cpu));
        assert_eq!(layer.forward(&x, Mode::Train)?.shape(), (2, 7, 5));
        Ok(())
    }

    #[test]
    fn an_input_of_another_width_is_refused() -> Result<()> {
        let mut layer = Dense::new(5);
        layer.build(&9216.into(), Device::Cpu)?;
        let x = Tensor::ones([2, 12, 12, 64], (Kind::Float, Device::Cpu));
        let error = layer
            .forward(&x, Mode::Train)
            .expect_err("64 is not 9216")
            .to_string();
        assert!(
            error.starts_with("Dense: expected a last axis of 9216"),
            "{error}"
        );
        assert!(Dense::new(0).output_shape(&9216.into()).is_err());
        Ok(())
    }
}

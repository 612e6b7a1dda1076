//! Convolution over images.

use tch::{Device, Tensor};

use super::{Padding, Window, built_for_image, convolve, image_shape, positions_in_image};
use crate::model::layers::declare::{activated, declared, layer};
use crate::model::layers::{Function, Layer, Pair, built, check_channels, check_positive};
use crate::model::weight::{AxisOrder, Weight};
use crate::{Error, Mode, Result, Shape};

layer! {
    /// Convolution over images: each of `filters` outputs is a weighted sum over a window that slides
    /// over the image.
    ///
    /// # Shapes
    /// - input: `(batch, rows, columns, channels)`
    /// - output: `(batch, new rows, new columns, filters)`
    /// - weights: kernel `(kernel rows, kernel columns, channels, filters)`, bias `(filters,)`
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let layer = Conv2D::new(64, (5, 5)).strides((2, 2));
    /// assert_eq!(layer.output_shape(&(28, 28, 1).into())?, (12, 12, 64));
    /// let layer = Conv2D::new(64, 5).strides(2).padding(Padding::Same);
    /// assert_eq!(layer.output_shape(&(28, 28, 1).into())?, (14, 14, 64));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/convolutional/conv2d.py: strides 1, valid padding, Glorot uniform
    /// kernel, zero bias.
    Conv2D(filters: i64, kernel_size: Pair) {
        /// How far the window moves at a time; 1 without this call.
        strides: Pair = 1.into(),
        /// What happens at the borders; "valid" without this call.
        padding: Padding = Padding::Valid,
        /// Gaps between the window's elements, which make it larger; 1, no gaps, without this call.
        dilation_rate: Pair = 1.into(),
        /// In how many groups channels and filters are cut, each seeing only its own; 1 without
        /// this call.
        groups: i64 = 1,
    }
    kernel_and_bias
}

impl Conv2D {
    fn windows(&self) -> [Window; 2] {
        Window::of_image(
            self.kernel_size,
            self.strides,
            self.dilation_rate,
            self.padding,
        )
    }

    /// How many channels the layer was built for.
    fn channels(&self) -> Option<i64> {
        let kernel = self.kernel.as_ref()?;
        Some(kernel.tensor().size()[1] * self.groups)
    }

    fn convolve(&self, input: &Tensor) -> Result<Tensor> {
        self.convolve_through(input, false)
    }

    fn convolve_through(&self, input: &Tensor, relu: bool) -> Result<Tensor> {
        let kernel = built("Conv2D", &self.kernel)?;
        built_for_image("Conv2D", input, self.channels())?;
        let bias = self.bias.as_ref().map(Weight::tensor);
        convolve(input, kernel, bias, &self.windows(), self.groups, relu)
    }
}

impl Layer for Conv2D {
    declared!(Conv2D);
    activated!(convolve);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        check_positive("Conv2D", "filters, groups", &[self.filters, self.groups])?;
        let [rows, columns, channels] = positions_in_image("Conv2D", &self.windows(), input)?;
        check_channels("Conv2D", input, self.channels())?;
        check_groups("Conv2D", self.groups, channels, self.filters)?;
        Ok((rows, columns, self.filters).into())
    }

    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        let [_, _, channels] = image_shape("Conv2D", input)?;
        let Pair { rows, columns } = self.kernel_size;
        let kernel = (rows, columns, channels / self.groups, self.filters);
        self.build_kernel_and_bias(kernel, AxisOrder::Convolution, self.filters, device)
    }

    fn forward_through(
        &self,
        input: &Tensor,
        activation: Function,
        _mode: Mode,
    ) -> Result<Option<Tensor>> {
        match (self.activation, activation) {
            (Function::Linear, Function::Relu) => Ok(Some(self.convolve_through(input, true)?)),
            _ => Ok(None),
        }
    }
}

/// Groups are of equal size.
pub(super) fn check_groups(class: &str, groups: i64, channels: i64, filters: i64) -> Result<()> {
    match channels % groups == 0 && filters % groups == 0 {
        true => Ok(()),
        false => Err(Error::InvalidArgument {
            place: format!("{class}: groups"),
            expected: format!("a divisor of {channels} channels and {filters} filters"),
            received: groups.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Padding, TensorExt};
    use tch::Kind;

    #[test]
    fn output_shapes_are_the_forward_passs_for_both_paddings() -> Result<()> {
        for padding in [Padding::Valid, Padding::Same] {
            for (rows, columns, channels) in [(7, 6, 1), (5, 9, 3)] {
                for stride in [1, 2, 3] {
                    let mut layer = Conv2D::new(4, (3, 2)).strides(stride).padding(padding);
                    let input = Shape::from((rows, columns, channels));
                    let expected = layer.output_shape(&input)?;
                    layer.build(&input, Device::Cpu)?;
                    let x = Tensor::ones([2, rows, columns, channels], (Kind::Float, Device::Cpu));
                    let output = layer.forward(&x, Mode::Train)?.shape();
                    assert_eq!(
                        output[1..],
                        expected[..],
                        "{padding:?}, stride {stride}, {input}"
                    );
                }
            }
        }
        Ok(())
    }

    #[test]
    fn images_without_channels_and_images_that_are_too_small_are_refused() {
        let layer = Conv2D::new(4, 5);
        let error = layer
            .output_shape(&(28, 28).into())
            .expect_err("no channels")
            .to_string();
        assert_eq!(
            error,
            "Conv2D: expected input of shape (batch, rows, columns, channels), received (batch, 28, 28): \
             add the missing axis, for grey images with reshape_to((n, rows, columns, 1))"
        );
        let error = layer
            .output_shape(&(4, 28, 1).into())
            .expect_err("4 < 5")
            .to_string();
        assert!(
            error.starts_with(
                "Conv2D: expected at least 5 positions along each axis of the window, received 4"
            ),
            "{error}"
        );
        assert!(Conv2D::new(4, 0).output_shape(&(4, 28, 1).into()).is_err());
    }
}

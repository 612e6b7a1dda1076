//! Convolution over images, each channel on its own.

use tch::{Device, Tensor};

use super::{Padding, Window, built_for_image, convolve, image_shape, positions_in_image};
use crate::initializers::Initializer;
use crate::model::layers::declare::{activated, declared, layer};
use crate::model::layers::{Function, Layer, Pair, built, check_channels, check_positive};
use crate::model::weight::Weight;
use crate::regularizers::Regularizer;
use crate::{Result, Shape};

layer! {
    /// Convolution over images in which each channel has windows of its own, `depth_multiplier` of
    /// them.
    ///
    /// # Shapes
    /// - input: `(batch, rows, columns, channels)`
    /// - output: `(batch, new rows, new columns, channels · depth_multiplier)`
    /// - weights: kernel `(kernel rows, kernel columns, channels, depth_multiplier)`, bias
    ///   `(channels · depth_multiplier,)`
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let layer = DepthwiseConv2D::new(3).depth_multiplier(2).padding("same");
    /// assert_eq!(layer.output_shape(&(8, 8, 5).into())?, (8, 8, 10));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/convolutional/depthwise_conv2d.py.
    DepthwiseConv2D(kernel_size: Pair) {
        /// How far the window moves at a time; 1 without this call. Both directions must agree.
        strides: Pair = 1.into(),
        /// What happens at the borders; "valid" without this call.
        padding: Padding = Padding::Valid,
        /// Gaps between the window's elements, which make it larger; 1, no gaps, without this call.
        dilation_rate: Pair = 1.into(),
        /// How many outputs each channel has; 1 without this call.
        depth_multiplier: i64 = 1,
        /// A function applied to the output; linear without it.
        activation: Function = Function::Linear,
        /// Whether there is a bias; there is without this call.
        use_bias: bool = true,
        /// How the depthwise kernel begins; Glorot uniform without this call.
        depthwise_initializer: Initializer = Initializer::GlorotUniform,
        /// How the bias begins; zero without this call.
        bias_initializer: Initializer = Initializer::Zeros,
        /// A penalty on the kernel; none without this call.
        depthwise_regularizer: Option<Regularizer> = None,
        /// A penalty on the bias; none without this call.
        bias_regularizer: Option<Regularizer> = None,
    }
    weights { kernel, bias }
}

/// A depthwise kernel of Keras's shape (rows, columns, channels, multiplier), as libtorch's
/// convolution in as many groups as channels wants it: (channels · multiplier, 1, rows, columns).
pub(super) fn grouped(kernel: &Tensor) -> Result<Tensor> {
    let size = kernel.size();
    let (outputs, rows, columns) = (size[2] * size[3], size[0], size[1]);
    Ok(kernel
        .f_permute([2, 3, 0, 1])?
        .f_reshape([outputs, 1, rows, columns])?)
}

impl DepthwiseConv2D {
    fn windows(&self) -> [Window; 2] {
        Window::of_image(
            self.kernel_size,
            self.strides,
            self.dilation_rate,
            self.padding,
        )
    }

    fn channels(&self) -> Option<i64> {
        let kernel = self.kernel.as_ref()?;
        Some(kernel.tensor().size()[2])
    }

    fn convolve(&self, input: &Tensor) -> Result<Tensor> {
        let kernel = built("DepthwiseConv2D", &self.kernel)?;
        let [_, _, channels] = built_for_image("DepthwiseConv2D", input, self.channels())?;
        let bias = self.bias.as_ref().map(Weight::tensor);
        convolve(
            input,
            &grouped(kernel)?,
            bias,
            &self.windows(),
            channels,
            false,
        )
    }
}

impl Layer for DepthwiseConv2D {
    declared!(DepthwiseConv2D);
    activated!(convolve);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        const CLASS: &str = "DepthwiseConv2D";
        check_positive(CLASS, "depth_multiplier", &[self.depth_multiplier])?;
        let [rows, columns, channels] = positions_in_image(CLASS, &self.windows(), input)?;
        check_channels(CLASS, input, self.channels())?;
        Ok((rows, columns, channels * self.depth_multiplier).into())
    }

    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        let [_, _, channels] = image_shape("DepthwiseConv2D", input)?;
        let Pair { rows, columns } = self.kernel_size;
        let shape = (rows, columns, channels, self.depth_multiplier);
        let kernel = Weight::new("kernel", shape, self.depthwise_initializer, device)?;
        self.kernel = Some(kernel.regularized(self.depthwise_regularizer));
        if self.use_bias {
            let outputs = channels * self.depth_multiplier;
            let bias = Weight::new("bias", outputs, self.bias_initializer, device)?;
            self.bias = Some(bias.regularized(self.bias_regularizer));
        }
        Ok(())
    }
}

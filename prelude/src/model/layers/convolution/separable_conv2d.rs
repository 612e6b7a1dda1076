//! Convolution over images in two cheap steps: each channel on its own, then across channels.

use tch::{Device, Tensor};

use super::depthwise_conv2d::grouped;
use super::{Padding, Window, built_for_image, convolve, image_shape, positions_in_image};
use crate::initializers::Initializer;
use crate::model::layers::declare::{activated, declared, layer};
use crate::model::layers::{Function, Layer, Pair, built, check_channels, check_positive};
use crate::model::weight::{AxisOrder, Weight};
use crate::regularizers::Regularizer;
use crate::{Result, Shape};

layer! {
    /// Depthwise convolution followed by one across the channels with a window of 1.
    ///
    /// # Shapes
    /// - input: `(batch, rows, columns, channels)`
    /// - output: `(batch, new rows, new columns, filters)`
    /// - weights: depthwise_kernel `(kernel rows, kernel columns, channels, depth_multiplier)`,
    ///   pointwise_kernel `(1, 1, channels · depth_multiplier, filters)`, bias `(filters,)`
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let layer = SeparableConv2D::new(16, 3).padding("same").activation("relu");
    /// assert_eq!(layer.output_shape(&(8, 8, 5).into())?, (8, 8, 16));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/convolutional/separable_conv2d.py.
    SeparableConv2D(filters: i64, kernel_size: Pair) {
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
        /// How the pointwise kernel begins; Glorot uniform without this call.
        pointwise_initializer: Initializer = Initializer::GlorotUniform,
        /// How the bias begins; zero without this call.
        bias_initializer: Initializer = Initializer::Zeros,
        /// A penalty on the depthwise kernel; none without this call.
        depthwise_regularizer: Option<Regularizer> = None,
        /// A penalty on the pointwise kernel; none without this call.
        pointwise_regularizer: Option<Regularizer> = None,
        /// A penalty on the bias; none without this call.
        bias_regularizer: Option<Regularizer> = None,
    }
    weights { depthwise_kernel, pointwise_kernel, bias }
}

impl SeparableConv2D {
    fn windows(&self) -> [Window; 2] {
        Window::of_image(
            self.kernel_size,
            self.strides,
            self.dilation_rate,
            self.padding,
        )
    }

    fn channels(&self) -> Option<i64> {
        let kernel = self.depthwise_kernel.as_ref()?;
        Some(kernel.tensor().size()[2])
    }

    fn convolve(&self, input: &Tensor) -> Result<Tensor> {
        let depthwise = built("SeparableConv2D", &self.depthwise_kernel)?;
        let pointwise = built("SeparableConv2D", &self.pointwise_kernel)?;
        let [_, _, channels] = built_for_image("SeparableConv2D", input, self.channels())?;
        let each = convolve(
            input,
            &grouped(depthwise)?,
            None,
            &self.windows(),
            channels,
            false,
        )?;
        let across = Window::of_image(1.into(), 1.into(), 1.into(), Padding::Valid);
        let bias = self.bias.as_ref().map(Weight::tensor);
        convolve(&each, pointwise, bias, &across, 1, false)
    }
}

impl Layer for SeparableConv2D {
    declared!(SeparableConv2D);
    activated!(convolve);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        const CLASS: &str = "SeparableConv2D";
        check_positive(
            CLASS,
            "filters, depth_multiplier",
            &[self.filters, self.depth_multiplier],
        )?;
        let [rows, columns, _] = positions_in_image(CLASS, &self.windows(), input)?;
        check_channels(CLASS, input, self.channels())?;
        Ok((rows, columns, self.filters).into())
    }

    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        let [_, _, channels] = image_shape("SeparableConv2D", input)?;
        let Pair { rows, columns } = self.kernel_size;
        let shape = (rows, columns, channels, self.depth_multiplier);
        let depthwise = Weight::new(
            "depthwise_kernel",
            shape,
            self.depthwise_initializer,
            device,
        )?;
        self.depthwise_kernel = Some(depthwise.regularized(self.depthwise_regularizer));
        let shape = (1, 1, channels * self.depth_multiplier, self.filters);
        let pointwise = Weight::new(
            "pointwise_kernel",
            shape,
            self.pointwise_initializer,
            device,
        )?
        .laid_out(AxisOrder::Convolution)?;
        self.pointwise_kernel = Some(pointwise.regularized(self.pointwise_regularizer));
        if self.use_bias {
            let bias = Weight::new("bias", self.filters, self.bias_initializer, device)?;
            self.bias = Some(bias.regularized(self.bias_regularizer));
        }
        Ok(())
    }
}

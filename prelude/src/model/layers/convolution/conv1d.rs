//! Convolution over sequences.

use tch::{Device, Tensor};

use super::conv2d::check_groups;
use super::{Padding, Window, sample_shape, sequence_shape};
use crate::model::layers::declare::{activated, declared, layer};
use crate::model::layers::{Layer, built, check_channels, check_positive};
use crate::model::weight::{AxisOrder, Weight};
use crate::{Result, Shape};

layer! {
    /// Convolution over sequences: each of `filters` outputs is a weighted sum over a window that
    /// slides along the steps.
    ///
    /// # Shapes
    /// - input: `(batch, steps, channels)`
    /// - output: `(batch, new steps, filters)`
    /// - weights: kernel `(kernel size, channels, filters)`, bias `(filters,)`
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let layer = Conv1D::new(8, 3).padding("causal").dilation_rate(2).activation("relu");
    /// assert_eq!(layer.output_shape(&(20, 4).into())?, (20, 8));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/convolutional/conv1d.py.
    Conv1D(filters: i64, kernel_size: i64) {
        /// How far the window moves at a time; 1 without this call.
        strides: i64 = 1,
        /// What happens at the ends; "valid" without this call.
        padding: Padding = Padding::Valid,
        /// Gaps between the window's elements, which make it larger; 1, no gaps, without this call.
        dilation_rate: i64 = 1,
        /// In how many groups channels and filters are cut, each seeing only its own; 1 without
        /// this call.
        groups: i64 = 1,
    }
    kernel_and_bias
}

impl Conv1D {
    fn window(&self) -> Window {
        Window {
            size: self.kernel_size,
            stride: self.strides,
            dilation: self.dilation_rate,
            padding: self.padding,
        }
    }

    fn channels(&self) -> Option<i64> {
        let kernel = self.kernel.as_ref()?;
        Some(kernel.tensor().size()[1] * self.groups)
    }

    fn convolve(&self, input: &Tensor) -> Result<Tensor> {
        let kernel = built("Conv1D", &self.kernel)?;
        let sample = sample_shape(input);
        let [steps, _] = sequence_shape("Conv1D", &sample)?;
        check_channels("Conv1D", &sample, self.channels())?;
        let window = self.window();
        let (before, after) = window.zeros_around(steps);
        let input = input.f_permute([0, 2, 1])?;
        let (input, zeros) = match before == after {
            true => (input, before),
            false => (input.f_constant_pad_nd([before, after])?, 0),
        };
        let bias = self.bias.as_ref().map(Weight::tensor);
        let output = input.f_conv1d(
            kernel,
            bias,
            window.stride,
            zeros,
            window.dilation,
            self.groups,
        )?;
        Ok(output.f_permute([0, 2, 1])?)
    }
}

impl Layer for Conv1D {
    declared!(Conv1D);
    activated!(convolve);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        check_positive("Conv1D", "filters, groups", &[self.filters, self.groups])?;
        self.window().check("Conv1D")?;
        let [steps, channels] = sequence_shape("Conv1D", input)?;
        check_channels("Conv1D", input, self.channels())?;
        check_groups("Conv1D", self.groups, channels, self.filters)?;
        Ok((self.window().positions("Conv1D", steps)?, self.filters).into())
    }

    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        let [_, channels] = sequence_shape("Conv1D", input)?;
        let kernel = (self.kernel_size, channels / self.groups, self.filters);
        self.build_kernel_and_bias(kernel, AxisOrder::Convolution, self.filters, device)
    }
}

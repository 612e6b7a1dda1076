//! The way back from a convolution's output to a larger image.

use tch::{Device, Tensor};

use super::{
    Padding, built_for_image, channels_last, channels_second, check_image_padding, image_shape,
};
use crate::model::layers::declare::{activated, declared, layer};
use crate::model::layers::{Layer, Pair, built, check_channels, check_positive};
use crate::model::weight::{AxisOrder, Weight};
use crate::{Error, Result, Shape};

layer! {
    /// Transposed convolution: each input pixel adds its value times the kernel to a window of the
    /// output, so that images become larger. Also called deconvolution.
    ///
    /// # Shapes
    /// - input: `(batch, rows, columns, channels)`
    /// - output: `(batch, new rows, new columns, filters)`; with "same" padding
    ///   `rows · strides`, with "valid" padding `(rows - 1) · strides + max(kernel, strides)`
    /// - weights: kernel `(kernel rows, kernel columns, filters, channels)`, bias `(filters,)`
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let layer = Conv2DTranspose::new(8, 3).strides(2).padding("same");
    /// assert_eq!(layer.output_shape(&(7, 7, 16).into())?, (14, 14, 8));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/convolutional/conv2d_transpose.py, with TensorFlow's alignment (which
    /// Keras's JAX backend shares and its PyTorch backend cannot always follow).
    Conv2DTranspose(filters: i64, kernel_size: Pair) {
        /// How far apart the windows of two input pixels are; 1 without this call.
        strides: Pair = 1.into(),
        /// Whether the output is cut at the borders to `rows · strides` ("same") or not ("valid",
        /// without this call).
        padding: Padding = Padding::Valid,
    }
    kernel_and_bias
}

/// One axis of a transposed convolution.
struct Axis {
    size: i64,
    stride: i64,
    padding: Padding,
}

impl Axis {
    fn output(&self, length: i64) -> i64 {
        match self.padding {
            Padding::Same => length * self.stride,
            _ => (length - 1) * self.stride + self.size.max(self.stride),
        }
    }

    /// How much of what libtorch computes without padding, `(length - 1) · stride + size`, lies in
    /// front of the output: as much as the forward convolution of the same stride has zeros in
    /// front of its input.
    fn cut_in_front(&self) -> i64 {
        match self.padding {
            Padding::Same => (self.size - self.stride).max(0) / 2,
            _ => 0,
        }
    }
}

impl Conv2DTranspose {
    fn axes(&self) -> [Axis; 2] {
        let axis = |size, stride| Axis {
            size,
            stride,
            padding: self.padding,
        };
        [
            axis(self.kernel_size.rows, self.strides.rows),
            axis(self.kernel_size.columns, self.strides.columns),
        ]
    }

    fn channels(&self) -> Option<i64> {
        let kernel = self.kernel.as_ref()?;
        Some(kernel.tensor().size()[0])
    }

    fn convolve(&self, input: &Tensor) -> Result<Tensor> {
        let kernel = built("Conv2DTranspose", &self.kernel)?;
        let [rows, columns, _] = built_for_image("Conv2DTranspose", input, self.channels())?;
        let strides = [self.strides.rows, self.strides.columns];
        let mut output = channels_second(input)?.f_conv_transpose2d(
            kernel,
            None::<&Tensor>,
            strides,
            [0, 0],
            [0, 0],
            1,
            [1, 1],
        )?;
        for (dimension, (axis, length)) in (2..).zip(self.axes().iter().zip([rows, columns])) {
            let computed = (length - 1) * axis.stride + axis.size;
            let (wanted, start) = (axis.output(length), axis.cut_in_front());
            output = output.f_narrow(dimension, start, wanted.min(computed - start))?;
            let missing = wanted - (computed - start);
            if missing > 0 {
                let zeros = if dimension == 2 {
                    [0, 0, 0, missing]
                } else {
                    [0, missing, 0, 0]
                };
                output = output.f_constant_pad_nd(zeros)?;
            }
        }
        let output = channels_last(&output)?;
        Ok(match self.bias.as_ref().map(Weight::tensor) {
            Some(bias) => output.f_add(bias)?,
            None => output,
        })
    }
}

impl Layer for Conv2DTranspose {
    declared!(Conv2DTranspose);
    activated!(convolve);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let numbers = [
            self.kernel_size.rows,
            self.kernel_size.columns,
            self.strides.rows,
            self.strides.columns,
        ];
        check_positive("Conv2DTranspose", "filters", &[self.filters])?;
        check_positive("Conv2DTranspose", "kernel_size, strides", &numbers)?;
        check_image_padding("Conv2DTranspose", self.padding)?;
        let [rows, columns, _] = image_shape("Conv2DTranspose", input)?;
        check_channels("Conv2DTranspose", input, self.channels())?;
        if let Some(empty) = [rows, columns].iter().find(|&&length| length < 1) {
            return Err(Error::ShapeMismatch {
                place: "Conv2DTranspose".into(),
                expected: "at least one row and column".into(),
                received: empty.to_string(),
                remedy: "feed images with pixels".into(),
            });
        }
        let [row, column] = self.axes();
        Ok((row.output(rows), column.output(columns), self.filters).into())
    }

    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        let [_, _, channels] = image_shape("Conv2DTranspose", input)?;
        let Pair { rows, columns } = self.kernel_size;
        // Keras: (rows, columns, out, in); libtorch: (in, out, rows, columns).
        let kernel = (rows, columns, self.filters, channels);
        self.build_kernel_and_bias(kernel, AxisOrder::Convolution, self.filters, device)
    }
}

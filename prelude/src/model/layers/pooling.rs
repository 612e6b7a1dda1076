//! Pooling: windows, or whole images and sequences, made one number per channel.

use tch::{Kind, Tensor};

use super::convolution::{
    Window, channels_last, channels_second, check_image_padding, image_shape, padded,
    positions_in_image, sample_shape, sequence_shape,
};
use super::declare::{declared, layer};
use super::{Layer, ModelOutput, Padding, Pair, only_input};
use crate::{Error, Mode, Result, Shape};

/// What becomes of a window.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pool {
    Largest,
    Mean,
}

/// Pools a batch (batch, rows, columns, channels).
fn pool_images(pool: Pool, images: &Tensor, windows: &[Window; 2]) -> Result<Tensor> {
    let images = channels_second(images)?;
    let size = [windows[0].size, windows[1].size];
    let strides = [windows[0].stride, windows[1].stride];
    let around_is_empty = windows[0].padding == Padding::Valid;
    let mean = |x: &Tensor| x.f_avg_pool2d(size, strides, [0, 0], false, true, None::<i64>);
    let output = match pool {
        Pool::Largest => {
            // What is added around never is the largest.
            let images = match around_is_empty {
                true => images,
                false => padded(&images, windows, f64::NEG_INFINITY)?.0,
            };
            images.f_max_pool2d(size, strides, [0, 0], [1, 1], false)?
        }
        Pool::Mean if around_is_empty => mean(&images)?,
        Pool::Mean => {
            // Only pixels of the image count: the mean over a window with zeros around, divided by
            // the share of the window that lies inside.
            let inside = images.f_narrow(0, 0, 1)?.f_narrow(1, 0, 1)?.f_ones_like()?;
            let around = |x: &Tensor| all_around(x, windows);
            mean(&around(&images)?)?.f_div(&mean(&around(&inside)?)?)?
        }
    };
    channels_last(&output)
}

/// With the windows' zeros around, equal on both sides or not.
fn all_around(image: &Tensor, windows: &[Window; 2]) -> Result<Tensor> {
    let (image, [rows, columns]) = padded(image, windows, 0.0)?;
    Ok(image.f_constant_pad_nd([columns, columns, rows, rows])?)
}

/// A pooling layer over images and one over sequences.
macro_rules! pooling {
    ($(#[$meta2:meta])* $images:ident, $(#[$meta1:meta])* $sequences:ident, $pool:expr) => {
        layer! {
            $(#[$meta2])*
            ///
            /// # Shapes
            /// - input: `(batch, rows, columns, channels)`
            /// - output: `(batch, new rows, new columns, channels)`
            ///
            /// # Source
            /// Keras 3, keras/src/layers/pooling: windows of 2 that do not overlap, "valid" padding.
            $images() {
                /// The window; 2 x 2 without this call.
                pool_size: Pair = 2.into(),
                /// How far the window moves at a time; by its size without this call.
                strides: Option<Pair> = None,
                /// What happens at the borders; "valid" without this call.
                padding: Padding = Padding::Valid,
            }
        }

        impl $images {
            fn windows(&self) -> [Window; 2] {
                let strides = self.strides.unwrap_or(self.pool_size);
                Window::of_image(self.pool_size, strides, 1.into(), self.padding)
            }
        }

        impl Layer for $images {
            declared!($images);

            fn output_shape(&self, input: &Shape) -> Result<Shape> {
                const CLASS: &str = stringify!($images);
                Ok(positions_in_image(CLASS, &self.windows(), input)?.into())
            }

            fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
                self.output_shape(&sample_shape(input))?;
                pool_images($pool, input, &self.windows())
            }
        }

        layer! {
            $(#[$meta1])*
            ///
            /// # Shapes
            /// - input: `(batch, steps, channels)`
            /// - output: `(batch, new steps, channels)`
            ///
            /// # Source
            /// Keras 3, keras/src/layers/pooling: windows of 2 that do not overlap, "valid" padding.
            $sequences() {
                /// The window; 2 without this call.
                pool_size: i64 = 2,
                /// How far the window moves at a time; by its size without this call.
                strides: Option<i64> = None,
                /// What happens at the ends; "valid" without this call.
                padding: Padding = Padding::Valid,
            }
        }

        impl $sequences {
            /// Sequences are images of one column.
            fn windows(&self) -> [Window; 2] {
                let strides = self.strides.unwrap_or(self.pool_size);
                Window::of_image((self.pool_size, 1).into(), (strides, 1).into(), 1.into(), self.padding)
            }
        }

        impl Layer for $sequences {
            declared!($sequences);

            fn output_shape(&self, input: &Shape) -> Result<Shape> {
                const CLASS: &str = stringify!($sequences);
                check_image_padding(CLASS, self.padding)?;
                let [window, _] = self.windows();
                window.check(CLASS)?;
                let [steps, channels] = sequence_shape(CLASS, input)?;
                Ok((window.positions(CLASS, steps)?, channels).into())
            }

            fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
                self.output_shape(&sample_shape(input))?;
                let images = input.f_unsqueeze(2)?;
                Ok(pool_images($pool, &images, &self.windows())?.f_squeeze_dim(2)?)
            }
        }
    };
}

pooling!(
    /// The largest number of each window of an image, channel by channel.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// assert_eq!(MaxPooling2D::new().output_shape(&(9, 8, 3).into())?, (4, 4, 3));
    /// assert_eq!(MaxPooling2D::new().pool_size(3).strides(2).padding("same").output_shape(&(9, 8, 3).into())?, (5, 4, 3));
    /// # Ok::<(), Error>(())
    /// ```
    MaxPooling2D,
    /// The largest number of each window of a sequence, channel by channel.
    MaxPooling1D,
    Pool::Largest
);
pooling!(
    /// The mean of each window of an image, channel by channel. What "same" padding adds does not
    /// count.
    AveragePooling2D,
    /// The mean of each window of a sequence, channel by channel. What "same" padding adds does not
    /// count.
    AveragePooling1D,
    Pool::Mean
);

/// The mean over the steps that are not masked.
fn masked_mean(input: &Tensor, mask: &Tensor, keepdims: bool) -> Result<Tensor> {
    let shown = mask.f_unsqueeze(-1)?;
    let sum = input.f_where_self(&shown, &input.f_zeros_like()?)?;
    let count = shown.f_sum_dim_intlist(1i64, keepdims, input.kind())?;
    Ok(sum
        .f_sum_dim_intlist(1i64, keepdims, None::<Kind>)?
        .f_div(&count)?)
}

/// A layer that makes one number per channel of everything.
macro_rules! global_pooling {
    ($(#[$meta:meta])* $layer:ident, $shape:ident, $axes:expr, $pool:expr) => {
        layer! {
            $(#[$meta])*
            ///
            /// # Source
            /// Keras 3, keras/src/layers/pooling.
            $layer() {
                /// Whether the axes stay, with size 1; they go without this call.
                keepdims: bool = false,
            }
        }

        impl Layer for $layer {
            declared!($layer);

            fn output_shape(&self, input: &Shape) -> Result<Shape> {
                let sizes = $shape(stringify!($layer), input)?;
                let (channels, outer) = (sizes[sizes.len() - 1], &sizes[..sizes.len() - 1]);
                if outer.contains(&0) {
                    return Err(Error::ShapeMismatch {
                        place: stringify!($layer).into(),
                        expected: "at least one position".into(),
                        received: input.per_sample(),
                        remedy: "feed samples that are not empty".into(),
                    });
                }
                Ok(match self.keepdims {
                    true => [vec![1; outer.len()], vec![channels]].concat().into(),
                    false => channels.into(),
                })
            }

            fn forward_masked(
                &self,
                inputs: &[Tensor],
                masks: &[Option<Tensor>],
                mode: Mode,
            ) -> Result<Vec<ModelOutput>> {
                let input = only_input(stringify!($layer), inputs)?;
                let axes: &[i64] = &$axes;
                let output = match (masks.first(), $pool, axes) {
                    (Some(Some(mask)), Pool::Mean, [1]) => {
                        self.output_shape(&sample_shape(input))?;
                        masked_mean(input, mask, self.keepdims)?
                    }
                    _ => self.forward(input, mode)?,
                };
                Ok(vec![ModelOutput::of_values(output)])
            }

            fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
                self.output_shape(&sample_shape(input))?;
                let axes: &[i64] = &$axes;
                Ok(match $pool {
                    Pool::Largest => input.f_amax(axes, self.keepdims)?,
                    Pool::Mean => input.f_mean_dim(axes, self.keepdims, None::<Kind>)?,
                })
            }
        }
    };
}

global_pooling!(
    /// The mean over all pixels, channel by channel: between convolutions and the last dense layer.
    ///
    /// # Shapes
    /// `(batch, rows, columns, channels)` becomes `(batch, channels)`.
    GlobalAveragePooling2D, image_shape, [1, 2], Pool::Mean
);
global_pooling!(
    /// The largest number of all pixels, channel by channel.
    ///
    /// # Shapes
    /// `(batch, rows, columns, channels)` becomes `(batch, channels)`.
    GlobalMaxPooling2D, image_shape, [1, 2], Pool::Largest
);
global_pooling!(
    /// The mean over all steps that are not masked, channel by channel.
    ///
    /// # Shapes
    /// `(batch, steps, channels)` becomes `(batch, channels)`.
    GlobalAveragePooling1D, sequence_shape, [1], Pool::Mean
);
global_pooling!(
    /// The largest number of all steps, channel by channel.
    ///
    /// # Shapes
    /// `(batch, steps, channels)` becomes `(batch, channels)`.
    GlobalMaxPooling1D, sequence_shape, [1], Pool::Largest
);

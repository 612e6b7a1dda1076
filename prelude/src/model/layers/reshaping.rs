//! Layers that move numbers and compute none: reshaping, padding, cropping, enlarging.

use tch::Tensor;

use super::arguments::named_choices;
use super::convolution::{
    channels_last, channels_second, image_shape, sample_shape, sequence_shape,
};
use super::declare::{declared, layer};
use super::{Border, Layer, Pair, check_positive};
use crate::{Error, Mode, Result, Shape};

layer! {
    /// Gives samples another shape with as many elements; one axis may be -1 and is computed.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// assert_eq!(Reshape::new((2, -1)).output_shape(&(3, 4).into())?, (2, 6));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/reshaping/reshape.py.
    Reshape(target_shape: Shape) {}
}

impl Layer for Reshape {
    declared!(Reshape);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let mismatch = || Error::ShapeMismatch {
            place: "Reshape".into(),
            expected: format!("samples that fit into {}", self.target_shape),
            received: input.per_sample(),
            remedy: "the product of the axes must stay the same; one axis may be -1".into(),
        };
        let open = self.target_shape.iter().filter(|&&axis| axis == -1).count();
        let known: i64 = self
            .target_shape
            .iter()
            .filter(|&&axis| axis != -1)
            .product();
        let total = input.numel();
        if open > 1 || self.target_shape.iter().any(|&axis| axis < -1) {
            return Err(mismatch());
        }
        if open == 0 {
            return match known == total {
                true => Ok(self.target_shape.clone()),
                false => Err(mismatch()),
            };
        }
        if known == 0 || total % known != 0 {
            return Err(mismatch());
        }
        let filled = |&axis: &i64| if axis == -1 { total / known } else { axis };
        Ok(self
            .target_shape
            .iter()
            .map(filled)
            .collect::<Vec<i64>>()
            .into())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        let sample = self.output_shape(&sample_shape(input))?;
        Ok(input.f_reshape([&input.size()[..1], &sample].concat())?)
    }
}

layer! {
    /// Puts the axes of a sample into another order, counted from 1 as in Keras: the batch stays.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// assert_eq!(Permute::new((2, 1)).output_shape(&(10, 64).into())?, (64, 10));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/reshaping/permute.py.
    Permute(dims: Shape) {}
}

impl Layer for Permute {
    declared!(Permute);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let mut sorted = self.dims.to_vec();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(1..=input.len() as i64) {
            return Err(Error::InvalidArgument {
                place: "Permute: dims".into(),
                expected: format!("each of 1 to {} once", input.len()),
                received: self.dims.to_string(),
            });
        }
        let moved = self
            .dims
            .iter()
            .filter_map(|&axis| input.get(axis as usize - 1));
        Ok(moved.copied().collect::<Vec<i64>>().into())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        self.output_shape(&sample_shape(input))?;
        Ok(input.f_permute([&[0], &*self.dims].concat())?)
    }
}

layer! {
    /// Repeats vectors: `(batch, features)` becomes `(batch, n, features)`.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/reshaping/repeat_vector.py.
    RepeatVector(n: i64) {}
}

impl Layer for RepeatVector {
    declared!(RepeatVector);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        check_positive("RepeatVector", "n", &[self.n])?;
        match **input {
            [features] => Ok((self.n, features).into()),
            _ => Err(Error::ShapeMismatch {
                place: "RepeatVector".into(),
                expected: "input of shape (batch, features)".into(),
                received: input.per_sample(),
                remedy: "add Flatten::new() before it".into(),
            }),
        }
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        self.output_shape(&sample_shape(input))?;
        Ok(input.f_unsqueeze(1)?.f_repeat([1, self.n, 1])?)
    }
}

/// Whether a border is added or taken off.
const PAD: i64 = 1;
const CROP: i64 = -1;

/// How many rows and columns, or steps, a border adds; cropping is the same with its sign turned.
fn bordered(class: &str, length: i64, (before, after): (i64, i64), sign: i64) -> Result<i64> {
    if before < 0 || after < 0 {
        return Err(Error::InvalidArgument {
            place: format!("{class}: padding, cropping"),
            expected: "at least 0".into(),
            received: before.min(after).to_string(),
        });
    }
    match length + sign * (before + after) {
        positive if positive > 0 => Ok(positive),
        _ => Err(Error::ShapeMismatch {
            place: class.to_owned(),
            expected: format!("more than {} rows, columns or steps", before + after),
            received: length.to_string(),
            remedy: "crop less".into(),
        }),
    }
}

/// Padding with zeros (`PAD`) and cropping (`CROP`), over images and over sequences.
macro_rules! border_layers {
    (
        $(#[$meta2:meta])* $images:ident, $(#[$meta1:meta])* $sequences:ident,
        $argument:ident, $border:expr, $ends:expr, $sign:ident
    ) => {
        layer! {
            $(#[$meta2])*
            ///
            /// # Shapes
            /// Input and output `(batch, rows, columns, channels)`.
            ///
            /// # Source
            /// Keras 3, keras/src/layers/reshaping.
            $images() {
                /// How much on each side: a number, a pair for rows and columns, or two pairs
                /// `((above, below), (left, right))`.
                $argument: Border = $border,
            }
        }

        impl Layer for $images {
            declared!($images);

            fn output_shape(&self, input: &Shape) -> Result<Shape> {
                const CLASS: &str = stringify!($images);
                let [rows, columns, channels] = image_shape(CLASS, input)?;
                let rows = bordered(CLASS, rows, self.$argument.rows, $sign)?;
                let columns = bordered(CLASS, columns, self.$argument.columns, $sign)?;
                Ok((rows, columns, channels).into())
            }

            fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
                self.output_shape(&sample_shape(input))?;
                let Border { rows, columns } = self.$argument;
                let around = [0, 0, columns.0, columns.1, rows.0, rows.1];
                Ok(input.f_constant_pad_nd(around.map(|zeros| zeros * $sign))?)
            }
        }

        layer! {
            $(#[$meta1])*
            ///
            /// # Shapes
            /// Input and output `(batch, steps, channels)`.
            ///
            /// # Source
            /// Keras 3, keras/src/layers/reshaping.
            $sequences() {
                /// How much in front and behind.
                $argument: (i64, i64) = $ends,
            }
        }

        impl Layer for $sequences {
            declared!($sequences);

            fn output_shape(&self, input: &Shape) -> Result<Shape> {
                let [steps, channels] = sequence_shape(stringify!($sequences), input)?;
                Ok((bordered(stringify!($sequences), steps, self.$argument, $sign)?, channels).into())
            }

            fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
                self.output_shape(&sample_shape(input))?;
                let (before, after) = self.$argument;
                Ok(input.f_constant_pad_nd([0, 0, before * $sign, after * $sign])?)
            }
        }
    };
}

border_layers!(
    /// Rows and columns of zeros around images; one on each side without `padding`.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let layer = ZeroPadding2D::new().padding(((1, 0), (2, 3)));
    /// assert_eq!(layer.output_shape(&(4, 4, 1).into())?, (5, 9, 1));
    /// # Ok::<(), Error>(())
    /// ```
    ZeroPadding2D,
    /// Zeros before and after sequences; one on each side without `padding`.
    ZeroPadding1D,
    padding, Border { rows: (1, 1), columns: (1, 1) }, (1, 1), PAD
);
border_layers!(
    /// Takes rows and columns off images; none without `cropping`.
    Cropping2D,
    /// Takes steps off sequences; one on each side without `cropping`.
    Cropping1D,
    cropping, Border { rows: (0, 0), columns: (0, 0) }, (1, 1), CROP
);

named_choices! {
    /// What lies between pixels when images are enlarged or turned.
    #[derive(Default)]
    "interpolation" Interpolation {
        /// The nearest pixel.
        #[default]
        Nearest = "nearest",
        /// A mean of the four pixels around, weighted by distance.
        Bilinear = "bilinear",
    }
}

layer! {
    /// Enlarges images by whole numbers.
    ///
    /// # Shapes
    /// `(batch, rows, columns, channels)` becomes `(batch, rows · size, columns · size, channels)`.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/reshaping/up_sampling2d.py.
    UpSampling2D() {
        /// How many times as many rows and columns; 2 without this call.
        size: Pair = 2.into(),
        /// What lies between the pixels; "nearest" without this call.
        interpolation: Interpolation = Interpolation::Nearest,
    }
}

impl Layer for UpSampling2D {
    declared!(UpSampling2D);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        check_positive("UpSampling2D", "size", &[self.size.rows, self.size.columns])?;
        let [rows, columns, channels] = image_shape("UpSampling2D", input)?;
        Ok((rows * self.size.rows, columns * self.size.columns, channels).into())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        let output = self.output_shape(&sample_shape(input))?;
        resized(input, output[0], output[1], self.interpolation)
    }
}

/// Images (batch, rows, columns, channels) with another number of rows and columns.
pub(super) fn resized(
    images: &Tensor,
    rows: i64,
    columns: i64,
    interpolation: Interpolation,
) -> Result<Tensor> {
    let images = channels_second(images)?;
    channels_last(&match interpolation {
        Interpolation::Nearest => images.f_upsample_nearest2d([rows, columns], None, None)?,
        Interpolation::Bilinear => {
            images.f_upsample_bilinear2d([rows, columns], false, None, None)?
        }
    })
}

layer! {
    /// Repeats each step of a sequence: `(batch, steps, channels)` becomes
    /// `(batch, steps · size, channels)`.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/reshaping/up_sampling1d.py.
    UpSampling1D() {
        /// How often each step comes; 2 without this call.
        size: i64 = 2,
    }
}

impl Layer for UpSampling1D {
    declared!(UpSampling1D);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        check_positive("UpSampling1D", "size", &[self.size])?;
        let [steps, channels] = sequence_shape("UpSampling1D", input)?;
        Ok((steps * self.size, channels).into())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        self.output_shape(&sample_shape(input))?;
        Ok(input.f_repeat_interleave_self_int(self.size, 1, None)?)
    }
}

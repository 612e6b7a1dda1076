//! Images turned, moved and mirrored at random in training, so that a model learns what does not
//! matter. In evaluation these layers do nothing.

use tch::{Device, Kind, Tensor};

use super::arguments::{Setting, named_choices};
use super::convolution::{channels_last, channels_second, image_shape, sample_shape};
use super::declare::{declared, layer};
use super::reshaping::Interpolation;
use super::{Argument, Layer, Mistake};
use crate::{Error, Mode, Result, Shape};

/// From where to where something is drawn: a pair, or one number for as much to both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    low: f64,
    high: f64,
}

impl Argument<Range> for f64 {
    fn argument(self) -> Result<Range, Mistake> {
        (-self.abs(), self.abs()).argument()
    }
}

impl Argument<Range> for (f64, f64) {
    fn argument(self) -> Result<Range, Mistake> {
        Ok(Range {
            low: self.0.min(self.1),
            high: self.0.max(self.1),
        })
    }
}

impl Argument<Option<Range>> for f64 {
    fn argument(self) -> Result<Option<Range>, Mistake> {
        self.argument().map(Some)
    }
}

impl Argument<Option<Range>> for (f64, f64) {
    fn argument(self) -> Result<Option<Range>, Mistake> {
        self.argument().map(Some)
    }
}

impl Setting for Range {
    fn to_json(&self) -> serde_json::Value {
        (self.low, self.high).to_json()
    }

    fn from_json(value: &serde_json::Value) -> Option<Self> {
        let (low, high) = Setting::from_json(value)?;
        Some(Range { low, high })
    }
}

impl Range {
    /// Refuses factors beyond ±1.
    fn check(&self, class: &str) -> Result<()> {
        match self.low >= -1.0 && self.high <= 1.0 {
            true => Ok(()),
            false => Err(Error::InvalidArgument {
                place: format!("{class}: factor"),
                expected: "numbers from -1 to 1".into(),
                received: format!("{} to {}", self.low, self.high),
            }),
        }
    }

    /// One number for each image.
    fn draw(&self, images: i64, device: Device) -> Result<Tensor> {
        let mut numbers = Tensor::f_empty([images], (Kind::Float, device))?;
        match self.low == self.high {
            true => Ok(numbers.f_fill_(self.low)?),
            false => Ok(numbers.f_uniform_(self.low, self.high)?),
        }
    }
}

named_choices! {
    /// What is seen beyond the border of an image that was turned or moved.
    #[derive(Default)]
    "fill_mode" FillMode {
        /// The image mirrored at its border: `d c b a | a b c d | d c b a`.
        #[default]
        Reflect = "reflect",
        /// The pixel at the border: `a a a a | a b c d | d d d d`.
        Nearest = "nearest",
        /// The same number everywhere, `fill_value`.
        Constant = "constant",
    }
}

named_choices! {
    /// In which directions images are mirrored.
    #[derive(Default)]
    "mode" FlipMode {
        /// Both.
        #[default]
        HorizontalAndVertical = "horizontal_and_vertical",
        /// Left and right.
        Horizontal = "horizontal",
        /// Above and below.
        Vertical = "vertical",
    }
}

layer! {
    /// Mirrors each image in training with a probability of one half.
    ///
    /// # Shapes
    /// Input and output `(batch, rows, columns, channels)`.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let augmentation = Sequential::new([
    ///     RandomFlip::new().mode("horizontal").into(),
    ///     RandomRotation::new(0.1).into(),
    ///     RandomTranslation::new(0.1, 0.1).into(),
    /// ])?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/preprocessing/image_preprocessing/random_flip.py: the same draw decides
    /// on both directions.
    RandomFlip() {
        /// In which directions; both without this call.
        mode: FlipMode = FlipMode::HorizontalAndVertical,
    }
}

/// Layers that change images in training only.
macro_rules! random_image_layer {
    ($layer:ident, $check:expr, $train:expr) => {
        impl Layer for $layer {
            declared!($layer);

            fn output_shape(&self, input: &Shape) -> Result<Shape> {
                image_shape(stringify!($layer), input)?;
                let check: fn(&Self) -> Result<()> = $check;
                check(self)?;
                Ok(input.clone())
            }

            fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
                self.output_shape(&sample_shape(input))?;
                let train: fn(&Self, &Tensor) -> Result<Tensor> = $train;
                match mode {
                    Mode::Train => train(self, input),
                    Mode::Evaluate => Ok(input.shallow_clone()),
                }
            }
        }
    };
}

random_image_layer!(RandomFlip, |_| Ok(()), |layer, images| {
    let count = images.size()[0];
    let drawn = Tensor::f_rand([count, 1, 1, 1], (Kind::Float, images.device()))?.f_le(0.5)?;
    let mut output = images.shallow_clone();
    if layer.mode != FlipMode::Vertical {
        output = output.f_flip(2)?.f_where_self(&drawn, &output)?;
    }
    if layer.mode != FlipMode::Horizontal {
        output = output.f_flip(1)?.f_where_self(&drawn, &output)?;
    }
    Ok(output)
});

/// What the layers share that turn, move or zoom.
macro_rules! moving_layer {
    ($(#[$meta:meta])* $layer:ident($($factor:ident: $factor_type:ty),*), $check:expr, $matrix:expr) => {
        layer! {
            $(#[$meta])*
            ///
            /// # Shapes
            /// Input and output `(batch, rows, columns, channels)`.
            $layer($($factor: $factor_type),*) {
                /// What is seen beyond the border; "reflect" without this call.
                fill_mode: FillMode = FillMode::Reflect,
                /// What lies between the pixels; "bilinear" without this call.
                interpolation: Interpolation = Interpolation::Bilinear,
                /// The number beyond the border with "constant"; 0 without this call.
                fill_value: f64 = 0.0,
            }
        }

        random_image_layer!($layer, $check, |layer, images| {
            let matrix: fn(&$layer, &Tensor) -> Result<[Tensor; 6]> = $matrix;
            let sampling = (layer.fill_mode, layer.interpolation, layer.fill_value);
            moved(images, &matrix(layer, images)?, sampling)
        });
    };
}

/// Numbers of rows and columns, and of images.
fn sizes(images: &Tensor) -> (f64, f64, i64) {
    let size = images.size();
    match size.as_slice() {
        &[count, rows, columns, _] => (rows as f64, columns as f64, count),
        _ => (1.0, 1.0, 0),
    }
}

moving_layer!(
    /// Turns each image in training by a random angle.
    ///
    /// The factor is a part of a full turn: `0.1` is up to ±36°, `(0.25, 0.25)` always 90°.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/preprocessing/image_preprocessing/random_rotation.py.
    RandomRotation(factor: Range),
    |layer| layer.factor.check("RandomRotation"),
    |layer, images| {
        let (rows, columns, count) = sizes(images);
        let angle = layer.factor.draw(count, images.device())?.f_mul_scalar(std::f64::consts::TAU)?;
        let (cos, sin) = (angle.f_cos()?, angle.f_sin()?);
        let (x, y) = ((columns - 1.0) / 2.0, (rows - 1.0) / 2.0);
        // Around the middle: x' = cos · x - sin · y, y' = sin · x + cos · y.
        let shift_x = cos.f_mul_scalar(-x)?.f_add(&sin.f_mul_scalar(y)?)?.f_add_scalar(x)?;
        let shift_y = sin.f_mul_scalar(-x)?.f_sub(&cos.f_mul_scalar(y)?)?.f_add_scalar(y)?;
        Ok([cos.shallow_clone(), sin.f_neg()?, shift_x, sin, cos, shift_y])
    }
);

moving_layer!(
    /// Moves each image in training by random parts of its height and width.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/preprocessing/image_preprocessing/random_translation.py.
    RandomTranslation(height_factor: Range, width_factor: Range),
    |layer| {
        layer.height_factor.check("RandomTranslation")?;
        layer.width_factor.check("RandomTranslation")
    },
    |layer, images| {
        let (rows, columns, count) = sizes(images);
        let down = layer.height_factor.draw(count, images.device())?.f_mul_scalar(rows)?;
        let right = layer.width_factor.draw(count, images.device())?.f_mul_scalar(columns)?;
        let (one, zero) = (down.f_ones_like()?, down.f_zeros_like()?);
        Ok([one.shallow_clone(), zero.shallow_clone(), right.f_neg()?, zero, one, down.f_neg()?])
    }
);

moving_layer!(
    /// Zooms each image in training by a random factor, the same in both directions: `0.2` is up to
    /// 20 % out and in, negative numbers zoom in.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/preprocessing/image_preprocessing/random_zoom.py, for
    /// `width_factor=None`.
    RandomZoom(height_factor: Range),
    |layer| layer.height_factor.check("RandomZoom"),
    |layer, images| {
        let (rows, columns, count) = sizes(images);
        let zoom = layer.height_factor.draw(count, images.device())?.f_add_scalar(1.0)?;
        let zero = zoom.f_zeros_like()?;
        let shift = |size: f64| zoom.f_neg()?.f_add_scalar(1.0)?.f_mul_scalar((size - 1.0) / 2.0);
        Ok([zoom.shallow_clone(), zero.shallow_clone(), shift(columns)?, zero, zoom.shallow_clone(), shift(rows)?])
    }
);

/// Each output pixel (x, y) from the input's (a·x + b·y + c, d·x + e·y + f), for each image its own
/// [a, b, c, d, e, f].
fn moved(
    images: &Tensor,
    [a, b, c, d, e, f]: &[Tensor; 6],
    (fill_mode, interpolation, fill_value): (FillMode, Interpolation, f64),
) -> Result<Tensor> {
    let (rows, columns, _) = sizes(images);
    let device = images.device();
    let x = Tensor::f_arange(columns as i64, (Kind::Float, device))?.f_reshape([1, 1, -1])?;
    let y = Tensor::f_arange(rows as i64, (Kind::Float, device))?.f_reshape([1, -1, 1])?;
    let line = |a: &Tensor, b: &Tensor, c: &Tensor| -> Result<Tensor> {
        let each = |numbers: &Tensor| numbers.f_reshape([-1, 1, 1]);
        Ok(each(a)?
            .f_mul(&x)?
            .f_add(&each(b)?.f_mul(&y)?)?
            .f_add(&each(c)?)?)
    };
    // libtorch counts from -1 at the left edge of the first pixel to 1 at the right edge of the last.
    let from_edges = |place: Tensor, size: f64| {
        place
            .f_mul_scalar(2.0 / size)?
            .f_add_scalar(1.0 / size - 1.0)
    };
    let grid = [
        from_edges(line(a, b, c)?, columns)?,
        from_edges(line(d, e, f)?, rows)?,
    ];
    let grid = Tensor::f_stack(&grid, -1)?;
    let interpolation = match interpolation {
        Interpolation::Bilinear => 0,
        Interpolation::Nearest => 1,
    };
    let beyond = match fill_mode {
        FillMode::Constant => 0,
        FillMode::Nearest => 1,
        FillMode::Reflect => 2,
    };
    // libtorch fills with 0.
    let filled_with = if fill_mode == FillMode::Constant {
        fill_value
    } else {
        0.0
    };
    let images = channels_second(&images.f_sub_scalar(filled_with)?)?;
    let output = images.f_grid_sampler(&grid, interpolation, beyond, false)?;
    channels_last(&output.f_add_scalar(filled_with)?)
}

#[cfg(test)]
mod tests;

//! Arrays as images in their own colours, or through a colour table.

use tch::{Kind, Tensor};

use super::array::Array;
use super::colormap::{Colormap, Range, as_colours};
use super::scene::Pixels;
use crate::{Error, Result, TensorExt};

/// One image: grey through a colour table, from its smallest to its largest number, or in colour.
pub(super) fn pixels(place: &str, array: &Array, colormap: Colormap) -> Result<Pixels> {
    let (columns, in_colour) = match array.shape[..] {
        [rows, columns] | [rows, columns, 1] if rows > 0 && columns > 0 => (columns, false),
        [rows, columns, 3] if rows > 0 && columns > 0 => (columns, true),
        _ => {
            return Err(Error::ShapeMismatch {
                place: place.to_owned(),
                expected:
                    "an image, shape (rows, columns), (rows, columns, 1) or (rows, columns, 3)"
                        .into(),
                received: array.shape.to_string(),
                remedy: "bring it into one of these shapes, for one of several images with .get(i)"
                    .into(),
            });
        }
    };
    let rgb = match in_colour {
        true => as_colours(&array.values, colour_scale(&array.values)),
        false => colormap.colours(&array.values, Range::of(&array.values)),
    };
    Ok(Pixels {
        columns: columns as usize,
        rgb,
    })
}

/// What makes bytes of colours: they are given from 0 to 1 or from 0 to 255.
fn colour_scale(values: &[f64]) -> f64 {
    match values.iter().any(|&value| value > 1.0) {
        true => 1.0,
        false => 255.0,
    }
}

/// Images of a batch, in memory.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Batch {
    rows: usize,
    columns: usize,
    in_colour: bool,
    /// Of colours: see [`colour_scale`]. One for all, so that dark images stay dark.
    scale: f64,
    values: Vec<f64>,
}

impl Batch {
    /// The first `most` images of a tensor `(n, rows, columns)`, `(n, rows, columns, 1)` or
    /// `(n, rows, columns, 3)`.
    pub(super) fn of(place: &str, images: &Tensor, most: usize) -> Result<Self> {
        let shape = images.shape();
        let (rows, columns, in_colour) = match shape[..] {
            [_, rows, columns] | [_, rows, columns, 1] => (rows, columns, false),
            [_, rows, columns, 3] => (rows, columns, true),
            _ => (0, 0, false),
        };
        if rows == 0 || columns == 0 {
            return Err(Error::ShapeMismatch {
                place: format!("{place}: images"),
                expected:
                    "shape (n, rows, columns), (n, rows, columns, 1) or (n, rows, columns, 3)"
                        .into(),
                received: shape.to_string(),
                remedy: "bring the images into one of these shapes with reshape_to".into(),
            });
        }
        let count = shape[0].min(most as i64);
        let part = Array::of(&images.f_narrow(0, 0, count)?)?;
        let scale = match images.f_kind()? {
            Kind::Uint8 => 1.0,
            _ => colour_scale(&part.values),
        };
        Ok(Batch {
            rows: rows as usize,
            columns: columns as usize,
            in_colour,
            scale,
            values: part.values,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.values.len() / self.numbers()
    }

    /// Rows and columns of each image.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    fn numbers(&self) -> usize {
        self.rows * self.columns * if self.in_colour { 3 } else { 1 }
    }

    /// An image as colours; grey ones between the ends of `range`, or their own.
    pub(super) fn image(&self, i: usize, colormap: Colormap, range: Option<Range>) -> Pixels {
        let values = &self.values[i * self.numbers()..(i + 1) * self.numbers()];
        let rgb = match self.in_colour {
            true => as_colours(values, self.scale),
            false => colormap.colours(values, range.unwrap_or_else(|| Range::of(values))),
        };
        Pixels {
            columns: self.columns,
            rgb,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn bytes_and_shares_of_one_make_the_same_colours() -> Result<()> {
        let bytes = Tensor::from_slice(&[0u8, 128, 255, 10, 0, 0]).reshape([1, 1, 2, 3]);
        let shares = bytes.to_float32() / 255.0;
        let expected = vec![0, 128, 255, 10, 0, 0];
        for images in [&bytes, &shares, &bytes.to_float32()] {
            let batch = Batch::of("grid", images, 9)?;
            assert_eq!(batch.image(0, Colormap::Gray, None).rgb, expected);
            let array = Array::of(&images.get(0))?;
            assert_eq!(pixels("imshow", &array, Colormap::Gray)?.rgb, expected);
        }
        // Almost black, but bytes.
        let dark = Tensor::ones([1, 1, 1, 3], (Kind::Uint8, Device::Cpu));
        let batch = Batch::of("grid", &dark, 9)?;
        assert_eq!(batch.image(0, Colormap::Gray, None).rgb, [1, 1, 1]);
        Ok(())
    }

    #[test]
    fn grey_images_span_their_own_range_or_a_given_one() -> Result<()> {
        let images = Tensor::from_slice(&[0.0f32, 1.0, 0.0, 0.5]).reshape([2, 1, 2, 1]);
        let batch = Batch::of("grid", &images, 2)?;
        assert_eq!(
            batch.image(1, Colormap::Gray, None).rgb,
            [0, 0, 0, 255, 255, 255]
        );
        let range = Range {
            low: 0.0,
            high: 1.0,
        };
        assert_eq!(batch.image(1, Colormap::Gray, Some(range)).rgb[3], 128);
        assert_eq!((batch.len(), batch.size()), (2, (1, 2)));
        assert!(Batch::of("grid", &images.reshape([2, 2]), 2).is_err());
        Ok(())
    }
}

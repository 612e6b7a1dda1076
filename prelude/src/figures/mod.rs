//! Pictures below a cell.
//!
//! Here tensors are taken apart; what is drawn gets plain numbers. Only `image_grid.rs` and
//! `font.rs` call plotters.

mod colormap;
pub(crate) mod font;
mod image_grid;
mod png;

use tch::{Device, Kind, Tensor};

use crate::display::Rich;
use crate::training::interrupt;
use crate::{Error, Result, TensorExt};
use image_grid::{Image, ImageGrid};

/// Shows the first `size` x `size` images, each with its label below.
///
/// Grey images are coloured with viridis between their own smallest and largest value, as
/// matplotlib's `imshow` does it, and every pixel becomes a square of the same size.
///
/// # Shapes
/// - images: `(n, rows, columns)` or `(n, rows, columns, 1)`, or in colour `(n, rows, columns, 3)`,
///   bytes or floats from 0 to 1
/// - labels: `(n,)` or `(n, 1)`
///
/// # Errors
/// [`Error::ShapeMismatch`] for other shapes, [`Error::InvalidArgument`] for too few images, and
/// [`Error::Interrupted`] if the user has pressed the stop button.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let images = Tensor::rand([9, 28, 28], (Kind::Float, Device::Cpu));
/// let labels = Tensor::arange(9, (Kind::Int64, Device::Cpu));
/// show_grid(&images, &labels, 3)?;
/// # Ok::<(), Error>(())
/// ```
pub fn show_grid(images: &Tensor, labels: &Tensor, size: i64) -> Result<()> {
    let labels = class_numbers("show_grid", labels)?;
    grid("show_grid", images, &labels, size)?.show();
    Ok(())
}

/// Shows the first `size` x `size` images, each with the class that a model has predicted for it.
///
/// # Shapes
/// - images: as [`show_grid`]
/// - predictions: `(n, classes)`, of which the largest is taken, or class numbers as [`show_grid`]
///
/// # Errors
/// As [`show_grid`].
pub fn show_predictions(images: &Tensor, predictions: &Tensor, size: i64) -> Result<()> {
    let classes = match *predictions.size() {
        [_, classes] if classes > 1 => predictions.f_argmax(-1, false)?,
        _ => predictions.shallow_clone(),
    };
    show_classes("show_predictions", images, &classes, size)
}

fn show_classes(place: &'static str, images: &Tensor, classes: &Tensor, size: i64) -> Result<()> {
    let classes = class_numbers(place, classes)?;
    grid(place, images, &classes, size)?.show();
    Ok(())
}

fn class_numbers(place: &'static str, labels: &Tensor) -> Result<Vec<i64>> {
    match *labels.size() {
        [_] | [_, 1] => {
            let labels = labels.f_to_device(Device::Cpu)?.f_reshape([-1])?;
            Ok(Vec::try_from(labels.f_to_kind(Kind::Int64)?)?)
        }
        _ => Err(Error::ShapeMismatch {
            place: format!("{place}: labels"),
            expected: "shape (n,) or (n, 1)".into(),
            received: labels.shape().to_string(),
            remedy: "pass one class number per image".into(),
        }),
    }
}

fn grid(place: &'static str, images: &Tensor, labels: &[i64], size: i64) -> Result<Rich> {
    interrupt::check()?;
    let wanted = size * size;
    let available = images
        .size()
        .first()
        .copied()
        .unwrap_or(0)
        .min(labels.len() as i64);
    if size < 1 || available < wanted {
        return Err(Error::InvalidArgument {
            place: format!("{place}: size"),
            expected: format!("at least 1, with {wanted} images and labels for it"),
            received: format!("size {size} and {available} of them"),
        });
    }
    let images = (0..wanted)
        .map(|i| image(place, &images.f_get(i)?))
        .collect::<Result<Vec<_>>>()?;
    let labels: Vec<String> = labels
        .iter()
        .take(wanted as usize)
        .map(i64::to_string)
        .collect();
    let grid = ImageGrid {
        images,
        labels,
        columns: size as usize,
    };
    let drawn = grid
        .draw()
        .map_err(|reason| Error::Drawing { place, reason })?;
    let size = (drawn.css_width, drawn.css_height);
    Ok(Rich::text(grid.to_string()).with_png(&drawn.png, size))
}

/// One image of a batch as colours.
fn image(place: &str, tensor: &Tensor) -> Result<Image> {
    let (rows, columns, channels) = match *tensor.size() {
        [rows, columns] | [rows, columns, 1] => (rows, columns, 1),
        [rows, columns, 3] => (rows, columns, 3),
        _ => (0, 0, 0),
    };
    if rows == 0 || columns == 0 {
        return Err(Error::ShapeMismatch {
            place: format!("{place}: images"),
            expected: "shape (n, rows, columns), (n, rows, columns, 1) or (n, rows, columns, 3)"
                .into(),
            received: format!("(n, {}", tensor.shape().to_string().trim_start_matches('(')),
            remedy: "bring the images into one of these shapes with reshape_to".into(),
        });
    }
    let bytes = tensor.f_kind()? == Kind::Uint8;
    let flat = tensor
        .f_detach()?
        .f_to_device(Device::Cpu)?
        .f_to_kind(Kind::Float)?
        .f_reshape([-1])?;
    let values: Vec<f32> = Vec::try_from(flat)?;
    let rgb = match channels {
        1 => colormap::viridis(&values),
        _ => colormap::as_colours(&values, if bytes { 1.0 } else { 255.0 }),
    };
    Ok(Image {
        columns: columns as usize,
        rgb,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_all_shapes_are_drawn() -> Result<()> {
        let labels = [7, 2, 1, 0];
        for shape in [&[4i64, 5, 6][..], &[4, 5, 6, 1], &[4, 5, 6, 3]] {
            let images = Tensor::rand(shape, (Kind::Float, Device::Cpu));
            let rich = grid("show_grid", &images, &labels, 2)?;
            assert_eq!(rich.as_text(), "2 x 2 images with labels\n7 2\n1 0");
        }
        Ok(())
    }

    #[test]
    fn wrong_shapes_and_too_few_images_are_refused() {
        let images = Tensor::rand([4, 784], (Kind::Float, Device::Cpu));
        let labels = Tensor::zeros([4], (Kind::Int64, Device::Cpu));
        let error = show_grid(&images, &labels, 2)
            .expect_err("vectors")
            .to_string();
        assert!(error.contains("received (n, 784,)"), "{error}");
        let images = images.reshape([4, 28, 28]);
        let error = show_grid(&images, &labels, 3)
            .expect_err("9 > 4")
            .to_string();
        assert!(
            error.contains("with 9 images and labels for it, received size 3 and 4 of them"),
            "{error}"
        );
        assert!(show_grid(&images, &labels.reshape([2, 2]), 1).is_err());
        assert!(show_predictions(&images, &labels, 0).is_err());
    }
}

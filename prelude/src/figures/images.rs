//! Looking at images: with their labels, with what a model says about them.

use tch::{Device, Kind, Tensor};

use super::image_grid::{GridSize, ImageGrid};
use crate::{Error, Result, TensorExt};

/// The colour of wrong predictions.
pub(super) const WRONG: &str = "#d62728";

/// Shows the first images, each with its label below: `5` for five rows of five, `(2, 8)` for two
/// rows of eight.
///
/// Grey images are coloured with viridis between their own smallest and largest value, as
/// matplotlib's `imshow` does it, and every pixel becomes a square of the same size.
/// [`ImageGrid`] has more options.
///
/// # Shapes
/// - images: `(n, rows, columns)` or `(n, rows, columns, 1)`, or in colour `(n, rows, columns, 3)`,
///   bytes or numbers from 0 to 1
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
/// show_grid(&images, &labels, (2, 4))?;
/// # Ok::<(), Error>(())
/// ```
pub fn show_grid(images: &Tensor, labels: &Tensor, size: impl Into<GridSize>) -> Result<()> {
    let labels = class_numbers("show_grid", "labels", labels)?;
    full_grid("show_grid", images, labels.len(), size.into())?
        .captions(labels.iter().map(i64::to_string))?
        .show()
}

/// Shows up to sixteen images of a batch with their labels.
///
/// # Shapes
/// As [`show_grid`].
///
/// # Errors
/// As [`show_grid`], and [`Error::LengthMismatch`] if labels are fewer than images.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let images = Tensor::rand([32, 28, 28, 1], (Kind::Float, Device::Cpu));
/// let labels = Tensor::zeros([32, 1], (Kind::Int64, Device::Cpu));
/// show_batch(&images, &labels)?;
/// # Ok::<(), Error>(())
/// ```
pub fn show_batch(images: &Tensor, labels: &Tensor) -> Result<()> {
    let labels = class_numbers("show_batch", "labels", labels)?;
    ImageGrid::of("show_batch", images, (2, 8).into())?
        .captions(labels.iter().map(i64::to_string))?
        .show()
}

/// What [`show_predictions`] accepts: `&predictions`, or `(&predictions, &labels)` to mark what is
/// wrong.
#[derive(Debug)]
pub struct Predictions<'a> {
    predicted: &'a Tensor,
    truth: Option<&'a Tensor>,
}

impl<'a> From<&'a Tensor> for Predictions<'a> {
    fn from(predicted: &'a Tensor) -> Self {
        Predictions {
            predicted,
            truth: None,
        }
    }
}

impl<'a> From<(&'a Tensor, &'a Tensor)> for Predictions<'a> {
    fn from((predicted, truth): (&'a Tensor, &'a Tensor)) -> Self {
        Predictions {
            predicted,
            truth: Some(truth),
        }
    }
}

/// Shows the first images, each with the class that a model has predicted for it. With the labels
/// beside the predictions, wrong ones are framed in red and name the label.
///
/// # Shapes
/// - images: as [`show_grid`]
/// - predictions: `(n, classes)`, of which the largest is taken, or class numbers `(n,)` or `(n, 1)`;
///   a single column of numbers that are not whole is a probability of class 1
/// - labels: `(n,)` or `(n, 1)`
///
/// # Errors
/// As [`show_grid`].
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let images = Tensor::rand([4, 28, 28], (Kind::Float, Device::Cpu));
/// let y_pred = Tensor::rand([4, 10], (Kind::Float, Device::Cpu));
/// show_predictions(&images, &y_pred, 2)?;
/// let labels = Tensor::from_slice(&[7i64, 2, 1, 0]);
/// show_predictions(&images, (&y_pred, &labels), 2)?;
/// # Ok::<(), Error>(())
/// ```
pub fn show_predictions<'a>(
    images: &Tensor,
    predictions: impl Into<Predictions<'a>>,
    size: impl Into<GridSize>,
) -> Result<()> {
    predictions_grid(images, &predictions.into(), size.into())?.show()
}

fn predictions_grid(
    images: &Tensor,
    predictions: &Predictions<'_>,
    size: GridSize,
) -> Result<ImageGrid> {
    let place = "show_predictions";
    let predicted = predicted_classes(place, "predictions", predictions.predicted)?;
    let Some(truth) = predictions.truth else {
        return full_grid(place, images, predicted.len(), size)?
            .captions(predicted.iter().map(i64::to_string));
    };
    let truth = class_numbers(place, "labels", truth)?;
    let grid = full_grid(place, images, predicted.len().min(truth.len()), size)?;
    let both = || predicted.iter().zip(&truth);
    let captions = both().map(|(predicted, truth)| match predicted == truth {
        true => predicted.to_string(),
        false => format!("{predicted}, not {truth}"),
    });
    let wrong = both().enumerate().filter(|(_, (a, b))| a != b);
    grid.captions(captions)?
        .highlight(wrong.map(|(i, _)| i), WRONG)
}

/// A grid of which no cell is empty.
fn full_grid(
    place: &'static str,
    images: &Tensor,
    labels: usize,
    size: GridSize,
) -> Result<ImageGrid> {
    let wanted = size.rows.saturating_mul(size.columns);
    let available = images
        .size()
        .first()
        .copied()
        .unwrap_or(0)
        .min(labels as i64);
    if size.rows < 1 || size.columns < 1 || available < wanted {
        let received = match size.rows == size.columns {
            true => format!("size {}", size.rows),
            false => format!("size ({}, {})", size.rows, size.columns),
        };
        let (expected, received) = match size.rows.min(size.columns) {
            ..1 => ("at least 1 row and 1 column".to_owned(), received),
            _ => (
                format!("{wanted} images and labels, one for each cell"),
                format!("{received} and {available} of them"),
            ),
        };
        return Err(Error::InvalidArgument {
            place: format!("{place}: size"),
            expected,
            received,
        });
    }
    ImageGrid::of(place, images, size)
}

/// Labels as numbers of classes.
pub(super) fn class_numbers(place: &str, name: &str, labels: &Tensor) -> Result<Vec<i64>> {
    match *labels.size() {
        [_] | [_, 1] => {
            let labels = labels.f_to_device(Device::Cpu)?.f_reshape([-1])?;
            Ok(Vec::try_from(labels.f_to_kind(Kind::Int64)?)?)
        }
        _ => Err(Error::ShapeMismatch {
            place: format!("{place}: {name}"),
            expected: "shape (n,) or (n, 1)".into(),
            received: labels.shape().to_string(),
            remedy: "pass one class number per sample".into(),
        }),
    }
}

/// What a model has predicted, as numbers of classes: rows of scores, class numbers, or
/// probabilities of class 1.
pub(super) fn predicted_classes(place: &str, name: &str, predictions: &Tensor) -> Result<Vec<i64>> {
    match *predictions.size() {
        [_, classes] if classes > 1 => {
            let classes = predictions.f_argmax(-1, false)?;
            class_numbers(place, name, &classes)
        }
        [_] | [_, 1] if predictions.is_floating_point() => {
            let whole = predictions.f_floor()?.f_equal(predictions)?;
            match whole {
                true => class_numbers(place, name, predictions),
                false => class_numbers(place, name, &predictions.f_gt(0.5)?),
            }
        }
        _ => class_numbers(place, name, predictions),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(shape: &[i64]) -> Tensor {
        Tensor::rand(shape, (Kind::Float, Device::Cpu))
    }

    #[test]
    fn images_of_all_shapes_are_drawn_with_their_predictions() -> Result<()> {
        let scores = Tensor::eye(10, (Kind::Float, Device::Cpu))
            .index_select(0, &Tensor::from_slice(&[7i64, 2, 1, 0]));
        let labels = Tensor::from_slice(&[7i64, 2, 4, 0]);
        for shape in [&[4i64, 5, 6][..], &[4, 5, 6, 1], &[4, 5, 6, 3]] {
            let grid = predictions_grid(&images(shape), &(&scores).into(), 2.into())?;
            assert_eq!(grid.to_text(), "2 x 2 images with labels\n7 2\n1 0");
            let both = (&scores, &labels).into();
            let grid = predictions_grid(&images(shape), &both, 2.into())?;
            assert_eq!(
                grid.to_text(),
                "2 x 2 images with labels\n7 | 2\n1, not 4 | 0"
            );
        }
        Ok(())
    }

    #[test]
    fn predictions_are_scores_numbers_or_probabilities() -> Result<()> {
        let classes = |values: &[f32], shape: &[i64]| {
            predicted_classes("here", "it", &Tensor::from_slice(values).reshape(shape))
        };
        assert_eq!(classes(&[0.1, 0.9, 0.8, 0.2], &[2, 2])?, [1, 0]);
        assert_eq!(classes(&[3.0, 4.0], &[2])?, [3, 4]);
        assert_eq!(classes(&[0.3, 0.7], &[2, 1])?, [0, 1]);
        assert!(classes(&[0.0; 8], &[2, 2, 2]).is_err());
        Ok(())
    }

    #[test]
    fn wrong_shapes_and_too_few_images_are_refused() {
        let labels = Tensor::zeros([4], (Kind::Int64, Device::Cpu));
        let error = show_grid(&images(&[4, 784]), &labels, 2)
            .expect_err("vectors")
            .to_string();
        assert!(error.contains("received (4, 784)"), "{error}");
        let images = images(&[4, 28, 28]);
        let error = show_grid(&images, &labels, 3)
            .expect_err("9 > 4")
            .to_string();
        assert!(
            error.contains("9 images and labels, one for each cell, received size 3 and 4"),
            "{error}"
        );
        assert!(show_grid(&images, &labels.reshape([2, 2]), 1).is_err());
        let error = show_predictions(&images, &labels, 0).expect_err("no cell");
        let expected = "expected at least 1 row and 1 column, received size 0";
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}

//! The samples that a classifier is most wrong about.

use tch::{Device, Kind, Tensor};

use crate::figures::image_grid::{GridSize, ImageGrid};
use crate::figures::images::{WRONG, predicted_classes};
use crate::{Error, Result, TensorExt};

/// A sample with a large loss: see [`top_losses`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopLoss {
    /// Which sample, from 0.
    pub index: usize,
    /// Its loss: minus the logarithm of the probability of its true class.
    pub loss: f64,
    /// The class of the largest probability.
    pub predicted: i64,
    /// The true class.
    pub truth: i64,
    /// The probability of the predicted class, from 0 to 1.
    pub probability: f64,
}

/// The `count` samples with the largest losses, the largest first; fewer if there are fewer.
///
/// # Shapes
/// - predictions: probabilities or logits `(n, classes)`; rows that do not add up to 1 are logits
/// - labels: `(n,)` or `(n, 1)`
///
/// # Errors
/// [`Error::ShapeMismatch`] for other shapes, [`Error::LengthMismatch`] unless both are equally many,
/// [`Error::LabelOutOfRange`] for labels that are no column of the predictions.
///
/// # Source
/// fastai, `Interpretation.top_losses`; the loss is Keras's `sparse_categorical_crossentropy`, which
/// takes probabilities of less than 1e-7 for 1e-7.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let y_pred = Tensor::from_slice(&[0.9, 0.1, 0.2, 0.8]).reshape([2, 2]);
/// let labels = Tensor::from_slice(&[0i64, 0]);
/// let worst = top_losses(&y_pred, &labels, 1)?;
/// assert_eq!((worst[0].index, worst[0].predicted), (1, 1));
/// # Ok::<(), Error>(())
/// ```
pub fn top_losses(predictions: &Tensor, labels: &Tensor, count: usize) -> Result<Vec<TopLoss>> {
    worst("top_losses", predictions, labels, count)
}

fn worst(
    place: &'static str,
    predictions: &Tensor,
    labels: &Tensor,
    count: usize,
) -> Result<Vec<TopLoss>> {
    let &[rows, classes] = &predictions.size()[..] else {
        return Err(wrong_predictions(place, predictions));
    };
    if classes < 2 {
        return Err(wrong_predictions(place, predictions));
    }
    let labels = predicted_classes(place, "labels", labels)?;
    if labels.len() as i64 != rows {
        return Err(Error::LengthMismatch {
            place: place.to_owned(),
            first: "predictions".into(),
            first_length: rows,
            second: "labels".into(),
            second_length: labels.len() as i64,
        });
    }
    if let Some(&label) = labels.iter().find(|label| !(0..classes).contains(*label)) {
        return Err(Error::LabelOutOfRange {
            place: format!("{place}: labels"),
            label,
            classes,
        });
    }
    if labels.is_empty() {
        return Ok(Vec::new());
    }
    let _guard = tch::no_grad_guard();
    let probabilities = probabilities(predictions)?;
    let truth = Tensor::from_slice(&labels).f_unsqueeze(1)?;
    let losses = -probabilities
        .f_gather(1, &truth, false)?
        .f_squeeze_dim(1)?
        .f_clamp(1e-7, 1.0 - 1e-7)?
        .f_log()?;
    let (best, predicted) = probabilities.f_max_dim(1, false)?;
    // Stable: equal losses stay in the order of samples.
    let order = losses.f_sort_stable(true, 0, true)?.1;
    let order: Vec<i64> = Vec::try_from(order.f_narrow(0, 0, rows.min(count as i64))?)?;
    let [losses, best] = [losses, best].map(Vec::<f64>::try_from);
    let (losses, best) = (losses?, best?);
    let predicted: Vec<i64> = Vec::try_from(predicted)?;
    let sample = |index: i64| {
        let index = index as usize;
        TopLoss {
            index,
            loss: losses[index],
            predicted: predicted[index],
            truth: labels[index],
            probability: best[index],
        }
    };
    Ok(order.into_iter().map(sample).collect())
}

/// On the CPU, in 64 bits.
fn probabilities(predictions: &Tensor) -> Result<Tensor> {
    let values = predictions
        .f_detach()?
        .f_to_device(Device::Cpu)?
        .f_to_kind(Kind::Double)?;
    let sums = values.f_sum_dim_intlist(&[1i64][..], false, Kind::Double)?;
    let add_up = (sums - 1.0).f_abs()?.f_max()?.double_value(&[]) < 1e-2;
    match add_up && values.f_min()?.double_value(&[]) >= 0.0 {
        true => Ok(values),
        false => Ok(values.f_softmax(1, Kind::Double)?),
    }
}

fn wrong_predictions(place: &str, predictions: &Tensor) -> Error {
    Error::ShapeMismatch {
        place: format!("{place}: predictions"),
        expected: "probabilities or logits, shape (n, classes)".into(),
        received: predictions.shape().to_string(),
        remedy: "pass what predict() returns".into(),
    }
}

/// What [`show_top_losses`] accepts as labels: `&labels`, or `(&labels, &class_names)` to write
/// names instead of class numbers.
#[derive(Debug)]
pub struct NamedLabels<'a> {
    labels: &'a Tensor,
    names: Option<&'a [&'a str]>,
}

impl NamedLabels<'_> {
    /// The class's name; its number where there are no names.
    fn name(&self, class: i64) -> String {
        let known = self.names.and_then(|names| names.get(class as usize));
        known.map_or_else(|| class.to_string(), |&name| name.to_owned())
    }
}

impl<'a> From<&'a Tensor> for NamedLabels<'a> {
    fn from(labels: &'a Tensor) -> Self {
        NamedLabels {
            labels,
            names: None,
        }
    }
}

impl<'a> From<(&'a Tensor, &'a [&'a str])> for NamedLabels<'a> {
    fn from((labels, names): (&'a Tensor, &'a [&'a str])) -> Self {
        NamedLabels {
            labels,
            names: Some(names),
        }
    }
}

impl<'a, const N: usize> From<(&'a Tensor, &'a [&'a str; N])> for NamedLabels<'a> {
    fn from((labels, names): (&'a Tensor, &'a [&'a str; N])) -> Self {
        (labels, names.as_slice()).into()
    }
}

/// Shows the images that a model is most wrong about: the loss above each, what was predicted and
/// the true class below; wrong ones are framed in red. With class names beside the labels, the
/// classes are named.
///
/// # Shapes
/// - images: as [`show_grid`](crate::show_grid)
/// - predictions and labels: as [`top_losses`]
///
/// # Errors
/// As [`top_losses`] and [`show_grid`](crate::show_grid); [`Error::InvalidArgument`] unless every
/// column of the predictions has a name, where names are given.
///
/// # Source
/// fastai, `ClassificationInterpretation.plot_top_losses`.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let images = Tensor::rand([9, 28, 28], (Kind::Float, Device::Cpu));
/// let y_pred = Tensor::rand([9, 10], (Kind::Float, Device::Cpu));
/// let labels = Tensor::arange(9, (Kind::Int64, Device::Cpu));
/// show_top_losses(&images, &y_pred, &labels, (1, 4))?;
/// let names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
/// show_top_losses(&images, &y_pred, (&labels, &names), (1, 4))?;
/// # Ok::<(), Error>(())
/// ```
pub fn show_top_losses<'a>(
    images: &Tensor,
    predictions: &Tensor,
    labels: impl Into<NamedLabels<'a>>,
    size: impl Into<GridSize>,
) -> Result<()> {
    grid(images, predictions, &labels.into(), size.into())?.show()
}

fn grid(
    images: &Tensor,
    predictions: &Tensor,
    labels: &NamedLabels<'_>,
    size: GridSize,
) -> Result<ImageGrid> {
    let place = "show_top_losses";
    let count = size.rows.saturating_mul(size.columns).max(0) as usize;
    let worst = worst(place, predictions, labels.labels, count)?;
    if let Some(names) = labels.names
        && names.len() as i64 != predictions.size()[1]
    {
        return Err(Error::InvalidArgument {
            place: format!("{place}: class names"),
            expected: format!("{}, one for each column", predictions.size()[1]),
            received: names.len().to_string(),
        });
    }
    let available = images.size().first().copied().unwrap_or(0);
    if available != predictions.size()[0] {
        return Err(Error::LengthMismatch {
            place: place.to_owned(),
            first: "images".into(),
            first_length: available,
            second: "predictions".into(),
            second_length: predictions.size()[0],
        });
    }
    let rows: Vec<i64> = worst.iter().map(|sample| sample.index as i64).collect();
    let rows = Tensor::from_slice(&rows).f_to_device(images.device())?;
    let chosen = images.f_index_select(0, &rows)?;
    let wrong = |sample: &TopLoss| sample.predicted != sample.truth;
    let captions = worst.iter().map(|sample| {
        let share = sample.probability * 100.0;
        let predicted = labels.name(sample.predicted);
        match wrong(sample) {
            true => format!(
                "{predicted}, not {} ({share:.0} %)",
                labels.name(sample.truth)
            ),
            false => format!("{predicted} ({share:.0} %)"),
        }
    });
    let marked = worst.iter().enumerate().filter(|(_, sample)| wrong(sample));
    ImageGrid::of(place, &chosen, size)?
        .titles(
            worst
                .iter()
                .map(|sample| format!("loss {:.2}", sample.loss)),
        )?
        .captions(captions)?
        .highlight(marked.map(|(i, _)| i), WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions() -> Tensor {
        Tensor::from_slice(&[0.9f32, 0.1, 0.0, 0.0, 1.0, 0.0, 0.2, 0.3, 0.5]).reshape([3, 3])
    }

    #[test]
    fn the_largest_losses_come_first() -> Result<()> {
        let labels = Tensor::from_slice(&[0i64, 2, 1]).reshape([3, 1]);
        let worst = top_losses(&predictions(), &labels, 2)?;
        assert_eq!(worst.len(), 2);
        assert_eq!(
            (worst[0].index, worst[0].predicted, worst[0].truth),
            (1, 1, 2)
        );
        assert!((worst[0].loss - 1e7f64.ln()).abs() < 1e-6 && worst[0].probability > 0.999);
        assert_eq!(worst[1].index, 2);
        assert!((worst[1].loss + 0.3f64.ln()).abs() < 1e-6);
        // The same as logits: the softmax of logarithms is what they are the logarithms of.
        let logits = (predictions() + 1e-9).log();
        assert!((top_losses(&logits, &labels, 2)?[1].loss + 0.3f64.ln()).abs() < 1e-6);
        assert!(top_losses(&predictions().narrow(0, 0, 0), &labels.narrow(0, 0, 0), 2)?.is_empty());
        Ok(())
    }

    #[test]
    fn images_are_shown_with_loss_prediction_and_truth() -> Result<()> {
        let images = Tensor::rand([3, 4, 4], (Kind::Float, Device::Cpu));
        let labels = Tensor::from_slice(&[0i64, 2, 1]);
        let text = |labels: NamedLabels<'_>| -> Result<String> {
            Ok(grid(&images, &predictions(), &labels, (1, 3).into())?.to_text())
        };
        assert_eq!(
            text((&labels).into())?,
            "1 x 3 images with labels\n\
             loss 16.12: 1, not 2 (100 %) | loss 1.20: 2, not 1 (50 %) | loss 0.11: 0 (90 %)"
        );
        assert_eq!(
            text((&labels, &["coat", "bag", "boot"]).into())?,
            "1 x 3 images with labels\n\
             loss 16.12: bag, not boot (100 %) | loss 1.20: boot, not bag (50 %) | loss 0.11: coat (90 %)"
        );
        let error = text((&labels, &["coat", "bag"]).into()).expect_err("2 names");
        assert_eq!(
            error.to_string(),
            "show_top_losses: class names: expected 3, one for each column, received 2"
        );
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let labels = Tensor::from_slice(&[0i64, 3, 1]);
        let error = top_losses(&predictions(), &labels, 1)
            .expect_err("3 classes")
            .to_string();
        assert!(error.contains("expected labels from 0 to 2"), "{error}");
        assert!(top_losses(&predictions(), &labels.narrow(0, 0, 2), 1).is_err());
        assert!(top_losses(&labels, &labels, 1).is_err());
        let images = Tensor::rand([2, 4, 4], (Kind::Float, Device::Cpu));
        let labels = Tensor::from_slice(&[0i64, 2, 1]);
        let error = show_top_losses(&images, &predictions(), &labels, 1).expect_err("2 images");
        assert!(error.to_string().contains("images has 2 rows"), "{error}");
    }
}

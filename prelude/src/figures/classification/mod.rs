//! Where a classifier is wrong: matrices, reports and images of its mistakes.
//!
//! Here true and predicted classes are paired; what is shown of the pairs is in the other files.

mod confusion;
mod report;
mod top_losses;

pub use confusion::{Confused, ConfusionMatrix};
pub use report::{ClassScores, ClassificationReport, classification_report};
pub use top_losses::{NamedLabels, TopLoss, show_top_losses, top_losses};

use tch::Tensor;

use super::images::predicted_classes;
use crate::{Error, Result, TensorExt};

/// More are no classes but measurements.
const MOST_CLASSES: usize = 1000;

/// True and predicted classes, as places in a list of classes.
#[derive(Clone, Debug, PartialEq)]
struct Pairs {
    /// Class numbers in order.
    classes: Vec<i64>,
    /// Their names, one each; the numbers if the user has given none.
    names: Vec<String>,
    /// How many samples of each true class (row) got each predicted one (column).
    counts: Vec<u64>,
}

impl Pairs {
    /// The classes are those that occur, as in scikit-learn.
    fn of(place: &'static str, y_true: &Tensor, y_pred: &Tensor) -> Result<Self> {
        let truth = predicted_classes(place, "y_true", y_true)?;
        let predicted = predicted_classes(place, "y_pred", y_pred)?;
        if truth.len() != predicted.len() {
            return Err(Error::LengthMismatch {
                place: place.to_owned(),
                first: "y_true".into(),
                first_length: truth.len() as i64,
                second: "y_pred".into(),
                second_length: predicted.len() as i64,
            });
        }
        if truth.is_empty() {
            return Err(Error::EmptyData {
                place: place.to_owned(),
            });
        }
        let mut classes: Vec<i64> = truth.iter().chain(&predicted).copied().collect();
        classes.sort_unstable();
        classes.dedup();
        if classes.len() > MOST_CLASSES {
            return Err(Error::InvalidArgument {
                place: place.to_owned(),
                expected: format!("class numbers, at most {MOST_CLASSES} different ones"),
                received: format!(
                    "{} different ones, y_true of shape {}",
                    classes.len(),
                    y_true.shape()
                ),
            });
        }
        let size = classes.len();
        let mut counts = vec![0; size * size];
        let position = |class: &i64| classes.binary_search(class).unwrap_or_default();
        for (truth, predicted) in truth.iter().zip(&predicted) {
            counts[position(truth) * size + position(predicted)] += 1;
        }
        Ok(Pairs {
            names: classes.iter().map(i64::to_string).collect(),
            classes,
            counts,
        })
    }

    fn size(&self) -> usize {
        self.classes.len()
    }

    fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.counts[truth * self.size() + predicted]
    }

    /// Samples of a true class.
    fn support(&self, class: usize) -> u64 {
        (0..self.size())
            .map(|predicted| self.count(class, predicted))
            .sum()
    }

    /// Samples for which a class was predicted.
    fn predictions(&self, class: usize) -> u64 {
        (0..self.size()).map(|truth| self.count(truth, class)).sum()
    }

    fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn right(&self) -> u64 {
        (0..self.size()).map(|class| self.count(class, class)).sum()
    }

    /// Names by class number: the first is that of class 0.
    fn named<S: AsRef<str>>(
        mut self,
        place: &'static str,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        let names: Vec<String> = names
            .into_iter()
            .map(|name| name.as_ref().to_owned())
            .collect();
        for (class, name) in self.classes.iter().zip(&mut self.names) {
            let known = usize::try_from(*class)
                .ok()
                .and_then(|class| names.get(class));
            *name = known.cloned().ok_or_else(|| Error::InvalidArgument {
                place: format!("{place}: class_names"),
                expected: format!("a name for class {class}"),
                received: format!("{} names, for classes from 0", names.len()),
            })?;
        }
        Ok(self)
    }
}

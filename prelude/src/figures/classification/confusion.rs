//! The confusion matrix, and the pairs of classes that are confused most.

use std::fmt;

use tch::Tensor;

use super::Pairs;
use crate::Result;
use crate::display::Rich;
use crate::figures::Figure;

const PLACE: &str = "ConfusionMatrix";

/// How many samples of each true class got each prediction.
///
/// As the last expression of a cell it is shown as a figure; the counts alone are also
/// [`confusion_matrix`](crate::confusion_matrix)'s.
///
/// # Source
/// scikit-learn, `metrics.confusion_matrix`: rows are true classes, and only classes that occur have
/// one.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let y_true = Tensor::from_slice(&[0i64, 0, 1, 1, 1]);
/// let y_pred = Tensor::from_slice(&[0i64, 1, 1, 1, 0]);
/// let matrix = ConfusionMatrix::new(&y_true, &y_pred)?.class_names(["cat", "dog"])?;
/// assert_eq!(matrix.count(1, 0), 1);
/// assert_eq!(matrix.most_confused(1)[0].truth, "cat");
/// matrix.show()?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct ConfusionMatrix {
    pairs: Pairs,
    normalized: bool,
}

/// Two classes that are confused: see [`ConfusionMatrix::most_confused`].
#[derive(Clone, PartialEq)]
pub struct Confused {
    /// The true class's name, or number.
    pub truth: String,
    /// The predicted class's name, or number.
    pub predicted: String,
    /// How many samples.
    pub count: u64,
}

impl ConfusionMatrix {
    /// Counts how many samples of each true class got each prediction.
    ///
    /// # Shapes
    /// `y_true` and `y_pred` each: class numbers `(n,)` or `(n, 1)`, scores or one-hot rows
    /// `(n, classes)`, or probabilities of class 1 `(n, 1)`
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`](crate::Error::ShapeMismatch) for other shapes,
    /// [`Error::LengthMismatch`](crate::Error::LengthMismatch) unless they are equally many,
    /// [`Error::EmptyData`](crate::Error::EmptyData) without samples,
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for more than 1,000 classes.
    pub fn new(y_true: &Tensor, y_pred: &Tensor) -> Result<Self> {
        Ok(ConfusionMatrix {
            pairs: Pairs::of(PLACE, y_true, y_pred)?,
            normalized: false,
        })
    }

    /// Names of the classes, that of class 0 first.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) if a class that occurs has none.
    pub fn class_names<S: AsRef<str>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        self.pairs = self.pairs.named(PLACE, names)?;
        Ok(self)
    }

    /// Shows shares of each true class instead of counts.
    pub fn normalized(mut self) -> Self {
        self.normalized = true;
        self
    }

    /// How many samples of class number `truth` were taken for class number `predicted`.
    pub fn count(&self, truth: i64, predicted: i64) -> u64 {
        let position = |class: i64| self.pairs.classes.binary_search(&class);
        match (position(truth), position(predicted)) {
            (Ok(truth), Ok(predicted)) => self.pairs.count(truth, predicted),
            _ => 0,
        }
    }

    /// The counts `(classes, classes)`, rows are true classes.
    pub fn to_tensor(&self) -> Tensor {
        let size = self.pairs.size() as i64;
        let counts: Vec<i64> = self
            .pairs
            .counts
            .iter()
            .map(|&count| count as i64)
            .collect();
        Tensor::from_slice(&counts).reshape([size, size])
    }

    /// Pairs of a true and another predicted class that occur at least `least` times, the most
    /// frequent first.
    ///
    /// # Source
    /// fastai, `ClassificationInterpretation.most_confused`.
    pub fn most_confused(&self, least: u64) -> Vec<Confused> {
        let size = self.pairs.size();
        let mut confused: Vec<Confused> = (0..size * size)
            .map(|i| (i / size, i % size))
            .filter(|(truth, predicted)| truth != predicted)
            .map(|(truth, predicted)| Confused {
                truth: self.pairs.names[truth].clone(),
                predicted: self.pairs.names[predicted].clone(),
                count: self.pairs.count(truth, predicted),
            })
            .filter(|pair| pair.count >= least.max(1))
            .collect();
        // Stable: equally frequent ones stay in the order of classes.
        confused.sort_by_key(|pair| std::cmp::Reverse(pair.count));
        confused
    }

    /// The matrix as a heat map with numbers, to be titled or saved.
    pub fn figure(&self) -> Figure {
        let size = self.pairs.size();
        let values: Vec<Vec<f64>> = (0..size)
            .map(|truth| {
                let support = match self.normalized {
                    true => self.pairs.support(truth).max(1) as f64,
                    false => 1.0,
                };
                let row = (0..size).map(|predicted| self.pairs.count(truth, predicted) as f64);
                row.map(|count| count / support).collect()
            })
            .collect();
        let accuracy = self.pairs.right() as f64 / self.pairs.total().max(1) as f64;
        // A cell of 34 CSS pixels holds four digits.
        let side = |more: u32| (more + 34 * size as u32).clamp(360, 1400);
        Figure::new()
            .heatmap(values)
            .annotate()
            .x_names(&self.pairs.names)
            .y_names(&self.pairs.names)
            .title(&format!(
                "{:.2} % of {} right",
                accuracy * 100.0,
                self.pairs.total()
            ))
            .x_label("predicted")
            .y_label("true")
            .size(side(190), side(130))
    }

    /// Shows the matrix below the cell. Outside the kernel its text is printed.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted) if the user has pressed the stop button.
    pub fn show(&self) -> Result<()> {
        self.figure().show()
    }

    /// The matrix as a figure and as text.
    ///
    /// # Errors
    /// [`Error::Drawing`](crate::Error::Drawing) if it would be too large.
    pub fn to_rich(&self) -> Result<Rich> {
        self.figure().to_rich()
    }
}

/// The matrix in numbers, with names.
impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.figure().to_text())
    }
}

/// As [`Display`](fmt::Display).
impl fmt::Debug for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `4 taken for 9: 12 times`
impl fmt::Display for Confused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Confused {
            truth,
            predicted,
            count,
        } = self;
        write!(f, "{truth} taken for {predicted}: {count} times")
    }
}

/// As [`Display`](fmt::Display), so that a list of them reads well.
impl fmt::Debug for Confused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TensorExt;
    use crate::testing::reference;

    #[test]
    fn counts_are_scikit_learns() -> Result<()> {
        let reference = reference("classification");
        for name in ["ten", "three"] {
            let truth = reference.tensor(&format!("{name}_true"));
            let predicted = reference.tensor(&format!("{name}_predicted"));
            let matrix = ConfusionMatrix::new(&truth, &predicted.reshape([-1, 1]))?;
            let expected = reference.tensor(&format!("{name}_matrix"));
            assert_eq!(matrix.to_tensor(), expected.to_int64());
        }
        Ok(())
    }

    #[test]
    fn the_most_frequent_mistakes_come_first() -> Result<()> {
        let truth = Tensor::from_slice(&[4i64, 4, 4, 9, 9, 7]);
        let predicted = Tensor::from_slice(&[9i64, 9, 4, 4, 9, 4]);
        let matrix = ConfusionMatrix::new(&truth, &predicted)?;
        let written: Vec<String> = matrix
            .most_confused(1)
            .iter()
            .map(|p| p.to_string())
            .collect();
        let expected = [
            "4 taken for 9: 2 times",
            "7 taken for 4: 1 times",
            "9 taken for 4: 1 times",
        ];
        assert_eq!(written, expected);
        assert_eq!(matrix.most_confused(2).len(), 1);
        assert_eq!((matrix.count(4, 9), matrix.count(5, 5)), (2, 0));
        Ok(())
    }

    #[test]
    fn the_matrix_has_names_shares_and_a_text() -> Result<()> {
        let truth = Tensor::from_slice(&[0i64, 0, 1, 1]);
        let predicted = Tensor::from_slice(&[0i64, 1, 1, 1]);
        let matrix = ConfusionMatrix::new(&truth, &predicted)?.class_names(["cat", "dog"])?;
        assert_eq!(
            matrix.to_string(),
            "75.00 % of 4 right\n     cat  dog\ncat    1    1\ndog    0    2\nx: predicted, y: true"
        );
        let shares = matrix.clone().normalized().to_string();
        assert!(
            shares.contains("cat  0.50  0.50\ndog  0.00  1.00"),
            "{shares}"
        );
        let svg = matrix.figure().to_svg()?;
        assert!(svg.contains("aria-label=\"predicted\"") && svg.contains("aria-label=\"dog\""));
        let error = matrix
            .class_names(["cat"])
            .expect_err("one is missing")
            .to_string();
        assert_eq!(
            error,
            "ConfusionMatrix: class_names: expected a name for class 1, received 1 names, for classes from 0"
        );
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let labels = Tensor::from_slice(&[0i64, 1]);
        assert!(ConfusionMatrix::new(&labels, &labels.narrow(0, 0, 1)).is_err());
        assert!(ConfusionMatrix::new(&labels.narrow(0, 0, 0), &labels.narrow(0, 0, 0)).is_err());
        let many = Tensor::arange(2000, (tch::Kind::Int64, tch::Device::Cpu));
        let error = ConfusionMatrix::new(&many, &many)
            .expect_err("no classes")
            .to_string();
        assert!(
            error.contains("at most 1000 different ones, received 2000"),
            "{error}"
        );
    }
}

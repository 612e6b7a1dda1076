//! Precision, recall and F1 of each class.

use std::fmt::{self, Write};

use tch::Tensor;

use super::Pairs;
use crate::Result;
use crate::display::Rich;

/// Precision, recall and F1 of each class, as scikit-learn writes them.
///
/// As the last expression of a cell it is shown as a table.
#[derive(Clone, PartialEq)]
pub struct ClassificationReport {
    pairs: Pairs,
    digits: usize,
}

/// The numbers of one class, or of an average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassScores {
    /// The share of right ones among the predictions of the class; 0 if there are none.
    pub precision: f64,
    /// The share of right ones among the samples of the class; 0 if there are none.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1_score: f64,
    /// Samples of the class.
    pub support: u64,
}

/// Computes precision, recall and F1 of each class.
///
/// # Shapes
/// As [`ConfusionMatrix::new`](crate::ConfusionMatrix::new).
///
/// # Errors
/// As [`ConfusionMatrix::new`](crate::ConfusionMatrix::new).
///
/// # Source
/// scikit-learn, `metrics.classification_report` with `zero_division=0`.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let y_true = Tensor::from_slice(&[0i64, 0, 1, 1]);
/// let y_pred = Tensor::from_slice(&[0i64, 1, 1, 1]);
/// let report = classification_report(&y_true, &y_pred)?.class_names(["cat", "dog"])?;
/// println!("{report}");
/// assert_eq!(report.scores(1).map(|scores| scores.recall), Some(1.0));
/// assert_eq!(report.accuracy(), 0.75);
/// # Ok::<(), Error>(())
/// ```
pub fn classification_report(y_true: &Tensor, y_pred: &Tensor) -> Result<ClassificationReport> {
    Ok(ClassificationReport {
        pairs: Pairs::of("classification_report", y_true, y_pred)?,
        digits: 2,
    })
}

/// 0 where there is nothing to divide by.
fn ratio(part: f64, whole: f64) -> f64 {
    match whole > 0.0 {
        true => part / whole,
        false => 0.0,
    }
}

impl ClassificationReport {
    /// Names of the classes, that of class 0 first.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) if a class that occurs has none.
    pub fn class_names<S: AsRef<str>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        self.pairs = self.pairs.named("classification_report", names)?;
        Ok(self)
    }

    /// Digits after the point; 2 without this call, and at most 15.
    pub fn digits(mut self, digits: usize) -> Self {
        self.digits = digits.min(15);
        self
    }

    /// The numbers of class number `class`; `None` if it does not occur.
    pub fn scores(&self, class: i64) -> Option<ClassScores> {
        let position = self.pairs.classes.binary_search(&class).ok()?;
        Some(self.scores_at(position))
    }

    /// The share of samples that are predicted right.
    pub fn accuracy(&self) -> f64 {
        ratio(self.pairs.right() as f64, self.pairs.total() as f64)
    }

    /// The mean over classes.
    pub fn macro_average(&self) -> ClassScores {
        self.average(|_| 1.0)
    }

    /// The mean over classes, each counted as often as it has samples.
    pub fn weighted_average(&self) -> ClassScores {
        self.average(|class| self.pairs.support(class) as f64)
    }

    fn scores_at(&self, class: usize) -> ClassScores {
        let right = self.pairs.count(class, class) as f64;
        let support = self.pairs.support(class);
        let predictions = self.pairs.predictions(class);
        ClassScores {
            precision: ratio(right, predictions as f64),
            recall: ratio(right, support as f64),
            f1_score: ratio(2.0 * right, (predictions + support) as f64),
            support,
        }
    }

    fn average(&self, weight: impl Fn(usize) -> f64) -> ClassScores {
        let classes = || 0..self.pairs.size();
        let total: f64 = classes().map(&weight).sum();
        let mean = |of: fn(&ClassScores) -> f64| {
            let sum: f64 = classes().map(|i| weight(i) * of(&self.scores_at(i))).sum();
            ratio(sum, total)
        };
        ClassScores {
            precision: mean(|scores| scores.precision),
            recall: mean(|scores| scores.recall),
            f1_score: mean(|scores| scores.f1_score),
            support: self.pairs.total(),
        }
    }

    /// The report as a table and as text.
    pub fn to_rich(&self) -> Rich {
        Rich::text(self.to_string()).with_html(self.to_html())
    }

    fn to_html(&self) -> String {
        let mut html = String::from(
            "<table><thead><tr><th></th><th>precision</th><th>recall</th><th>f1-score</th>\
             <th>support</th></tr></thead><tbody>",
        );
        for (name, scores) in self.rows() {
            let _ = write!(html, "<tr><th>{}</th>", escaped(&name));
            for value in [scores.precision, scores.recall, scores.f1_score] {
                let _ = write!(html, "<td>{value:.*}</td>", self.digits);
            }
            let _ = write!(html, "<td>{}</td></tr>", scores.support);
        }
        html.push_str("</tbody><tfoot>");
        let _ = write!(
            html,
            "<tr><th>accuracy</th><td></td><td></td><td>{:.*}</td><td>{}</td></tr>",
            self.digits,
            self.accuracy(),
            self.pairs.total()
        );
        for (name, scores) in self.averages() {
            let _ = write!(html, "<tr><th>{name}</th>");
            for value in [scores.precision, scores.recall, scores.f1_score] {
                let _ = write!(html, "<td>{value:.*}</td>", self.digits);
            }
            let _ = write!(html, "<td>{}</td></tr>", scores.support);
        }
        html.push_str("</tfoot></table>");
        html
    }

    fn rows(&self) -> impl Iterator<Item = (String, ClassScores)> {
        let names = self.pairs.names.iter().cloned().enumerate();
        names.map(|(i, name)| (name, self.scores_at(i)))
    }

    fn averages(&self) -> [(&'static str, ClassScores); 2] {
        [
            ("macro avg", self.macro_average()),
            ("weighted avg", self.weighted_average()),
        ]
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// scikit-learn's text, to the character.
impl fmt::Display for ClassificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self
            .pairs
            .names
            .iter()
            .map(|name| name.chars().count())
            .max();
        let width = longest
            .unwrap_or(0)
            .max("weighted avg".len())
            .max(self.digits);
        let digits = self.digits;
        let line = |f: &mut fmt::Formatter<'_>, name: &str, scores: &ClassScores| {
            let ClassScores {
                precision,
                recall,
                f1_score,
                support,
            } = scores;
            write!(
                f,
                "\n{name:>width$}  {precision:>9.digits$} {recall:>9.digits$} {f1_score:>9.digits$} {support:>9}"
            )
        };
        let heads = ["precision", "recall", "f1-score", "support"];
        write!(f, "{:>width$} ", "")?;
        for head in heads {
            write!(f, " {head:>9}")?;
        }
        writeln!(f)?;
        for (name, scores) in self.rows() {
            line(f, &name, &scores)?;
        }
        writeln!(f)?;
        let (accuracy, total) = (self.accuracy(), self.pairs.total());
        let nothing = "";
        write!(
            f,
            "\n{:>width$}  {nothing:>9} {nothing:>9} {accuracy:>9.digits$} {total:>9}",
            "accuracy"
        )?;
        for (name, scores) in self.averages() {
            line(f, name, &scores)?;
        }
        Ok(())
    }
}

/// As [`Display`](fmt::Display).
impl fmt::Debug for ClassificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::reference;

    fn report(name: &str) -> Result<ClassificationReport> {
        let reference = reference("classification");
        let truth = reference.tensor(&format!("{name}_true"));
        let predicted = reference.tensor(&format!("{name}_predicted"));
        classification_report(&truth, &predicted)
    }

    #[test]
    fn the_text_is_scikit_learns() -> Result<()> {
        let reference = reference("classification");
        for name in ["ten", "three"] {
            let expected = reference.text(&format!("{name}_report"));
            assert_eq!(format!("{}\n", report(name)?), expected);
        }
        let named = report("three")?
            .class_names(["ankle boot", "bag", "coat"])?
            .digits(3);
        assert_eq!(format!("{named}\n"), reference.text("named_report"));
        Ok(())
    }

    #[test]
    fn the_table_has_the_same_numbers_and_escaped_names() -> Result<()> {
        let html = report("three")?
            .class_names(["<b>", "bag", "coat"])?
            .to_html();
        assert!(
            html.contains("<th>&lt;b&gt;</th><td>0.48</td><td>1.00</td><td>0.65</td><td>14</td>"),
            "{html}"
        );
        assert!(
            html.contains("<th>accuracy</th><td></td><td></td><td>0.60</td><td>40</td>"),
            "{html}"
        );
        assert_eq!(html.matches("<tr>").count(), 1 + 3 + 3);
        Ok(())
    }
}

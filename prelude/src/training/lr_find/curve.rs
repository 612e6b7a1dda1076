//! The loss by learning rate, and what it suggests.

use std::fmt;

use crate::figures::Figure;

/// What a learning rate range test has found. As the last expression of a cell it is drawn.
///
/// The first tenth of the rates and the last five, where the loss says nothing or runs away, are
/// left out of the suggestions.
///
/// # Source
/// Smith 2015, "Cyclical Learning Rates for Training Neural Networks", section 3.3; the way it is
/// read is fastai's (fastai/callback/schedule.py).
#[derive(Clone, PartialEq)]
pub struct LearningRateCurve {
    rates: Vec<f64>,
    losses: Vec<f64>,
}

impl LearningRateCurve {
    pub(super) fn new(rates: Vec<f64>, losses: Vec<f64>) -> Self {
        LearningRateCurve { rates, losses }
    }

    /// The learning rates that were tried, rising.
    pub fn rates(&self) -> &[f64] {
        &self.rates
    }

    /// The loss at each, smoothed.
    pub fn losses(&self) -> &[f64] {
        &self.losses
    }

    /// The learning rate to take: [`valley`](Self::valley).
    pub fn suggestion(&self) -> Option<f64> {
        self.valley()
    }

    /// The middle of the longest stretch over which the loss falls. `None` if it never does.
    pub fn valley(&self) -> Option<f64> {
        let (rates, losses) = self.trusted();
        let (start, end) = longest_descent(losses)?;
        rates.get(start + (end - start) / 2).copied()
    }

    /// Where the loss falls most steeply, over the logarithm of the rate. `None` if it never falls.
    pub fn steepest(&self) -> Option<f64> {
        let (rates, losses) = self.trusted();
        let slope = |i: usize| (losses[i + 1] - losses[i]) / (rates[i + 1] / rates[i]).ln();
        let steepest = (0..rates.len().saturating_sub(1))
            .min_by(|&a, &b| slope(a).total_cmp(&slope(b)))
            .filter(|&i| slope(i) < 0.0)?;
        rates.get(steepest).copied()
    }

    /// A tenth of the rate with the smallest loss.
    pub fn minimum(&self) -> Option<f64> {
        let (rates, losses) = self.trusted();
        let pairs = rates.iter().zip(losses);
        let smallest = pairs.min_by(|a, b| a.1.total_cmp(b.1))?;
        Some(smallest.0 / 10.0)
    }

    /// The loss over the learning rate, with the suggestion.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let mut model = Sequential::new([Input::new(2).into(), Dense::new(1).into()])?;
    /// model.compile("mse", "sgd", ())?;
    /// let x = Tensor::rand([64, 2], (Kind::Float, Device::Cpu));
    /// let curve = model.lr_find(&x, &x.sum_dim_intlist(1i64, false, None)).run()?;
    /// curve.plot().save(std::env::temp_dir().join("torchbook_lr_find.svg"))?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn plot(&self) -> Figure {
        let figure = Figure::new()
            .line(self.rates.as_slice(), self.losses.as_slice())
            .log_x()
            .x_label("learning rate")
            .y_label("loss, smoothed");
        match self.suggestion() {
            Some(rate) => figure.vline(rate).label(&format!("valley {rate:.2e}")),
            None => figure,
        }
    }

    /// Without the beginning and the end.
    fn trusted(&self) -> (&[f64], &[f64]) {
        let count = self.rates.len();
        let start = count / 10;
        let end = count.saturating_sub(5).max(start);
        (&self.rates[start..end], &self.losses[start..end])
    }
}

/// What it suggests, in one line.
impl fmt::Debug for LearningRateCurve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for LearningRateCurve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |rate: Option<f64>| rate.map_or("none".to_owned(), |rate| format!("{rate:.2e}"));
        write!(
            f,
            "learning rate: valley {}, steepest {}, minimum / 10 {} ({} rates tried)",
            text(self.valley()),
            text(self.steepest()),
            text(self.minimum()),
            self.rates.len()
        )
    }
}

/// First and last place of the longest falling subsequence: rises in between do not end it.
fn longest_descent(losses: &[f64]) -> Option<(usize, usize)> {
    // For each place, where the longest descent that ends there begins, and its length.
    let mut descents: Vec<(usize, usize)> = Vec::with_capacity(losses.len());
    for (i, loss) in losses.iter().enumerate() {
        let longest = (0..i)
            .filter(|&j| losses[j] > *loss)
            .map(|j| descents[j])
            .max_by_key(|&(start, length)| (length, start));
        descents.push(longest.map_or((i, 1), |(start, length)| (start, length + 1)));
    }
    let ends = descents.iter().enumerate();
    let (end, &(start, length)) =
        ends.max_by_key(|&(end, &(_, length))| (length, std::cmp::Reverse(end)))?;
    (length > 1).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flat, falling from 1e-4 to 1e-2, then rising: a point for each half power of ten, twenty of
    /// them.
    fn curve() -> LearningRateCurve {
        let rates: Vec<f64> = (0..20).map(|i| 1e-7 * 10f64.powf(i as f64 / 2.0)).collect();
        let mut losses = vec![2.0; 7];
        losses.extend([
            1.75, 1.2, 0.95, 0.7, 2.5, 4.0, 5.5, 7.0, 8.5, 10.0, 11.5, 13.0, 14.5,
        ]);
        LearningRateCurve::new(rates, losses)
    }

    #[test]
    fn suggestions_lie_where_the_loss_falls() {
        let curve = curve();
        let close = |found: Option<f64>, expected: f64| {
            let found = found.expect("the loss falls");
            assert!(
                (found / expected - 1.0).abs() < 1e-6,
                "{found} instead of {expected}"
            );
        };
        close(curve.valley(), 1e-3);
        close(curve.steepest(), 10f64.powf(-3.5));
        close(curve.minimum(), 1e-3);
        assert_eq!(curve.suggestion(), curve.valley());
        assert!(curve.plot().to_svg().is_ok());
    }

    #[test]
    fn a_descent_goes_on_over_small_rises() {
        assert_eq!(
            longest_descent(&[5.0, 4.0, 4.5, 3.0, 2.0, 6.0]),
            Some((0, 4))
        );
        assert_eq!(longest_descent(&[1.0, 2.0, 3.0]), None);
        assert_eq!(longest_descent(&[]), None);
    }

    #[test]
    fn a_loss_that_never_falls_suggests_nothing() {
        let rates: Vec<f64> = (1..=20).map(f64::from).collect();
        let rising = LearningRateCurve::new(rates.clone(), rates);
        assert_eq!((rising.valley(), rising.steepest()), (None, None));
        assert!(rising.to_string().starts_with("learning rate: valley none"));
        let empty = LearningRateCurve::new(Vec::new(), Vec::new());
        assert_eq!((empty.valley(), empty.minimum()), (None, None));
        assert!(empty.plot().to_svg().is_ok());
    }
}

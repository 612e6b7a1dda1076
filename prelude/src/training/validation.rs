//! Which samples a training is measured on.

use tch::Tensor;

use super::evaluate;
use crate::model::network::Network;
use crate::{Dataset, Error, Result};

/// What is measured on after an epoch.
pub(super) enum Validation {
    None,
    Data(Rows),
    Dataset(Dataset),
    /// This share of the samples, from the end.
    Split(f64),
}

/// How it is measured.
#[derive(Default)]
pub(super) struct Validating {
    /// How many batches, if not all.
    pub(super) steps: Option<usize>,
    pub(super) batch_size: Option<usize>,
}

impl Validating {
    /// Keras's is that of learning unless it is set. Where all samples are measured a larger one gives
    /// the same means sooner.
    pub(super) fn batch_size_of(&self, model: &dyn Network, of_learning: usize) -> usize {
        match (self.batch_size, self.steps) {
            (Some(size), _) => size,
            (None, Some(_)) => of_learning,
            (None, None) => evaluate::batch_size(model),
        }
    }
}

/// Samples and targets, one array for each input and output.
pub(super) type Rows = (Vec<Tensor>, Vec<Tensor>);

impl Validation {
    /// Whether it comes from the samples to learn from.
    pub(super) fn is_split(&self) -> bool {
        matches!(self, Validation::Split(_))
    }

    /// The rows to learn from, and what to measure on, which is no share of them any more.
    ///
    /// # Source
    /// Keras 3, `train_validation_split`: the last rows, before anything is shuffled, and
    /// `floor(rows * (1 - share))` to learn from.
    pub(super) fn set_aside(self, (x, y): Rows) -> Result<(Rows, Validation)> {
        let Validation::Split(share) = self else {
            return Ok(((x, y), self));
        };
        let rows = x.first().map_or(0, row_count);
        let kept = (rows as f64 * (1.0 - share)).floor();
        if !(kept >= 1.0 && kept < rows as f64) {
            return Err(Error::InvalidArgument {
                place: "fit: validation_split".into(),
                expected: format!(
                    "a share between 0 and 1 that leaves some of the {rows} samples on both sides"
                ),
                received: share.to_string(),
            });
        }
        let kept = kept as i64;
        let learned = (cut(&x, 0, kept)?, cut(&y, 0, kept)?);
        let measured = (cut(&x, kept, i64::MAX)?, cut(&y, kept, i64::MAX)?);
        Ok((learned, Validation::Data(measured)))
    }
}

/// Rows of each array; what is shorter than the others is complained of later.
fn cut(arrays: &[Tensor], start: i64, end: i64) -> Result<Vec<Tensor>> {
    let part = |array: &Tensor| {
        let end = end.min(row_count(array));
        Ok(array.f_narrow(0, start.min(end), (end - start).max(0))?)
    };
    arrays.iter().map(part).collect()
}

fn row_count(array: &Tensor) -> i64 {
    array.size().first().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn split(rows: i64, share: f64) -> Result<(i64, Option<i64>)> {
        let x = Tensor::arange(rows, (Kind::Int64, Device::Cpu));
        let arrays = (vec![x.shallow_clone()], vec![x]);
        let (learned, measured) = Validation::Split(share).set_aside(arrays)?;
        let first = |rows: &Rows| i64::try_from(rows.0[0].get(0));
        let measured = match &measured {
            Validation::Data(rows) => Some(first(rows)?),
            _ => None,
        };
        Ok((row_count(&learned.1[0]), measured))
    }

    #[test]
    fn the_last_rows_are_set_aside_as_in_keras() -> Result<()> {
        assert_eq!(split(10, 0.25)?, (7, Some(7)));
        assert_eq!(split(10, 0.3)?, (7, Some(7)));
        Ok(())
    }

    #[test]
    fn a_share_that_leaves_nothing_is_refused() {
        for share in [0.0, 1.0, -0.5, 2.0, f64::NAN] {
            assert!(split(10, share).is_err(), "{share}");
        }
        // 10 * 0.99 = 9.9: one row of ten.
        assert!(split(10, 0.01).is_ok());
        assert!(split(1, 0.5).is_err());
    }
}

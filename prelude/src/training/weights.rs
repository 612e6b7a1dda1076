//! How much each sample counts.

use tch::{Device, Kind, Tensor};

use super::validation::Rows;
use crate::{Error, Result, TensorExt};

/// What was said about it.
#[derive(Default)]
pub(super) struct Weighting {
    pub(super) samples: Option<Tensor>,
    pub(super) classes: Option<Vec<(i64, f64)>>,
}

impl Weighting {
    /// One weight per sample, `(n,)` or of more axes for losses that have more; none if all count
    /// alike. If the samples are split, weights of samples go with them into validation; weights of
    /// classes are for learning only.
    ///
    /// # Source
    /// Keras 3, keras/src/trainers/data_adapters: classes that are not named count 1; both kinds of
    /// weights at once are refused.
    pub(super) fn of(self, rows: &Rows, is_split: bool) -> Result<Weights> {
        let for_validation = is_split && self.samples.is_some();
        let all = self.weights(rows)?;
        Ok(Weights {
            all,
            for_validation,
        })
    }

    /// Weights of classes, which a dataset's batches look up in their targets.
    pub(super) fn of_dataset(self) -> Result<Option<Vec<(i64, f64)>>> {
        match self.samples {
            None => Ok(self.classes),
            Some(_) => Err(Error::InvalidArgument {
                place: "fit_dataset: sample_weight".into(),
                expected: "class_weight: rows of a dataset have no weights of their own".into(),
                received: "weights of samples".into(),
            }),
        }
    }

    fn weights(self, (_, y): &Rows) -> Result<Option<Tensor>> {
        let classes = match (self.samples, self.classes) {
            (samples, None) => return samples.map(|s| checked(s, y)).transpose(),
            (None, Some(classes)) => classes,
            (Some(_), Some(_)) => {
                return refused("either class_weight or sample_weight", "both".into());
            }
        };
        by_class(&classes, y).map(Some)
    }
}

/// The weight of each sample by its class.
pub(super) fn by_class(classes: &[(i64, f64)], y: &[Tensor]) -> Result<Tensor> {
    let [y] = y else {
        return refused(
            "a model with one output",
            format!("{} arrays of targets", y.len()),
        );
    };
    if let Some((class, weight)) = classes.iter().find(|(c, w)| *c < 0 || !w.is_finite()) {
        return refused(
            "class numbers from 0 and finite weights",
            format!("{weight} for class {class}"),
        );
    }
    let labels = match *y.size() {
        [_, columns] if columns > 1 => y.f_argmax(-1, false)?,
        _ => y.f_reshape([-1])?.f_to_kind(Kind::Int64)?,
    };
    let labels = labels.f_to_device(Device::Cpu)?;
    let named = classes.iter().map(|(class, _)| *class).max().unwrap_or(0);
    let largest = match labels.numel() {
        0 => named,
        _ => named.max(i64::try_from(labels.f_max()?)?),
    };
    if labels.numel() > 0 && i64::try_from(labels.f_min()?)? < 0 {
        return refused("class numbers from 0 as targets", "negative ones".into());
    }
    let table = Tensor::f_ones([largest + 1], (Kind::Float, Device::Cpu))?;
    for &(class, weight) in classes {
        let _ = table.f_get(class)?.f_fill_(weight)?;
    }
    Ok(table.f_index_select(0, &labels)?)
}

fn refused<T>(expected: &str, received: String) -> Result<T> {
    Err(Error::InvalidArgument {
        place: "fit: class_weight".into(),
        expected: expected.to_owned(),
        received,
    })
}

/// The weights of all samples.
pub(super) struct Weights {
    all: Option<Tensor>,
    for_validation: bool,
}

impl Weights {
    /// Those of the samples to learn from, of which `y` are the targets, and of the others.
    pub(super) fn set_aside(self, y: &[Tensor]) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Some(all) = self.all else {
            return Ok((None, None));
        };
        let rows = |tensor: &Tensor| tensor.size().first().copied().unwrap_or(0);
        let kept = y.first().map_or(0, rows).min(rows(&all));
        let rest = match self.for_validation {
            true => Some(all.f_narrow(0, kept, rows(&all) - kept)?),
            false => None,
        };
        Ok((Some(all.f_narrow(0, 0, kept)?), rest))
    }
}

fn checked(weights: Tensor, y: &[Tensor]) -> Result<Tensor> {
    let rows = |tensor: &Tensor| tensor.size().first().copied().unwrap_or(0);
    match y.first() {
        Some(y) if rows(y) != rows(&weights) => Err(Error::ShapeMismatch {
            place: "fit: sample_weight".into(),
            expected: format!("shape ({},), one weight per sample", rows(y)),
            received: weights.shape().to_string(),
            remedy: "pass as many weights as targets".into(),
        }),
        _ => Ok(weights),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(y: &Tensor, classes: &[(i64, f64)]) -> Result<Vec<f64>> {
        let weighting = Weighting {
            samples: None,
            classes: Some(classes.to_vec()),
        };
        let weights = weighting.weights(&(Vec::new(), vec![y.shallow_clone()]))?;
        let weights = weights.unwrap_or_else(|| panic!("there are weights"));
        Ok(Vec::try_from(weights.to_kind(Kind::Double))?)
    }

    #[test]
    fn classes_are_looked_up_in_all_forms_of_targets() -> Result<()> {
        let classes = [(0, 0.5), (2, 4.0)];
        let y = Tensor::from_slice(&[2u8, 0, 1, 2, 3]);
        let expected = [4.0, 0.5, 1.0, 4.0, 1.0];
        assert_eq!(weights(&y, &classes)?, expected);
        assert_eq!(weights(&y.reshape([5, 1]), &classes)?, expected);
        assert_eq!(
            weights(&y.to_kind(Kind::Int64).one_hot(4), &classes)?,
            expected
        );
        Ok(())
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let y = Tensor::from_slice(&[0i64, 1]);
        assert!(weights(&y, &[(-1, 1.0)]).is_err());
        assert!(weights(&y, &[(0, f64::NAN)]).is_err());
        assert!(weights(&(&y - 1), &[(0, 1.0)]).is_err());
        let rows = (Vec::new(), vec![y.shallow_clone()]);
        let both = Weighting {
            samples: Some(y.shallow_clone()),
            classes: Some(vec![(0, 1.0)]),
        };
        assert!(both.weights(&rows).is_err());
        let short = Weighting {
            samples: Some(y.narrow(0, 0, 1)),
            classes: None,
        };
        let error = short.weights(&rows).expect_err("too few").to_string();
        assert!(
            error.contains("sample_weight: expected shape (2,)"),
            "{error}"
        );
    }
}

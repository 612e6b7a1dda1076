//! Class numbers as one-hot rows.

use tch::{Kind, Tensor};

use crate::{Error, Result, TensorExt};

/// One row per label, with a 1 at the label's place: `(n,)` becomes `(n, classes)`, as 32-bit
/// floats. `(n, 1)` becomes `(n, classes)`, too, and further axes are kept.
///
/// # Errors
/// [`Error::InvalidArgument`] for a label that is no class, and for less than one class.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let rows = to_categorical(&Tensor::from_slice(&[2i64, 0]), 3)?;
/// assert_eq!(rows.shape(), (2, 3));
/// assert_eq!(Vec::<f32>::try_from(rows.reshape([-1]))?, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras, `keras.utils.to_categorical`.
pub fn to_categorical(labels: &Tensor, classes: i64) -> Result<Tensor> {
    at_least_one_class(classes, "to_categorical")?;
    let mut shape = labels.size();
    if shape.len() > 1 && shape.last() == Some(&1) {
        shape.pop();
    }
    let labels = labels.f_to_kind(Kind::Int64)?.f_reshape(&shape)?;
    if labels.numel() > 0 {
        for label in [labels.f_min()?, labels.f_max()?] {
            let label = i64::try_from(label)?;
            if !(0..classes).contains(&label) {
                return Err(Error::InvalidArgument {
                    place: "to_categorical".into(),
                    expected: format!("labels from 0 to {}", classes - 1),
                    received: format!("{label} among labels of shape {}", labels.shape()),
                });
            }
        }
    }
    Ok(labels.f_one_hot(classes)?.f_to_kind(Kind::Float)?)
}

/// Refuses a number of classes among which no label can be.
pub(crate) fn at_least_one_class(classes: i64, place: &str) -> Result<()> {
    match classes >= 1 {
        true => Ok(()),
        false => Err(Error::InvalidArgument {
            place: format!("{place}: classes"),
            expected: "at least 1".into(),
            received: classes.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_of_one_is_replaced_and_others_are_kept() -> Result<()> {
        let labels = Tensor::from_slice(&[2u8, 0, 1, 1]);
        assert_eq!(to_categorical(&labels.reshape([4, 1]), 3)?.shape(), (4, 3));
        let rows = to_categorical(&labels.reshape([2, 2]), 3)?;
        assert_eq!(rows.shape(), (2, 2, 3));
        assert_eq!(rows.double_value(&[1, 0, 1]), 1.0);
        let error = to_categorical(&labels, 2).expect_err("2 is no class of two");
        assert!(error.to_string().contains("labels from 0 to 1, received 2"));
        let error = to_categorical(&labels, 0).expect_err("no class");
        assert_eq!(
            error.to_string(),
            "to_categorical: classes: expected at least 1, received 0"
        );
        Ok(())
    }
}

//! Targets beside outputs: bringing them into one shape, and finding before training what could not
//! be learned.

use tch::{Kind, Tensor};

use crate::{Error, Result, Shape, TensorExt};

/// The targets as numbers of the output's kind and in its shape; `(batch,)` goes with an output of
/// `(batch, 1)`.
pub(crate) fn aligned(y: &Tensor, output: &Tensor, place: &str) -> Result<Tensor> {
    let y = y.f_to_kind(output.kind())?;
    if y.size() == output.size() {
        return Ok(y);
    }
    let same_rows = y.size().first() == output.size().first();
    let differ_by_an_axis_of_one = y.numel() == output.numel();
    match same_rows && differ_by_an_axis_of_one {
        true => Ok(y.f_reshape_as(output)?),
        false => Err(Error::ShapeMismatch {
            place: place.to_owned(),
            expected: format!("targets of shape {}", output.shape()),
            received: y.shape().to_string(),
            remedy: "pass one target per output; for class numbers use to_categorical".into(),
        }),
    }
}

/// Whether targets for all samples have the shape of the outputs and are numbers.
pub(crate) fn same_shape(y: &Tensor, output: &Shape, place: &str, remedy: &str) -> Result<()> {
    let received = y.size();
    let rows = received.first().copied().unwrap_or(0);
    let fits = received.get(1..) == Some(output)
        || rows * output.numel() == y.numel() as i64 && output.numel() == 1;
    match fits {
        true => finite(y, place),
        false => Err(Error::ShapeMismatch {
            place: place.to_owned(),
            expected: format!("targets of shape {}", output.per_sample()),
            received: y.shape().to_string(),
            remedy: remedy.to_owned(),
        }),
    }
}

/// Whether there is no NaN and no infinity among the targets; the first one is named by its row.
pub(super) fn finite(y: &Tensor, place: &str) -> Result<()> {
    if !y.is_floating_point() || y.numel() == 0 {
        return Ok(());
    }
    let rows = y.f_isfinite()?.f_reshape([y.size()[0], -1])?;
    let good = rows.f_all_dim(1, false)?;
    if bool::try_from(good.f_all()?)? {
        return Ok(());
    }
    let row = i64::try_from(good.f_to_kind(Kind::Int)?.f_argmin(0, false)?)?;
    Err(Error::InvalidArgument {
        place: place.to_owned(),
        expected: "targets that are numbers".into(),
        received: format!("NaN or an infinity in row {row}: remove or replace such rows"),
    })
}

/// Whether all labels are whole numbers from 0 to `classes - 1`; `ignored` may stand among them.
pub(super) fn labels_in_range(
    y: &Tensor,
    classes: i64,
    ignored: Option<i64>,
    place: &str,
) -> Result<()> {
    finite(y, place)?;
    let y = match ignored {
        Some(ignored) => y.f_masked_select(&y.f_ne(ignored)?)?,
        None => y.shallow_clone(),
    };
    if y.numel() == 0 {
        return Ok(());
    }
    for extreme in [y.f_min()?, y.f_max()?] {
        let label = f64::try_from(extreme)?;
        if !(0.0..classes as f64).contains(&label) {
            return Err(Error::LabelOutOfRange {
                place: place.to_owned(),
                label: label as i64,
                classes,
            });
        }
    }
    if y.is_floating_point() && !bool::try_from(y.f_frac()?.f_eq(0.0)?.f_all()?)? {
        return Err(Error::InvalidArgument {
            place: place.to_owned(),
            expected: format!("whole numbers from 0 to {}", classes - 1),
            received: "labels with fractions: for numbers to be predicted use MeanSquaredError"
                .into(),
        });
    }
    Ok(())
}

//! Many dimensions as two: principal components of embeddings.

use tch::{Device, Kind, Tensor};

use super::Figure;
use super::images::predicted_classes;
use crate::{Error, Result, TensorExt};

/// Samples in the directions in which they differ most. Made by [`pca`].
#[derive(Debug)]
pub struct Projection {
    /// `(n, components)`, 64-bit, on the CPU.
    pub points: Tensor,
    /// The share of the whole variance that lies in each direction, from 0 to 1.
    pub explained: Vec<f64>,
}

/// Principal components of samples.
///
/// # Shapes
/// x: `(n, …)` with at least two samples; further axes are taken together
///
/// # Errors
/// [`Error::ShapeMismatch`] for fewer than two samples, [`Error::InvalidArgument`] unless there are
/// from 1 to `min(n, features)` components, or if x is not finite.
///
/// # Source
/// scikit-learn, `decomposition.PCA` with `svd_solver="full"`, its choice of signs included.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let x = Tensor::rand([50, 28, 28], (Kind::Float, Device::Cpu));
/// let projection = pca(&x, 2)?;
/// assert_eq!(projection.points.shape(), (50, 2));
/// assert!(projection.explained[0] >= projection.explained[1]);
/// # Ok::<(), Error>(())
/// ```
pub fn pca(x: &Tensor, components: i64) -> Result<Projection> {
    let count = x.size().first().copied().unwrap_or(0);
    if count < 2 || x.numel() == 0 {
        return Err(Error::ShapeMismatch {
            place: "pca: x".into(),
            expected: "shape (n, features), at least two samples".into(),
            received: x.shape().to_string(),
            remedy: "pass a batch of samples".into(),
        });
    }
    let _guard = tch::no_grad_guard();
    let x = x
        .f_detach()?
        .f_to_device(Device::Cpu)?
        .f_to_kind(Kind::Double)?
        .f_reshape([count, -1])?;
    let most = count.min(x.size()[1]);
    if !(1..=most).contains(&components) {
        return Err(Error::InvalidArgument {
            place: "pca: components".into(),
            expected: format!("1 to {most}"),
            received: components.to_string(),
        });
    }
    if x.f_isfinite()?.f_all()?.int64_value(&[]) == 0 {
        return Err(Error::InvalidArgument {
            place: "pca: x".into(),
            expected: "finite numbers".into(),
            received: "NaN or infinity among them".into(),
        });
    }
    let centred = &x - x.f_mean_dim(&[0i64][..], true, Kind::Double)?;
    // Not `linalg_svd`: tch cannot leave its driver out, which libtorch refuses on a CPU.
    let (u, s, v) = centred.f_svd(true, true)?;
    let v = v.f_transpose(0, 1)?;
    // Each direction so that its largest part is positive: two runs then agree.
    let largest = v.f_abs()?.f_argmax(1, true)?;
    let signs = v.f_gather(1, &largest, false)?.f_sign()?.f_squeeze_dim(1)?;
    let points = (u * &s * signs)
        .f_narrow(1, 0, components)?
        .f_contiguous()?;
    let variances = s.f_square()?;
    let total = variances
        .f_sum(Kind::Double)?
        .f_clamp_min(f64::MIN_POSITIVE)?;
    let explained = Vec::try_from((variances / total).f_narrow(0, 0, components)?)?;
    Ok(Projection { points, explained })
}

/// Shows samples by their two principal components, in a colour for each class.
///
/// # Shapes
/// - x: `(n, …)`, such as what [`layer_output`](crate::layer_output) returns
/// - labels: `(n,)` or `(n, 1)`
///
/// # Errors
/// As [`pca`], and [`Error::LengthMismatch`] unless both are equally many.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let x = Tensor::rand([50, 16], (Kind::Float, Device::Cpu));
/// let labels = Tensor::arange(50, (Kind::Int64, Device::Cpu)).remainder(3);
/// show_embeddings(&x, &labels)?;
/// # Ok::<(), Error>(())
/// ```
pub fn show_embeddings(x: &Tensor, labels: &Tensor) -> Result<()> {
    figure(x, labels)?.show()
}

fn figure(x: &Tensor, labels: &Tensor) -> Result<Figure> {
    let labels = predicted_classes("show_embeddings", "labels", labels)?;
    let count = x.size().first().copied().unwrap_or(0);
    if labels.len() as i64 != count {
        return Err(Error::LengthMismatch {
            place: "show_embeddings".into(),
            first: "x".into(),
            first_length: count,
            second: "labels".into(),
            second_length: labels.len() as i64,
        });
    }
    let Projection { points, explained } = pca(x, 2)?;
    let name = |i: usize| {
        format!(
            "component {}, {:.1} % of the variance",
            i + 1,
            explained[i] * 100.0
        )
    };
    Ok(Figure::new()
        .scatter_by_class(points.f_select(1, 0)?, points.f_select(1, 1)?, &labels, &[])
        .title("Principal components")
        .x_label(&name(0))
        .y_label(&name(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, reference};

    #[test]
    fn components_are_scikit_learns() -> Result<()> {
        let reference = reference("pca");
        let projection = pca(&reference.tensor("points"), 2)?;
        close(&projection.points, &reference.tensor("projected"), 1e-4);
        close(
            &Tensor::from_slice(&projection.explained),
            &reference.tensor("share"),
            1e-5,
        );
        Ok(())
    }

    #[test]
    fn embeddings_are_points_by_class() -> Result<()> {
        let x = Tensor::rand([6, 2, 4], (Kind::Float, Device::Cpu));
        let labels = Tensor::from_slice(&[0i64, 1, 2, 0, 1, 2]);
        let text = figure(&x, &labels)?.to_text();
        assert!(
            text.contains("0: 2 points\n1: 2 points\n2: 2 points\nx: component 1, "),
            "{text}"
        );
        assert!(figure(&x, &labels.narrow(0, 0, 3)).is_err());
        Ok(())
    }

    #[test]
    fn what_has_no_components_is_refused() {
        let x = Tensor::rand([4, 3], (Kind::Float, Device::Cpu));
        assert!(pca(&x.narrow(0, 0, 1), 1).is_err());
        assert!(pca(&x, 0).is_err() && pca(&x, 4).is_err());
        let error = pca(&(x * f64::NAN), 1).expect_err("NaN").to_string();
        assert_eq!(
            error,
            "pca: x: expected finite numbers, received NaN or infinity among them"
        );
        let equal = Tensor::ones([4, 3], (Kind::Float, Device::Cpu));
        assert_eq!(pca(&equal, 1).expect("a point").explained, [0.0]);
    }
}

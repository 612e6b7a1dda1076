//! Keras's and NumPy's words for tch's tensors: shapes that print like Python's, reshape, casts.
//!
//! How a tensor is shown is in `text.rs`.

pub(crate) mod text;

use tch::kind::Element;
use tch::{Device, Kind, Tensor};

use crate::{Error, Result, Shape};

/// Methods that a notebook expects of an array, on tch's [`Tensor`].
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let images = Tensor::zeros([6, 28, 28], (Kind::Uint8, Device::Cpu));
/// assert_eq!(images.shape(), (6, 28, 28));
/// let x = images.reshape_to((6, 28, 28, 1))?.to_float32() / 255.0;
/// assert_eq!((x.shape(), x.kind()), (Shape::from((6, 28, 28, 1)), Kind::Float));
/// # Ok::<(), Error>(())
/// ```
pub trait TensorExt {
    /// The sizes of the axes.
    fn shape(&self) -> Shape;

    /// The same elements in another shape; one axis may be -1 and is computed from the others.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the numbers of elements differ.
    fn reshape_to(&self, shape: impl Into<Shape>) -> Result<Tensor>;

    /// As 32-bit floating point numbers (`astype('float32')`).
    fn to_float32(&self) -> Tensor;

    /// As 64-bit floating point numbers (`astype('float64')`).
    fn to_float64(&self) -> Tensor;

    /// As 64-bit integers (`astype('int64')`).
    fn to_int64(&self) -> Tensor;

    /// As bytes (`astype('uint8')`).
    fn to_uint8(&self) -> Tensor;

    /// All numbers, row after row, as `T`, from whatever device and kind.
    ///
    /// # Errors
    /// [`Error::Torch`] if the device has failed.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let x = Tensor::arange(6, (Kind::Int64, Device::Cpu)).reshape([2, 3]);
    /// assert_eq!(x.to_vec::<f32>()?, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    /// # Ok::<(), Error>(())
    /// ```
    fn to_vec<T: Element + Copy>(&self) -> Result<Vec<T>>;
}

impl TensorExt for Tensor {
    fn shape(&self) -> Shape {
        self.size().into()
    }

    fn reshape_to(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        let wanted = shape.into();
        self.f_reshape(&*wanted).map_err(|_| Error::ShapeMismatch {
            place: "reshape_to".into(),
            expected: format!("{} elements for shape {wanted}", wanted.numel().abs()),
            received: format!("{} in shape {}", self.numel(), self.shape()),
            remedy: "the product of the axes must stay the same; one axis may be -1".into(),
        })
    }

    fn to_float32(&self) -> Tensor {
        self.to_kind(Kind::Float)
    }

    fn to_float64(&self) -> Tensor {
        self.to_kind(Kind::Double)
    }

    fn to_int64(&self) -> Tensor {
        self.to_kind(Kind::Int64)
    }

    fn to_uint8(&self) -> Tensor {
        self.to_kind(Kind::Uint8)
    }

    fn to_vec<T: Element + Copy>(&self) -> Result<Vec<T>> {
        let tensor = self.f_detach()?.f_to_kind(T::KIND)?;
        let tensor = tensor.f_to_device(Device::Cpu)?.f_contiguous()?;
        let mut numbers = vec![T::ZERO; tensor.numel()];
        tensor.f_copy_data(&mut numbers, tensor.numel())?;
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshape_infers_one_axis_and_refuses_what_does_not_fit() -> Result<()> {
        let x = Tensor::arange(12, (Kind::Int64, Device::Cpu));
        assert_eq!(x.reshape_to((3, -1))?.shape(), (3, 4));
        let error = x.reshape_to((5, 5)).expect_err("25 is not 12").to_string();
        assert_eq!(
            error,
            "reshape_to: expected 25 elements for shape (5, 5), received 12 in shape (12,): \
             the product of the axes must stay the same; one axis may be -1"
        );
        Ok(())
    }
}

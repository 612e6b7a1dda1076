//! Tensors from Rust's own arrays and vectors, however deeply nested.

use tch::Tensor;
use tch::kind::Element;

use crate::{Error, Result};

/// Numbers in any nesting of vectors, arrays and slices: `vec![[1.0, 2.0], [3.0, 4.0]]`.
pub trait Nested {
    /// The kind of its numbers.
    type Number: Element;

    /// Appends all numbers, row after row, and returns the shape; `None` if rows differ in length.
    fn append_to(&self, numbers: &mut Vec<Self::Number>) -> Option<Vec<i64>>;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Nested for $number {
            type Number = $number;

            fn append_to(&self, numbers: &mut Vec<$number>) -> Option<Vec<i64>> {
                numbers.push(*self);
                Some(Vec::new())
            }
        }
    )*};
}
numbers!(f32, f64, i64, i32, i16, i8, u8, bool);

impl<T: Nested> Nested for [T] {
    type Number = T::Number;

    fn append_to(&self, numbers: &mut Vec<T::Number>) -> Option<Vec<i64>> {
        let mut inner: Option<Vec<i64>> = None;
        for row in self {
            let shape = row.append_to(numbers)?;
            match &inner {
                Some(first) if *first != shape => return None,
                _ => inner = Some(shape),
            }
        }
        let mut shape = vec![self.len() as i64];
        shape.extend(inner.unwrap_or_default());
        Some(shape)
    }
}

impl<T: Nested> Nested for Vec<T> {
    type Number = T::Number;

    fn append_to(&self, numbers: &mut Vec<T::Number>) -> Option<Vec<i64>> {
        self.as_slice().append_to(numbers)
    }
}

impl<T: Nested, const N: usize> Nested for [T; N] {
    type Number = T::Number;

    fn append_to(&self, numbers: &mut Vec<T::Number>) -> Option<Vec<i64>> {
        self.as_slice().append_to(numbers)
    }
}

impl<T: Nested + ?Sized> Nested for &T {
    type Number = T::Number;

    fn append_to(&self, numbers: &mut Vec<T::Number>) -> Option<Vec<i64>> {
        (**self).append_to(numbers)
    }
}

/// A tensor of these numbers, in their kind: `f32` gives `Kind::Float`, and so on.
///
/// An `ndarray::Array` (0.16, in a cell `:dep ndarray = "0.16"`) becomes a tensor by
/// `Tensor::try_from(&array)?`, and back by `ndarray::ArrayD::<f32>::try_from(&tensor)?`: tch has
/// both conversions. Of any other matrix take the numbers as a slice: `tensor(slice)?.reshape_to(shape)?`.
///
/// # Errors
/// [`Error::ShapeMismatch`] if rows have different lengths.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let x = tensor([[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]])?;
/// assert_eq!((x.shape(), x.kind()), ((3, 2).into(), Kind::Float));
/// let labels = tensor(vec![0i64, 2, 1])?;
/// assert_eq!(labels.to_vec::<i64>()?, [0, 2, 1]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// PyTorch, `torch.tensor`.
pub fn tensor(values: impl Nested) -> Result<Tensor> {
    let mut numbers = Vec::new();
    match values.append_to(&mut numbers) {
        Some(shape) => Ok(Tensor::f_from_slice(&numbers)?.f_reshape(shape)?),
        None => Err(Error::ShapeMismatch {
            place: "tensor".into(),
            expected: "rows of one length".into(),
            received: "rows of different lengths".into(),
            remedy: "fill the shorter ones up, or cut the longer ones".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TensorExt;
    use tch::Kind;

    #[test]
    fn any_nesting_keeps_shape_order_and_kind() -> Result<()> {
        let deep = tensor(vec![vec![[1i64, 2], [3, 4]], vec![[5, 6], [7, 8]]])?;
        assert_eq!((deep.shape(), deep.kind()), ((2, 2, 2).into(), Kind::Int64));
        assert_eq!(deep.to_vec::<i64>()?, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(tensor(2.5)?.shape().is_empty());
        assert_eq!(tensor(&[1u8, 2][..])?.kind(), Kind::Uint8);
        assert_eq!(tensor(Vec::<f32>::new())?.shape(), (0,));
        let error = tensor(vec![vec![1.0], vec![1.0, 2.0]]).expect_err("1 is not 2");
        assert!(
            error.to_string().contains("rows of different lengths"),
            "{error}"
        );
        Ok(())
    }

    #[test]
    fn a_vector_has_the_kind_that_is_asked_for() -> Result<()> {
        let x = tensor([[1.0f64, 2.5], [3.0, 4.0]])?;
        assert_eq!(x.to_vec::<f32>()?, [1.0, 2.5, 3.0, 4.0]);
        assert_eq!(x.transpose(0, 1).to_vec::<i64>()?, [1, 3, 2, 4]);
        Ok(())
    }
}

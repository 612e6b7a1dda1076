//! What figures accept as data: numbers, and slices, vectors, arrays and tensors of them.

use tch::{Device, Kind, Tensor};

use crate::{Error, Result, Shape, TensorExt};

/// Data that can be drawn: numbers of any kind, a [`Tensor`], and slices, vectors and arrays of
/// such, nested for more axes.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let x = [1, 2, 3];
/// let y = vec![0.5f32, 0.25, 0.125];
/// Figure::new().line(x, &y).line(&x, Tensor::from_slice(&y)).show()?;
/// # Ok::<(), Error>(())
/// ```
pub trait ArrayLike {
    /// Appends the numbers in row-major order, and returns the shape; that of a single number is
    /// `()`.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if parts differ in shape, [`Error::Torch`] if a device fails.
    fn append_to(&self, numbers: &mut Vec<f64>) -> Result<Shape>;
}

/// Numbers with their shape.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    pub(super) shape: Shape,
    pub(super) values: Vec<f64>,
}

impl Array {
    pub(super) fn of(data: &(impl ArrayLike + ?Sized)) -> Result<Array> {
        let mut values = Vec::new();
        let shape = data.append_to(&mut values)?;
        Ok(Array { shape, values })
    }

    /// The numbers of a vector: `(n,)`, or `(n, 1)` as labels often come.
    pub(super) fn vector(data: &(impl ArrayLike + ?Sized), place: &str) -> Result<Vec<f64>> {
        let array = Array::of(data)?;
        match array.shape[..] {
            [_] | [_, 1] => Ok(array.values),
            _ => Err(Error::ShapeMismatch {
                place: place.to_owned(),
                expected: "numbers in one row, shape (n,) or (n, 1)".into(),
                received: array.shape.to_string(),
                remedy: "draw one row at a time, or use heatmap for all".into(),
            }),
        }
    }

    /// Rows and columns of a matrix, with its numbers.
    pub(super) fn matrix(
        data: &(impl ArrayLike + ?Sized),
        place: &str,
    ) -> Result<(usize, usize, Vec<f64>)> {
        let array = Array::of(data)?;
        match array.shape[..] {
            [rows, columns] if rows > 0 && columns > 0 => {
                Ok((rows as usize, columns as usize, array.values))
            }
            _ => Err(Error::ShapeMismatch {
                place: place.to_owned(),
                expected: "a matrix, shape (rows, columns) with at least one each".into(),
                received: array.shape.to_string(),
                remedy: "bring it into that shape with reshape_to".into(),
            }),
        }
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {
        $(
            impl ArrayLike for $number {
                fn append_to(&self, numbers: &mut Vec<f64>) -> Result<Shape> {
                    numbers.push(*self as f64);
                    Ok(Shape::default())
                }
            }
        )+
    };
}
numbers!(f64, f32, i64, i32, i16, i8, u64, u32, u16, u8, usize, isize);

impl ArrayLike for Tensor {
    fn append_to(&self, numbers: &mut Vec<f64>) -> Result<Shape> {
        let flat = self
            .f_detach()?
            .f_to_device(Device::Cpu)?
            .f_to_kind(Kind::Double)?
            .f_reshape([-1])?;
        numbers.extend(Vec::<f64>::try_from(flat)?);
        Ok(self.shape())
    }
}

impl<T: ArrayLike + ?Sized> ArrayLike for &T {
    fn append_to(&self, numbers: &mut Vec<f64>) -> Result<Shape> {
        (**self).append_to(numbers)
    }
}

impl<T: ArrayLike> ArrayLike for Vec<T> {
    fn append_to(&self, numbers: &mut Vec<f64>) -> Result<Shape> {
        self.as_slice().append_to(numbers)
    }
}

impl<T: ArrayLike, const N: usize> ArrayLike for [T; N] {
    fn append_to(&self, numbers: &mut Vec<f64>) -> Result<Shape> {
        self.as_slice().append_to(numbers)
    }
}

impl<T: ArrayLike> ArrayLike for [T] {
    fn append_to(&self, numbers: &mut Vec<f64>) -> Result<Shape> {
        let mut part: Option<Shape> = None;
        for item in self {
            let shape = item.append_to(numbers)?;
            if let Some(first) = part.as_ref().filter(|first| **first != shape) {
                return Err(Error::InvalidArgument {
                    place: "figure: data".into(),
                    expected: format!("rows of one shape, {first} as the first"),
                    received: format!("one of shape {shape}"),
                });
            }
            part = Some(shape);
        }
        let mut axes = vec![self.len() as i64];
        axes.extend_from_slice(&part.unwrap_or_default());
        Ok(axes.into())
    }
}

/// Whole numbers, as `0..10` counts them.
impl ArrayLike for std::ops::Range<i64> {
    fn append_to(&self, numbers: &mut Vec<f64>) -> Result<Shape> {
        numbers.extend(self.clone().map(|number| number as f64));
        Ok([self.clone().count() as i64].into())
    }
}

/// Whole numbers, as `1..=10` counts them.
impl ArrayLike for std::ops::RangeInclusive<i64> {
    fn append_to(&self, numbers: &mut Vec<f64>) -> Result<Shape> {
        (*self.start()..self.end().saturating_add(1)).append_to(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(data: impl ArrayLike, shape: impl Into<Shape>, values: &[f64]) {
        let array = Array::of(&data).expect("regular");
        assert_eq!((array.shape, array.values), (shape.into(), values.to_vec()));
    }

    #[test]
    fn numbers_come_from_everything_that_holds_them() {
        check([1i64, 2], 2, &[1.0, 2.0]);
        check(vec![0.5f32], 1, &[0.5]);
        check(&[1u8, 2][..], 2, &[1.0, 2.0]);
        check(
            [[1, 2, 3], [4, 5, 6]],
            (2, 3),
            &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        );
        check(
            Tensor::from_slice(&[1i64, 2]).reshape([2, 1]),
            (2, 1),
            &[1.0, 2.0],
        );
        check(Vec::<Tensor>::new(), 0, &[]);
        check([Tensor::from_slice(&[1.5f32])], (1, 1), &[1.5]);
        check(1..=3, 3, &[1.0, 2.0, 3.0]);
        check(0..0, 0, &[]);
        let tracked = Tensor::from_slice(&[2.0f32]).set_requires_grad(true);
        check(&tracked, 1, &[2.0]);
    }

    #[test]
    fn ragged_rows_and_wrong_shapes_are_refused() {
        let ragged = Array::of(&vec![vec![1.0, 2.0], vec![3.0]]);
        let error = ragged.expect_err("rows differ").to_string();
        assert_eq!(
            error,
            "figure: data: expected rows of one shape, (2,) as the first, received one of shape (1,)"
        );
        assert!(Array::vector(&[[1.0, 2.0]], "line").is_err());
        assert_eq!(
            Array::vector(&[[1.0], [2.0]], "line").expect("(2, 1)"),
            [1.0, 2.0]
        );
        assert!(Array::matrix(&[1.0], "heatmap").is_err());
        assert!(Array::matrix(&Vec::<Vec<f64>>::new(), "heatmap").is_err());
    }
}

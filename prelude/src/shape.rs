//! The shape of a tensor, printed as Python prints a tuple.
//!
//! Conversions from tuples, arrays and vectors make `(28, 28, 1)` acceptable wherever a shape is
//! wanted. What a tensor can do with a shape is in `tensor/`.

use std::fmt;
use std::ops::Deref;

/// Sizes of a tensor's axes: `(60000, 28, 28)`.
///
/// Derefs to a slice: `shape[0]`, `shape.len()`, `shape.iter()`.
///
/// ```
/// use torchbook::Shape;
///
/// assert_eq!(format!("{:?}", Shape::from((60000, 28, 28))), "(60000, 28, 28)");
/// assert_eq!(format!("{:?}", Shape::from([60000])), "(60000,)");
/// assert_eq!(Shape::from(vec![2, 3]).numel(), 6);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Vec<i64>);

impl Shape {
    /// The product of all axes: how many elements a tensor of this shape has.
    pub fn numel(&self) -> i64 {
        self.0.iter().product()
    }

    /// The same with an axis for the samples in front, as Keras writes it: `(None, 28, 28, 1)`.
    pub(crate) fn with_batch(&self) -> String {
        let axes: String = self.0.iter().map(|axis| format!(", {axis}")).collect();
        match axes.is_empty() {
            true => "(None,)".to_owned(),
            false => format!("(None{axes})"),
        }
    }

    /// The same with an axis for the samples in front, in words: `(batch, 28, 28, 1)`.
    pub(crate) fn per_sample(&self) -> String {
        let axes: Vec<String> = self.0.iter().map(i64::to_string).collect();
        match axes.is_empty() {
            true => "(batch,)".to_owned(),
            false => format!("(batch, {})", axes.join(", ")),
        }
    }
}

impl Deref for Shape {
    type Target = [i64];

    fn deref(&self) -> &[i64] {
        &self.0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => write!(f, "({only},)"),
            axes => {
                let axes: Vec<String> = axes.iter().map(i64::to_string).collect();
                write!(f, "({})", axes.join(", "))
            }
        }
    }
}

/// As [`Display`](fmt::Display), so that a tuple of shapes reads like Python's.
impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Vec<i64>> for Shape {
    fn from(axes: Vec<i64>) -> Self {
        Shape(axes)
    }
}

impl From<&[i64]> for Shape {
    fn from(axes: &[i64]) -> Self {
        Shape(axes.to_vec())
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        shape.clone()
    }
}

impl<const N: usize> From<[i64; N]> for Shape {
    fn from(axes: [i64; N]) -> Self {
        Shape(axes.to_vec())
    }
}

impl<const N: usize> PartialEq<[i64; N]> for Shape {
    fn eq(&self, other: &[i64; N]) -> bool {
        self.0 == other
    }
}

impl From<i64> for Shape {
    fn from(axis: i64) -> Self {
        Shape(vec![axis])
    }
}

impl From<()> for Shape {
    fn from((): ()) -> Self {
        Shape::default()
    }
}

/// Only `i64`: with a second integer type a literal such as `(28, 28, 1)` would be ambiguous.
macro_rules! from_tuple {
    ($($axis:ident: $type:ty),+) => {
        impl From<($($type,)+)> for Shape {
            fn from(($($axis,)+): ($($type,)+)) -> Self {
                Shape(vec![$($axis),+])
            }
        }

        impl PartialEq<($($type,)+)> for Shape {
            fn eq(&self, &($($axis,)+): &($($type,)+)) -> bool {
                self.0 == [$($axis),+]
            }
        }
    };
}
from_tuple!(a: i64);
from_tuple!(a: i64, b: i64);
from_tuple!(a: i64, b: i64, c: i64);
from_tuple!(a: i64, b: i64, c: i64, d: i64);
from_tuple!(a: i64, b: i64, c: i64, d: i64, e: i64);
from_tuple!(a: i64, b: i64, c: i64, d: i64, e: i64, f: i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuple_of_shapes_prints_like_pythons() {
        let shapes = (
            Shape::from((60000, 28, 28)),
            Shape::from((60000,)),
            Shape::from((10000, 28, 28)),
            Shape::from((10000,)),
        );
        assert_eq!(
            format!("{shapes:?}"),
            "((60000, 28, 28), (60000,), (10000, 28, 28), (10000,))"
        );
        assert_eq!(Shape::from(()).to_string(), "()");
    }

    #[test]
    fn shapes_are_compared_and_indexed_like_the_tuples_they_come_from() {
        let shape = Shape::from((2, 3, 4));
        assert_eq!(shape, (2, 3, 4));
        assert_eq!(shape, [2, 3, 4]);
        assert_eq!((shape[1], shape.len(), shape.numel()), (3, 3, 24));
        assert_eq!(shape.per_sample(), "(batch, 2, 3, 4)");
    }
}

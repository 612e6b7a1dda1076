//! One tensor or several, as `fit`, `evaluate` and `predict` accept them.

use tch::Tensor;

/// Samples or targets: a tensor, or an array, a vector or a tuple of them for a model with several
/// inputs or outputs. Nothing is copied.
///
/// ```
/// use torchbook::*;
///
/// let (a, b) = (Tensor::from(1.0), Tensor::from(2.0));
/// assert_eq!(Arrays::arrays(&a).len(), 1);
/// assert_eq!((&a, &b).arrays().len(), 2);
/// assert_eq!([&a, &b, &a].arrays().len(), 3);
/// ```
pub trait Arrays {
    /// The tensors, in order.
    fn arrays(self) -> Vec<Tensor>;
}

/// None at all: a [`Dataset`](crate::Dataset) without targets.
impl Arrays for () {
    fn arrays(self) -> Vec<Tensor> {
        Vec::new()
    }
}

impl Arrays for &Tensor {
    fn arrays(self) -> Vec<Tensor> {
        vec![self.shallow_clone()]
    }
}

impl<const N: usize> Arrays for [&Tensor; N] {
    fn arrays(self) -> Vec<Tensor> {
        self.iter().map(|tensor| tensor.shallow_clone()).collect()
    }
}

impl Arrays for &[Tensor] {
    fn arrays(self) -> Vec<Tensor> {
        self.iter().map(Tensor::shallow_clone).collect()
    }
}

impl<const N: usize> Arrays for &[Tensor; N] {
    fn arrays(self) -> Vec<Tensor> {
        self.as_slice().arrays()
    }
}

impl Arrays for &Vec<Tensor> {
    fn arrays(self) -> Vec<Tensor> {
        self.as_slice().arrays()
    }
}

impl Arrays for (&Tensor, &Tensor) {
    fn arrays(self) -> Vec<Tensor> {
        [self.0, self.1].arrays()
    }
}

impl Arrays for (&Tensor, &Tensor, &Tensor) {
    fn arrays(self) -> Vec<Tensor> {
        [self.0, self.1, self.2].arrays()
    }
}

//! One weight of a layer: a tensor in libtorch's layout that is read and written in Keras's shape.

use tch::{Device, Kind, Tensor};

use crate::initializers::Initializer;
use crate::regularizers::Regularizer;
use crate::{Error, Result, Shape, TensorExt};

/// A named tensor that belongs to a layer.
///
/// It is a handle: clones share the numbers, so that whoever holds one sees what training has made
/// of them, and [`set_from_keras`](Weight::set_from_keras) changes them for everybody.
#[derive(Debug)]
pub struct Weight {
    name: String,
    /// Names of the layers it lies in, outermost first, each with a slash behind it.
    folder: String,
    /// In the layout that libtorch computes with.
    tensor: Tensor,
    trainable: bool,
    axes: AxisOrder,
    regularizer: Option<Regularizer>,
}

/// How a weight's axes lie in libtorch, compared with Keras.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisOrder {
    /// As in Keras.
    Same,
    /// Keras: (…, in, out), the window first. libtorch: (out, in, …).
    Convolution,
}

impl AxisOrder {
    /// For each of Keras's axes, where it is in libtorch; `None` if nothing moves.
    fn keras_axes(self, rank: usize) -> Option<Vec<i64>> {
        let rank = rank as i64;
        (self == AxisOrder::Convolution).then(|| (2..rank).chain([1, 0]).collect())
    }

    /// For each of libtorch's axes, where it is in Keras; `None` if nothing moves.
    fn libtorch_axes(self, rank: usize) -> Option<Vec<i64>> {
        let rank = rank as i64;
        (self == AxisOrder::Convolution).then(|| {
            [rank - 1, rank - 2]
                .into_iter()
                .chain(0..rank - 2)
                .collect()
        })
    }
}

impl Weight {
    /// Creates a weight of Keras's `shape`, which an optimizer changes.
    ///
    /// # Errors
    /// [`Error::Torch`] if the memory cannot be had.
    pub fn new(
        name: &str,
        shape: impl Into<Shape>,
        initializer: Initializer,
        device: Device,
    ) -> Result<Self> {
        let tensor = initializer.tensor(&shape.into(), device)?;
        Weight::of_tensor(name, tensor, true)
    }

    /// A weight that is this tensor, and no copy of it.
    ///
    /// # Errors
    /// [`Error::Torch`] if the tensor cannot have gradients.
    pub fn of_tensor(name: &str, tensor: Tensor, trainable: bool) -> Result<Self> {
        Ok(Weight {
            name: name.to_owned(),
            folder: String::new(),
            tensor: match tensor.requires_grad() == trainable {
                true => tensor,
                false => tensor.f_set_requires_grad(trainable)?,
            },
            trainable,
            axes: AxisOrder::Same,
            regularizer: None,
        })
    }

    /// The same in the layout that libtorch computes with, if that is another than Keras's.
    ///
    /// # Errors
    /// [`Error::Torch`] if the memory cannot be had.
    pub fn laid_out(mut self, axes: AxisOrder) -> Result<Self> {
        if let Some(order) = axes.libtorch_axes(self.tensor.dim()) {
            let tensor = self.tensor.f_detach()?.f_permute(order)?.f_contiguous()?;
            self.tensor = tensor.f_set_requires_grad(self.trainable)?;
        }
        self.axes = axes;
        Ok(self)
    }

    /// The same, not changed by optimizers: moving averages and the like.
    ///
    /// # Errors
    /// [`Error::Torch`], never in practice.
    pub fn not_trained(mut self) -> Result<Self> {
        self.trainable = false;
        self.tensor = self.tensor.f_set_requires_grad(false)?;
        Ok(self)
    }

    /// The same with a penalty on its size.
    pub fn regularized(mut self, regularizer: Option<Regularizer>) -> Self {
        self.regularizer = regularizer;
        self
    }

    /// As a layer that is not trained shows it: the tensor is the same.
    pub(crate) fn frozen(mut self) -> Self {
        self.trainable = false;
        self
    }

    /// What it adds to the loss, if it has a regularizer.
    pub(crate) fn penalty(&self) -> Result<Option<Tensor>> {
        self.regularizer
            .map(|regularizer| regularizer.penalty(&self.tensor))
            .transpose()
    }

    /// Keras's name, without the layer's: `kernel`, `bias`, `gamma`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name with those of the layers it lies in: `conv2d/kernel`, in a nested model
    /// `encoder/conv2d/kernel`.
    pub fn path(&self) -> String {
        format!("{}{}", self.folder, self.name)
    }

    /// The same weight as a layer or model of this name knows it.
    pub(crate) fn within(mut self, name: &str) -> Self {
        self.folder.insert(0, '/');
        self.folder.insert_str(0, name);
        self
    }

    /// The tensor itself, in libtorch's layout.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// How its axes lie in libtorch.
    pub fn axes(&self) -> AxisOrder {
        self.axes
    }

    /// Whether an optimizer changes it.
    pub fn is_trainable(&self) -> bool {
        self.trainable
    }

    /// How many numbers it holds.
    pub fn count(&self) -> i64 {
        self.tensor.numel() as i64
    }

    /// A tensor in this weight's layout, such as its gradient, with Keras's axes: a view.
    ///
    /// # Errors
    /// [`Error::Torch`] if it has another number of axes.
    pub fn in_keras_order(&self, tensor: &Tensor) -> Result<Tensor> {
        Ok(match self.axes.keras_axes(self.tensor.dim()) {
            Some(order) => tensor.f_permute(&*order)?,
            None => tensor.shallow_clone(),
        })
    }

    /// A copy on the CPU, in Keras's shape.
    ///
    /// # Errors
    /// [`Error::Torch`] if the memory cannot be had.
    pub fn to_keras(&self) -> Result<Tensor> {
        let tensor = self.in_keras_order(&self.tensor)?;
        let copy = Tensor::f_empty(tensor.size(), (tensor.kind(), Device::Cpu))?;
        let _guard = tch::no_grad_guard();
        copy.shallow_clone().f_copy_(&tensor)?;
        Ok(copy)
    }

    /// Overwrites it with values in Keras's shape.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the shape is another.
    pub fn set_from_keras(&self, values: &Tensor) -> Result<()> {
        let expected = match self.axes.keras_axes(self.tensor.dim()) {
            Some(order) => self.tensor.f_permute(&*order)?.shape(),
            None => self.tensor.shape(),
        };
        if values.shape() != expected {
            return Err(Error::ShapeMismatch {
                place: format!("set_weights: {}", self.path()),
                expected: format!("shape {expected}"),
                received: values.shape().to_string(),
                remedy: "pass the arrays in the order and shapes of get_weights()".into(),
            });
        }
        let values = match self.axes.libtorch_axes(self.tensor.dim()) {
            Some(order) => values.f_permute(&*order)?,
            None => values.shallow_clone(),
        };
        let _guard = tch::no_grad_guard();
        self.tensor
            .shallow_clone()
            .f_copy_(&values.f_to_kind(Kind::Float)?)?;
        Ok(())
    }
}

/// Shares the numbers.
impl Clone for Weight {
    fn clone(&self) -> Self {
        Weight {
            name: self.name.clone(),
            folder: self.folder.clone(),
            tensor: self.tensor.shallow_clone(),
            trainable: self.trainable,
            axes: self.axes,
            regularizer: self.regularizer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_convolution_kernel_keeps_its_values_through_both_layouts() -> Result<()> {
        let keras = Tensor::arange(24, (Kind::Float, Device::Cpu)).reshape_to((2, 3, 1, 4))?;
        let weight = Weight::new("kernel", (2, 3, 1, 4), Initializer::Zeros, Device::Cpu)?
            .laid_out(AxisOrder::Convolution)?
            .within("conv2d");
        weight.set_from_keras(&keras)?;
        assert_eq!(weight.tensor().shape(), (4, 1, 2, 3));
        assert_eq!(weight.to_keras()?, keras);
        // Keras's [1, 2, 0, 3] is libtorch's [3, 0, 1, 2].
        assert_eq!(
            weight.tensor().double_value(&[3, 0, 1, 2]),
            keras.double_value(&[1, 2, 0, 3])
        );
        let error = weight
            .set_from_keras(&Tensor::zeros([4], (Kind::Float, Device::Cpu)))
            .expect_err("the shape differs");
        assert!(
            error
                .to_string()
                .contains("conv2d/kernel: expected shape (2, 3, 1, 4)"),
            "{error}"
        );
        Ok(())
    }
}

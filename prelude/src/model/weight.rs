//! One weight of a layer: a tensor in libtorch's layout that is read and written in Keras's shape.

use tch::{Device, Kind, Tensor};

use crate::initializers::Initializer;
use crate::{Error, Result, Shape, TensorExt};

/// A named tensor that belongs to a layer.
///
/// It is a handle: clones share the numbers, so that whoever holds one sees what training has made
/// of them, and [`set_from_keras`](Weight::set_from_keras) changes them for everybody.
#[derive(Debug)]
pub struct Weight {
    name: &'static str,
    /// Names of the layers it lies in, outermost first, each with a slash behind it.
    folder: String,
    /// In the layout that libtorch computes with.
    tensor: Tensor,
    trainable: bool,
    axes: AxisOrder,
}

/// How a weight's axes lie in libtorch, compared with Keras.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisOrder {
    /// As in Keras.
    Same,
    /// Keras: (rows, columns, in, out). libtorch: (out, in, rows, columns).
    Convolution2D,
}

impl AxisOrder {
    /// For each of Keras's axes, where it is in libtorch.
    fn keras_axes(self) -> Option<[i64; 4]> {
        (self == AxisOrder::Convolution2D).then_some([2, 3, 1, 0])
    }

    /// For each of libtorch's axes, where it is in Keras.
    fn libtorch_axes(self) -> Option<[i64; 4]> {
        (self == AxisOrder::Convolution2D).then_some([3, 2, 0, 1])
    }
}

impl Weight {
    /// Creates a weight of Keras's `shape`.
    ///
    /// # Errors
    /// [`Error::Torch`] if the memory cannot be had.
    pub fn new(
        name: &'static str,
        shape: impl Into<Shape>,
        initializer: Initializer,
        trainable: bool,
        axes: AxisOrder,
        device: Device,
    ) -> Result<Self> {
        let in_keras = initializer.tensor(&shape.into(), device)?;
        let tensor = match axes.libtorch_axes() {
            Some(order) => in_keras.f_permute(order)?.f_contiguous()?,
            None => in_keras,
        };
        let tensor = tensor.f_set_requires_grad(trainable)?;
        Ok(Weight {
            name,
            folder: String::new(),
            tensor,
            trainable,
            axes,
        })
    }

    /// Keras's name, without the layer's: `kernel`, `bias`, `gamma`.
    pub fn name(&self) -> &'static str {
        self.name
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

    /// Whether an optimizer changes it.
    pub fn is_trainable(&self) -> bool {
        self.trainable
    }

    /// How many numbers it holds.
    pub fn count(&self) -> i64 {
        self.tensor.numel() as i64
    }

    /// A copy on the CPU, in Keras's shape.
    ///
    /// # Errors
    /// [`Error::Torch`] if the memory cannot be had.
    pub fn to_keras(&self) -> Result<Tensor> {
        let tensor = match self.axes.keras_axes() {
            Some(order) => self.tensor.f_permute(order)?,
            None => self.tensor.shallow_clone(),
        };
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
        let expected = match self.axes.keras_axes() {
            Some(order) => self.tensor.f_permute(order)?.shape(),
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
        let values = match self.axes.libtorch_axes() {
            Some(order) => values.f_permute(order)?,
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
            name: self.name,
            folder: self.folder.clone(),
            tensor: self.tensor.shallow_clone(),
            trainable: self.trainable,
            axes: self.axes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_convolution_kernel_keeps_its_values_through_both_layouts() -> Result<()> {
        let keras = Tensor::arange(24, (Kind::Float, Device::Cpu)).reshape_to((2, 3, 1, 4))?;
        let weight = Weight::new(
            "kernel",
            (2, 3, 1, 4),
            Initializer::Zeros,
            true,
            AxisOrder::Convolution2D,
            Device::Cpu,
        )?
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

//! Flattening samples to vectors.

use tch::Tensor;

use super::Layer;
use super::declare::{declared, layer};
use crate::{Mode, Result, Shape, TensorExt};

layer! {
    /// Makes one axis of all axes of a sample, between convolutions and dense layers.
    ///
    /// Elements keep Keras's order: channels vary fastest, so that dense weights can be exchanged with
    /// Keras.
    ///
    /// # Shapes
    /// - input: `(batch, rows, columns, channels)`, or any other
    /// - output: `(batch, rows * columns * channels)`
    Flatten() {}
}

impl Layer for Flatten {
    declared!(Flatten);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        Ok(input.numel().into())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        let batch = input.shape().first().copied().unwrap_or(1);
        // Not -1 for the second axis: it cannot be inferred for an empty batch.
        let features: i64 = input.shape().iter().skip(1).product();
        Ok(input.f_reshape([batch, features])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn channels_vary_fastest_also_for_permuted_memory() -> Result<()> {
        // Memory in libtorch's order (batch, channels, rows, columns), seen in Keras's.
        let x = Tensor::arange(12, (Kind::Float, Device::Cpu))
            .reshape([1, 3, 2, 2])
            .permute([0, 2, 3, 1]);
        let flat = Flatten::new().forward(&x, Mode::Train)?;
        assert_eq!(flat.shape(), (1, 12));
        assert_eq!(
            Vec::<f32>::try_from(flat.reshape([-1]))?,
            [0., 4., 8., 1., 5., 9., 2., 6., 10., 3., 7., 11.]
        );
        assert_eq!(Flatten::new().output_shape(&(2, 2, 3).into())?, (12,));
        Ok(())
    }
}

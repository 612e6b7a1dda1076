//! Noise in training that keeps a model from relying on single numbers. In evaluation these layers
//! do nothing.

use tch::Tensor;

use super::Layer;
use super::convolution::{image_shape, sample_shape, sequence_shape};
use super::declare::{declared, layer};
use crate::{Error, Mode, Result, Shape};

layer! {
    /// Sets a share of the inputs to 0 in training, and multiplies the others so that the mean stays.
    ///
    /// # Shapes
    /// Output as input.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let x = Tensor::ones([1, 100], (Kind::Float, Device::Cpu));
    /// let dropout = Dropout::new(0.5);
    /// assert_eq!(dropout.forward(&x, Mode::Evaluate)?, x);
    /// assert_eq!(f64::try_from(dropout.forward(&x, Mode::Train)?.max())?, 2.0);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/regularization/dropout.py. Random numbers come from libtorch's
    /// generator ([`set_random_seed`](crate::set_random_seed)), not from one of the layer's own.
    Dropout(rate: f64) {}
}

layer! {
    /// Sets whole channels of images to 0 in training: neighbouring pixels tell too much of each
    /// other for [`Dropout`] to work.
    ///
    /// # Shapes
    /// Input and output `(batch, rows, columns, channels)`.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/regularization/spatial_dropout.py.
    SpatialDropout2D(rate: f64) {}
}

layer! {
    /// Sets whole channels of sequences to 0 in training.
    ///
    /// # Shapes
    /// Input and output `(batch, steps, channels)`.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/regularization/spatial_dropout.py.
    SpatialDropout1D(rate: f64) {}
}

layer! {
    /// Adds normal noise with standard deviation `stddev` in training.
    ///
    /// # Shapes
    /// Output as input.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/regularization/gaussian_noise.py.
    GaussianNoise(stddev: f64) {}
}

layer! {
    /// Multiplies by normal noise with mean 1 and standard deviation `√(rate / (1 - rate))` in
    /// training.
    ///
    /// # Shapes
    /// Output as input.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/regularization/gaussian_dropout.py.
    GaussianDropout(rate: f64) {}
}

fn check_rate(class: &str, rate: f64) -> Result<()> {
    match (0.0..=1.0).contains(&rate) {
        true => Ok(()),
        false => Err(Error::InvalidArgument {
            place: format!("{class}: rate"),
            expected: "a share from 0 to 1".into(),
            received: rate.to_string(),
        }),
    }
}

/// A layer that changes nothing in evaluation and keeps the shape.
macro_rules! noise {
    ($layer:ident, $check:expr, $train:expr) => {
        impl Layer for $layer {
            declared!($layer);

            fn output_shape(&self, input: &Shape) -> Result<Shape> {
                let check: fn(&Self, &Shape) -> Result<()> = $check;
                check(self, input)?;
                Ok(input.clone())
            }

            fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
                let train: fn(&Self, &Tensor) -> Result<Tensor> = $train;
                match mode {
                    Mode::Train => train(self, input),
                    Mode::Evaluate => Ok(input.shallow_clone()),
                }
            }
        }
    };
}

noise!(
    Dropout,
    |layer, _| check_rate("Dropout", layer.rate),
    |layer, x| Ok(x.f_dropout(layer.rate, true)?)
);
noise!(
    SpatialDropout2D,
    |layer, shape| {
        image_shape("SpatialDropout2D", shape)?;
        check_rate("SpatialDropout2D", layer.rate)
    },
    |layer, x| {
        image_shape("SpatialDropout2D", &sample_shape(x))?;
        let channels_second = x.f_permute([0, 3, 1, 2])?;
        Ok(channels_second
            .f_feature_dropout(layer.rate, true)?
            .f_permute([0, 2, 3, 1])?)
    }
);
noise!(
    SpatialDropout1D,
    |layer, shape| {
        sequence_shape("SpatialDropout1D", shape)?;
        check_rate("SpatialDropout1D", layer.rate)
    },
    |layer, x| {
        sequence_shape("SpatialDropout1D", &sample_shape(x))?;
        let channels_second = x.f_permute([0, 2, 1])?;
        Ok(channels_second
            .f_feature_dropout(layer.rate, true)?
            .f_permute([0, 2, 1])?)
    }
);
noise!(
    GaussianNoise,
    |layer, _| match layer.stddev >= 0.0 {
        true => Ok(()),
        false => Err(Error::InvalidArgument {
            place: "GaussianNoise: stddev".into(),
            expected: "at least 0".into(),
            received: layer.stddev.to_string(),
        }),
    },
    |layer, x| Ok(x.f_add(&x.f_randn_like()?.f_mul_scalar(layer.stddev)?)?)
);
noise!(
    GaussianDropout,
    |layer, _| check_rate("GaussianDropout", layer.rate),
    |layer, x| {
        let stddev = (layer.rate / (1.0 - layer.rate)).sqrt();
        Ok(x.f_mul(&x.f_randn_like()?.f_mul_scalar(stddev)?.f_add_scalar(1.0)?)?)
    }
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TensorExt;
    use tch::{Device, Kind};

    fn ones(shape: &[i64]) -> Tensor {
        Tensor::ones(shape, (Kind::Float, Device::Cpu))
    }

    #[test]
    fn a_share_is_dropped_and_the_mean_stays() -> Result<()> {
        tch::manual_seed(1);
        let x = ones(&[100, 100]);
        let dropped = Dropout::new(0.3).forward(&x, Mode::Train)?;
        let zeros = dropped
            .eq(0.0)
            .to_kind(Kind::Float)
            .mean(None)
            .double_value(&[]);
        assert!((zeros - 0.3).abs() < 0.02, "{zeros}");
        assert!((dropped.mean(None).double_value(&[]) - 1.0).abs() < 0.02);
        let noisy = GaussianDropout::new(0.3).forward(&x, Mode::Train)?;
        assert!((noisy.std(true).double_value(&[]) - (0.3f64 / 0.7).sqrt()).abs() < 0.02);
        let noisy = GaussianNoise::new(0.2).forward(&x, Mode::Train)?;
        assert!((noisy.std(true).double_value(&[]) - 0.2).abs() < 0.01);
        Ok(())
    }

    #[test]
    fn spatial_dropout_takes_whole_channels() -> Result<()> {
        tch::manual_seed(1);
        let images = SpatialDropout2D::new(0.5).forward(&ones(&[4, 5, 6, 8]), Mode::Train)?;
        let spread =
            images.amax([1i64, 2].as_slice(), false) - images.amin([1i64, 2].as_slice(), false);
        assert_eq!(f64::try_from(spread.max())?, 0.0);
        let zeros = images
            .eq(0.0)
            .to_kind(Kind::Float)
            .mean(None)
            .double_value(&[]);
        assert!((0.2..0.8).contains(&zeros), "{zeros}");
        let steps = SpatialDropout1D::new(0.5).forward(&ones(&[4, 5, 8]), Mode::Train)?;
        let spread = steps.amax([1i64].as_slice(), false) - steps.amin([1i64].as_slice(), false);
        assert_eq!(f64::try_from(spread.max())?, 0.0);
        Ok(())
    }

    #[test]
    fn evaluation_changes_nothing_and_the_seed_decides() -> Result<()> {
        let x = ones(&[3, 4, 5, 2]);
        let layers: [Box<dyn Layer>; 4] = [
            Box::new(Dropout::new(0.5)),
            Box::new(SpatialDropout2D::new(0.5)),
            Box::new(GaussianNoise::new(0.5)),
            Box::new(GaussianDropout::new(0.5)),
        ];
        for layer in layers {
            assert_eq!(layer.forward(&x, Mode::Evaluate)?, x);
            let trained = |seed| {
                tch::manual_seed(seed);
                layer.forward(&x, Mode::Train)
            };
            assert_eq!(trained(1)?, trained(1)?);
            assert_ne!(trained(1)?, trained(2)?);
        }
        assert!(Dropout::new(1.5).output_shape(&3.into()).is_err());
        assert!(
            SpatialDropout2D::new(0.5)
                .output_shape(&(3, 4).into())
                .is_err()
        );
        assert!(GaussianNoise::new(-1.0).output_shape(&3.into()).is_err());
        assert_eq!(x.shape(), (3, 4, 5, 2));
        Ok(())
    }
}

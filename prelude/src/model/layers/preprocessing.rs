//! Layers that prepare numbers: scaling, and normalisation by what data were like.

use tch::{Device, Kind, Tensor};

use super::convolution::{image_shape, sample_shape};
use super::declare::{declared, layer};
use super::reshaping::{Interpolation, resized};
use super::{Layer, axis_index, built, check_channels, check_positive};
use crate::initializers::Initializer;
use crate::model::weight::Weight;
use crate::{Error, Mode, Result, Shape, TensorExt};

layer! {
    /// `input · scale + offset`: pixels from 0 to 255 into numbers from 0 to 1.
    ///
    /// # Shapes
    /// Output as input.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let y = Rescaling::new(1.0 / 127.5).offset(-1.0).forward(&Tensor::from_slice(&[0.0f32, 255.0]), Mode::Train)?;
    /// assert_eq!(Vec::<f32>::try_from(y)?, [-1.0, 1.0]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/preprocessing/rescaling.py.
    Rescaling(scale: f64) {
        /// Added after the multiplication; 0 without this call.
        offset: f64 = 0.0,
    }
}

impl Layer for Rescaling {
    declared!(Rescaling);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        Ok(input.clone())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        Ok(input.f_mul_scalar(self.scale)?.f_add_scalar(self.offset)?)
    }
}

layer! {
    /// Brings each channel to mean 0 and variance 1, as measured once on data by
    /// [`adapt`](Normalization::adapt).
    ///
    /// # Shapes
    /// - output as input
    /// - weights, not trained: mean and variance of the channels, and Keras's count, which is always 0
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let x = Tensor::from_slice(&[1.0f32, 10.0, 3.0, 30.0]).reshape([2, 2]);
    /// let mut normalization = Normalization::new();
    /// normalization.adapt(&x)?;
    /// let model = Sequential::new([Input::new(2).into(), normalization.into()])?;
    /// assert_eq!(Vec::<f32>::try_from(model.predict(&x)?.reshape([-1]))?, [-1.0, -1.0, 1.0, 1.0]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/preprocessing/normalization.py. Means and variances given as arguments
    /// are there as numbers for all channels.
    Normalization() {
        /// The axis of the channels, counted with the batch; the last one without this call. `None`
        /// for one mean and variance of everything.
        axis: Option<i64> = Some(-1),
        /// The mean of all channels, instead of `adapt`.
        mean: Option<f64> = None,
        /// The variance of all channels, instead of `adapt`.
        variance: Option<f64> = None,
        /// Whether mean and variance are put back instead; not without this call.
        invert: bool = false,
    }
    weights { measured_mean, measured_variance, count }
}

/// Deviations are at least this, as Keras's `backend.epsilon()`.
const SMALLEST_DEVIATION: f64 = 1e-7;

impl Normalization {
    /// Measures mean and variance of each channel of `data`: `(n, …)`.
    ///
    /// # Errors
    /// [`Error::EmptyData`], and [`Error::ShapeMismatch`] if the layer knows another number of
    /// channels.
    pub fn adapt(&mut self, data: &Tensor) -> Result<()> {
        if data.numel() == 0 {
            return Err(Error::EmptyData {
                place: "Normalization: adapt".into(),
            });
        }
        let _guard = tch::no_grad_guard();
        let sample = sample_shape(data);
        self.output_shape(&sample)?;
        if self.measured_mean.is_none() {
            self.build(&sample, Device::Cpu)?;
        }
        let kept = match self.axis {
            Some(axis) => Some(axis_index("Normalization", axis, data.dim())?),
            None => None,
        };
        let axes: Vec<i64> = (0..data.dim())
            .filter(|&axis| Some(axis) != kept)
            .map(|axis| axis as i64)
            .collect();
        let data = data.f_to_kind(Kind::Double)?;
        let mean = data.f_mean_dim(axes.as_slice(), true, None)?;
        let variance = data
            .f_sub(&mean)?
            .f_square()?
            .f_mean_dim(axes.as_slice(), false, None)?;
        let channels = variance.size();
        for (weight, values) in [
            (&self.measured_mean, mean),
            (&self.measured_variance, variance),
        ] {
            if let Some(weight) = weight {
                weight.set_from_keras(&values.f_reshape(&channels)?)?;
            }
        }
        Ok(())
    }

    /// The size of the axis that is kept.
    fn channels(&self, axis: i64, input: &Shape) -> Result<i64> {
        let place = axis_index("Normalization", axis, input.len() + 1)?.checked_sub(1);
        let channels = place.and_then(|place| input.get(place)).copied();
        channels.ok_or_else(|| Error::ShapeMismatch {
            place: "Normalization".into(),
            expected: "an axis of the samples to keep".into(),
            received: input.per_sample(),
            remedy: "reshape the samples to (n, 1), or choose another axis".into(),
        })
    }

    fn given(&self) -> Result<Option<(f64, f64)>> {
        match (self.mean, self.variance) {
            (Some(mean), Some(variance)) => Ok(Some((mean, variance))),
            (None, None) => Ok(None),
            _ => Err(Error::InvalidArgument {
                place: "Normalization: mean, variance".into(),
                expected: "both or neither".into(),
                received: "one".into(),
            }),
        }
    }
}

impl Layer for Normalization {
    declared!(Normalization);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        self.given()?;
        if let Some(axis) = self.axis {
            let channels = self.channels(axis, input)?;
            let known = self.measured_mean.as_ref().map(Weight::count);
            check_channels("Normalization", &channels.into(), known)?;
        }
        Ok(input.clone())
    }

    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        if self.given()?.is_some() {
            return Ok(());
        }
        let shape: Shape = match self.axis {
            Some(axis) => self.channels(axis, input)?.into(),
            None => ().into(),
        };
        let weight = |known: &Option<Weight>, name, shape: &Shape, initializer| match known {
            // Measured before the model was there, on the CPU.
            Some(known) => Weight::of_tensor(name, known.tensor().f_to_device(device)?, false),
            None => Weight::new(name, shape, initializer, device)?.not_trained(),
        };
        self.measured_mean = Some(weight(
            &self.measured_mean,
            "mean",
            &shape,
            Initializer::Zeros,
        )?);
        self.measured_variance = Some(weight(
            &self.measured_variance,
            "variance",
            &shape,
            Initializer::Ones,
        )?);
        self.count = Some(weight(
            &self.count,
            "count",
            &().into(),
            Initializer::Zeros,
        )?);
        Ok(())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        if let Some((mean, variance)) = self.given()? {
            let deviation = variance.sqrt().max(SMALLEST_DEVIATION);
            return Ok(match self.invert {
                true => input.f_mul_scalar(deviation)?.f_add_scalar(mean)?,
                false => input.f_sub_scalar(mean)?.f_div_scalar(deviation)?,
            });
        }
        self.output_shape(&sample_shape(input))?;
        let mut shape = vec![1; input.dim()];
        if let Some(axis) = self.axis {
            let place = axis_index("Normalization", axis, input.dim())?;
            shape[place] = input.size()[place];
        }
        let mean = built("Normalization", &self.measured_mean)?.f_reshape(&shape)?;
        let variance = built("Normalization", &self.measured_variance)?.f_reshape(&shape)?;
        let deviation = variance.f_sqrt()?.f_clamp_min(SMALLEST_DEVIATION)?;
        Ok(match self.invert {
            true => input.f_mul(&deviation)?.f_add(&mean)?,
            false => input.f_sub(&mean)?.f_div(&deviation)?,
        })
    }
}

layer! {
    /// Images with another number of rows and columns.
    ///
    /// # Shapes
    /// `(batch, rows, columns, channels)` becomes `(batch, height, width, channels)`.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/preprocessing/image_preprocessing/resizing.py, without cropping,
    /// padding and antialiasing.
    Resizing(height: i64, width: i64) {
        /// What lies between the pixels; "bilinear" without this call.
        interpolation: Interpolation = Interpolation::Bilinear,
    }
}

impl Layer for Resizing {
    declared!(Resizing);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        check_positive("Resizing", "height, width", &[self.height, self.width])?;
        let [rows, columns, channels] = image_shape("Resizing", input)?;
        check_positive(
            "Resizing",
            "rows and columns of the input",
            &[rows, columns],
        )?;
        Ok((self.height, self.width, channels).into())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        self.output_shape(&sample_shape(input))?;
        resized(input, self.height, self.width, self.interpolation)
    }
}

layer! {
    /// The middle of images.
    ///
    /// # Shapes
    /// `(batch, rows, columns, channels)` becomes `(batch, height, width, channels)`.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/preprocessing/image_preprocessing/center_crop.py, for images that are
    /// large enough.
    CenterCrop(height: i64, width: i64) {}
}

impl Layer for CenterCrop {
    declared!(CenterCrop);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        check_positive("CenterCrop", "height, width", &[self.height, self.width])?;
        let [rows, columns, channels] = image_shape("CenterCrop", input)?;
        match rows >= self.height && columns >= self.width {
            true => Ok((self.height, self.width, channels).into()),
            false => Err(Error::ShapeMismatch {
                place: "CenterCrop".into(),
                expected: format!("images of at least {} x {} pixels", self.height, self.width),
                received: input.per_sample(),
                remedy: "crop less, or enlarge them with Resizing before it".into(),
            }),
        }
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        self.output_shape(&sample_shape(input))?;
        let &[_, rows, columns, _] = &*input.shape() else {
            return Ok(input.shallow_clone());
        };
        let (top, left) = ((rows - self.height) / 2, (columns - self.width) / 2);
        Ok(input
            .f_narrow(1, top, self.height)?
            .f_narrow(2, left, self.width)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Input, Network, Sequential};

    #[test]
    fn normalization_knows_what_it_was_adapted_to() -> Result<()> {
        let x = Tensor::rand([50, 4, 3], (Kind::Float, Device::Cpu)) * 7.0 + 2.0;
        let mut layer = Normalization::new();
        layer.adapt(&x)?;
        assert!(
            layer.adapt(&x.narrow(2, 0, 2)).is_err(),
            "3 channels are known"
        );
        assert!(Normalization::new().adapt(&x.narrow(0, 0, 0)).is_err());
        assert!(
            Normalization::new()
                .mean(1.0)
                .output_shape(&3.into())
                .is_err()
        );
        let model = Sequential::new([Input::new((4, 3)).into(), layer.into()])?;
        let y = model.forward(&x, Mode::Train)?;
        let means = y.mean_dim([0i64, 1].as_slice(), false, None);
        assert!(means.abs().max().double_value(&[]) < 1e-5);
        assert!((y.var(false).double_value(&[]) - 1.0).abs() < 1e-4);
        assert_eq!(model.get_weights()?.len(), 3);
        assert!(model.trainable_variables().is_empty());

        let mut whole = Normalization::new().axis(None);
        whole.adapt(&x)?;
        assert_eq!(whole.own_weights()[0].tensor().dim(), 0);
        assert!(
            whole
                .forward(&x, Mode::Train)?
                .mean(None)
                .double_value(&[])
                .abs()
                < 1e-5
        );
        Ok(())
    }

    #[test]
    fn inverted_normalization_is_the_way_back() -> Result<()> {
        let x = Tensor::rand([20, 3], (Kind::Float, Device::Cpu)) * 3.0;
        let (mut there, mut back) = (Normalization::new(), Normalization::new().invert(true));
        there.adapt(&x)?;
        back.adapt(&x)?;
        let again = back.forward(&there.forward(&x, Mode::Evaluate)?, Mode::Evaluate)?;
        assert!(again.allclose(&x, 1e-5, 1e-5, false));
        let given = Normalization::new().mean(2.0).variance(9.0);
        assert_eq!(
            f64::try_from(given.forward(&Tensor::from(8.0f32), Mode::Train)?)?,
            2.0
        );
        Ok(())
    }
}

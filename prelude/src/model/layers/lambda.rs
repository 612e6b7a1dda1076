//! Layers from a user's closure, and the layer that does nothing.

use std::fmt;

use tch::{Device, Kind, TchError, Tensor};

use super::arguments::Common;
use super::convolution::sample_shape;
use super::declare::{declared, layer};
use super::{Layer, ModelOutput, only_output};
use crate::{Error, Mode, Result, Shape};

/// What a closure may return: a tensor, or a `Result` of one.
pub trait Computed {
    /// As the prelude's `Result`.
    ///
    /// # Errors
    /// The closure's own.
    fn computed(self) -> Result<Tensor>;
}

impl Computed for Tensor {
    fn computed(self) -> Result<Tensor> {
        Ok(self)
    }
}

impl Computed for Result<Tensor> {
    fn computed(self) -> Result<Tensor> {
        self
    }
}

impl Computed for Result<Tensor, TchError> {
    fn computed(self) -> Result<Tensor> {
        Ok(self?)
    }
}

type Function = Box<dyn Fn(&[Tensor]) -> Result<Tensor> + Send>;

/// A layer without weights from a closure over a batch.
///
/// The output's shape is found by calling it on zeros. Methods of tch without `f_` in front panic
/// where shapes do not fit; those with it return errors.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let model = Sequential::new([
///     Input::new(4).into(),
///     Lambda::new(|x: &Tensor| x.sin()).into(),
///     Lambda::new(|x: &Tensor| x.f_narrow(1, 0, 2)).into(),
/// ])?;
/// assert_eq!(model.output_shape(), Some(&2.into()));
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, keras/src/layers/core/lambda_layer.py.
pub struct Lambda {
    common: Common,
    function: Function,
}

impl Lambda {
    /// A layer with one input.
    pub fn new<F, C>(function: F) -> Self
    where
        F: Fn(&Tensor) -> C + Send + 'static,
        C: Computed,
    {
        Lambda::of_several(move |inputs: &[Tensor]| match inputs {
            [input] => function(input).computed(),
            _ => Err(super::wrong_count("Lambda", "one input", inputs.len())),
        })
    }

    /// A layer with several inputs.
    pub fn of_several<F, C>(function: F) -> Self
    where
        F: Fn(&[Tensor]) -> C + Send + 'static,
        C: Computed,
    {
        Lambda {
            common: Common::default(),
            function: Box::new(move |inputs| function(inputs).computed()),
        }
    }

    /// Chooses a name instead of the automatic one.
    pub fn name(mut self, name: &str) -> Self {
        self.common.name = Some(name.to_owned());
        self
    }
}

impl fmt::Debug for Lambda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lambda")
            .field("common", &self.common)
            .finish_non_exhaustive()
    }
}

/// The shape of a sample of what is computed from zeros.
pub(super) fn shape_from_zeros(
    class: &str,
    inputs: &[Shape],
    device: Device,
    compute: impl Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<Shape> {
    let _guard = tch::no_grad_guard();
    let zeros = |shape: &Shape| {
        Ok(Tensor::f_zeros(
            [&[1], &**shape].concat(),
            (Kind::Float, device),
        )?)
    };
    let inputs: Vec<Tensor> = inputs.iter().map(zeros).collect::<Result<_>>()?;
    let output = compute(&inputs)?;
    match output.size().first() {
        Some(1) => Ok(sample_shape(&output)),
        _ => Err(Error::ShapeMismatch {
            place: class.to_owned(),
            expected: "an output with the batch as first axis: (1, …) for a batch of one".into(),
            received: Shape::from(output.size()).to_string(),
            remedy: "keep the first axis".into(),
        }),
    }
}

impl Layer for Lambda {
    fn class_name(&self) -> &'static str {
        "Lambda"
    }

    fn given_name(&self) -> Option<&str> {
        self.common.name.as_deref()
    }

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        only_output("Lambda", self.output_shapes(std::slice::from_ref(input))?)
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        (self.function)(std::slice::from_ref(input))
    }

    fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
        Ok(vec![shape_from_zeros(
            "Lambda",
            inputs,
            crate::default_device(),
            &self.function,
        )?])
    }

    fn build_all(&mut self, _inputs: &[Shape], _device: Device) -> Result<()> {
        Ok(())
    }

    fn forward_all(&self, inputs: &[Tensor], _mode: Mode) -> Result<Vec<ModelOutput>> {
        Ok(vec![ModelOutput::of_values((self.function)(inputs)?)])
    }
}

layer! {
    /// Its input, unchanged.
    ///
    /// # Source
    /// Keras 3, keras/src/layers/core/identity.py.
    Identity() {}
}

impl Layer for Identity {
    declared!(Identity);

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        Ok(input.clone())
    }

    fn forward(&self, input: &Tensor, _mode: Mode) -> Result<Tensor> {
        Ok(input.shallow_clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::*;

    #[test]
    fn closures_with_and_without_errors_and_several_inputs_are_layers() -> Result<()> {
        let (a, b) = (Input::new(3), Input::new(3));
        let sum = Lambda::of_several(|x: &[Tensor]| x[0].f_add(&x[1])).call((&a, &b))?;
        let double = Lambda::new(|x: &Tensor| x * 2.0)
            .name("double")
            .call(&sum)?;
        let model = Model::new((&a, &b), &double)?;
        let ones = Tensor::ones([2, 3], (Kind::Float, Device::Cpu));
        assert_eq!(model.predict((&ones, &ones))?, &ones * 4.0);
        let error = Lambda::new(|x: &Tensor| x.f_reshape([5]))
            .call(&a)
            .expect_err("3 is not 5");
        assert!(error.to_string().contains("libtorch"), "{error}");
        assert!(
            Lambda::new(|x: &Tensor| x.sum(Kind::Float))
                .call(&a)
                .is_err(),
            "no batch"
        );
        assert!(
            Lambda::new(|x: &Tensor| x.shallow_clone())
                .call((&a, &b))
                .is_err()
        );
        Ok(())
    }
}

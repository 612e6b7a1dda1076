//! Layers from a user's closure, and layers around other layers.

use std::fmt;

use tch::{Device, Kind, TchError, Tensor};

use super::arguments::Common;
use super::convolution::sample_shape;
use super::declare::{declared, layer};
use super::{Config, Layer, ModelOutput, only_output};
use crate::model::any_layer::AnyLayer;
use crate::model::weight::Weight;
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
fn shape_from_zeros(
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

/// One layer for every step of a sequence, with the same weights.
///
/// # Shapes
/// `(batch, steps, …)`, where the layer takes `(batch, …)`.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let layer = TimeDistributed::new(Conv2D::new(8, 3));
/// assert_eq!(layer.call(&Input::new((10, 28, 28, 1)))?.shape(), &Shape::from((10, 26, 26, 8)));
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, keras/src/layers/rnn/time_distributed.py.
#[derive(Debug)]
pub struct TimeDistributed {
    common: Common,
    layer: AnyLayer,
}

impl TimeDistributed {
    /// Keras's names of the arguments.
    pub(crate) const ARGUMENTS: &'static [&'static str] = &["layer"];

    /// `layer` for every step.
    pub fn new(layer: impl Into<AnyLayer>) -> Self {
        TimeDistributed {
            common: Common::default(),
            layer: layer.into(),
        }
    }

    /// Chooses a name instead of the automatic one.
    pub fn name(mut self, name: &str) -> Self {
        self.common.name = Some(name.to_owned());
        self
    }

    /// One step of a sequence.
    fn step(input: &Shape) -> Result<(i64, Shape)> {
        match input.split_first() {
            Some((steps, step)) => Ok((*steps, step.into())),
            None => Err(Error::ShapeMismatch {
                place: "TimeDistributed".into(),
                expected: "input of shape (batch, steps, …)".into(),
                received: input.per_sample(),
                remedy: "add the missing axis with reshape_to".into(),
            }),
        }
    }

    pub(crate) fn from_config(config: &Config) -> Result<AnyLayer> {
        let inner = config.get("layer").and_then(|layer| layer.as_object());
        let class = inner.and_then(|inner| inner.get("class_name")?.as_str());
        let arguments = inner.and_then(|inner| inner.get("config")?.as_object());
        let (Some(class), Some(arguments)) = (class, arguments) else {
            return Err(Error::InvalidArgument {
                place: "TimeDistributed: layer".into(),
                expected: "a layer as config() writes it".into(),
                received: config
                    .get("layer")
                    .map_or_else(|| "nothing".to_owned(), ToString::to_string),
            });
        };
        let mut layer = TimeDistributed::new(AnyLayer::from_config(class, arguments)?);
        layer.common.name = config
            .get("name")
            .and_then(|name| name.as_str())
            .map(str::to_owned);
        Ok(layer.into())
    }
}

impl Layer for TimeDistributed {
    fn class_name(&self) -> &'static str {
        "TimeDistributed"
    }

    fn given_name(&self) -> Option<&str> {
        self.common.name.as_deref()
    }

    fn check_arguments(&self) -> Result<()> {
        self.layer.join().map(drop)
    }

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let (steps, step) = TimeDistributed::step(input)?;
        let output = only_output("TimeDistributed", self.layer.output_shapes(&[step])?)?;
        Ok([&[steps], &*output].concat().into())
    }

    fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
        let (_, step) = TimeDistributed::step(input)?;
        self.layer.build(&[step], device).map(drop)
    }

    fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
        let sample = sample_shape(input);
        let output = self.output_shape(&sample)?;
        let (steps, step) = TimeDistributed::step(&sample)?;
        let batch = input.size()[0];
        let flat = input.f_reshape([&[batch * steps], &*step].concat())?;
        let outputs = self.layer.forward_to_logits(&[flat], mode)?;
        let values = only_output("TimeDistributed", outputs)?.activated()?;
        Ok(values.f_reshape([&[batch], &*output].concat())?)
    }

    fn weights(&self) -> Vec<Weight> {
        self.layer.weights()
    }

    fn set_trainable(&mut self, trainable: bool) {
        self.layer.set_trainable(trainable);
    }

    fn config(&self) -> Option<Config> {
        let layer = serde_json::json!({"class_name": self.layer.class_name(), "config": self.layer.config()?});
        Some(Config::from_iter([
            ("name".to_owned(), self.common.name.clone().into()),
            ("layer".to_owned(), layer),
        ]))
    }
}

/// A module of tch as a layer: whatever implements `nn::Module` or `nn::ModuleT`, closures in
/// `nn::func` and `nn::func_t` included. `fit` trains what lies in its `VarStore`.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let vs = nn::VarStore::new(default_device());
/// let net = nn::seq()
///     .add(nn::linear(vs.root() / "hidden", 2, 16, Default::default()))
///     .add_fn(|x| x.relu())
///     .add(nn::linear(vs.root() / "out", 16, 1, Default::default()));
/// let mut model = Sequential::new([Input::new(2).into(), TorchModule::new(&vs, net).into()])?;
/// model.compile("mse", "adam", ())?;
/// let x = Tensor::rand([64, 2], (Kind::Float, Device::Cpu));
/// model.fit(&x, &x.sum_dim_intlist(1i64, true, None)).epochs(2).verbose(0).run()?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct TorchModule {
    common: Common,
    module: Box<dyn tch::nn::ModuleT>,
    weights: Vec<Weight>,
    device: Device,
    problem: Option<String>,
}

impl TorchModule {
    /// The module whose variables are in `variables`.
    pub fn new(variables: &tch::nn::VarStore, module: impl tch::nn::ModuleT + 'static) -> Self {
        // The store itself has no order; by name it is the same in every process.
        let mut named: Vec<(String, Tensor)> = variables.variables().into_iter().collect();
        named.sort_by(|(a, _), (b, _)| a.cmp(b));
        let weight = |(name, tensor): (String, Tensor)| {
            let trainable = tensor.requires_grad();
            Weight::of_tensor(&name, tensor, trainable)
        };
        let weights: Result<Vec<Weight>> = named.into_iter().map(weight).collect();
        let problem = weights.as_ref().err().map(ToString::to_string);
        TorchModule {
            common: Common::default(),
            module: Box::new(module),
            weights: weights.unwrap_or_default(),
            device: variables.device(),
            problem,
        }
    }

    /// Chooses a name instead of the automatic one.
    pub fn name(mut self, name: &str) -> Self {
        self.common.name = Some(name.to_owned());
        self
    }
}

impl Layer for TorchModule {
    fn class_name(&self) -> &'static str {
        "TorchModule"
    }

    fn given_name(&self) -> Option<&str> {
        self.common.name.as_deref()
    }

    fn check_arguments(&self) -> Result<()> {
        match &self.problem {
            None => Ok(()),
            Some(problem) => Err(Error::InvalidArgument {
                place: "TorchModule: variables".into(),
                expected: "tensors that a model can hold".into(),
                received: problem.clone(),
            }),
        }
    }

    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let compute = |inputs: &[Tensor]| {
            self.forward(super::only_input("TorchModule", inputs)?, Mode::Evaluate)
        };
        shape_from_zeros(
            "TorchModule",
            std::slice::from_ref(input),
            self.device,
            compute,
        )
    }

    fn build(&mut self, _input: &Shape, device: Device) -> Result<()> {
        match device == self.device {
            true => Ok(()),
            false => Err(Error::InvalidArgument {
                place: "TorchModule: VarStore".into(),
                expected: format!(
                    "one on the model's device, {device:?}: nn::VarStore::new(default_device())"
                ),
                received: format!("{:?}", self.device),
            }),
        }
    }

    fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
        Ok(self.module.forward_t(input, mode == Mode::Train))
    }

    fn weights(&self) -> Vec<Weight> {
        self.weights.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::*;
    use tch::nn;

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

    #[test]
    fn one_layer_serves_every_step() -> Result<()> {
        let mut layer = TimeDistributed::new(Dense::new(2).name("inner"));
        layer.check_arguments()?;
        layer.build(&(5, 3).into(), Device::Cpu)?;
        let x = Tensor::rand([4, 5, 3], (Kind::Float, Device::Cpu));
        let weights = layer.weights();
        testing::close(
            &layer.forward(&x, Mode::Train)?,
            &x.matmul(weights[0].tensor()),
            1e-6,
        );
        assert_eq!(weights[0].path(), "inner/kernel");
        assert!(layer.output_shape(&().into()).is_err());
        let again = AnyLayer::from_config("TimeDistributed", &layer.config().unwrap_or_default())?;
        assert_eq!(again.class_name(), "TimeDistributed");
        Ok(())
    }

    #[test]
    fn a_module_of_tch_is_trained_by_the_same_fit_in_both_modes() -> Result<()> {
        set_random_seed(5);
        let vs = nn::VarStore::new(default_device());
        let net = nn::seq_t()
            .add(nn::linear(vs.root() / "hidden", 2, 16, Default::default()))
            .add(nn::batch_norm1d(vs.root() / "norm", 16, Default::default()))
            .add_fn(|x| x.tanh())
            .add(nn::linear(vs.root() / "out", 16, 1, Default::default()));
        let mut model = Sequential::new([
            Input::new(2).into(),
            TorchModule::new(&vs, net).name("net").into(),
        ])?;
        assert_eq!(model.count_params(), 2 * 16 + 16 + 4 * 16 + 16 + 1);
        assert_eq!(model.summary_table().non_trainable_params(), 32);
        let x = Tensor::rand([64, 2], (Kind::Float, Device::Cpu));
        let y = x.sum_dim_intlist(1i64, true, None);
        model.compile("mse", Adam::new().learning_rate(0.01), ())?;
        let history = model.fit(&x, &y).epochs(40).seed(1).verbose(0).run()?;
        assert!(history["loss"][39] < 0.1 * history["loss"][0], "{history}");
        assert_eq!(model.predict(&x)?, model.predict(&x)?);
        let paths: Vec<String> = model.weights().iter().map(Weight::path).collect();
        assert!(paths.contains(&"net/hidden.weight".to_owned()), "{paths:?}");
        Ok(())
    }
}

//! Modules of tch as layers.

use tch::{Device, Tensor};

use super::Layer;
use super::arguments::Common;
use super::lambda::shape_from_zeros;
use crate::model::weight::Weight;
use crate::{Error, Mode, Result, Shape};

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

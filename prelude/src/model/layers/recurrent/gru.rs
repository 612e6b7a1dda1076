//! The gated recurrent layer.

use tch::{Device, Tensor};

use super::declaration::{cell_fields, recurrent_layer};
use super::{Cell, Options, Walked, linear, output_shapes, run, torch_parameters, with_layer_axis};
use crate::initializers::Initializer;
use crate::model::layers::convolution::sequence_shape;
use crate::model::layers::declare::{declared, layer};
use crate::model::layers::{Function, Layer, ModelOutput, built, only_output, wrong_count};
use crate::model::weight::Weight;
use crate::regularizers::Regularizer;
use crate::{Mode, Result, Shape};

recurrent_layer! {
    /// Gated recurrent unit: gates decide how much of the state is replaced and how much of it the
    /// replacement sees.
    ///
    /// # Shapes
    /// - input: `(batch, steps, channels)`, then the initial state `(batch, units)` if there is one
    /// - output: `(batch, units)`, or `(batch, steps, units)` with `return_sequences`
    /// - weights: kernel `(channels, 3 · units)`, recurrent_kernel `(units, 3 · units)`, bias
    ///   `(2, 3 · units)`, or `(3 · units,)` without `reset_after`, with the gates in the order update,
    ///   reset, candidate
    ///
    /// # Source
    /// Keras 3, keras/src/layers/rnn/gru.py.
    GRU {
        /// The function of the gates; sigmoid without this call.
        recurrent_activation: Function = Function::Sigmoid,
        /// Whether the reset gate works after the product with the recurrent kernel, with a bias of
        /// its own; it does without this call.
        reset_after: bool = true,
    }
}

impl GRU {
    const CELL: &'static str = "gru_cell";

    fn build_cell(&mut self, input: &Shape, device: Device) -> Result<()> {
        self.build_kernels(input, 3, device)?;
        if self.use_bias {
            let shape: Shape = match self.reset_after {
                true => (2, 3 * self.units).into(),
                false => (3 * self.units).into(),
            };
            self.set_bias(Weight::new("bias", shape, self.bias_initializer, device)?);
        }
        Ok(())
    }

    /// The bias of the inputs (0) or of the carried state (1).
    fn bias_of(&self, part: i64) -> Result<Option<Tensor>> {
        let Some(bias) = self.bias() else {
            return Ok(None);
        };
        match (self.reset_after, part) {
            (true, part) => Ok(Some(bias.f_select(0, part)?)),
            (false, 0) => Ok(Some(bias.shallow_clone())),
            (false, _) => Ok(None),
        }
    }
}

impl Cell for GRU {
    const CLASS: &'static str = "GRU";
    const STATES: usize = 1;

    cell_fields!();

    fn project(&self, inputs: &Tensor) -> Result<Tensor> {
        linear(inputs, self.kernel()?, self.bias_of(0)?.as_ref())
    }

    fn step(&self, input: &Tensor, carried: &Tensor, state: &[Tensor]) -> Result<Vec<Tensor>> {
        let recurrent = self.recurrent_kernel()?;
        let units = self.units;
        let gate = |x: &Tensor, index: i64| x.f_narrow(1, index * units, units);
        let open = |index: i64, inner: &Tensor| {
            self.recurrent_activation
                .apply(&gate(input, index)?.f_add(&gate(inner, index)?)?)
        };
        let (update, candidate) = match self.reset_after {
            true => {
                let inner = linear(carried, recurrent, self.bias_of(1)?.as_ref())?;
                let seen = open(1, &inner)?.f_mul(&gate(&inner, 2)?)?;
                (open(0, &inner)?, gate(input, 2)?.f_add(&seen)?)
            }
            false => {
                let inner = carried.f_matmul(&recurrent.f_narrow(1, 0, 2 * units)?)?;
                let seen = open(1, &inner)?.f_mul(carried)?;
                let seen = seen.f_matmul(&recurrent.f_narrow(1, 2 * units, units)?)?;
                (open(0, &inner)?, gate(input, 2)?.f_add(&seen)?)
            }
        };
        let candidate = self.activation.apply(&candidate)?;
        let state = state.first().unwrap_or(carried);
        // update · state + (1 - update) · candidate, in one pass.
        Ok(vec![candidate.f_lerp_tensor(state, &update)?])
    }

    fn at_once(&self, sequence: &Tensor, state: &[Tensor]) -> Result<Option<Walked>> {
        let functions = (self.activation, self.recurrent_activation);
        if functions != (Function::Tanh, Function::Sigmoid) || !self.reset_after {
            return Ok(None);
        }
        // Keras: update, reset, candidate. libtorch: reset, update, candidate.
        let in_order = |weight: &Tensor| -> Result<Tensor> {
            let gate = |index: i64| weight.f_narrow(-1, index * self.units, self.units);
            Ok(Tensor::f_cat(&[gate(1)?, gate(0)?, gate(2)?], -1)?)
        };
        let biases = match self.bias() {
            Some(bias) => Some(in_order(bias)?),
            None => None,
        };
        let parameters = torch_parameters(
            &in_order(self.kernel()?)?,
            &in_order(self.recurrent_kernel()?)?,
            biases
                .as_ref()
                .map(|both| Ok([both.f_select(0, 0)?, both.f_select(0, 1)?])),
        )?;
        let state = with_layer_axis(state)?;
        let hidden = state
            .first()
            .ok_or_else(|| wrong_count(Self::CLASS, "a state", 0))?;
        let biased = biases.is_some();
        let (outputs, hidden) =
            sequence.f_gru(hidden, &parameters, biased, 1, 0.0, true, false, true)?;
        Ok(Some(Walked {
            outputs: Some(outputs),
            state: vec![hidden.f_select(0, 0)?],
        }))
    }
}

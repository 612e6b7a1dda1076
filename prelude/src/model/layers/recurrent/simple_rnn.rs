//! The plain recurrent layer.

use tch::{Device, Tensor};

use super::declaration::{cell_fields, recurrent_layer};
use super::{Cell, Options, Walked, output_shapes, parameters_with_one_bias, run, with_layer_axis};
use crate::initializers::Initializer;
use crate::model::layers::convolution::sequence_shape;
use crate::model::layers::declare::{declared, layer};
use crate::model::layers::{Function, Layer, ModelOutput, built, only_output, wrong_count};
use crate::model::weight::Weight;
use crate::regularizers::Regularizer;
use crate::{Mode, Result, Shape};

recurrent_layer! {
    /// A layer whose output goes back into it with the next step:
    /// `state = activation(input · kernel + state · recurrent_kernel + bias)`.
    ///
    /// # Shapes
    /// - input: `(batch, steps, channels)`, then the initial state `(batch, units)` if there is one
    /// - output: `(batch, units)`, or `(batch, steps, units)` with `return_sequences`
    /// - weights: kernel `(channels, units)`, recurrent_kernel `(units, units)`, bias `(units,)`
    ///
    /// # Source
    /// Keras 3, keras/src/layers/rnn/simple_rnn.py.
    SimpleRNN {}
}

impl SimpleRNN {
    const CELL: &'static str = "simple_rnn_cell";

    fn build_cell(&mut self, input: &Shape, device: Device) -> Result<()> {
        self.build_kernels(input, 1, device)?;
        if self.use_bias {
            self.set_bias(Weight::new(
                "bias",
                self.units,
                self.bias_initializer,
                device,
            )?);
        }
        Ok(())
    }
}

impl Cell for SimpleRNN {
    const CLASS: &'static str = "SimpleRNN";
    const STATES: usize = 1;

    cell_fields!();

    fn step(&self, input: &Tensor, carried: &Tensor, _state: &[Tensor]) -> Result<Vec<Tensor>> {
        let state = input.f_addmm(carried, self.recurrent_kernel()?)?;
        Ok(vec![self.activation.apply(&state)?])
    }

    fn at_once(&self, sequence: &Tensor, state: &[Tensor]) -> Result<Option<Walked>> {
        if ![Function::Tanh, Function::Relu].contains(&self.activation) {
            return Ok(None);
        }
        let parameters = parameters_with_one_bias(self)?;
        let state = with_layer_axis(state)?;
        let hidden = state
            .first()
            .ok_or_else(|| wrong_count(Self::CLASS, "a state", 0))?;
        let biased = self.bias.is_some();
        let (outputs, hidden) = match self.activation {
            Function::Relu => {
                sequence.f_rnn_relu(hidden, &parameters, biased, 1, 0.0, true, false, true)?
            }
            _ => sequence.f_rnn_tanh(hidden, &parameters, biased, 1, 0.0, true, false, true)?,
        };
        Ok(Some(Walked {
            outputs: Some(outputs),
            state: vec![hidden.f_select(0, 0)?],
        }))
    }
}

//! The recurrent layer with a memory.

use tch::{Device, Tensor};

use super::declaration::{cell_fields, recurrent_layer};
use super::{Cell, Options, Walked, output_shapes, parameters_with_one_bias, run, with_layer_axis};
use crate::initializers::Initializer;
use crate::model::layers::convolution::sequence_shape;
use crate::model::layers::declare::{declared, layer};
use crate::model::layers::{Function, Layer, ModelOutput, built, only_output};
use crate::model::weight::Weight;
use crate::regularizers::Regularizer;
use crate::{Mode, Result, Shape};

recurrent_layer! {
    /// Long short-term memory: gates decide what enters a memory, what stays in it, and what is
    /// shown of it.
    ///
    /// # Shapes
    /// - input: `(batch, steps, channels)`, then the initial state and memory `(batch, units)` each if
    ///   there are any
    /// - output: `(batch, units)`, or `(batch, steps, units)` with `return_sequences`; then state and
    ///   memory with `return_state`
    /// - weights: kernel `(channels, 4 · units)`, recurrent_kernel `(units, 4 · units)`, bias
    ///   `(4 · units,)`, with the gates in the order input, forget, candidate, output
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let model = Sequential::new([
    ///     Input::new((20, 3)).into(),
    ///     LSTM::new(16).return_sequences(true).into(),
    ///     LSTM::new(8).into(),
    ///     Dense::new(1).into(),
    /// ])?;
    /// assert_eq!(model.count_params(), 4 * 16 * (3 + 16 + 1) + 4 * 8 * (16 + 8 + 1) + 9);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, keras/src/layers/rnn/lstm.py.
    LSTM {
        /// The function of the gates; sigmoid without this call.
        recurrent_activation: Function = Function::Sigmoid,
        /// Whether the forget gate's bias begins at 1, so that memories stay; it does without this
        /// call.
        unit_forget_bias: bool = true,
    }
}

impl LSTM {
    const CELL: &'static str = "lstm_cell";

    fn build_cell(&mut self, input: &Shape, device: Device) -> Result<()> {
        self.build_kernels(input, 4, device)?;
        if self.use_bias {
            let part =
                |units: i64, initializer: Initializer| initializer.tensor(&units.into(), device);
            let forget = if self.unit_forget_bias {
                Initializer::Ones
            } else {
                self.bias_initializer
            };
            let parts = [
                part(self.units, self.bias_initializer)?,
                part(self.units, forget)?,
                part(2 * self.units, self.bias_initializer)?,
            ];
            self.set_bias(Weight::of_tensor("bias", Tensor::f_cat(&parts, 0)?, true)?);
        }
        Ok(())
    }
}

impl Cell for LSTM {
    const CLASS: &'static str = "LSTM";
    const STATES: usize = 2;

    cell_fields!();

    fn step(&self, input: &Tensor, carried: &Tensor, state: &[Tensor]) -> Result<Vec<Tensor>> {
        let gates = input.f_addmm(carried, self.recurrent_kernel()?)?;
        let gate = |index: i64| gates.f_narrow(1, index * self.units, self.units);
        let open = |index: i64| self.recurrent_activation.apply(&gate(index)?);
        let candidate = self.activation.apply(&gate(2)?)?;
        let added = open(0)?.f_mul(&candidate)?;
        let memory = match state {
            [_, memory] => open(1)?.f_mul(memory)?.f_add(&added)?,
            _ => added,
        };
        let output = open(3)?.f_mul(&self.activation.apply(&memory)?)?;
        Ok(vec![output, memory])
    }

    fn at_once(&self, sequence: &Tensor, state: &[Tensor]) -> Result<Option<Walked>> {
        if (self.activation, self.recurrent_activation) != (Function::Tanh, Function::Sigmoid) {
            return Ok(None);
        }
        // libtorch's gates come in the same order.
        let parameters = parameters_with_one_bias(self)?;
        let state: Vec<Tensor> = with_layer_axis(state)?;
        let biased = self.bias.is_some();
        let (outputs, hidden, memory) =
            sequence.f_lstm(&state, &parameters, biased, 1, 0.0, true, false, true)?;
        Ok(Some(Walked {
            outputs: Some(outputs),
            state: vec![hidden.f_select(0, 0)?, memory.f_select(0, 0)?],
        }))
    }
}

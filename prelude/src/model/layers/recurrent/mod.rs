//! Recurrent layers: a cell that goes along a sequence and carries a state.
//!
//! What the three kinds share is here: the loop over the steps, states as further inputs and outputs;
//! their arguments are in `declaration.rs`. The cells themselves are in `simple_rnn.rs`, `lstm.rs` and `gru.rs`.

pub(crate) mod bidirectional;
mod declaration;
pub(crate) mod gru;
pub(crate) mod lstm;
pub(crate) mod simple_rnn;

use tch::Tensor;

use super::convolution::{sample_shape, sequence_shape};
use super::{check_channels, check_positive, wrong_count};
use crate::{Error, Mode, Result, Shape};

/// One kind of recurrent layer, as the loop sees it.
trait Cell {
    /// Keras's class name.
    const CLASS: &'static str;
    /// How many tensors make the state; the first of them is the output.
    const STATES: usize;

    fn units(&self) -> i64;

    fn options(&self) -> Options;

    /// How many channels it was built for, if it was built.
    fn channels(&self) -> Option<i64>;

    fn kernel(&self) -> Result<&Tensor>;

    fn recurrent_kernel(&self) -> Result<&Tensor>;

    fn bias(&self) -> Option<&Tensor>;

    /// What the inputs of all steps add to the gates: `(batch, steps, gates · units)`.
    fn project(&self, inputs: &Tensor) -> Result<Tensor> {
        linear(inputs, self.kernel()?, self.bias())
    }

    /// The state after one more step, from one step's projected input and the state before it.
    /// `carried` is the first part of the state, with dropout in training.
    fn step(&self, input: &Tensor, carried: &Tensor, state: &[Tensor]) -> Result<Vec<Tensor>>;

    /// All steps in one call of libtorch, if it computes this layer: `None` if not. The initial
    /// state has all its parts.
    fn at_once(&self, sequence: &Tensor, state: &[Tensor]) -> Result<Option<Walked>> {
        let _ = (sequence, state);
        Ok(None)
    }
}

/// What a walk along a sequence leaves.
struct Walked {
    /// The state's first part after every step: `(batch, steps, units)`; `None` if nobody asked.
    outputs: Option<Tensor>,
    /// The last state.
    state: Vec<Tensor>,
}

/// Arguments that decide how the loop goes.
struct Options {
    dropout: f64,
    recurrent_dropout: f64,
    return_sequences: bool,
    return_state: bool,
    go_backwards: bool,
    zero_output_for_mask: bool,
}

/// Shapes of the outputs: the sequence or its last step, then the states if they are wanted.
fn output_shapes<C: Cell>(cell: &C, inputs: &[Shape]) -> Result<Vec<Shape>> {
    let options = cell.options();
    for (name, rate) in [
        ("dropout", options.dropout),
        ("recurrent_dropout", options.recurrent_dropout),
    ] {
        if !(0.0..=1.0).contains(&rate) {
            return Err(Error::InvalidArgument {
                place: format!("{}: {name}", C::CLASS),
                expected: "a share from 0 to 1".into(),
                received: rate.to_string(),
            });
        }
    }
    check_positive(C::CLASS, "units", &[cell.units()])?;
    let Some((sequence, states)) = inputs.split_first() else {
        return Err(wrong_count(C::CLASS, "a sequence", 0));
    };
    let [steps, _] = sequence_shape(C::CLASS, sequence)?;
    check_positive(C::CLASS, "steps of the input", &[steps])?;
    check_channels(C::CLASS, sequence, cell.channels())?;
    if !states.is_empty() && states.len() != C::STATES {
        let expected = format!(
            "a sequence, or a sequence and {} tensors of its state",
            C::STATES
        );
        return Err(wrong_count(C::CLASS, &expected, inputs.len()));
    }
    let state = Shape::from(cell.units());
    if let Some(wrong) = states.iter().find(|&shape| *shape != state) {
        return Err(Error::ShapeMismatch {
            place: format!("{}: initial state", C::CLASS),
            expected: format!("shape {}", state.per_sample()),
            received: wrong.per_sample(),
            remedy: "pass states of a layer with as many units".into(),
        });
    }
    let mut outputs = vec![match options.return_sequences {
        true => (steps, cell.units()).into(),
        false => state.clone(),
    }];
    if options.return_state {
        outputs.extend(std::iter::repeat_n(state, C::STATES));
    }
    Ok(outputs)
}

/// Goes along the sequence; the outputs as in [`output_shapes`]. Steps that `mask` hides, `(batch,
/// steps)`, leave the state as it is.
fn run<C: Cell>(
    cell: &C,
    inputs: &[Tensor],
    mask: Option<&Tensor>,
    mode: Mode,
) -> Result<Vec<Tensor>> {
    let shapes: Vec<Shape> = inputs.iter().map(sample_shape).collect();
    output_shapes(cell, &shapes)?;
    let options = cell.options();
    let (sequence, states) = inputs
        .split_first()
        .ok_or_else(|| wrong_count(C::CLASS, "a sequence", 0))?;
    let batch = sequence.size()[0];
    let device_and_kind = (sequence.kind(), sequence.device());
    let train = mode == Mode::Train;
    // One for all steps, as Keras has it.
    let dropped = |x: &Tensor, rate: f64| -> Result<Option<Tensor>> {
        match train && rate > 0.0 {
            true => Ok(Some(x.f_ones_like()?.f_dropout(rate, true)?)),
            false => Ok(None),
        }
    };
    let sequence = match dropped(&sequence.f_narrow(1, 0, 1)?, options.dropout)? {
        Some(kept) => sequence.f_mul(&kept)?,
        None => sequence.shallow_clone(),
    };
    let state: Vec<Tensor> = match states.is_empty() {
        false => states.iter().map(Tensor::shallow_clone).collect(),
        true => {
            let zeros = || Tensor::f_zeros([batch, cell.units()], device_and_kind);
            (0..C::STATES).map(|_| zeros()).collect::<Result<_, _>>()?
        }
    };
    let kept = dropped(&state[0], options.recurrent_dropout)?;
    let walked = match (&kept, mask) {
        (None, None) => {
            let in_order = match options.go_backwards {
                true => sequence.f_flip(1)?,
                false => sequence.shallow_clone(),
            };
            cell.at_once(&in_order, &state)?
        }
        _ => None,
    };
    let walked = match walked {
        Some(walked) => walked,
        None => step_by_step(cell, &sequence, state, kept.as_ref(), mask)?,
    };
    let output = match (options.return_sequences, &walked.outputs) {
        (true, Some(outputs)) => outputs.shallow_clone(),
        _ => walked.state[0].shallow_clone(),
    };
    let states = if options.return_state {
        walked.state
    } else {
        Vec::new()
    };
    Ok(std::iter::once(output).chain(states).collect())
}

/// The walk that every cell can do: one step after the other. `kept` multiplies the carried state.
fn step_by_step<C: Cell>(
    cell: &C,
    sequence: &Tensor,
    mut state: Vec<Tensor>,
    kept: Option<&Tensor>,
    mask: Option<&Tensor>,
) -> Result<Walked> {
    let options = cell.options();
    let mut steps = cell.project(sequence)?.f_unbind(1)?;
    let mut shown = match mask {
        Some(mask) => mask.f_unsqueeze(-1)?.f_unbind(1)?,
        None => Vec::new(),
    };
    if options.go_backwards {
        steps.reverse();
        shown.reverse();
    }
    let mut outputs = Vec::new();
    for (index, input) in steps.iter().enumerate() {
        let carried = match kept {
            Some(kept) => state[0].f_mul(kept)?,
            None => state[0].shallow_clone(),
        };
        let mut next = cell.step(input, &carried, &state)?;
        let shown = shown.get(index);
        if let Some(shown) = shown {
            for (next, before) in next.iter_mut().zip(&state) {
                *next = next.f_where_self(shown, before)?;
            }
        }
        state = next;
        if options.return_sequences {
            outputs.push(match shown {
                Some(shown) if options.zero_output_for_mask => state[0].f_mul(shown)?,
                _ => state[0].shallow_clone(),
            });
        }
    }
    let outputs = match options.return_sequences {
        true => Some(Tensor::f_stack(&outputs, 1)?),
        false => None,
    };
    Ok(Walked { outputs, state })
}

/// `inputs · kernel + bias`, without a bias if there is none.
fn linear(inputs: &Tensor, kernel: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let product = inputs.f_matmul(kernel)?;
    Ok(match bias {
        Some(bias) => product.f_add(bias)?,
        None => product,
    })
}

/// The weights of one layer as libtorch's functions take them: kernels as `(outputs, inputs)`, then
/// the biases of input and carried state.
///
/// Those functions are told that they train, in evaluation, too: cuDNN computes gradients only then,
/// and without dropout there is no other difference.
fn torch_parameters(
    kernel: &Tensor,
    recurrent_kernel: &Tensor,
    biases: Option<Result<[Tensor; 2]>>,
) -> Result<Vec<Tensor>> {
    let kernels = [
        kernel.f_transpose(0, 1)?,
        recurrent_kernel.f_transpose(0, 1)?,
    ];
    let biases = biases.transpose()?.into_iter().flatten();
    Ok(kernels.into_iter().chain(biases).collect())
}

/// [`torch_parameters`] of a cell with one bias: libtorch has two, of which Keras has the sum.
fn parameters_with_one_bias<C: Cell>(cell: &C) -> Result<Vec<Tensor>> {
    let biases = cell.bias();
    let biases = biases.map(|bias| Ok([bias.shallow_clone(), bias.f_zeros_like()?]));
    torch_parameters(cell.kernel()?, cell.recurrent_kernel()?, biases)
}

/// States as libtorch's functions take them, which may have several layers: `(1, batch, units)`.
fn with_layer_axis(state: &[Tensor]) -> Result<Vec<Tensor>> {
    let lifted = |part: &Tensor| Ok(part.f_unsqueeze(0)?);
    state.iter().map(lifted).collect()
}

#[cfg(test)]
mod tests;

//! Recurrent layers: a cell that goes along a sequence and carries a state.
//!
//! What the three kinds share is here: their arguments, the loop over the steps, states as further
//! inputs and outputs. The cells themselves are in `simple_rnn.rs`, `lstm.rs` and `gru.rs`.

pub(crate) mod bidirectional;
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

    /// What the inputs of all steps add to the gates: `(batch, steps, gates · units)`.
    fn project(&self, inputs: &Tensor) -> Result<Tensor>;

    /// The state after one more step, from one step's projected input and the state before it.
    /// `carried` is the first part of the state, with dropout in training.
    fn step(&self, input: &Tensor, carried: &Tensor, state: &[Tensor]) -> Result<Vec<Tensor>>;
}

/// Arguments that decide how the loop goes.
struct Options {
    dropout: f64,
    recurrent_dropout: f64,
    return_sequences: bool,
    return_state: bool,
    go_backwards: bool,
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

/// Goes along the sequence; the outputs as in [`output_shapes`].
fn run<C: Cell>(cell: &C, inputs: &[Tensor], mode: Mode) -> Result<Vec<Tensor>> {
    let shapes: Vec<Shape> = inputs.iter().map(sample_shape).collect();
    output_shapes(cell, &shapes)?;
    let options = cell.options();
    let (sequence, states) = inputs
        .split_first()
        .ok_or_else(|| wrong_count(C::CLASS, "a sequence", 0))?;
    let batch = sequence.size()[0];
    let device_and_kind = (sequence.kind(), sequence.device());
    let train = mode == Mode::Train;
    // One mask for all steps, as Keras has it.
    let masked = |x: &Tensor, rate: f64| -> Result<Option<Tensor>> {
        match train && rate > 0.0 {
            true => Ok(Some(x.f_ones_like()?.f_dropout(rate, true)?)),
            false => Ok(None),
        }
    };
    let sequence = match masked(&sequence.f_narrow(1, 0, 1)?, options.dropout)? {
        Some(mask) => sequence.f_mul(&mask)?,
        None => sequence.shallow_clone(),
    };
    let mut state: Vec<Tensor> = match states.is_empty() {
        false => states.iter().map(Tensor::shallow_clone).collect(),
        true => {
            let zeros = || Tensor::f_zeros([batch, cell.units()], device_and_kind);
            (0..C::STATES).map(|_| zeros()).collect::<Result<_, _>>()?
        }
    };
    let recurrent_mask = masked(&state[0], options.recurrent_dropout)?;
    let mut steps = cell.project(&sequence)?.f_unbind(1)?;
    if options.go_backwards {
        steps.reverse();
    }
    let mut outputs = Vec::with_capacity(steps.len());
    for input in &steps {
        let carried = match &recurrent_mask {
            Some(mask) => state[0].f_mul(mask)?,
            None => state[0].shallow_clone(),
        };
        state = cell.step(input, &carried, &state)?;
        if options.return_sequences {
            outputs.push(state[0].shallow_clone());
        }
    }
    let output = match options.return_sequences {
        true => Tensor::f_stack(&outputs, 1)?,
        false => state[0].shallow_clone(),
    };
    let states = if options.return_state {
        state
    } else {
        Vec::new()
    };
    Ok(std::iter::once(output).chain(states).collect())
}

/// Declares a recurrent layer: arguments that all share, and `Layer` from its [`Cell`].
macro_rules! recurrent_layer {
    (
        $(#[$meta:meta])* $layer:ident {
            $($(#[$option_meta:meta])* $option:ident: $option_type:ty = $default:expr,)*
        }
    ) => {
        layer! {
            $(#[$meta])*
            ///
            /// Dropout of the inputs and of the carried state has one mask for all steps and gates.
            /// Masks of padding, `stateful` and `unroll` are not there.
            $layer(units: i64) {
                /// The function of the output; tanh without this call.
                activation: Function = Function::Tanh,
                $($(#[$option_meta])* $option: $option_type = $default,)*
                /// Whether there is a bias; there is without this call.
                use_bias: bool = true,
                /// How the kernel of the inputs begins; Glorot uniform without this call.
                kernel_initializer: Initializer = Initializer::GlorotUniform,
                /// How the kernel of the carried state begins; orthogonal without this call.
                recurrent_initializer: Initializer = Initializer::Orthogonal(1.0),
                /// How the bias begins; zero without this call.
                bias_initializer: Initializer = Initializer::Zeros,
                /// A penalty on the kernel of the inputs; none without this call.
                kernel_regularizer: Option<Regularizer> = None,
                /// A penalty on the kernel of the carried state; none without this call.
                recurrent_regularizer: Option<Regularizer> = None,
                /// A penalty on the bias; none without this call.
                bias_regularizer: Option<Regularizer> = None,
                /// The share of the inputs that is dropped in training; 0 without this call.
                dropout: f64 = 0.0,
                /// The share of the carried state that is dropped in training; 0 without this call.
                recurrent_dropout: f64 = 0.0,
                /// Whether the output has every step; only the last without this call.
                return_sequences: bool = false,
                /// Whether the last state follows as further outputs; not without this call.
                return_state: bool = false,
                /// Whether the sequence is read from its end; not without this call.
                go_backwards: bool = false,
            }
            weights { kernel, recurrent_kernel, bias }
        }

        impl $layer {
            /// Creates kernels for `gates` gates; the bias is the caller's.
            fn build_kernels(&mut self, input: &Shape, gates: i64, device: Device) -> Result<()> {
                let [_, channels] = sequence_shape(Self::CLASS, input)?;
                let outputs = gates * self.units;
                let kernel = Weight::new("kernel", (channels, outputs), self.kernel_initializer, device)?;
                let recurrent = (self.units, outputs);
                let recurrent = Weight::new("recurrent_kernel", recurrent, self.recurrent_initializer, device)?;
                self.kernel = Some(Self::in_cell(kernel).regularized(self.kernel_regularizer));
                self.recurrent_kernel = Some(Self::in_cell(recurrent).regularized(self.recurrent_regularizer));
                Ok(())
            }

            fn set_bias(&mut self, bias: Weight) {
                self.bias = Some(Self::in_cell(bias).regularized(self.bias_regularizer));
            }

            /// Keras's weights lie in a cell inside the layer.
            fn in_cell(weight: Weight) -> Weight {
                weight.within(Self::CELL)
            }
        }

        impl Layer for $layer {
            declared!($layer);

            fn output_shape(&self, input: &Shape) -> Result<Shape> {
                only_output(Self::CLASS, self.output_shapes(std::slice::from_ref(input))?)
            }

            fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
                only_output(Self::CLASS, run(self, std::slice::from_ref(input), mode)?)
            }

            fn output_shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>> {
                output_shapes(self, inputs)
            }

            fn build_all(&mut self, inputs: &[Shape], device: Device) -> Result<()> {
                match inputs.first() {
                    Some(sequence) => self.build(sequence, device),
                    None => Ok(()),
                }
            }

            fn build(&mut self, input: &Shape, device: Device) -> Result<()> {
                self.build_cell(input, device)
            }

            fn forward_all(&self, inputs: &[Tensor], mode: Mode) -> Result<Vec<ModelOutput>> {
                let outputs = run(self, inputs, mode)?;
                Ok(outputs.into_iter().map(ModelOutput::of_values).collect())
            }
        }
    };
}
use recurrent_layer;

/// The parts of a [`Cell`] that a declared layer has as fields.
macro_rules! cell_fields {
    () => {
        fn units(&self) -> i64 {
            self.units
        }

        fn options(&self) -> Options {
            Options {
                dropout: self.dropout,
                recurrent_dropout: self.recurrent_dropout,
                return_sequences: self.return_sequences,
                return_state: self.return_state,
                go_backwards: self.go_backwards,
            }
        }

        fn channels(&self) -> Option<i64> {
            Some(self.kernel.as_ref()?.tensor().size()[0])
        }
    };
}
use cell_fields;

/// `inputs · kernel + bias`, without a bias if there is none.
fn linear(inputs: &Tensor, kernel: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let product = inputs.f_matmul(kernel)?;
    Ok(match bias {
        Some(bias) => product.f_add(bias)?,
        None => product,
    })
}

#[cfg(test)]
mod tests {
    use crate::*;

    #[test]
    fn states_go_out_of_one_layer_and_into_another() -> Result<()> {
        let (question, answer) = (Input::new((5, 3)), Input::new((4, 2)));
        let encoded = AnyLayer::new(LSTM::new(6).return_state(true)).call_all(&question)?;
        let [_, h, c] = encoded.as_slice() else {
            panic!("{encoded:?}");
        };
        let decoded = LSTM::new(6).return_sequences(true).call((&answer, h, c))?;
        let model = Model::new((&question, &answer), &decoded)?;
        let options = (Kind::Float, Device::Cpu);
        let (x, y) = (
            Tensor::rand([2, 5, 3], options),
            Tensor::rand([2, 4, 2], options),
        );
        let first = model.predict((&x, &y))?;
        assert_eq!(first.shape(), (2, 4, 6));
        assert_ne!(
            first,
            model.predict((&(&x + 1.0), &y))?,
            "the question matters"
        );
        assert!(LSTM::new(6).call((&answer, h)).is_err());
        assert!(LSTM::new(7).call((&answer, h, c)).is_err());
        Ok(())
    }

    #[test]
    fn what_cannot_be_a_sequence_is_refused() {
        assert!(LSTM::new(3).output_shape(&4.into()).is_err());
        assert!(GRU::new(0).output_shape(&(4, 2).into()).is_err());
        assert!(
            SimpleRNN::new(3)
                .dropout(1.5)
                .output_shape(&(4, 2).into())
                .is_err()
        );
        assert!(SimpleRNN::new(3).output_shape(&(0, 2).into()).is_err());
        assert!(
            SimpleRNN::new(3)
                .return_state(true)
                .output_shape(&(4, 2).into())
                .is_err()
        );
    }

    #[test]
    fn dropout_belongs_to_training_only() -> Result<()> {
        let mut layer = GRU::new(8).dropout(0.5).recurrent_dropout(0.5);
        layer.build(&(6, 4).into(), Device::Cpu)?;
        let x = Tensor::rand([3, 6, 4], (Kind::Float, Device::Cpu));
        let evaluated = layer.forward(&x, Mode::Evaluate)?;
        assert_eq!(evaluated, layer.forward(&x, Mode::Evaluate)?);
        assert_ne!(evaluated, layer.forward(&x, Mode::Train)?);
        Ok(())
    }
}

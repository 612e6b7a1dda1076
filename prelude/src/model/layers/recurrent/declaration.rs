//! How a recurrent layer is declared: arguments and weights that all share, and `Layer` from its
//! `Cell`. The loop is in `mod.rs`.

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
            /// `stateful` and `unroll` are not there.
            ///
            /// Steps that a mask hides ([`Masking`](crate::Masking), `Embedding`'s `mask_zero`) are
            /// passed over: the state stays, and is the output once more.
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
                /// Whether steps that a mask hides give zeros; the state before without this call.
                zero_output_for_mask: bool = false,
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
                only_output(Self::CLASS, run(self, std::slice::from_ref(input), None, mode)?)
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
                self.forward_masked(inputs, &[], mode)
            }

            fn forward_masked(
                &self,
                inputs: &[Tensor],
                masks: &[Option<Tensor>],
                mode: Mode,
            ) -> Result<Vec<ModelOutput>> {
                let mask = masks.first().and_then(Option::as_ref);
                let outputs = run(self, inputs, mask, mode)?;
                let mut outputs: Vec<_> = outputs.into_iter().map(ModelOutput::of_values).collect();
                if let (true, Some(sequence)) = (self.return_sequences, outputs.first_mut()) {
                    sequence.mask = mask.map(Tensor::shallow_clone);
                }
                Ok(outputs)
            }
        }
    };
}
pub(super) use recurrent_layer;

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
                zero_output_for_mask: self.zero_output_for_mask,
            }
        }

        fn kernel(&self) -> Result<&Tensor> {
            built(Self::CLASS, &self.kernel)
        }

        fn recurrent_kernel(&self) -> Result<&Tensor> {
            built(Self::CLASS, &self.recurrent_kernel)
        }

        fn bias(&self) -> Option<&Tensor> {
            self.bias.as_ref().map(Weight::tensor)
        }

        fn channels(&self) -> Option<i64> {
            Some(self.kernel.as_ref()?.tensor().size()[0])
        }
    };
}
pub(super) use cell_fields;

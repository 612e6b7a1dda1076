//! How a layer is declared: its arguments with Keras's defaults and its weights, each named once.

/// Declares a layer: the struct, `new` with the required arguments, a builder method for each
/// optional one, `name` and `trainable`, and both directions between arguments and [`Config`].
///
/// ```text
/// layer! {
///     /// Doc of the struct.
///     Dense(units: i64) {
///         /// Doc of the builder method.
///         use_bias: bool = true,
///     }
///     weights { kernel, bias }
/// }
/// ```
///
/// Weights are `Option<Weight>` fields that `build` fills; their order is Keras's. What else is in
/// `state { … }` begins with its type's default.
///
/// `kernel_and_bias` behind the options adds those that Dense and the convolutions share.
///
/// [`Config`]: super::Config
macro_rules! layer {
    (
        $(#[$meta:meta])*
        $layer:ident($($required:tt)*) { $($options:tt)* }
        kernel_and_bias
    ) => {
        $crate::model::layers::declare::layer! {
            $(#[$meta])*
            $layer($($required)*) {
                $($options)*
                /// A function applied to the output; linear without it.
                activation: $crate::model::layers::Function = $crate::model::layers::Function::Linear,
                /// Whether there is a bias; there is without this call.
                use_bias: bool = true,
                /// How the kernel begins; Glorot uniform without this call.
                kernel_initializer: $crate::Initializer = $crate::Initializer::GlorotUniform,
                /// How the bias begins; zero without this call.
                bias_initializer: $crate::Initializer = $crate::Initializer::Zeros,
                /// A penalty on the kernel; none without this call.
                kernel_regularizer: Option<$crate::Regularizer> = None,
                /// A penalty on the bias; none without this call.
                bias_regularizer: Option<$crate::Regularizer> = None,
            }
            weights { kernel, bias }
        }

        impl $layer {
            /// Creates kernel and bias, the kernel in Keras's shape.
            fn build_kernel_and_bias(
                &mut self,
                kernel: impl Into<$crate::Shape>,
                axes: $crate::AxisOrder,
                outputs: i64,
                device: tch::Device,
            ) -> $crate::Result<()> {
                use $crate::Weight;
                let kernel = Weight::new("kernel", kernel, self.kernel_initializer, device)?.laid_out(axes)?;
                self.kernel = Some(kernel.regularized(self.kernel_regularizer));
                if self.use_bias {
                    let bias = Weight::new("bias", outputs, self.bias_initializer, device)?;
                    self.bias = Some(bias.regularized(self.bias_regularizer));
                }
                Ok(())
            }
        }
    };
    (
        $(#[$meta:meta])*
        $layer:ident($($required:ident: $required_type:ty),* $(,)?) {
            $($(#[$option_meta:meta])* $option:ident: $option_type:ty = $default:expr,)*
        }
        $(weights { $($weight:ident),* $(,)? })?
        $(state { $($field:ident: $field_type:ty),* $(,)? })?
    ) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $layer {
            common: $crate::model::layers::arguments::Common,
            $($required: $required_type,)*
            $($option: $option_type,)*
            $($($weight: Option<$crate::model::weight::Weight>,)*)?
            $($($field: $field_type,)*)?
        }

        $crate::model::layers::declare::default_if_nothing_is_required!($layer $($required)*);

        impl $layer {
            /// A layer with these arguments, and Keras's defaults for all others.
            pub fn new($($required: impl $crate::model::layers::Argument<$required_type>),*) -> Self {
                #[allow(unused_mut, reason = "not all layers have required arguments")]
                let mut common = $crate::model::layers::arguments::Common::default();
                $layer {
                    $($required: common.taken($required),)*
                    $($option: $default,)*
                    $($($weight: None,)*)?
                    $($($field: Default::default(),)*)?
                    common,
                }
            }

            $(
                $(#[$option_meta])*
                pub fn $option(mut self, $option: impl $crate::model::layers::Argument<$option_type>) -> Self {
                    self.common.take(&mut self.$option, $option);
                    self
                }
            )*

            /// Chooses a name instead of the automatic one.
            pub fn name(mut self, name: &str) -> Self {
                self.common.name = Some(name.to_owned());
                self
            }

            /// Whether an optimizer changes the weights; it does without this call.
            pub fn trainable(mut self, trainable: bool) -> Self {
                self.common.trainable = trainable;
                self
            }

            /// Keras's names of the arguments, required ones first.
            pub(crate) const ARGUMENTS: &'static [&'static str] =
                &[$(stringify!($required),)* $(stringify!($option),)*];

            fn own_weights(&self) -> Vec<$crate::model::weight::Weight> {
                let weights: Vec<&Option<$crate::model::weight::Weight>> = vec![$($(&self.$weight),*)?];
                weights.into_iter().flatten().cloned().collect()
            }

            fn own_config(&self) -> $crate::model::layers::Config {
                #[allow(unused_imports, reason = "not all layers have arguments")]
                use $crate::model::layers::arguments::Setting;
                let mut config = $crate::model::layers::Config::new();
                config.insert("name".to_owned(), self.common.name.clone().into());
                config.insert("trainable".to_owned(), self.common.trainable.into());
                $(config.insert(stringify!($required).to_owned(), Setting::to_json(&self.$required));)*
                $(config.insert(stringify!($option).to_owned(), Setting::to_json(&self.$option));)*
                config
            }

            /// The layer that `config` describes.
            ///
            /// # Errors
            /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a value of the wrong kind.
            pub(crate) fn from_config(
                config: &$crate::model::layers::Config,
            ) -> $crate::Result<$crate::AnyLayer> {
                #[allow(unused_imports, reason = "not all layers have arguments of both kinds")]
                use $crate::model::layers::arguments::{read, read_required};
                const CLASS: &str = stringify!($layer);
                #[allow(unused_mut, reason = "not all layers have optional arguments")]
                let mut layer = $layer::new($(read_required::<$required_type>(CLASS, config, stringify!($required))?),*);
                $(
                    if let Some(value) = read::<$option_type>(CLASS, config, stringify!($option))? {
                        layer.$option = value;
                    }
                )*
                if let Some(name) = config.get("name").and_then(|name| name.as_str()) {
                    layer.common.name = Some(name.to_owned());
                }
                if let Some(trainable) = read::<bool>(CLASS, config, "trainable")? {
                    layer.common.trainable = trainable;
                }
                Ok(layer.into())
            }
        }
    };
}
pub(crate) use layer;

/// `Default` for layers that need no argument.
macro_rules! default_if_nothing_is_required {
    ($layer:ident) => {
        impl Default for $layer {
            fn default() -> Self {
                $layer::new()
            }
        }
    };
    ($layer:ident $($required:ident)+) => {};
}
pub(crate) use default_if_nothing_is_required;

/// Both forward passes of a layer whose `activation` is applied to what `$computed` gives.
macro_rules! activated {
    ($computed:ident) => {
        fn forward(&self, input: &tch::Tensor, _mode: $crate::Mode) -> $crate::Result<tch::Tensor> {
            self.activation.apply(&self.$computed(input)?)
        }

        fn forward_to_logits(
            &self,
            input: &tch::Tensor,
            _mode: $crate::Mode,
        ) -> $crate::Result<$crate::model::layers::ModelOutput> {
            self.activation.apply_to_logits(self.$computed(input)?)
        }
    };
}
pub(crate) use activated;

/// The part of `impl Layer` that a declared layer owes to its declaration.
macro_rules! declared {
    ($layer:ident) => {
        fn class_name(&self) -> &'static str {
            stringify!($layer)
        }

        fn given_name(&self) -> Option<&str> {
            self.common.name.as_deref()
        }

        fn starts_trainable(&self) -> bool {
            self.common.trainable
        }

        fn set_trainable(&mut self, trainable: bool) {
            self.common.trainable = trainable;
        }

        fn check_arguments(&self) -> $crate::Result<()> {
            self.common.check()
        }

        fn passes_masks(&self) -> bool {
            $crate::model::layers::masking::PASSING.contains(&stringify!($layer))
        }

        fn weights(&self) -> Vec<$crate::model::weight::Weight> {
            self.own_weights()
        }

        fn config(&self) -> Option<$crate::model::layers::Config> {
            Some(self.own_config())
        }
    };
}
pub(crate) use declared;

//! How an optimizer is declared: its settings with their defaults, and everything that follows from
//! them.

/// Declares an optimizer: a struct with its settings, Keras's defaults, a method per setting, and
/// `Optimizer` in terms of its [`Rule`](super::steps::Rule).
macro_rules! optimizer {
    (
        $(#[$doc:meta])*
        $name:ident, $text:literal, learning_rate: $rate:literal
        $(, weight_decay: $decay:literal)? $(, scalars: $scalars:literal)?;
        $($(#[$setting_doc:meta])* $setting:ident: $type:ty = $default:expr;)*
    ) => {
        $(#[$doc])*
        #[derive(Debug, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $($setting: $type,)*
            #[serde(flatten)]
            settings: $crate::optimizers::steps::Settings,
            #[serde(skip)]
            state: $crate::optimizers::steps::State,
        }

        impl Default for $name {
            fn default() -> Self {
                $name::new()
            }
        }

        impl $name {
            /// With Keras's defaults.
            pub fn new() -> Self {
                #[allow(unused_mut, unused_assignments, reason = "most have no weight decay")]
                let mut decay = None;
                $(decay = Some($decay);)?
                $name {
                    $($setting: $default,)*
                    settings: $crate::optimizers::steps::Settings::new($rate, decay),
                    state: $crate::optimizers::steps::State::default(),
                }
            }

            $(
                $(#[$setting_doc])*
                pub fn $setting(mut self, $setting: $type) -> Self {
                    self.$setting = $setting;
                    self
                }
            )*

            #[doc = concat!("The step size, a number or a schedule; ", stringify!($rate), " without this call.")]
            pub fn learning_rate(
                mut self,
                learning_rate: impl Into<$crate::optimizers::LearningRate>,
            ) -> Self {
                self.settings.learning_rate = learning_rate.into();
                self
            }

            /// The share of each weight, times the step size, that is taken off in each step.
            pub fn weight_decay(mut self, weight_decay: f64) -> Self {
                self.settings.weight_decay = Some(weight_decay);
                self
            }

            /// Shortens the gradient of each weight to this length.
            pub fn clipnorm(mut self, clipnorm: f64) -> Self {
                self.settings.clipnorm = Some(clipnorm);
                self
            }

            /// Cuts each number of the gradients at plus and minus this.
            pub fn clipvalue(mut self, clipvalue: f64) -> Self {
                self.settings.clipvalue = Some(clipvalue);
                self
            }

            /// Shortens all gradients together to this length.
            pub fn global_clipnorm(mut self, global_clipnorm: f64) -> Self {
                self.settings.global_clipnorm = Some(global_clipnorm);
                self
            }

            /// Keeps moving averages of the weights, which replace them when `fit` ends.
            pub fn use_ema(mut self, use_ema: bool) -> Self {
                self.settings.use_ema = use_ema;
                self
            }

            /// How slowly the averages of the weights follow; 0.99 without this call.
            pub fn ema_momentum(mut self, ema_momentum: f64) -> Self {
                self.settings.ema_momentum = ema_momentum;
                self
            }

            /// Makes the weights their averages every so many steps.
            pub fn ema_overwrite_frequency(mut self, steps: i64) -> Self {
                self.settings.ema_overwrite_frequency = Some(steps);
                self
            }
        }

        impl $crate::optimizers::Optimizer for $name {
            fn name(&self) -> &str {
                $text
            }

            fn apply(
                &mut self,
                parameters: &[tch::Tensor],
                gradients: &[tch::Tensor],
            ) -> $crate::Result<()> {
                let mut state = std::mem::take(&mut self.state);
                let applied = state.apply(self, &self.settings, $text, parameters, gradients);
                self.state = state;
                applied
            }

            fn takes_factors(&self) -> bool {
                self.state.takes_factors(self, &self.settings)
            }

            fn record(&mut self, device: Option<tch::Device>) -> $crate::Result<bool> {
                let mut state = std::mem::take(&mut self.state);
                let recorded = state.record(self, &self.settings, device);
                self.state = state;
                recorded
            }

            fn before_replay(&mut self) -> $crate::Result<()> {
                let mut state = std::mem::take(&mut self.state);
                let written = state.before_replay(self, &self.settings);
                self.state = state;
                written
            }

            fn learning_rate(&self) -> f64 {
                self.settings.learning_rate.at(self.state.iterations)
            }

            fn set_learning_rate(&mut self, learning_rate: f64) -> $crate::Result<()> {
                self.settings.learning_rate.set(learning_rate, $text)
            }

            fn iterations(&self) -> i64 {
                self.state.iterations
            }

            fn state_count(&self) -> i64 {
                #[allow(unused_mut, unused_assignments, reason = "most have no further numbers")]
                let mut scalars = 0;
                $(scalars = $scalars;)?
                self.state.count(&self.settings, scalars)
            }

            fn check(&self) -> $crate::Result<()> {
                self.settings.check($text)
            }

            fn finish(&mut self, parameters: &[tch::Tensor]) -> $crate::Result<()> {
                self.state.overwrite(parameters)
            }

            fn state(&self) -> $crate::Result<Vec<(String, tch::Tensor)>> {
                Ok(self.state.named(self))
            }

            fn set_state(
                &mut self,
                iterations: i64,
                named: Vec<(String, tch::Tensor)>,
            ) -> $crate::Result<()> {
                let mut state = $crate::optimizers::steps::State::default();
                state.set_named(self, &self.settings, $text, iterations, named)?;
                self.state = state;
                Ok(())
            }

            fn config(&self) -> $crate::Result<serde_json::Value> {
                $crate::saving::config::class_config(stringify!($name), self)
            }
        }
    };
}
pub(super) use optimizer;

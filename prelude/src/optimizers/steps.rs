//! What every optimizer does around its formula: clipping, weight decay, the step, averages.
//!
//! Nothing here reads a number from the device, so no step waits for it.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::learning_rate::LearningRate;
use super::recorded::Numbers;
use crate::training::interrupt;
use crate::{Error, Result};

/// The settings that all optimizers have, under Keras's names.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) learning_rate: LearningRate,
    pub(super) weight_decay: Option<f64>,
    pub(super) clipnorm: Option<f64>,
    pub(super) clipvalue: Option<f64>,
    pub(super) global_clipnorm: Option<f64>,
    pub(super) use_ema: bool,
    pub(super) ema_momentum: f64,
    pub(super) ema_overwrite_frequency: Option<i64>,
}

impl Settings {
    pub(super) fn new(learning_rate: f64, weight_decay: Option<f64>) -> Self {
        Settings {
            learning_rate: LearningRate::Constant(learning_rate),
            weight_decay,
            clipnorm: None,
            clipvalue: None,
            global_clipnorm: None,
            use_ema: false,
            ema_momentum: 0.99,
            ema_overwrite_frequency: None,
        }
    }

    pub(super) fn check(&self, place: &str) -> Result<()> {
        let refused = |setting: &str, expected: &str, received: String| {
            Err(Error::InvalidArgument {
                place: format!("{place}: {setting}"),
                expected: expected.to_owned(),
                received,
            })
        };
        self.learning_rate.check(place)?;
        let clips = [self.clipnorm, self.clipvalue, self.global_clipnorm];
        if clips.iter().flatten().count() > 1 {
            let [norm, value, global] = clips;
            return refused(
                "clipping",
                "one of clipnorm, clipvalue and global_clipnorm",
                format!("{norm:?}, {value:?} and {global:?}"),
            );
        }
        if let Some(limit) = clips
            .into_iter()
            .flatten()
            .find(|limit| limit.is_nan() || *limit <= 0.0)
        {
            return refused("clipping", "a limit above 0", limit.to_string());
        }
        if !(0.0..=1.0).contains(&self.ema_momentum) {
            let momentum = self.ema_momentum.to_string();
            return refused("ema_momentum", "a share from 0 to 1", momentum);
        }
        match self.ema_overwrite_frequency {
            Some(steps) if steps < 1 => {
                refused("ema_overwrite_frequency", "at least 1", steps.to_string())
            }
            _ => Ok(()),
        }
    }

    /// Gradients within the limits, or as they are.
    fn clipped(&self, gradients: &[Tensor]) -> Result<Option<Vec<Tensor>>> {
        let each = |clip: &dyn Fn(&Tensor) -> Result<Tensor>| {
            gradients.iter().map(clip).collect::<Result<Vec<_>>>()
        };
        Ok(Some(if let Some(limit) = self.clipnorm {
            each(&|gradient| {
                let scale = gradient.f_norm()?.f_clamp_min(limit)?;
                Ok(gradient.f_mul_scalar(limit)?.f_div(&scale)?)
            })?
        } else if let Some(limit) = self.global_clipnorm {
            let norms: Result<Vec<_>, _> = gradients.iter().map(Tensor::f_norm).collect();
            let norm = Tensor::f_stack(&norms?, 0)?.f_norm()?;
            // An infinite or undefined norm makes the steps so, too, as in Keras: nothing is
            // learned from gradients that are lost, and the loss says so.
            let lost = norm.f_sub(&norm)?;
            let scale = norm
                .f_clamp_min(limit)?
                .f_reciprocal()?
                .f_mul_scalar(limit)?
                .f_add(&lost)?;
            each(&|gradient| Ok(gradient.f_mul(&scale)?))?
        } else if let Some(limit) = self.clipvalue {
            each(&|gradient| Ok(gradient.f_clamp(-limit, limit)?))?
        } else {
            return Ok(None);
        }))
    }
}

/// What an optimizer remembers between steps.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) iterations: i64,
    /// For each parameter, a tensor for each of the rule's slots.
    pub(super) slots: Vec<Vec<Tensor>>,
    /// For each parameter its moving average, if averages are kept.
    averages: Vec<Tensor>,
    /// What replayed steps read from the device, once a step was recorded.
    pub(super) numbers: Option<Numbers>,
    pub(super) is_recording: bool,
}

/// What a formula needs to know about the step it takes.
pub(crate) struct Moment {
    /// Counted from 1.
    pub(crate) step: i32,
    pub(crate) learning_rate: f64,
}

/// A tensor that is kept for each parameter.
pub(super) struct Slot {
    /// Keras's name.
    pub(super) name: &'static str,
    /// What it is filled with in the beginning.
    pub(super) initial: f64,
}

impl Slot {
    pub(super) const fn zeros(name: &'static str) -> Self {
        Slot { name, initial: 0.0 }
    }
}

/// The formula of one optimizer.
pub(super) trait Rule {
    /// What it keeps for each parameter, in the order that `step` gets it.
    fn slots(&self) -> Vec<Slot>;

    /// Changes one parameter in place.
    fn step(
        &self,
        moment: &Moment,
        parameter: &mut Tensor,
        gradient: &Tensor,
        slots: &mut [Tensor],
    ) -> Result<()>;

    /// Changes all of them. A rule for which libtorch has one call for many tensors replaces this.
    fn step_all(
        &self,
        moment: &Moment,
        parameters: &[Tensor],
        gradients: &[Tensor],
        slots: &mut [Vec<Tensor>],
    ) -> Result<()> {
        for ((parameter, gradient), slots) in parameters.iter().zip(gradients).zip(slots) {
            self.step(moment, &mut parameter.shallow_clone(), gradient, slots)?;
        }
        Ok(())
    }

    /// Whether `step_all` takes gradients as factors ([`crate::native::factors`]).
    fn takes_factors(&self) -> bool {
        false
    }

    /// The number that a recorded step reads as its size; `None` for a rule without such a step.
    fn recorded_rate(&self, moment: &Moment) -> Option<f64> {
        let _ = moment;
        None
    }

    /// As `step_all`, with the number of [`recorded_rate`](Rule::recorded_rate) read from the device.
    fn recorded_step(
        &self,
        numbers: &Numbers,
        parameters: &[Tensor],
        gradients: &[Tensor],
        slots: &mut [Vec<Tensor>],
    ) -> Result<()> {
        let _ = (numbers, parameters, gradients, slots);
        Err(wrong_slots("an optimizer that records its steps"))
    }
}

/// What a rule says when it is given other tensors than it has asked for.
pub(super) fn wrong_slots(optimizer: &str) -> Error {
    Error::InvalidArgument {
        place: optimizer.to_owned(),
        expected: "the state of this optimizer".into(),
        received: "that of another: compile the model again".into(),
    }
}

impl State {
    /// One step, in Keras's order.
    pub(super) fn apply(
        &mut self,
        rule: &impl Rule,
        settings: &Settings,
        place: &str,
        parameters: &[Tensor],
        gradients: &[Tensor],
    ) -> Result<()> {
        // Before anything has changed: the step is done or not.
        interrupt::check()?;
        let _guard = tch::no_grad_guard();
        // Also for a rule without slots whose state was loaded: it has saved none.
        if self.slots.is_empty() {
            self.start(rule, settings, parameters)?;
        }
        if self.slots.len() != parameters.len() || gradients.len() != parameters.len() {
            return Err(Error::InvalidArgument {
                place: place.to_owned(),
                expected: format!("{} parameters with their gradients", self.slots.len()),
                received: format!(
                    "{} parameters and {} gradients: compile the model again after a change of its layers",
                    parameters.len(),
                    gradients.len()
                ),
            });
        }
        let clipped = settings.clipped(gradients)?;
        let gradients = clipped.as_deref().unwrap_or(gradients);
        if let (true, Some(numbers)) = (self.is_recording, &self.numbers) {
            return numbers.apply(rule, settings, parameters, gradients, &mut self.slots);
        }
        let moment = self.moment(settings);
        let learning_rate = moment.learning_rate;
        if let Some(decay) = settings.weight_decay {
            for parameter in parameters {
                let kept = 1.0 - decay * learning_rate;
                let _ = parameter.shallow_clone().f_mul_scalar_(kept)?;
            }
        }
        rule.step_all(&moment, parameters, gradients, &mut self.slots)?;
        if settings.use_ema {
            self.average(settings, parameters)?;
        }
        self.iterations += 1;
        Ok(())
    }

    /// Whether nothing but the rule's formula reads the gradients of the next step.
    pub(super) fn takes_factors(&self, rule: &impl Rule, settings: &Settings) -> bool {
        let clips = [
            settings.clipnorm,
            settings.clipvalue,
            settings.global_clipnorm,
        ];
        rule.takes_factors() && !self.is_recording && clips.iter().all(Option::is_none)
    }

    pub(super) fn moment(&self, settings: &Settings) -> Moment {
        Moment {
            step: i32::try_from(self.iterations + 1).unwrap_or(i32::MAX),
            learning_rate: settings.learning_rate.at(self.iterations),
        }
    }

    fn start(
        &mut self,
        rule: &impl Rule,
        settings: &Settings,
        parameters: &[Tensor],
    ) -> Result<()> {
        let slots = rule.slots();
        let fresh = |parameter: &Tensor| {
            let filled = |slot: &Slot| Ok(parameter.f_full_like(slot.initial)?.f_detach()?);
            slots.iter().map(filled).collect::<Result<Vec<_>>>()
        };
        self.slots = parameters.iter().map(fresh).collect::<Result<_>>()?;
        if settings.use_ema {
            let zeros = parameters.iter().map(Tensor::f_zeros_like);
            self.averages = zeros.collect::<Result<_, _>>()?;
        }
        Ok(())
    }

    fn average(&mut self, settings: &Settings, parameters: &[Tensor]) -> Result<()> {
        // The first value is the average of one.
        let momentum = match self.iterations {
            0 => 0.0,
            _ => settings.ema_momentum,
        };
        for (average, parameter) in self.averages.iter_mut().zip(parameters) {
            let _ = average.f_lerp_(parameter, 1.0 - momentum)?;
        }
        match settings.ema_overwrite_frequency {
            Some(steps) if (self.iterations + 1) % steps == 0 => self.overwrite(parameters),
            _ => Ok(()),
        }
    }

    /// Makes the parameters their averages, if there are any.
    pub(super) fn overwrite(&self, parameters: &[Tensor]) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for (average, parameter) in self.averages.iter().zip(parameters) {
            parameter.shallow_clone().f_copy_(average)?;
        }
        Ok(())
    }

    /// Keras also counts the number of steps, and the learning rate unless a schedule has it.
    pub(super) fn count(&self, settings: &Settings, scalars: i64) -> i64 {
        if self.iterations == 0 {
            return 0;
        }
        let tensors = self.slots.iter().flatten().chain(&self.averages);
        let numbers: i64 = tensors.map(|tensor| tensor.numel() as i64).sum();
        let rate = i64::from(!settings.learning_rate.is_schedule());
        numbers + 1 + rate + scalars
    }

    pub(super) fn named(&self, rule: &impl Rule) -> Vec<(String, Tensor)> {
        let names: Vec<&str> = rule.slots().iter().map(|slot| slot.name).collect();
        let mut named = Vec::new();
        for (index, slots) in self.slots.iter().enumerate() {
            for (name, slot) in names.iter().zip(slots) {
                named.push((format!("{name}/{index}"), slot.shallow_clone()));
            }
        }
        for (index, average) in self.averages.iter().enumerate() {
            named.push((format!("average/{index}"), average.shallow_clone()));
        }
        named
    }

    pub(super) fn set_named(
        &mut self,
        rule: &impl Rule,
        settings: &Settings,
        place: &str,
        iterations: i64,
        named: Vec<(String, Tensor)>,
    ) -> Result<()> {
        let mut names: Vec<&str> = rule.slots().iter().map(|slot| slot.name).collect();
        if settings.use_ema {
            names.push("average");
        }
        let mut tensors: std::collections::HashMap<String, Tensor> = named.into_iter().collect();
        let count = match names.len() {
            0 => 0,
            kinds => tensors.len() / kinds,
        };
        if let (0, Some(name), 1..) = (count, names.first(), iterations) {
            return Err(missing(place, &format!("{name}/0")));
        }
        let mut state = State {
            iterations,
            ..State::default()
        };
        for index in 0..count {
            let mut slots = Vec::new();
            for name in &names {
                let name = format!("{name}/{index}");
                let tensor = tensors.remove(&name).ok_or_else(|| missing(place, &name))?;
                slots.push(tensor);
            }
            if settings.use_ema {
                state.averages.extend(slots.pop());
            }
            state.slots.push(slots);
        }
        match tensors.keys().next() {
            Some(name) => Err(missing(place, name)),
            None => {
                *self = state;
                Ok(())
            }
        }
    }
}

fn missing(place: &str, name: &str) -> Error {
    Error::InvalidArgument {
        place: format!("{place}: set_state"),
        expected: "the tensors that state() of this optimizer gives".into(),
        received: format!("`{name}` in one of them only"),
    }
}

//! Steps of an optimizer that are recorded once and replayed, on a GPU.
//!
//! A recording knows addresses, not numbers: whatever changes from step to step lies on the device, is
//! written there before each replay, and is read by what was recorded. `steps.rs` has the plain steps;
//! what records and when is `training/recorded_step.rs`'s.

use tch::{Device, Kind, Tensor};

use super::steps::{Moment, Rule, Settings, State, wrong_slots};
use crate::Result;

/// A number of steps after which `βᵗ` is 0, for every β that makes sense.
const VERY_MANY: f64 = 1e9;

/// What changes from step to step, each of one element.
#[derive(Debug)]
pub(super) struct Numbers {
    pub(super) rate: Tensor,
    /// What weight decay leaves of a weight.
    kept: Tensor,
    /// Always [`VERY_MANY`].
    pub(super) steps: Tensor,
}

impl Numbers {
    pub(super) fn new(device: Device) -> Result<Self> {
        let number = |value: f64| Tensor::f_full([0i64; 0], value, (Kind::Float, device));
        Ok(Numbers {
            rate: number(0.0)?,
            kept: number(1.0)?,
            steps: number(VERY_MANY)?,
        })
    }

    /// Before a replay: the numbers of this step.
    pub(super) fn write(
        &mut self,
        rule: &impl Rule,
        settings: &Settings,
        moment: &Moment,
    ) -> Result<()> {
        let rate = rule.recorded_rate(moment).unwrap_or(moment.learning_rate);
        let _ = self.rate.f_fill_(rate)?;
        if let Some(decay) = settings.weight_decay {
            let _ = self.kept.f_fill_(1.0 - decay * moment.learning_rate)?;
        }
        Ok(())
    }

    /// What a step does on the device.
    pub(super) fn apply(
        &self,
        rule: &impl Rule,
        settings: &Settings,
        parameters: &[Tensor],
        gradients: &[Tensor],
        slots: &mut [Vec<Tensor>],
    ) -> Result<()> {
        if settings.weight_decay.is_some() {
            for parameter in parameters {
                let _ = parameter.shallow_clone().f_mul_(&self.kept)?;
            }
        }
        rule.recorded_step(self, parameters, gradients, slots)
    }
}

impl State {
    /// With a device, `apply` does only what a recording can contain, until it is called without one.
    /// Returns whether that is possible; the first step must have been done.
    pub(super) fn record(
        &mut self,
        rule: &impl Rule,
        settings: &Settings,
        device: Option<Device>,
    ) -> Result<bool> {
        // Moving averages are decided on step by step.
        let is_possible = rule.recorded_rate(&self.moment(settings)).is_some() && !settings.use_ema;
        self.is_recording = is_possible && device.is_some() && !self.slots.is_empty();
        if let (true, Some(device), None) = (self.is_recording, device, &self.numbers) {
            self.numbers = Some(Numbers::new(device)?);
        }
        Ok(is_possible && (device.is_none() || self.is_recording))
    }

    /// Before a replay: writes its numbers, and counts it.
    pub(super) fn before_replay(&mut self, rule: &impl Rule, settings: &Settings) -> Result<()> {
        let moment = self.moment(settings);
        let numbers = self.numbers.as_mut();
        let numbers = numbers.ok_or_else(|| wrong_slots("an optimizer that has recorded"))?;
        numbers.write(rule, settings, &moment)?;
        self.iterations += 1;
        Ok(())
    }
}

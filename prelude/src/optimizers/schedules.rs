//! Learning rates that change with the steps, with Keras's formulas; [`OneCycle`] is PyTorch's.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::learning_rate::LearningRateSchedule;
use crate::saving::config::{class_config, from_class, unknown_class};
use crate::{Error, Result};

/// Declares a schedule: arguments of `new`, settings with defaults, and its formula.
macro_rules! schedule {
    (
        $(#[$doc:meta])*
        $name:ident ($($argument:ident: $argument_type:ty),*);
        [$($(#[$setting_doc:meta])* $setting:ident: $type:ty = $default:expr;)*];
        check |$checked:ident| $check:expr;
        at |$this:ident, $step:ident| $formula:expr
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct $name {
            $($argument: $argument_type,)*
            $($setting: $type,)*
        }

        impl $name {
            /// The schedule with these arguments; the others have the defaults of its source.
            pub fn new($($argument: impl Into<$argument_type>),*) -> Self {
                $name {
                    $($argument: $argument.into(),)*
                    $($setting: $default,)*
                }
            }

            $(
                $(#[$setting_doc])*
                pub fn $setting(mut self, $setting: $type) -> Self {
                    self.$setting = $setting;
                    self
                }
            )*
        }

        impl LearningRateSchedule for $name {
            fn at(&self, step: i64) -> f64 {
                let ($this, $step) = (self, step as f64);
                $formula
            }

            fn check(&self) -> Result<()> {
                let $checked = self;
                $check
            }

            fn config(&self) -> Result<Value> {
                class_config(stringify!($name), self)
            }
        }
    };
}

schedule!(
    /// `initial_learning_rate · decay_rate ^ (step / decay_steps)`.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let schedule = ExponentialDecay::new(0.1, 1000, 0.5);
    /// assert_eq!(schedule.at(1000), 0.05);
    /// let optimizer = Adam::new().learning_rate(schedule);
    /// ```
    ///
    /// # Source
    /// Keras 3, `keras.optimizers.schedules.ExponentialDecay`.
    ExponentialDecay(initial_learning_rate: f64, decay_steps: i64, decay_rate: f64);
    [
    /// Whether it changes only every `decay_steps` steps.
    staircase: bool = false;
    ];
    check |this| positive("ExponentialDecay: decay_steps", this.decay_steps);
    at |this, step| {
        let p = whole_if(this.staircase, step / this.decay_steps as f64);
        this.initial_learning_rate * this.decay_rate.powf(p)
    }
);

schedule!(
    /// `initial_learning_rate / (1 + decay_rate · step / decay_steps)`.
    ///
    /// # Source
    /// Keras 3, `keras.optimizers.schedules.InverseTimeDecay`.
    InverseTimeDecay(initial_learning_rate: f64, decay_steps: i64, decay_rate: f64);
    [
    /// Whether it changes only every `decay_steps` steps.
    staircase: bool = false;
    ];
    check |this| positive("InverseTimeDecay: decay_steps", this.decay_steps);
    at |this, step| {
        let p = whole_if(this.staircase, step / this.decay_steps as f64);
        this.initial_learning_rate / (1.0 + this.decay_rate * p)
    }
);

schedule!(
    /// From `initial_learning_rate` to `end_learning_rate` in `decay_steps` steps, along a power of
    /// the time that is left.
    ///
    /// # Source
    /// Keras 3, `keras.optimizers.schedules.PolynomialDecay`.
    PolynomialDecay(initial_learning_rate: f64, decay_steps: i64);
    [
    /// Where it ends; 0.0001 without this call.
    end_learning_rate: f64 = 1e-4;
    /// The power; 1, a straight line, without this call.
    power: f64 = 1.0;
    /// Whether it begins again, for twice, three times … as many steps.
    cycle: bool = false;
    ];
    check |this| positive("PolynomialDecay: decay_steps", this.decay_steps);
    at |this, step| {
        let decay_steps = this.decay_steps as f64;
        let (step, decay_steps) = match this.cycle {
            true => (step, decay_steps * (step / decay_steps).ceil().max(1.0)),
            false => (step.min(decay_steps), decay_steps),
        };
        let left = (1.0 - step / decay_steps).powf(this.power);
        (this.initial_learning_rate - this.end_learning_rate) * left + this.end_learning_rate
    }
);

schedule!(
    /// `values[0]` up to and including step `boundaries[0]`, then `values[1]`, and so on.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let schedule = PiecewiseConstantDecay::new([1000, 2000], [0.1, 0.01, 0.001]);
    /// assert_eq!([1000, 1001, 9999].map(|step| schedule.at(step)), [0.1, 0.01, 0.001]);
    /// ```
    ///
    /// # Source
    /// Keras 3, `keras.optimizers.schedules.PiecewiseConstantDecay`.
    PiecewiseConstantDecay(boundaries: Vec<i64>, values: Vec<f64>);
    [];
    check |this| match this.values.len() == this.boundaries.len() + 1 {
        true => Ok(()),
        false => refused(
            "PiecewiseConstantDecay",
            "one value more than boundaries",
            format!("{} boundaries and {} values", this.boundaries.len(), this.values.len()),
        ),
    };
    at |this, step| {
        let passed = this.boundaries.iter().filter(|&&boundary| step > boundary as f64).count();
        this.values.get(passed).or(this.values.last()).copied().unwrap_or(0.0)
    }
);

schedule!(
    /// From `initial_learning_rate` down to `alpha` times it in `decay_steps` steps, along half a
    /// cosine; before that up from it to a warm-up's target, if there is one.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// // 100 steps from 0 to 0.1, then 900 down to 0.
    /// let schedule = CosineDecay::new(0.0, 900).warmup(0.1, 100);
    /// assert_eq!([0, 50, 100, 1000].map(|step| schedule.at(step)), [0.0, 0.05, 0.1, 0.0]);
    /// ```
    ///
    /// # Source
    /// Keras 3, `keras.optimizers.schedules.CosineDecay`; Loshchilov and Hutter 2016.
    CosineDecay(initial_learning_rate: f64, decay_steps: i64);
    [
    /// The share that is left in the end; 0 without this call.
    alpha: f64 = 0.0;
    /// Where a warm-up of `warmup_steps` leads to and the decay begins.
    warmup_target: Option<f64> = None;
    /// How long the warm-up takes.
    warmup_steps: i64 = 0;
    ];
    check |this| positive("CosineDecay: decay_steps", this.decay_steps);
    at |this, step| {
        let (warmup, decay_steps) = (this.warmup_steps as f64, this.decay_steps as f64);
        let decayed = |from: f64, step: f64| {
            let cosine = 0.5 * (1.0 + (PI * step.min(decay_steps) / decay_steps).cos());
            from * ((1.0 - this.alpha) * cosine + this.alpha)
        };
        match this.warmup_target {
            Some(target) if step < warmup => {
                (target - this.initial_learning_rate) * (step / warmup) + this.initial_learning_rate
            }
            Some(target) => decayed(target, step - warmup),
            None => decayed(this.initial_learning_rate, step),
        }
    }
);

impl CosineDecay {
    /// Begins with a straight line from the initial rate to `target` in `steps` steps.
    pub fn warmup(self, target: f64, steps: i64) -> Self {
        self.warmup_target(Some(target)).warmup_steps(steps)
    }
}

schedule!(
    /// Half a cosine down, again and again: the first time in `first_decay_steps` steps.
    ///
    /// # Source
    /// Keras 3, `keras.optimizers.schedules.CosineDecayRestarts`; Loshchilov and Hutter 2016 (SGDR).
    CosineDecayRestarts(initial_learning_rate: f64, first_decay_steps: i64);
    [
    /// How much longer each time takes than the one before; 2 without this call.
    t_mul: f64 = 2.0;
    /// How much higher or lower each time begins; 1 without this call.
    m_mul: f64 = 1.0;
    /// The share that is left at each end; 0 without this call.
    alpha: f64 = 0.0;
    ];
    check |this| positive("CosineDecayRestarts: first_decay_steps", this.first_decay_steps);
    at |this, step| {
        let done = step / this.first_decay_steps as f64;
        let (restarts, part) = if this.t_mul == 1.0 {
            (done.floor(), done.fract())
        } else {
            let restarts = ((1.0 - done * (1.0 - this.t_mul)).ln() / this.t_mul.ln()).floor();
            let length = this.t_mul.powf(restarts);
            let before = (1.0 - length) / (1.0 - this.t_mul);
            (restarts, (done - before) / length)
        };
        let cosine = 0.5 * this.m_mul.powf(restarts) * (1.0 + (PI * part).cos());
        this.initial_learning_rate * ((1.0 - this.alpha) * cosine + this.alpha)
    }
);

schedule!(
    /// Up from a small rate to `max_learning_rate` and down to a tiny one, in `total_steps` steps:
    /// fastai's `fit_one_cycle`.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// // Five epochs of 1688 batches.
    /// let optimizer = SGD::new().momentum(0.9).learning_rate(OneCycle::new(0.1, 5 * 1688));
    /// assert!((Optimizer::learning_rate(&optimizer) - 0.1 / 25.0).abs() < 1e-12);
    /// ```
    ///
    /// # Source
    /// PyTorch, `torch.optim.lr_scheduler.OneCycleLR` with cosines and two phases, without its cycle
    /// of momentum; Smith and Topin 2017.
    OneCycle(max_learning_rate: f64, total_steps: i64);
    [
    /// The share of the steps that goes up; 0.3 without this call.
    pct_start: f64 = 0.3;
    /// How much smaller than the maximum it begins; 25 without this call.
    div_factor: f64 = 25.0;
    /// How much smaller than in the beginning it ends; 10000 without this call.
    final_div_factor: f64 = 1e4;
    ];
    check |this| match (0.0..=1.0).contains(&this.pct_start) {
        true => positive("OneCycle: total_steps", this.total_steps),
        false => refused("OneCycle: pct_start", "a share from 0 to 1", this.pct_start.to_string()),
    };
    at |this, step| {
        let last = (this.total_steps - 1) as f64;
        let top = this.pct_start * this.total_steps as f64 - 1.0;
        let (first, end) = {
            let first = this.max_learning_rate / this.div_factor;
            (first, first / this.final_div_factor)
        };
        let cosine = |from: f64, to: f64, part: f64| to + (from - to) / 2.0 * (1.0 + (PI * part).cos());
        match step <= top {
            true => cosine(first, this.max_learning_rate, step / top),
            false => {
                let part = (step.min(last) - top) / (last - top);
                cosine(this.max_learning_rate, end, part)
            }
        }
    }
);

/// Makes a schedule from what [`LearningRateSchedule::config`] gave.
pub(super) fn from_config(config: &Value) -> Result<Box<dyn LearningRateSchedule>> {
    macro_rules! known {
        ($($name:ident),*) => {$(
            if let Some(schedule) = from_class::<$name>(config, stringify!($name))? {
                return Ok(Box::new(schedule));
            }
        )*};
    }
    known!(
        ExponentialDecay,
        InverseTimeDecay,
        PolynomialDecay,
        PiecewiseConstantDecay,
        CosineDecay,
        CosineDecayRestarts,
        OneCycle
    );
    Err(unknown_class("learning rate schedule", config))
}

fn whole_if(staircase: bool, p: f64) -> f64 {
    if staircase { p.floor() } else { p }
}

fn positive(place: &str, steps: i64) -> Result<()> {
    match steps > 0 {
        true => Ok(()),
        false => refused(place, "at least 1", steps.to_string()),
    }
}

fn refused(place: &str, expected: &str, received: String) -> Result<()> {
    Err(Error::InvalidArgument {
        place: place.to_owned(),
        expected: expected.to_owned(),
        received,
    })
}

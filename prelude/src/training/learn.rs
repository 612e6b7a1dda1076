//! The training loop: epochs of batches, validation, history, and who is told of it.
//!
//! What happens to one batch is `step.rs`; where batches come from `feed.rs`; what is shown
//! `progress/`.

use std::time::Duration;

use tch::Tensor;

use super::callbacks::training::Control;
use super::callbacks::{Callback, Callbacks, Training};
use super::clock::Clock;
use super::compile::compiled;
use super::epoch::EpochSoFar;
use super::evaluate::{Measured, measure};
use super::feed::Feed;
use super::fit::Fit;
use super::history::History;
use super::interrupt;
use super::logs::Logs;
use super::progress::FitDisplay;
use super::recorded_step::Steps;
use super::sources::{Dealing, prepare};
use crate::model::network::Network;
use crate::random::{self, RandomState};
use crate::{Error, Result, Shape};

/// A training that is running.
struct Learning<'a> {
    model: &'a mut dyn Network,
    seed: u32,
    callbacks: Callbacks<'a>,
    control: Control,
    feed: Feed,
    /// Shapes of the outputs, which targets are checked against.
    outputs: Vec<Shape>,
    validation: Option<Measured>,
    validation_freq: usize,
    variables: Vec<Tensor>,
    steps: Steps,
    clock: Clock,
    started: Duration,
    display: FitDisplay,
    history: History,
}

/// Checks everything that can be wrong before the first step, and trains.
pub(super) fn run(fit: Fit<'_>) -> Result<History> {
    let mut learning = Learning::new(fit)?;
    let ended = learning.run();
    learning.display.finish();
    ended.map(|()| learning.history)
}

impl<'a> Learning<'a> {
    fn new(fit: Fit<'a>) -> Result<Self> {
        fit.data.build(fit.model)?;
        for (option, value) in [
            ("validation_freq", Some(fit.validation_freq)),
            ("steps_per_epoch", fit.steps_per_epoch),
            ("validation_steps", fit.validating.steps),
            ("validation_batch_size", fit.validating.batch_size),
        ] {
            if value == Some(0) {
                return Err(Error::InvalidArgument {
                    place: format!("fit: {option}"),
                    expected: "at least 1".into(),
                    received: "0".into(),
                });
            }
        }
        let model: &dyn Network = fit.model;
        // A training that goes on shuffles as the one before, unless it is told otherwise.
        let continued = (fit.initial_epoch > 0)
            .then_some(model.training().seed)
            .flatten();
        let seed = fit.seed.or(continued).unwrap_or_else(random::next_seed);
        let dealing = Dealing {
            batch_size: fit.batch_size,
            steps_per_epoch: fit.steps_per_epoch,
            random: fit.shuffle.then(|| RandomState::new(seed)),
        };
        let (feed, validation) = prepare(
            model,
            fit.data,
            fit.validation,
            fit.weighting,
            dealing,
            fit.validating,
        )?;
        let outputs = model.output_shapes();
        let steps = Some(feed.steps());
        let variables = model.trainable_variables();
        let recorded = Steps::new(model, compiled(model, "fit")?);
        fit.model.training_mut().seed = Some(seed);
        Ok(Learning {
            model: fit.model,
            seed,
            callbacks: fit.callbacks,
            control: Control {
                epochs: fit.epochs,
                initial_epoch: fit.initial_epoch,
                steps,
                ..Control::default()
            },
            feed,
            outputs,
            validation,
            validation_freq: fit.validation_freq,
            variables,
            steps: recorded,
            started: fit.clock.now(),
            display: FitDisplay::new(fit.verbosity, fit.clock.clone(), fit.epochs, steps),
            clock: fit.clock,
            history: History::default(),
        })
    }

    fn run(&mut self) -> Result<()> {
        // Callbacks, layers and losses of the user's may print.
        let _unbroken = interrupt::Unbroken::by_printing();
        self.tell(None, |callback, training| callback.on_train_begin(training))?;
        // A callback may have restored an earlier training.
        let initial_epoch = self.control.initial_epoch;
        if let Some(seed) = self.model.training().seed.filter(|&seed| seed != self.seed) {
            self.seed = seed;
            self.feed.reseed(seed);
        }
        self.feed.skip_epochs(initial_epoch)?;
        let history = &mut self.model.training_mut().history;
        history.keep_before(initial_epoch + 1);
        let mut logs = Logs::default();
        for epoch in initial_epoch..self.control.epochs {
            if self.control.stop {
                break;
            }
            self.tell(None, |callback, training| {
                callback.on_epoch_begin(epoch, training)
            })?;
            logs = self.epoch(epoch)?;
        }
        let optimizer = &compiled(self.model, "fit")?.optimizer;
        optimizer.borrow_mut().finish(&self.variables)?;
        self.tell(None, |callback, training| {
            callback.on_train_end(&logs, training)
        })
    }

    /// One epoch, counted from 0 here and in callbacks, from 1 where users read.
    fn epoch(&mut self, epoch: usize) -> Result<Logs> {
        let compiled = compiled(self.model, "fit")?;
        let metrics = compiled.start_metrics(self.model.output_names())?;
        let steps = self.control.steps;
        let mut so_far = EpochSoFar::new(metrics, epoch + 1, steps, self.model.device())?;
        random::seed_epoch(self.seed, epoch);
        self.display.epoch_begins(epoch + 1);
        self.feed.epoch_begins()?;
        for batch in 0..self.feed.steps() {
            if interrupt::take() {
                return Err(self.interrupted(epoch, &so_far));
            }
            self.step(batch, &mut so_far)?;
            if self.control.stop {
                break;
            }
            if self.display.is_due(batch + 1) {
                let (logs, losses) = self.read(&so_far)?;
                self.display
                    .paint(batch + 1, so_far.samples(), &logs, &losses);
            }
        }
        let (mut logs, _) = self.read(&so_far)?;
        self.display.learned(so_far.samples());
        if self.validation.is_some() && (epoch + 1).is_multiple_of(self.validation_freq) {
            let measured = self.validate(epoch, &so_far, &logs)?;
            logs = logs.with("val_", measured);
        }
        self.call(None, |callback, training| {
            callback.on_epoch_end(epoch, &mut logs, training)
        })?;
        self.keep(epoch, &so_far, &logs)?;
        Ok(logs)
    }

    fn step(&mut self, batch: usize, so_far: &mut EpochSoFar) -> Result<()> {
        self.tell(Some(so_far), |callback, training| {
            callback.on_train_batch_begin(batch, training)
        })?;
        let compiled = compiled(self.model, "fit")?;
        let check = |y: &[Tensor]| compiled.check_targets(y, &self.outputs, "fit_dataset");
        let data = {
            // A dataset's safe point; between two batches of `fit` there is a better one.
            let _unbroken = interrupt::Unbroken::begin();
            self.feed.next(&check)?
        };
        if std::mem::take(&mut self.control.model_changed) {
            self.steps.forget();
        }
        let step = self
            .steps
            .train_on_batch(self.model, compiled, &self.variables, &data)?;
        so_far.add(&step, &data)?;
        self.control.steps_done += 1;
        self.control.messages.extend(self.steps.take_notice());
        self.tell(Some(so_far), |callback, training| {
            callback.on_train_batch_end(batch, training)
        })
    }

    /// Means and losses so far; a loss that is no number ends the training, unless a callback looks
    /// after it.
    fn read(&mut self, so_far: &EpochSoFar) -> Result<(Logs, Vec<f64>)> {
        let (logs, losses) = so_far.read()?;
        if !self.control.tolerates_nan
            && let Err(error) = so_far.check_finite(&losses)
        {
            self.display.stopped(so_far.done(), &logs, "failed");
            return Err(error);
        }
        Ok((logs, losses))
    }

    fn validate(&mut self, epoch: usize, so_far: &EpochSoFar, logs: &Logs) -> Result<Logs> {
        self.tell(None, |callback, training| callback.on_test_begin(training))?;
        let Some(validation) = &self.validation else {
            return Ok(Logs::default());
        };
        let compiled = compiled(self.model, "fit")?;
        let (count, display) = (validation.count(), &mut self.display);
        let measured = measure(self.model, compiled, validation, |done| {
            display.validating(done, count, so_far.done(), logs);
        });
        let measured = measured.map_err(|error| match error {
            Error::Interrupted => self.interrupted(epoch, so_far),
            other => other,
        })?;
        self.tell(None, |callback, training| {
            callback.on_test_end(&measured, training)
        })?;
        Ok(measured)
    }

    fn keep(&mut self, epoch: usize, so_far: &EpochSoFar, logs: &Logs) -> Result<()> {
        let compiled = compiled(self.model, "fit")?;
        let learning_rate = compiled.optimizer.borrow().learning_rate();
        let messages = std::mem::take(&mut self.control.messages);
        let took = self
            .display
            .epoch_ends(so_far.done(), logs, learning_rate, messages);
        let number = epoch + 1;
        self.history.push(number, logs, took, learning_rate);
        let history = &mut self.model.training_mut().history;
        history.push(number, logs, took, learning_rate);
        Ok(())
    }

    /// Calls one method of each callback, and shows what they have to say.
    fn tell(
        &mut self,
        so_far: Option<&EpochSoFar>,
        event: impl FnMut(&mut dyn Callback, &mut Training<'_>) -> Result<()>,
    ) -> Result<()> {
        let told = self.call(so_far, event);
        for message in std::mem::take(&mut self.control.messages) {
            self.display.message(message);
        }
        told
    }

    fn call(
        &mut self,
        so_far: Option<&EpochSoFar>,
        mut event: impl FnMut(&mut dyn Callback, &mut Training<'_>) -> Result<()>,
    ) -> Result<()> {
        if self.callbacks.is_empty() {
            return Ok(());
        }
        self.control.elapsed = self.clock.now() - self.started;
        let mut training = Training::new(self.model, &mut self.control, so_far);
        self.callbacks
            .tell(|callback| event(callback, &mut training))
    }

    fn interrupted(&mut self, epoch: usize, so_far: &EpochSoFar) -> Error {
        // What cannot be read any more cannot be shown.
        let logs = so_far.logs().unwrap_or_default();
        self.display.stopped(so_far.done(), &logs, "interrupted");
        Error::FitInterrupted {
            epoch: epoch + 1,
            epochs: self.control.epochs,
            initial_epoch: self.control.initial_epoch,
            batch: so_far.done(),
            batches: self.feed.steps(),
        }
    }
}

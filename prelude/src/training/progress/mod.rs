//! What `fit` shows while it runs: Keras 3's lines as text, and beside them, as HTML, a bar, a
//! growing table of epochs and the curves.
//!
//! `fit.rs` brings the numbers, and asks before it reads any from the device whether it is time to
//! paint. Painting happens on the training thread: a thread of its own would have to be fed with
//! numbers all the same, and would take the processor from libtorch's threads.

mod board;
mod curves;
mod html;
pub(crate) mod iterator;
mod pace;
mod panel;
pub(crate) mod screen;
pub(crate) mod text;

use std::time::Duration;

use super::clock::Clock;
use super::history::History;
use super::logs::Logs;
use curves::Curves;
use pace::Pace;
use screen::Screen;
use text::Timing;

/// How much is shown, as Keras counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// 0: nothing.
    Silent,
    /// 1: a bar.
    Bar,
    /// 2: one line per epoch.
    Lines,
}

/// The display of one `fit`.
pub(crate) struct FitDisplay {
    verbosity: Verbosity,
    screen: Screen,
    clock: Clock,
    epochs: usize,
    steps: Option<usize>,
    finished: Vec<String>,
    /// Of this `fit` alone.
    history: History,
    curves: Curves,
    epoch: usize,
    /// How many epochs were done before this `fit`.
    epochs_before: Option<usize>,
    pace: Pace,
    fit_started: Duration,
    epoch_started: Duration,
    /// When the first step was done: it also pays for what happens only once, and is not counted in
    /// the step time.
    first_step: Option<Duration>,
    samples: i64,
    /// Without validation.
    time_learning: Duration,
    is_over: bool,
}

impl FitDisplay {
    pub(crate) fn new(
        verbosity: Verbosity,
        clock: Clock,
        epochs: usize,
        steps: Option<usize>,
    ) -> Self {
        let now = clock.now();
        FitDisplay {
            verbosity,
            screen: Screen::new(),
            clock,
            epochs,
            steps,
            finished: Vec::new(),
            history: History::default(),
            curves: Curves::default(),
            epoch: 0,
            epochs_before: None,
            pace: Pace::default(),
            fit_started: now,
            epoch_started: now,
            first_step: None,
            samples: 0,
            time_learning: Duration::ZERO,
            is_over: false,
        }
    }

    pub(crate) fn epoch_begins(&mut self, epoch: usize) {
        (self.epoch, self.first_step) = (epoch, None);
        self.epochs_before.get_or_insert(epoch.saturating_sub(1));
        self.epoch_started = self.clock.now();
        if self.epochs > 1 {
            self.finished.push(format!("Epoch {epoch}/{}", self.epochs));
        }
        // The first step can take long, and something should be there to look at.
        if self.history.epochs().is_empty() && self.screen.is_live() {
            self.show_epochs();
        }
    }

    /// A line of a callback.
    pub(crate) fn message(&mut self, text: String) {
        match self.verbosity {
            Verbosity::Silent => println!("{text}"),
            _ => self.finished.push(text),
        }
    }

    /// Whether a paint is due after batch number `done` (from 1).
    pub(crate) fn is_due(&mut self, done: usize) -> bool {
        if self.verbosity != Verbosity::Bar {
            return false;
        }
        let now = self.clock.now();
        if done == 1 {
            self.first_step = Some(now);
        }
        self.screen.is_live() && self.pace.is_due(now)
    }

    /// After batch number `done`: means so far, and the loss of each batch.
    pub(crate) fn paint(&mut self, done: usize, samples: i64, logs: &Logs, losses: &[f64]) {
        let started = self.clock.now();
        let timing = self.timing(done);
        let share = self.steps.map(|steps| done as f64 / steps.max(1) as f64);
        self.curves.add_running(self.epoch, share, losses, logs);
        let status = html::Status::Learning {
            epoch: self.epoch,
            timing,
            samples,
            fit_left: self.fit_left(timing),
        };
        let line = text::running_line(timing, logs);
        self.show(Some(&line), &status, share, Some(logs));
        self.pace.painted(started, self.clock.now());
    }

    /// During validation, after batch number `done` of `count`.
    pub(crate) fn validating(&mut self, done: usize, count: usize, steps_done: usize, logs: &Logs) {
        let started = self.clock.now();
        if self.verbosity != Verbosity::Bar || !self.screen.is_live() || !self.pace.is_due(started)
        {
            return;
        }
        let status = html::Status::Validating {
            epoch: self.epoch,
            done,
            count,
        };
        let line = text::final_line(self.timing(steps_done), logs);
        let line = format!("{line} - validating {done}/{count}");
        self.show(Some(&line), &status, Some(1.0), Some(logs));
        self.pace.painted(started, self.clock.now());
    }

    /// The last batch of an epoch is learned from; what follows is not counted as learning.
    pub(crate) fn learned(&mut self, samples: i64) {
        self.samples += samples;
        self.time_learning += self.clock.now() - self.epoch_started;
    }

    /// The epoch with its validation is done, and callbacks have said this about it. Returns how
    /// long it took.
    pub(crate) fn epoch_ends(
        &mut self,
        done: usize,
        logs: &Logs,
        learning_rate: f64,
        messages: Vec<String>,
    ) -> Duration {
        let timing = self.timing(done);
        self.history
            .push(self.epoch, logs, timing.elapsed, learning_rate);
        let line = match self.verbosity {
            Verbosity::Lines => text::line_without_bar(timing, logs),
            _ => text::final_line(timing, logs),
        };
        self.finished.push(line);
        for message in messages {
            self.message(message);
        }
        self.show_epochs();
        timing.elapsed
    }

    /// Shows what the epochs so far have brought, unless another paint is too near: epochs can be
    /// as short as steps.
    fn show_epochs(&mut self) {
        let started = self.clock.now();
        let is_due = !self.screen.is_live() || self.pace.is_due(started);
        if self.verbosity == Verbosity::Silent || !is_due {
            return;
        }
        let status = html::Status::Between { epoch: self.epoch };
        let is_done = self.history.epochs().last() == Some(&self.epoch);
        self.show(None, &status, Some(f64::from(u8::from(is_done))), None);
        self.pace.painted(started, self.clock.now());
    }

    /// The `fit` is over: what stays in the notebook.
    pub(crate) fn finish(&mut self) {
        self.finish_as("", None);
    }

    /// The user has stopped it after batch number `done`, or it has failed there.
    pub(crate) fn stopped(&mut self, done: usize, logs: &Logs, why: &str) {
        let line = text::running_line(self.timing(done), logs);
        self.finished.push(format!("{line} - {why}"));
        self.finish_as(why, (done > 0).then_some(logs));
    }

    fn finish_as(&mut self, why: &str, unfinished: Option<&Logs>) {
        if self.verbosity == Verbosity::Silent || self.is_over {
            return;
        }
        self.is_over = true;
        let status = html::Status::Done {
            epochs: self.history.epochs().len(),
            took: self.clock.now() - self.fit_started,
            samples: self.samples,
            time_learning: self.time_learning,
            why: why.to_owned(),
        };
        self.show(None, &status, None, unfinished);
    }

    /// Paints the running line, and as HTML this status of an epoch of which `share` is done, with
    /// the means so far if it is not finished.
    fn show(
        &mut self,
        running: Option<&str>,
        status: &html::Status,
        share: Option<f64>,
        unfinished: Option<&Logs>,
    ) {
        let span = (self.epochs_before.unwrap_or_default(), self.epochs);
        let shown = html::Shown {
            status,
            span,
            share: share_of_fit(span, self.epoch, share),
            unfinished: unfinished.map(|logs| (self.epoch, logs)),
            history: &self.history,
            curves: &self.curves,
        };
        let is_bar = self.verbosity == Verbosity::Bar;
        self.screen.paint(&self.finished, running, || {
            is_bar.then(|| html::document(&shown))
        });
    }

    fn timing(&self, done: usize) -> Timing {
        let now = self.clock.now();
        let per_step = match self.first_step {
            Some(first) if done > 1 => (now - first) / (done as u32 - 1),
            _ => (now - self.epoch_started) / done.max(1) as u32,
        };
        Timing {
            done,
            total: self.steps,
            elapsed: now - self.epoch_started,
            per_step,
        }
    }

    /// Until the last epoch ends: this epoch's steps, and the others as long as those before.
    fn fit_left(&self, timing: Timing) -> Option<Duration> {
        let epochs_left = self.epochs.checked_sub(self.epoch)? as u32;
        if epochs_left == 0 {
            return None;
        }
        let done = self.history.durations();
        let epoch = match done.len() {
            0 => timing.elapsed + timing.left()?,
            count => done.iter().sum::<Duration>() / count as u32,
        };
        Some(timing.left()? + epoch * epochs_left)
    }
}

/// How much of all epochs is done, in epoch number `epoch` of which `share` is done. Of a single
/// epoch of unknown length nothing is known.
fn share_of_fit((before, last): (usize, usize), epoch: usize, share: Option<f64>) -> Option<f64> {
    let count = last.saturating_sub(before).max(1);
    let share = match share {
        None if count == 1 => return None,
        share => share.unwrap_or_default(),
    };
    let finished = epoch.saturating_sub(before + 1);
    Some((finished as f64 + share) / count as f64)
}

#[cfg(test)]
mod tests;

//! What `fit` shows while it runs: Keras 3's progress lines, in one output that is repainted.
//!
//! Numbers come from `fit.rs`, which asks before it reads any from the device whether it is time to
//! paint.

use std::time::{Duration, Instant};

use super::history::Logs;
use crate::display::frames::frames_are_read;
use crate::display::{DisplayHandle, Rich};

/// At most ten times a second: a front end can follow, and training does not wait.
const REPAINT_PERIOD: Duration = Duration::from_millis(100);

/// Characters in the bar.
const BAR: usize = 20;

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
pub(crate) struct Progress {
    verbosity: Verbosity,
    epochs: usize,
    batches: usize,
    finished: Vec<String>,
    handle: Option<DisplayHandle>,
    painted: Instant,
    epoch_started: Instant,
    /// When the first step was done: it also pays for what happens only once, and is not counted in
    /// the step time.
    first_step: Option<Instant>,
}

impl Progress {
    pub(crate) fn new(verbosity: Verbosity, epochs: usize, batches: usize) -> Self {
        let now = Instant::now();
        Progress {
            verbosity,
            epochs,
            batches,
            finished: Vec::new(),
            handle: None,
            painted: now,
            epoch_started: now,
            first_step: None,
        }
    }

    pub(crate) fn epoch_begins(&mut self, epoch: usize) {
        let now = Instant::now();
        (self.epoch_started, self.first_step) = (now, None);
        if self.epochs > 1 {
            self.finish_line(format!("Epoch {epoch}/{}", self.epochs));
        }
    }

    /// Whether a paint is due after batch number `done` (from 1).
    pub(crate) fn is_due(&mut self, done: usize) -> bool {
        let now = Instant::now();
        if done == 1 {
            self.first_step = Some(now);
        }
        self.verbosity == Verbosity::Bar
            && frames_are_read()
            && now - self.painted >= REPAINT_PERIOD
    }

    pub(crate) fn paint(&mut self, done: usize, logs: &Logs) {
        self.painted = Instant::now();
        let timing = self.timing(done);
        let line = running_line(done, self.batches, timing, logs);
        self.show(Some(&line));
    }

    pub(crate) fn epoch_ends(&mut self, logs: &Logs) {
        let timing = self.timing(self.batches);
        let line = match self.verbosity {
            Verbosity::Lines => two_line(self.batches, timing, logs),
            _ => final_line(self.batches, timing, logs),
        };
        self.finish_line(line);
    }

    /// The user stopped it after batch number `done`: the bar stays where it was.
    pub(crate) fn interrupted(&mut self, done: usize, logs: &Logs) {
        let line = running_line(done, self.batches, self.timing(done), logs);
        self.finish_line(format!("{line} - interrupted"));
    }

    fn timing(&self, done: usize) -> Timing {
        let now = Instant::now();
        let per_step = match self.first_step {
            Some(first) if done > 1 => (now - first) / (done as u32 - 1),
            _ => (now - self.epoch_started) / done.max(1) as u32,
        };
        Timing {
            elapsed: now - self.epoch_started,
            per_step,
        }
    }

    fn finish_line(&mut self, line: String) {
        if self.verbosity == Verbosity::Silent {
            return;
        }
        if frames_are_read() {
            self.finished.push(line);
            self.show(None);
        } else {
            Rich::text(line).show();
        }
    }

    fn show(&mut self, running: Option<&str>) {
        let lines = self.finished.iter().map(String::as_str).chain(running);
        let rich = Rich::text(lines.collect::<Vec<_>>().join("\n"));
        match &self.handle {
            Some(handle) => handle.replace(&rich),
            None => self.handle = Some(rich.show_updatable()),
        }
    }
}

#[derive(Clone, Copy)]
struct Timing {
    /// Since the epoch began.
    elapsed: Duration,
    per_step: Duration,
}

/// ` 412/1688 ━━━━━─────────────── 10s 8ms/step - acc: …`, with the time that is left.
fn running_line(done: usize, batches: usize, timing: Timing, logs: &Logs) -> String {
    let full = BAR * done / batches;
    let bar = "━".repeat(full) + &"─".repeat(BAR - full);
    let left = timing.per_step * (batches - done) as u32;
    line(done, batches, &bar, left, timing.per_step, logs)
}

/// `1688/1688 ━━━━━━━━━━━━━━━━━━━━ 14s 8ms/step - acc: …`, with the time that the epoch took.
fn final_line(batches: usize, timing: Timing, logs: &Logs) -> String {
    line(
        batches,
        batches,
        &"━".repeat(BAR),
        timing.elapsed,
        timing.per_step,
        logs,
    )
}

/// Keras's line at verbosity 2: `1688/1688 - 14s - 8ms/step - acc: …`.
fn two_line(batches: usize, timing: Timing, logs: &Logs) -> String {
    let (elapsed, per_step) = (clock(timing.elapsed), per_step(timing.per_step));
    format!("{batches}/{batches} - {elapsed} - {per_step} - {logs}")
}

fn line(
    done: usize,
    batches: usize,
    bar: &str,
    time: Duration,
    step: Duration,
    logs: &Logs,
) -> String {
    let width = batches.to_string().len();
    let (time, step) = (clock(time), per_step(step));
    format!("{done:>width$}/{batches} {bar} {time} {step} - {logs}")
}

/// As Keras's progress bar: `14s`, `2:05`, `1:02:05`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}:{:02}", seconds % 60),
        _ => format!("{hours}:{minutes:02}:{:02}", seconds % 60),
    }
}

/// `2s/step`, `8ms/step`, `90us/step`.
fn per_step(time: Duration) -> String {
    if time >= Duration::from_secs(1) {
        format!("{}s/step", time.as_secs())
    } else if time >= Duration::from_millis(1) {
        format!("{}ms/step", time.as_millis())
    } else {
        format!("{}us/step", time.as_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kerass() {
        let logs = Logs::sorted(vec![("acc".into(), 0.962), ("loss".into(), 0.1326)]);
        let timing = Timing {
            elapsed: Duration::from_millis(14_200),
            per_step: Duration::from_micros(8_300),
        };
        assert_eq!(
            final_line(1688, timing, &logs),
            "1688/1688 ━━━━━━━━━━━━━━━━━━━━ 14s 8ms/step - acc: 0.9620 - loss: 0.1326"
        );
        assert_eq!(
            running_line(422, 1688, timing, &logs),
            " 422/1688 ━━━━━─────────────── 10s 8ms/step - acc: 0.9620 - loss: 0.1326"
        );
        assert_eq!(
            two_line(1688, timing, &logs),
            "1688/1688 - 14s - 8ms/step - acc: 0.9620 - loss: 0.1326"
        );
    }

    #[test]
    fn times_are_kerass() {
        let seconds = Duration::from_secs;
        assert_eq!(
            [seconds(59), seconds(125), seconds(3725)].map(clock),
            ["59s", "2:05", "1:02:05"]
        );
        let micros = Duration::from_micros;
        assert_eq!(
            [micros(2_500_000), micros(8_300), micros(90)].map(per_step),
            ["2s/step", "8ms/step", "90us/step"]
        );
    }
}

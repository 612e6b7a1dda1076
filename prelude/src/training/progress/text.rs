//! Keras 3's progress lines.

use std::time::Duration;

use crate::training::clock::{clock_text, per_step_text};
use crate::training::logs::Logs;

/// Characters in the bar.
const BAR: usize = 20;

/// How far a loop over batches has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) done: usize,
    /// Unknown for data that do not tell their length.
    pub(crate) total: Option<usize>,
    /// Since the loop began.
    pub(crate) elapsed: Duration,
    pub(crate) per_step: Duration,
}

impl Timing {
    /// How long it will still take.
    pub(crate) fn left(&self) -> Option<Duration> {
        let left = self.total?.saturating_sub(self.done);
        Some(
            self.per_step
                .saturating_mul(left.try_into().unwrap_or(u32::MAX)),
        )
    }
}

/// ` 412/1688 ━━━━━─────────────── 10s 8ms/step - acc: …`, with the time that is left.
pub(crate) fn running_line(timing: Timing, logs: &Logs) -> String {
    let time = timing.left().unwrap_or(timing.elapsed);
    line(timing, time, logs)
}

/// `1688/1688 ━━━━━━━━━━━━━━━━━━━━ 14s 8ms/step - acc: …`, with the time that the epoch took.
pub(crate) fn final_line(timing: Timing, logs: &Logs) -> String {
    line(timing, timing.elapsed, logs)
}

/// Keras's line at verbosity 2: `1688/1688 - 14s - 8ms/step - acc: …`.
pub(crate) fn line_without_bar(timing: Timing, logs: &Logs) -> String {
    let (elapsed, step) = (clock_text(timing.elapsed), per_step_text(timing.per_step));
    let count = count(timing);
    format!("{count} - {elapsed} - {step} - {logs}")
}

fn line(timing: Timing, time: Duration, logs: &Logs) -> String {
    let bar = match timing.total {
        Some(total) => {
            let full = BAR * timing.done / total.max(1);
            format!(" {}{}", "━".repeat(full), "─".repeat(BAR - full))
        }
        None => String::new(),
    };
    let (count, time, step) = (
        count(timing),
        clock_text(time),
        per_step_text(timing.per_step),
    );
    let dash = if logs.iter().next().is_some() {
        " - "
    } else {
        ""
    };
    format!("{count}{bar} {time} {step}{dash}{logs}")
}

fn count(timing: Timing) -> String {
    match timing.total {
        Some(total) => {
            let width = total.to_string().len();
            format!("{:>width$}/{total}", timing.done)
        }
        None => format!("{:>7}/Unknown", timing.done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kerass() {
        let logs = Logs::sorted(vec![("acc".into(), 0.962), ("loss".into(), 0.1326)]);
        let at = |done, total| Timing {
            done,
            total,
            elapsed: Duration::from_millis(14_200),
            per_step: Duration::from_micros(8_300),
        };
        assert_eq!(
            final_line(at(1688, Some(1688)), &logs),
            "1688/1688 ━━━━━━━━━━━━━━━━━━━━ 14s 8ms/step - acc: 0.9620 - loss: 0.1326"
        );
        assert_eq!(
            running_line(at(422, Some(1688)), &logs),
            " 422/1688 ━━━━━─────────────── 10s 8ms/step - acc: 0.9620 - loss: 0.1326"
        );
        assert_eq!(
            line_without_bar(at(1688, Some(1688)), &logs),
            "1688/1688 - 14s - 8ms/step - acc: 0.9620 - loss: 0.1326"
        );
        assert_eq!(
            running_line(at(3, None), &Logs::default()),
            "      3/Unknown 14s 8ms/step"
        );
    }
}

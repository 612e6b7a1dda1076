//! How steps are shown on stderr: a moving bar, plain lines, or not at all.
//!
//! Draws what it is given; when that is, the ticker of [`super`] decides.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{End, Progress, StepView};

/// Details are cut after this: they are lines of programs that list whole packages.
const LINE_CHARACTERS: usize = 100;

/// A line on stderr every few seconds, for logs and pipes.
pub struct PlainLines;

impl Progress for PlainLines {
    fn interval(&self) -> Duration {
        Duration::from_secs(4)
    }

    fn show(&self, view: &StepView) {
        // Nobody may be reading stderr any more; that is no reason to stop.
        let _ = writeln!(io::stderr(), "torchbook: {}", plain_line(view));
    }

    fn note(&self, text: &str) {
        let _ = writeln!(io::stderr(), "torchbook: {text}");
    }
}

/// One line that says all there is to say about a step.
pub fn plain_line(view: &StepView) -> String {
    let StepView {
        label,
        message,
        done,
        total,
        elapsed,
        end,
    } = view;
    let seconds = elapsed.as_secs();
    match end {
        Some(End::Done) => return format!("{label}: done in {seconds} s"),
        Some(End::Failed) => return format!("{label}: failed after {seconds} s"),
        None => {}
    }
    let amount = match total {
        // Totals are partly estimates: never claim to be more than finished.
        Some(total) if *done > 0 => {
            format!(", {} of {}", megabytes(*done.min(total)), megabytes(*total))
        }
        None if *done > 0 => format!(", {}", megabytes(*done)),
        _ => String::new(),
    };
    let detail = match message.char_indices().nth(LINE_CHARACTERS) {
        _ if message.is_empty() => String::new(),
        Some((end, _)) => format!(": {}…", &message[..end]),
        None => format!(": {message}"),
    };
    format!("{label} ({seconds} s{amount}){detail}")
}

/// Bytes for people: `530 MB`, and `10 kB` below a megabyte.
pub fn megabytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// A bar or spinner that is drawn over again, and leaves one line behind.
#[derive(Default)]
pub struct TerminalBar {
    bar: Mutex<Option<ProgressBar>>,
}

impl Progress for TerminalBar {
    fn interval(&self) -> Duration {
        Duration::from_millis(100)
    }

    fn show(&self, view: &StepView) {
        let mut slot = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if view.end.is_some() {
            if let Some(bar) = slot.take() {
                bar.finish_and_clear();
            }
            let _ = writeln!(io::stderr(), "torchbook: {}", plain_line(view));
            return;
        }
        let bar = slot.get_or_insert_with(|| {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
                .with_elapsed(view.elapsed)
        });
        let template = match view.total {
            Some(_) => {
                "{spinner} {prefix} [{bar:24}] {decimal_bytes}/{decimal_total_bytes} {elapsed} {wide_msg}"
            }
            None => "{spinner} {prefix} {elapsed} {wide_msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        if let Some(total) = view.total {
            bar.set_length(total);
        }
        bar.set_prefix(view.label.clone());
        bar.set_message(view.message.clone());
        bar.set_position(view.total.map_or(view.done, |total| view.done.min(total)));
        bar.tick();
    }

    fn note(&self, text: &str) {
        let slot = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        let print = || {
            let _ = writeln!(io::stderr(), "torchbook: {text}");
        };
        match &*slot {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

/// Shows nothing.
pub struct Silent;

impl Progress for Silent {
    fn interval(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn show(&self, _: &StepView) {}

    fn note(&self, _: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> StepView {
        StepView {
            label: "libtorch".into(),
            message: String::new(),
            done: 0,
            total: None,
            elapsed: Duration::from_secs(12),
            end: None,
        }
    }

    #[test]
    fn a_line_holds_what_is_known_and_nothing_else() {
        assert_eq!(plain_line(&view()), "libtorch (12 s)");
        let counted = StepView {
            done: 213_500_000,
            total: Some(530_000_000),
            ..view()
        };
        assert_eq!(plain_line(&counted), "libtorch (12 s, 213 MB of 530 MB)");
        let talking = StepView {
            message: "Compiling tch".into(),
            ..view()
        };
        assert_eq!(plain_line(&talking), "libtorch (12 s): Compiling tch");
        let long = StepView {
            message: "é".repeat(101),
            ..view()
        };
        assert_eq!(
            plain_line(&long),
            format!("libtorch (12 s): {}…", "é".repeat(100))
        );
        let ended = StepView {
            end: Some(End::Done),
            ..talking
        };
        assert_eq!(plain_line(&ended), "libtorch: done in 12 s");
    }

    #[test]
    fn an_estimate_that_was_too_low_never_shows_more_than_all() {
        let counted = StepView {
            done: 600_000_000,
            total: Some(530_000_000),
            ..view()
        };
        assert_eq!(plain_line(&counted), "libtorch (12 s, 530 MB of 530 MB)");
    }

    #[test]
    fn sizes_are_readable() {
        let sizes = [
            (1, "1 kB"),
            (10_008, "11 kB"),
            (47_040_016, "47 MB"),
            (12_340_000_000, "12.3 GB"),
        ];
        for (bytes, text) in sizes {
            assert_eq!(megabytes(bytes), text);
        }
    }
}

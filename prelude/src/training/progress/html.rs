//! The display of a `fit` as HTML: what is going on, the curves, the epochs.
//!
//! What stays holds only elements that keep their sense without styles, and no colours of text or
//! ground: GitHub takes styles out, and front ends are dark or light. The parts are in the same
//! order and of the same size from the first paint to the last: the table, which grows, is at the
//! end, and has a row for the epoch that is running.

use std::fmt::Write;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::curves::{Curves, SIZE};
use super::text::Timing;
use crate::training::clock::{clock_text, rate_text, with_thousands};
use crate::training::history::{History, table};
use crate::training::logs::Logs;

/// Rows of the table of epochs.
const ROWS: usize = 40;

/// Digits that change are as wide as those that were there.
const LIVE: &str = "<div style=\"font-variant-numeric:tabular-nums\">";

/// Where a `fit` is. Epochs are counted from 1.
pub(super) enum Status {
    Learning {
        epoch: usize,
        timing: Timing,
        samples: i64,
        /// Of all epochs, if there are several.
        fit_left: Option<Duration>,
    },
    Validating {
        epoch: usize,
        done: usize,
        count: usize,
    },
    Between {
        epoch: usize,
    },
    Done {
        epochs: usize,
        took: Duration,
        samples: i64,
        time_learning: Duration,
        /// `interrupted`, if it did not come to its end.
        why: String,
    },
}

/// What there is to show.
pub(super) struct Shown<'a> {
    pub(super) status: &'a Status,
    /// Epochs of this `fit`: the number of those before it, and of its last one.
    pub(super) span: (usize, usize),
    /// How much of the `fit` is done, from 0 to 1, if that is known.
    pub(super) share: Option<f64>,
    /// The epoch that is not finished, and its means so far.
    pub(super) unfinished: Option<(usize, &'a Logs)>,
    pub(super) history: &'a History,
    pub(super) curves: &'a Curves,
}

/// Everything that is shown, in one element.
pub(super) fn document(shown: &Shown) -> String {
    let is_over = matches!(shown.status, Status::Done { .. });
    let mut html = String::from(if is_over { "<div>" } else { LIVE });
    html.push_str("<div>");
    if !is_over {
        html.push_str(&bar(shown.share));
    }
    push_status(&mut html, shown.status, shown.span.1);
    html.push_str("</div>");
    match is_over {
        true => push_picture(&mut html, shown),
        false => {
            let logs = shown.unfinished.map(|(_, logs)| logs);
            html.push_str(&shown.curves.to_svg(shown.history, logs, shown.span));
        }
    }
    if !shown.history.epochs().is_empty() || shown.unfinished.is_some() {
        html.push_str(&table::to_html(shown.history, ROWS, shown.unfinished));
    }
    html.push_str("</div>");
    html
}

/// What stays: pixels, which every viewer of notebooks lets through, where drawings in HTML are
/// taken out. A picture that cannot be drawn is not worth an error.
fn push_picture(html: &mut String, shown: &Shown) {
    let figure = shown.curves.to_figure(shown.history);
    if let Some(Ok(png)) = figure.map(|figure| figure.to_png()) {
        let _ = write!(
            html,
            "<img src=\"data:image/png;base64,{}\" width=\"{}\" height=\"{}\" \
             alt=\"loss and metrics by epoch\">",
            BASE64.encode(&png),
            SIZE.0,
            SIZE.1
        );
    }
}

fn push_status(html: &mut String, status: &Status, epochs: usize) {
    let of_epochs = |epoch: usize| format!("epoch {}", count_of(epoch, epochs));
    let _ = match status {
        Status::Learning {
            epoch,
            timing,
            samples,
            fit_left,
        } => {
            let count = match timing.total {
                Some(total) => count_of(timing.done, total),
                None => timing.done.to_string(),
            };
            let rate = rate_text(*samples as f64, timing.elapsed);
            let _ = write!(html, "{} · {count} · {rate} samples/s", of_epochs(*epoch));
            match (fit_left, timing.left()) {
                (Some(all), Some(left)) => write!(
                    html,
                    " · ETA {} (epoch {})",
                    clock_text(*all),
                    clock_text(left)
                ),
                (None, Some(left)) => write!(html, " · ETA {}", clock_text(left)),
                _ => Ok(()),
            }
        }
        Status::Validating { epoch, done, count } => write!(
            html,
            "{} · validating {}",
            of_epochs(*epoch),
            count_of(*done, *count)
        ),
        Status::Between { epoch } => write!(html, "{}", of_epochs(*epoch)),
        Status::Done {
            epochs,
            took,
            samples,
            time_learning,
            why,
        } => {
            let plural = if *epochs == 1 { "" } else { "s" };
            let (took, samples_text) = (clock_text(*took), with_thousands(*samples as u64));
            let rate = rate_text(*samples as f64, *time_learning);
            let why = match why.is_empty() {
                true => String::new(),
                false => format!(" · {why}"),
            };
            write!(
                html,
                "{epochs} epoch{plural} in {took} · {samples_text} samples, {rate} samples/s{why}"
            )
        }
    };
}

/// How many of how many, in as much room as it takes at the end.
fn count_of(done: usize, total: usize) -> String {
    let widest = 2 * total.to_string().len() + 1;
    format!("<span style=\"display:inline-block;min-width:{widest}ch\">{done}/{total}</span>")
}

/// A progress bar of which this share is full; a grey one where the share is not known. Not
/// `<progress>`: its ground is white in dark themes, too.
pub(super) fn bar(share: Option<f64>) -> String {
    let percent = 100.0 * share.unwrap_or_default().clamp(0.0, 1.0);
    let value = share.map_or_else(String::new, |_| format!(" aria-valuenow=\"{percent:.0}\""));
    format!(
        "<span role=\"progressbar\"{value} style=\"display:inline-block;width:240px;height:8px;\
         border-radius:4px;margin-right:8px;vertical-align:middle;background:linear-gradient(\
         to right,#1f77b4 {percent:.2}%,rgba(128,128,128,0.3) {percent:.2}%)\"></span>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: &Status, expected: &str) {
        let mut html = String::new();
        push_status(&mut html, status, 10);
        for room in [5, 9] {
            let style = format!("display:inline-block;min-width:{room}ch");
            html = html.replace(&format!("<span style=\"{style}\">"), &format!("{room}["));
        }
        assert_eq!(html.replace("</span>", "]"), expected);
    }

    #[test]
    fn the_status_says_how_far_how_fast_and_how_long() {
        let timing = Timing {
            done: 422,
            total: Some(1688),
            elapsed: Duration::from_secs(2),
            per_step: Duration::from_millis(5),
        };
        let learning = |timing, fit_left| Status::Learning {
            epoch: 2,
            timing,
            samples: 422 * 32,
            fit_left,
        };
        check(
            &learning(timing, Some(Duration::from_secs(80))),
            "epoch 5[2/10] · 9[422/1688] · 6,750 samples/s · ETA 1:20 (epoch 6s)",
        );
        check(
            &learning(timing, None),
            "epoch 5[2/10] · 9[422/1688] · 6,750 samples/s · ETA 6s",
        );
        let unknown = Timing {
            total: None,
            ..timing
        };
        check(
            &learning(unknown, None),
            "epoch 5[2/10] · 422 · 6,750 samples/s",
        );
        let validating = Status::Validating {
            epoch: 2,
            done: 3,
            count: 24,
        };
        check(&validating, "epoch 5[2/10] · validating 5[3/24]");
        let done = Status::Done {
            epochs: 5,
            took: Duration::from_secs(41),
            samples: 270_000,
            time_learning: Duration::from_secs(40),
            why: "interrupted".into(),
        };
        check(
            &done,
            "5 epochs in 41s · 270,000 samples, 6,750 samples/s · interrupted",
        );
    }

    #[test]
    fn a_bar_is_as_full_as_is_known() {
        let quarter = bar(Some(0.25));
        assert!(quarter.contains(" aria-valuenow=\"25\" "), "{quarter}");
        assert!(quarter.contains("#1f77b4 25.00%,"), "{quarter}");
        let unknown = bar(None);
        assert!(unknown.contains("#1f77b4 0.00%,"), "{unknown}");
        assert!(!unknown.contains("aria-valuenow"), "{unknown}");
    }

    #[test]
    fn nothing_that_stays_needs_styles_or_scripts() {
        let mut history = History::default();
        let logs: Logs = [("acc", 0.5), ("loss", 1.0)].into_iter().collect();
        for epoch in 1..=2 {
            history.push(epoch, &logs, Duration::ZERO, 0.1);
        }
        let status = Status::Done {
            epochs: 2,
            took: Duration::ZERO,
            samples: 1,
            time_learning: Duration::ZERO,
            why: String::new(),
        };
        let html = document(&Shown {
            status: &status,
            span: (0, 2),
            share: Some(1.0),
            unfinished: Some((3, &logs)),
            history: &history,
            curves: &Curves::default(),
        });
        assert!(html.contains("<td><i>1.0000</i></td>"), "{html}");
        assert!(html.contains("<img src=\"data:image/png;base64,"), "{html}");
        for needed in ["style", "script", "color", "<svg", "class=", "<span"] {
            assert!(!html.contains(needed), "{needed} in {html}");
        }
    }
}

//! The display of a `fit` as HTML: what is going on, the epochs, the curves.
//!
//! Only elements that keep their sense without styles, and no colours of text or ground: GitHub
//! takes styles out, and front ends are dark or light.

use std::fmt::Write;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::curves::Curves;
use super::text::Timing;
use crate::training::clock::{clock_text, rate_text, with_thousands};
use crate::training::history::{History, plot, table};
use crate::training::logs::Logs;

/// The picture of the curves, in CSS pixels.
const PICTURE: (u32, u32) = (560, 220);

/// Loss and one metric: the table has the rest.
const PANELS: usize = 2;

/// Rows of the table of epochs.
const ROWS: usize = 40;

/// Where a `fit` is.
pub(super) enum Status {
    Learning {
        epoch: usize,
        epochs: usize,
        timing: Timing,
        samples: i64,
        /// Of all epochs, if there are several.
        fit_left: Option<Duration>,
    },
    Validating {
        epoch: usize,
        epochs: usize,
        done: usize,
        count: usize,
    },
    Between {
        epoch: usize,
        epochs: usize,
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

/// Everything that is shown, in one element.
pub(super) fn document(
    status: &Status,
    logs: Option<&Logs>,
    history: &History,
    curves: &Curves,
) -> String {
    let mut html = String::from("<div>");
    push_status(&mut html, status);
    if let Some(logs) = logs {
        let _ = write!(html, "<div>{}</div>", table::escaped(&logs.to_string()));
    }
    if !history.epochs().is_empty() {
        html.push_str(&table::to_html(history, ROWS));
    }
    match status {
        Status::Done { .. } => push_picture(&mut html, history),
        _ => html.push_str(&curves.to_svg(history)),
    }
    html.push_str("</div>");
    html
}

/// What stays: pixels, which every viewer of notebooks lets through, where drawings in HTML are
/// taken out. A single epoch has no curve, and a picture that cannot be drawn is not worth an error.
fn push_picture(html: &mut String, history: &History) {
    if history.epochs().len() < 2 {
        return;
    }
    if let Ok(png) = plot::measured(history, PANELS)
        .size(PICTURE.0, PICTURE.1)
        .to_png()
    {
        let _ = write!(
            html,
            "<img src=\"data:image/png;base64,{}\" width=\"{}\" alt=\"loss and metrics by epoch\">",
            BASE64.encode(&png),
            PICTURE.0
        );
    }
}

fn push_status(html: &mut String, status: &Status) {
    let _ = match status {
        Status::Learning {
            epoch,
            epochs,
            timing,
            samples,
            fit_left,
        } => {
            push_bar(html, timing.done, timing.total);
            let count = match timing.total {
                Some(total) => format!("{}/{total}", timing.done),
                None => timing.done.to_string(),
            };
            let rate = rate_text(*samples as f64, timing.elapsed);
            let _ = write!(html, "epoch {epoch}/{epochs} · {count} · {rate} samples/s");
            if let Some(left) = timing.left() {
                let _ = write!(html, " · ETA {}", clock_text(left));
            }
            if let Some(left) = fit_left {
                let _ = write!(html, " (all epochs {})", clock_text(*left));
            }
            write!(html, "</div>")
        }
        Status::Validating {
            epoch,
            epochs,
            done,
            count,
        } => {
            push_bar(html, *done, Some(*count));
            write!(
                html,
                "epoch {epoch}/{epochs} · validating {done}/{count}</div>"
            )
        }
        Status::Between { epoch, epochs } => {
            push_bar(html, *epoch, Some(*epochs));
            write!(html, "epoch {epoch}/{epochs}</div>")
        }
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
                "<div>{epochs} epoch{plural} in {took} · {samples_text} samples, {rate} samples/s{why}</div>"
            )
        }
    };
}

/// Opens the line that the bar stands in.
fn push_bar(html: &mut String, done: usize, total: Option<usize>) {
    let _ = match total {
        Some(total) => write!(
            html,
            "<div><progress value=\"{done}\" max=\"{total}\"></progress> "
        ),
        None => write!(html, "<div><progress></progress> "),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: &Status, expected: &str) {
        let mut html = String::new();
        push_status(&mut html, status);
        assert_eq!(html, expected);
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
            epochs: 5,
            timing,
            samples: 422 * 32,
            fit_left,
        };
        check(
            &learning(timing, Some(Duration::from_secs(80))),
            "<div><progress value=\"422\" max=\"1688\"></progress> \
             epoch 2/5 · 422/1688 · 6,750 samples/s · ETA 6s (all epochs 1:20)</div>",
        );
        let unknown = Timing {
            total: None,
            ..timing
        };
        check(
            &learning(unknown, None),
            "<div><progress></progress> epoch 2/5 · 422 · 6,750 samples/s</div>",
        );
        check(
            &Status::Validating {
                epoch: 2,
                epochs: 5,
                done: 3,
                count: 24,
            },
            "<div><progress value=\"3\" max=\"24\"></progress> epoch 2/5 · validating 3/24</div>",
        );
        check(
            &Status::Done {
                epochs: 5,
                took: Duration::from_secs(41),
                samples: 270_000,
                time_learning: Duration::from_secs(40),
                why: "interrupted".into(),
            },
            "<div>5 epochs in 41s · 270,000 samples, 6,750 samples/s · interrupted</div>",
        );
    }

    #[test]
    fn nothing_in_it_needs_styles_or_scripts() {
        let mut history = History::default();
        let logs: Logs = [("acc", 0.5), ("loss", 1.0)].into_iter().collect();
        history.push(1, &logs, Duration::ZERO, 0.1);
        let status = Status::Between {
            epoch: 1,
            epochs: 2,
        };
        let html = document(&status, Some(&logs), &history, &Curves::default());
        assert!(
            html.contains("<div>acc: 0.5000 - loss: 1.0000</div>"),
            "{html}"
        );
        assert!(
            !html.contains("style") && !html.contains("script"),
            "{html}"
        );
        assert!(!html.contains("color:"), "{html}");
    }
}

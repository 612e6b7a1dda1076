//! A history as a table, in text and in HTML.
//!
//! The HTML holds nothing but a table: it keeps its sense where styles are taken out (GitHub), and
//! it is readable on dark and on light ground since it sets no colours.

use std::fmt::Write;
use std::time::Duration;

use super::History;
use crate::training::clock::clock_text;
use crate::training::logs::{Logs, keras_number};

/// For a table that was asked for.
pub(crate) const ALL_ROWS: usize = 1000;

/// Rows that stay visible of the beginning where a table is cut; the rest are the latest.
const FIRST_ROWS: usize = 5;

/// Which of `count` rows are shown if there is room for `room`: all before and from these two.
pub(crate) fn cut(count: usize, room: usize) -> (usize, usize) {
    match count <= room {
        true => (count, count),
        false => {
            let first = FIRST_ROWS.min(room);
            (first, count - (room - first))
        }
    }
}

pub(super) fn to_text(history: &History) -> String {
    let marks = best_epochs(history);
    let width = |name: &str| name.len().max(10) + 2;
    let mut text = String::from("epoch");
    for name in history.keys() {
        let _ = write!(text, "{name:>width$}", width = width(name));
    }
    for epoch in history.epochs() {
        let _ = write!(text, "\n{epoch:>5}");
        for (name, best) in history.keys().iter().zip(&marks) {
            let star = if *best == Some(epoch) { "*" } else { "" };
            let value = history
                .at(name, epoch)
                .map_or_else(String::new, keras_number);
            let _ = write!(text, "{:>width$}", value + star, width = width(name));
        }
        // Columns are aligned on the right, and a missing value at the end leaves blanks.
        text.truncate(text.trim_end().len());
    }
    text
}

/// With each epoch's time and, where it changes, the learning rate. At most `room` rows, of which
/// the last may be an epoch that is not finished: its number and its means so far.
pub(crate) fn to_html(
    history: &History,
    room: usize,
    unfinished: Option<(usize, &Logs)>,
) -> String {
    let marks = best_epochs(history);
    let rates = learning_rates_to_show(history);
    let so_far = unfinished.into_iter().flat_map(|(_, logs)| logs.iter());
    let names = match history.columns.is_empty() {
        true => so_far.map(|(name, _)| name).collect(),
        false => history.keys(),
    };
    let room = room.saturating_sub(usize::from(unfinished.is_some()));
    let mut html = String::from("<table><thead><tr><th>epoch</th>");
    for name in &names {
        let _ = write!(html, "<th>{}</th>", escaped(name));
    }
    if rates.is_some() {
        html.push_str("<th>learning rate</th>");
    }
    html.push_str("<th>time</th></tr></thead><tbody>");
    let (first, last) = cut(history.epochs.len(), room);
    for (i, record) in history.epochs.iter().enumerate() {
        if i == first && first < last {
            let columns = names.len() + 2 + usize::from(rates.is_some());
            let left_out = last - first;
            let _ = write!(
                html,
                "<tr><td colspan=\"{columns}\">… {left_out} more …</td></tr>"
            );
        }
        if (first..last).contains(&i) {
            continue;
        }
        let epoch = record.number;
        let _ = write!(html, "<tr><td>{epoch}</td>");
        for (name, best) in names.iter().zip(&marks) {
            let value = history
                .at(name, epoch)
                .map_or_else(String::new, keras_number);
            let _ = match *best == Some(epoch) {
                true => write!(html, "<td><b>{value}</b></td>"),
                false => write!(html, "<td>{value}</td>"),
            };
        }
        if let Some(rates) = &rates {
            let rate = rates.get(i).cloned().unwrap_or_default();
            let _ = write!(html, "<td>{rate}</td>");
        }
        let _ = write!(html, "<td>{}</td></tr>", short_time(record.took));
    }
    if let Some((epoch, logs)) = unfinished {
        let _ = write!(html, "<tr><td><i>{epoch}</i></td>");
        for name in &names {
            let value = logs.get(name).map_or_else(String::new, keras_number);
            let _ = write!(html, "<td><i>{value}</i></td>");
        }
        let cell = "<td></td>".repeat(1 + usize::from(rates.is_some()));
        let _ = write!(html, "{cell}</tr>");
    }
    html.push_str("</tbody></table>");
    html
}

/// For each column the epoch whose value is marked; none of a single epoch.
fn best_epochs(history: &History) -> Vec<Option<usize>> {
    let keys = history.keys();
    let best = keys.iter().map(|name| match history.epochs.len() {
        0 | 1 => None,
        _ => history.best(name).map(|(epoch, _)| epoch),
    });
    best.collect()
}

/// One text per epoch, empty where the rate is the one before; none if it never changes or has a
/// column of its own.
fn learning_rates_to_show(history: &History) -> Option<Vec<String>> {
    let rates = history.learning_rates();
    let changes = rates.windows(2).any(|pair| pair[0] != pair[1]);
    if !changes || history.get("learning_rate").is_some() {
        return None;
    }
    let mut before = f64::NAN;
    let texts = rates.iter().map(|&rate| {
        let text = match rate == before {
            true => String::new(),
            false => keras_number(rate),
        };
        before = rate;
        text
    });
    Some(texts.collect())
}

/// `0.84s`, `8.4s`, then as Keras's.
fn short_time(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds @ ..1.0 => format!("{seconds:.2}s"),
        seconds @ ..10.0 => format!("{seconds:.1}s"),
        _ => clock_text(time),
    }
}

/// Names of metrics are the user's, and may hold anything.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::logs::Logs;

    fn history(rates: &[f64]) -> History {
        let mut history = History::default();
        for (i, &rate) in rates.iter().enumerate() {
            let loss = [0.5, 0.25, 0.00069][i % 3];
            let logs: Logs = [("acc", 1.0 - loss), ("loss", loss)].into_iter().collect();
            history.push(i + 1, &logs, Duration::from_millis(8400), rate);
        }
        history
    }

    #[test]
    fn a_history_is_a_table_with_its_best_values_marked() {
        assert_eq!(
            history(&[0.1; 3]).to_string(),
            "epoch         acc        loss\n\
             \x20   1      0.5000      0.5000\n\
             \x20   2      0.7500      0.2500\n\
             \x20   3     0.9993* 6.9000e-04*"
        );
        let html = to_html(&history(&[0.1; 3]), 10, None);
        assert!(html.starts_with(
            "<table><thead><tr><th>epoch</th><th>acc</th><th>loss</th><th>time</th></tr></thead>"
        ));
        assert!(html.contains(
            "<tr><td>3</td><td><b>0.9993</b></td><td><b>6.9000e-04</b></td><td>8.4s</td></tr>"
        ));
    }

    #[test]
    fn the_learning_rate_is_shown_where_it_changes() {
        let html = to_html(&history(&[0.1, 0.1, 0.01]), 10, None);
        assert!(html.contains("<th>learning rate</th>"), "{html}");
        assert_eq!(html.matches("<td>0.1000</td>").count(), 1, "{html}");
        assert!(html.contains("<td>0.0100</td>"), "{html}");
    }

    #[test]
    fn a_long_table_is_cut_in_the_middle() {
        assert_eq!(
            (cut(30, 30), cut(31, 30), cut(3, 0)),
            ((30, 30), (5, 6), (0, 3))
        );
        let html = to_html(&history(&[0.1; 100]), 20, None);
        assert_eq!(html.matches("<tr>").count(), 1 + 20 + 1);
        assert!(html.contains("… 80 more …"), "{html}");
        assert!(
            html.contains("<td>5</td>") && !html.contains("<td>6</td>"),
            "{html}"
        );
        assert!(
            !html.contains("<td>85</td>") && html.contains("<td>86</td>"),
            "{html}"
        );
    }

    #[test]
    fn an_epoch_that_is_not_finished_is_the_last_row() {
        let logs: Logs = [("acc", 0.5), ("loss", 1.0)].into_iter().collect();
        let html = to_html(&History::default(), 10, Some((1, &logs)));
        assert_eq!(
            html,
            "<table><thead><tr><th>epoch</th><th>acc</th><th>loss</th><th>time</th></tr></thead>\
             <tbody><tr><td><i>1</i></td><td><i>0.5000</i></td><td><i>1.0000</i></td><td></td></tr>\
             </tbody></table>"
        );
        // Its row is already there when the epoch ends, also in a table that is cut.
        let rows = |epochs: usize, unfinished| {
            let html = to_html(&history(&vec![0.1; epochs]), 20, unfinished);
            html.matches("<tr>").count()
        };
        for epochs in [1, 18, 19, 20, 21, 30] {
            assert_eq!(
                rows(epochs, Some((epochs + 1, &logs))),
                rows(epochs + 1, None)
            );
        }
    }

    #[test]
    fn names_cannot_break_the_table() {
        assert_eq!(escaped("a<b>&"), "a&lt;b&gt;&amp;");
    }
}

//! The curves while `fit` runs: small, in the colours of the front end, and written in
//! microseconds.
//!
//! They are painted several times a second. What stays is drawn once, by `figures/`.

use std::fmt::Write;

use crate::training::history::History;
use crate::training::history::table::escaped;
use crate::training::logs::keras_number;

/// CSS pixels of one panel, and what is left free on each side for numbers.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 150.0;
const MARGIN: f64 = 22.0;

/// The colours of the figures: matplotlib's first two.
const TRAINING: &str = "#1f77b4";
const VALIDATION: &str = "#ff7f0e";

/// Points of a line.
const POINTS: usize = 200;

/// What has been seen between the epochs' ends.
#[derive(Debug, Default)]
pub(super) struct Curves {
    /// Epochs since the beginning, and the mean loss since the point before.
    running: Vec<(f64, f64)>,
    seen: (usize, usize),
}

impl Curves {
    /// The losses of epoch number `epoch` so far, of which `share` is done.
    pub(super) fn add_running(&mut self, epoch: usize, share: Option<f64>, losses: &[f64]) {
        let known = match self.seen.0 == epoch {
            true => self.seen.1,
            false => 0,
        };
        let new = losses.get(known..).unwrap_or_default();
        let (Some(share), false) = (share, new.is_empty()) else {
            return;
        };
        self.seen = (epoch, losses.len());
        let mean = new.iter().sum::<f64>() / new.len() as f64;
        self.running.push((epoch as f64 - 1.0 + share, mean));
        if self.running.len() > POINTS {
            let pairs = self.running.chunks(2).map(|pair| {
                let count = pair.len() as f64;
                let sum = pair.iter().fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
                (sum.0 / count, sum.1 / count)
            });
            self.running = pairs.collect();
        }
    }

    /// A panel for the loss and one for the first metric, each for training and validation.
    pub(super) fn to_svg(&self, history: &History) -> String {
        let mut svg = String::new();
        let metric = history
            .keys()
            .into_iter()
            .find(|name| *name != "loss" && *name != "learning_rate" && !name.starts_with("val_"))
            .map(str::to_owned);
        let mut panels = 0;
        for name in std::iter::once("loss".to_owned()).chain(metric) {
            let running: &[(f64, f64)] = if name == "loss" { &self.running } else { &[] };
            let lines = [
                points(history, &name),
                points(history, &format!("val_{name}")),
            ];
            if let Some(panel) = panel(&name, panels as f64 * WIDTH, running, &lines) {
                svg.push_str(&panel);
                panels += 1;
            }
        }
        match panels {
            0 => String::new(),
            _ => format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{HEIGHT}\" \
                 viewBox=\"0 0 {0} {HEIGHT}\" font-size=\"10\" fill=\"none\" stroke=\"none\">{svg}</svg>",
                WIDTH * f64::from(panels)
            ),
        }
    }
}

/// Epochs and values of one name; of very many only some.
fn points(history: &History, name: &str) -> Vec<(f64, f64)> {
    let points = history.points(name);
    let step = points.len().div_ceil(POINTS).max(1);
    // From the end: the latest value is always there.
    let mut kept: Vec<(f64, f64)> = points.into_iter().rev().step_by(step).collect();
    kept.reverse();
    kept
}

/// `None` while there is nothing that can be drawn.
fn panel(
    name: &str,
    left: f64,
    running: &[(f64, f64)],
    lines: &[Vec<(f64, f64)>; 2],
) -> Option<String> {
    let all = || running.iter().chain(lines.iter().flatten());
    let finite = || all().filter(|(_, y)| y.is_finite());
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, y)| {
        (low.min(*y), high.max(*y))
    });
    let first = finite().map(|(x, _)| *x).fold(f64::INFINITY, f64::min);
    let last = finite().map(|(x, _)| *x).fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return None;
    }
    let scale = |value: f64, from: f64, to: f64| match to > from {
        true => (value - from) / (to - from),
        false => 0.5,
    };
    let place = |(x, y): (f64, f64)| {
        (
            left + MARGIN + scale(x, first, last) * (WIDTH - 2.0 * MARGIN),
            HEIGHT - MARGIN - scale(y, low, high) * (HEIGHT - 2.0 * MARGIN),
        )
    };
    let mut svg = String::new();
    let (bottom, top) = (HEIGHT - MARGIN, MARGIN);
    let (from, to) = (left + MARGIN, left + WIDTH - MARGIN);
    let _ = write!(
        svg,
        "<path d=\"M{from} {top}V{bottom}H{to}\" stroke=\"currentColor\" stroke-opacity=\"0.4\"/>\
         <g fill=\"currentColor\"><text x=\"{from}\" y=\"{0}\">{1} {2} to {3}</text>\
         <text x=\"{to}\" y=\"{4}\" text-anchor=\"end\">epoch {5}</text></g>",
        top - 8.0,
        escaped(name),
        keras_number(low),
        keras_number(high),
        bottom + 14.0,
        last.ceil(),
    );
    if !lines[1].is_empty() {
        let _ = write!(
            svg,
            "<text x=\"{to}\" y=\"{}\" text-anchor=\"end\"><tspan fill=\"{TRAINING}\">training</tspan> \
             <tspan fill=\"{VALIDATION}\">validation</tspan></text>",
            top - 8.0
        );
    }
    push_line(
        &mut svg,
        running.iter().copied().map(place),
        "#888888",
        false,
    );
    push_line(
        &mut svg,
        lines[0].iter().copied().map(place),
        TRAINING,
        true,
    );
    push_line(
        &mut svg,
        lines[1].iter().copied().map(place),
        VALIDATION,
        true,
    );
    Some(svg)
}

/// A line, with a dot at each point if these are few.
fn push_line(svg: &mut String, points: impl Iterator<Item = (f64, f64)>, colour: &str, dots: bool) {
    let points: Vec<(f64, f64)> = points.filter(|(_, y)| y.is_finite()).collect();
    if points.is_empty() {
        return;
    }
    let _ = write!(svg, "<polyline stroke=\"{colour}\" points=\"");
    for (x, y) in &points {
        let _ = write!(svg, "{x:.1},{y:.1} ");
    }
    svg.push_str("\"/>");
    if dots && points.len() <= 50 {
        for (x, y) in &points {
            let _ = write!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\" fill=\"{colour}\"/>"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::logs::Logs;
    use std::time::Duration;

    #[test]
    fn the_running_loss_is_the_mean_since_the_last_point() {
        let mut curves = Curves::default();
        curves.add_running(1, Some(0.5), &[4.0, 2.0]);
        curves.add_running(1, Some(1.0), &[4.0, 2.0, 1.0]);
        curves.add_running(1, Some(1.0), &[4.0, 2.0, 1.0]);
        curves.add_running(2, Some(0.5), &[8.0]);
        curves.add_running(3, None, &[8.0]);
        assert_eq!(curves.running, [(0.5, 3.0), (1.0, 1.0), (1.5, 8.0)]);
    }

    #[test]
    fn a_long_running_loss_is_thinned() {
        let mut curves = Curves::default();
        for epoch in 1..=1000 {
            curves.add_running(epoch, Some(1.0), &[2.0]);
        }
        assert!((100..=POINTS).contains(&curves.running.len()));
        assert!(curves.running.iter().all(|(_, loss)| *loss == 2.0));
    }

    #[test]
    fn there_is_a_panel_for_the_loss_and_one_for_the_first_metric() {
        let mut history = History::default();
        let mut curves = Curves::default();
        assert_eq!(curves.to_svg(&history), "");
        curves.add_running(1, Some(0.5), &[4.0, 2.0]);
        assert_eq!(curves.to_svg(&history).matches("<polyline").count(), 1);
        for epoch in 1..=2 {
            let logs: Logs = [
                ("a<b", 0.5),
                ("loss", f64::NAN),
                ("val_a<b", 0.6),
                ("val_loss", 1.0),
            ]
            .into_iter()
            .collect();
            history.push(epoch, &logs, Duration::ZERO, 0.1);
        }
        let svg = curves.to_svg(&history);
        // Running and validation loss, the metric twice; a loss that is no number is no point.
        assert_eq!(svg.matches("<polyline").count(), 4, "{svg}");
        assert!(svg.contains("a&lt;b 0.5000 to 0.6000"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}

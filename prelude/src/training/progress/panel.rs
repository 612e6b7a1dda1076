//! One panel of the live curves: axes, grid, and the lines of one measured value.

use std::fmt::Write;

use super::curves::{Line, SIZE};
use crate::figures::{Axis, Scale};
use crate::training::history::History;
use crate::training::history::table::escaped;

/// What a panel leaves free for its title and the numbers on its axes.
const TOP: f64 = 30.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 14.0;
const BOTTOM: f64 = 42.0;

/// The colours of the figures, matplotlib's first two, and a grey for what is not an epoch's value.
const TRAINING: &str = "#1f77b4";
const VALIDATION: &str = "#ff7f0e";
pub(super) const RUNNING: &str = "#999999";

/// Points of a line.
pub(super) const POINTS: usize = 200;

/// Points up to which each is marked.
const DOTS: usize = 30;

/// Marks on an axis.
const TICKS: usize = 4;

/// This share of the running values fits into a panel once there are epochs: the first ones are so
/// large that they would make all others a flat line.
const SHARE_SHOWN: f64 = 0.9;

/// What one panel shows.
pub(super) struct Panel<'a> {
    name: &'a str,
    running: &'a [(f64, f64)],
    training: Vec<(f64, f64)>,
    validation: Vec<(f64, f64)>,
}

impl<'a> Panel<'a> {
    pub(super) fn new(name: &'a str, running: &'a Line, history: &History) -> Self {
        Panel {
            name,
            running: &running.0,
            training: points(history, name),
            validation: points(history, &format!("val_{name}")),
        }
    }

    /// Those of epochs.
    fn epochs(&self) -> impl Iterator<Item = (f64, f64)> {
        let all = self.training.iter().chain(&self.validation);
        all.copied().filter(|(_, y)| y.is_finite())
    }

    /// All numbers.
    pub(super) fn values(&self) -> impl Iterator<Item = (f64, f64)> {
        let running = self.running.iter().copied();
        running.filter(|(_, y)| y.is_finite()).chain(self.epochs())
    }

    pub(super) fn end(&self) -> f64 {
        self.values().map(|(x, _)| x).fold(0.0, f64::max)
    }

    /// From the lowest to the highest number, with a little room.
    fn range(&self) -> (f64, f64) {
        let mut running: Vec<f64> = self.running.iter().map(|(_, y)| *y).collect();
        running.retain(|y| y.is_finite());
        running.sort_by(f64::total_cmp);
        if self.epochs().next().is_some() {
            let out = (running.len() as f64 * (1.0 - SHARE_SHOWN)) as usize;
            // A loss begins high, a metric mostly low.
            match self.name {
                "loss" => running.truncate(running.len() - out),
                _ => drop(running.drain(..out)),
            }
        }
        let values = running.into_iter().chain(self.epochs().map(|(_, y)| y));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| {
            (low.min(y), high.max(y))
        });
        let room = match high > low {
            true => 0.05 * (high - low),
            false => 0.05 * high.abs().max(1e-3),
        };
        (low - room, high + room)
    }

    pub(super) fn draw(&self, svg: &mut String, left: f64, width: f64, epochs: (f64, f64)) {
        let (low, high) = self.range();
        let x_axis = Axis::new(epochs.0, epochs.1, Scale::Linear, TICKS, true);
        let y_axis = Axis::new(low, high, Scale::Linear, TICKS, false);
        let (plot_width, plot_height) = (width - LEFT - RIGHT, f64::from(SIZE.1) - TOP - BOTTOM);
        let (from, bottom) = (left + LEFT, TOP + plot_height);
        let x_of = |x: f64| x_axis.place(x) * plot_width;
        let y_of = |y: f64| (1.0 - y_axis.place(y)) * plot_height;

        let mut grid = String::new();
        for tick in &x_axis.ticks {
            let x = from + x_of(tick.value);
            let _ = write!(grid, "M{x:.1} {TOP}V{bottom}");
            let _ = write!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 16.0,
                tick.label
            );
        }
        for tick in &y_axis.ticks {
            let y = TOP + y_of(tick.value);
            let _ = write!(grid, "M{from} {y:.1}H{:.1}", from + plot_width);
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                from - 6.0,
                y + 4.0,
                tick.label
            );
        }
        let _ = write!(
            svg,
            "<path d=\"{grid}\" stroke=\"currentColor\" stroke-opacity=\"0.15\"/>\
             <path d=\"M{from} {TOP}V{bottom}H{:.1}\" fill=\"none\" stroke=\"currentColor\" \
             stroke-opacity=\"0.6\"/>",
            from + plot_width
        );
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">epoch</text>",
            from + plot_width / 2.0,
            bottom + 32.0
        );
        self.push_title(svg, from, from + plot_width);
        // A drawing of its own cuts off what is outside of it.
        let _ = write!(
            svg,
            "<svg x=\"{from}\" y=\"{TOP}\" width=\"{plot_width}\" height=\"{plot_height}\">"
        );
        let lines: [(&[(f64, f64)], &str); 3] = [
            (self.running, RUNNING),
            (&self.training, TRAINING),
            (&self.validation, VALIDATION),
        ];
        for (line, colour) in lines {
            let places = line.iter().filter(|(_, y)| y.is_finite());
            let places: Vec<(f64, f64)> = places.map(|(x, y)| (x_of(*x), y_of(*y))).collect();
            let dots = colour != RUNNING && places.len() <= DOTS;
            push_line(svg, &places, colour, dots);
        }
        svg.push_str("</svg>");
    }

    /// What it shows, and which line is which.
    fn push_title(&self, svg: &mut String, from: f64, to: f64) {
        let y = TOP - 12.0;
        let _ = write!(
            svg,
            "<text x=\"{from}\" y=\"{y}\" font-size=\"13\" font-weight=\"bold\">{}</text>\
             <text x=\"{to}\" y=\"{y}\" text-anchor=\"end\">",
            escaped(self.name)
        );
        for (colour, label, is_there) in [
            (RUNNING, "running", !self.running.is_empty()),
            (TRAINING, "training", !self.training.is_empty()),
            (VALIDATION, "validation", !self.validation.is_empty()),
        ] {
            if is_there {
                let _ = write!(svg, " <tspan fill=\"{colour}\">●</tspan> {label}");
            }
        }
        svg.push_str("</text>");
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

fn push_line(svg: &mut String, places: &[(f64, f64)], colour: &str, dots: bool) {
    if places.is_empty() {
        return;
    }
    let width = if colour == RUNNING { 1.0 } else { 1.8 };
    let _ = write!(
        svg,
        "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" \
         stroke-linejoin=\"round\" points=\""
    );
    for (x, y) in places {
        let _ = write!(svg, "{x:.1},{y:.1} ");
    }
    svg.push_str("\"/>");
    if dots {
        for (x, y) in places {
            let _ = write!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_high_beginning_does_not_flatten_the_rest() {
        let mut running = Line::default();
        for batch in 0..20 {
            running.push(f64::from(batch), if batch == 0 { 100.0 } else { 1.0 });
        }
        let mut history = History::default();
        let range = |history: &History| Panel::new("loss", &running, history).range();
        assert!(range(&history).1 > 100.0);
        history.push(
            1,
            &[("loss", 2.0)].into_iter().collect(),
            Duration::ZERO,
            0.1,
        );
        assert_eq!(range(&history), (0.95, 2.05));
    }
}

//! The curves while `fit` runs: in the colours of the front end, and written in microseconds.
//!
//! `panel.rs` draws one of the two. They are painted several times a second. What stays is drawn once, by `figures/`, in a picture
//! of the same size: nothing moves when it takes their place.

use super::panel::{POINTS, Panel, RUNNING};
use crate::figures::Figure;
use crate::training::history::{History, plot};
use crate::training::logs::Logs;

/// CSS pixels of all panels together.
pub(super) const SIZE: (u32, u32) = (560, 220);

/// What has been seen between the epochs' ends.
#[derive(Debug, Default)]
pub(super) struct Curves {
    /// The mean loss since the point before.
    loss: Line,
    /// The first metric's mean since its epoch began.
    metric: Line,
    /// The epoch seen last, and how many of its losses.
    seen: (usize, usize),
}

/// Epochs since the beginning, and values.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Line(pub(super) Vec<(f64, f64)>);

impl Line {
    pub(super) fn push(&mut self, x: f64, y: f64) {
        self.0.push((x, y));
        if self.0.len() > POINTS {
            let pairs = self.0.chunks(2).map(|pair| {
                let count = pair.len() as f64;
                let sum = pair.iter().fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
                (sum.0 / count, sum.1 / count)
            });
            self.0 = pairs.collect();
        }
    }
}

impl Curves {
    /// The losses of epoch number `epoch` so far, of which `share` is done, and its means so far.
    pub(super) fn add_running(
        &mut self,
        epoch: usize,
        share: Option<f64>,
        losses: &[f64],
        logs: &Logs,
    ) {
        let known = match self.seen.0 == epoch {
            true => self.seen.1,
            false => 0,
        };
        let new = losses.get(known..).unwrap_or_default();
        let (Some(share), false) = (share, new.is_empty()) else {
            return;
        };
        self.seen = (epoch, losses.len());
        let x = epoch as f64 - 1.0 + share;
        self.loss
            .push(x, new.iter().sum::<f64>() / new.len() as f64);
        let metric =
            first_metric(logs.iter().map(|(name, _)| name)).and_then(|name| logs.get(name));
        if let Some(value) = metric {
            self.metric.push(x, value);
        }
    }

    /// A panel for the loss and one for the first metric, each for training and validation. The
    /// `fit` is in the epochs from `span.0`, counted from 0, to `span.1`.
    pub(super) fn to_svg(
        &self,
        history: &History,
        logs: Option<&Logs>,
        span: (usize, usize),
    ) -> String {
        let names = logs.into_iter().flat_map(Logs::iter).map(|(name, _)| name);
        let metric = first_metric(history.keys().into_iter().chain(names));
        let loss = Panel::new("loss", &self.loss, history);
        let metric = metric.map(|name| Panel::new(name, &self.metric, history));
        let panels: Vec<Panel> = std::iter::once(loss)
            .chain(metric)
            .filter(|panel| panel.values().next().is_some())
            .collect();
        if panels.is_empty() {
            return String::new();
        }
        let (width, height) = SIZE;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-size=\"11\" fill=\"currentColor\" stroke=\"none\" \
             style=\"display:block\">"
        );
        let end = panels.iter().map(Panel::end).fold(0.0, f64::max);
        let epochs = epochs_shown(end, span);
        let each = f64::from(width) / panels.len() as f64;
        for (i, panel) in panels.iter().enumerate() {
            panel.draw(&mut svg, i as f64 * each, each, epochs);
        }
        svg + "</svg>"
    }

    /// The picture that stays: the epochs or, of less than two, how the first one went.
    pub(super) fn to_figure(&self, history: &History) -> Option<Figure> {
        let figure = match history.epochs().len() {
            0 | 1 if self.loss.0.len() < 2 => return None,
            0 | 1 => self.running_figure(history),
            // Loss and one metric: the table has the rest.
            _ => plot::measured(history, 2),
        };
        Some(figure.size(SIZE.0, SIZE.1))
    }

    fn running_figure(&self, history: &History) -> Figure {
        let add = |figure: Figure, name: &str, line: &Line| {
            let (x, y): (Vec<f64>, Vec<f64>) = line.0.iter().copied().unzip();
            let figure = figure.title(name).x_label("epoch").line(x, y);
            figure.color(RUNNING)
        };
        let figure = add(Figure::new(), "loss", &self.loss);
        match first_metric(history.keys().into_iter()) {
            Some(name) if self.metric.0.len() > 1 => add(figure.subplot(), name, &self.metric),
            _ => figure,
        }
    }
}

fn first_metric<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names.find(|name| *name != "loss" && *name != "learning_rate" && !name.starts_with("val_"))
}

/// The epochs along the axis: to 1, 2, 5, 10 and so on of them, so that the curves move only when
/// one of these is reached.
fn epochs_shown(end: f64, (first, last): (usize, usize)) -> (f64, f64) {
    let done = end - first as f64;
    let room = (last.saturating_sub(first).max(1)) as f64;
    let steps = (0..18).flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10f64.powi(power)));
    let shown = steps.into_iter().find(|step| *step >= done).unwrap_or(done);
    (first as f64, first as f64 + shown.min(room))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn logs(values: &[(&str, f64)]) -> Logs {
        values.iter().copied().collect()
    }

    #[test]
    fn the_running_loss_is_the_mean_since_the_last_point() {
        let mut curves = Curves::default();
        let logs = logs(&[("acc", 0.5), ("loss", 2.0)]);
        curves.add_running(1, Some(0.5), &[4.0, 2.0], &logs);
        curves.add_running(1, Some(1.0), &[4.0, 2.0, 1.0], &logs);
        curves.add_running(1, Some(1.0), &[4.0, 2.0, 1.0], &logs);
        curves.add_running(2, Some(0.5), &[8.0], &logs);
        curves.add_running(3, None, &[8.0], &logs);
        assert_eq!(curves.loss.0, [(0.5, 3.0), (1.0, 1.0), (1.5, 8.0)]);
        assert_eq!(curves.metric.0, [(0.5, 0.5), (1.0, 0.5), (1.5, 0.5)]);
    }

    #[test]
    fn a_long_running_loss_is_thinned() {
        let mut curves = Curves::default();
        for epoch in 1..=1000 {
            curves.add_running(epoch, Some(1.0), &[2.0], &Logs::default());
        }
        assert!((100..=POINTS).contains(&curves.loss.0.len()));
        assert!(curves.loss.0.iter().all(|(_, loss)| *loss == 2.0));
    }

    #[test]
    fn there_is_a_panel_for_the_loss_and_one_for_the_first_metric() {
        let mut history = History::default();
        let mut curves = Curves::default();
        let none = logs(&[]);
        assert_eq!(curves.to_svg(&history, Some(&none), (0, 5)), "");
        curves.add_running(1, Some(0.5), &[4.0, 2.0], &none);
        let svg = curves.to_svg(&history, Some(&none), (0, 5));
        assert_eq!(svg.matches("<polyline").count(), 1);
        assert!(
            svg.contains("running") && !svg.contains("training"),
            "{svg}"
        );
        let epoch = [
            ("a<b", 0.5),
            ("loss", f64::NAN),
            ("val_a<b", 0.6),
            ("val_loss", 1.0),
        ];
        for number in 1..=2 {
            history.push(number, &logs(&epoch), Duration::ZERO, 0.1);
        }
        let svg = curves.to_svg(&history, None, (0, 5));
        // Running and validation loss, the metric twice; a loss that is no number is no point.
        assert_eq!(svg.matches("<polyline").count(), 4, "{svg}");
        assert!(svg.contains(">a&lt;b</text>"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn the_axis_of_epochs_grows_in_few_steps_and_not_beyond_the_last() {
        let shown = |end| epochs_shown(end, (0, 30));
        assert_eq!(shown(0.1), (0.0, 1.0));
        assert_eq!(shown(1.0), (0.0, 1.0));
        assert_eq!((shown(2.1), shown(4.9)), ((0.0, 5.0), (0.0, 5.0)));
        assert_eq!((shown(11.0), shown(20.5)), ((0.0, 20.0), (0.0, 30.0)));
        // A training that was continued after three epochs.
        assert_eq!(epochs_shown(3.5, (3, 8)), (3.0, 4.0));
    }

    #[test]
    fn the_picture_of_a_single_epoch_is_how_it_went() {
        let mut curves = Curves::default();
        let mut history = History::default();
        assert!(curves.to_figure(&history).is_none());
        let epoch = logs(&[("acc", 0.5), ("loss", 1.0)]);
        for done in 1..=4 {
            curves.add_running(
                1,
                Some(f64::from(done) / 4.0),
                &vec![1.0; done as usize],
                &epoch,
            );
        }
        for epochs in 1..=2 {
            history.push(epochs, &epoch, Duration::ZERO, 0.1);
            let figure = curves.to_figure(&history).expect("there are points");
            let text = figure.to_text();
            assert!(text.contains("loss") && text.contains("acc"), "{text}");
            assert_eq!(text.contains("training"), epochs == 2, "{text}");
        }
    }
}

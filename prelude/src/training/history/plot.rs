//! A history as curves.

use super::History;
use crate::figures::Figure;

/// Panels of one picture; further metrics are in the table.
const PANELS: usize = 3;

/// Points of a line up to which each is marked.
const DOTS: usize = 30;

/// A panel for the loss and one for each metric, training and validation in each; and one for the
/// learning rate if it has changed.
pub(super) fn figure(history: &History) -> Figure {
    let figure = measured(history, PANELS);
    let rates = history.learning_rates();
    if rates.windows(2).all(|pair| pair[0] == pair[1]) {
        return figure;
    }
    let epochs: Vec<f64> = history.epochs().iter().map(|&epoch| epoch as f64).collect();
    figure
        .subplot()
        .title("learning rate")
        .x_label("epoch")
        .line(epochs, rates)
        .log_y()
}

/// The loss and the first metrics.
pub(crate) fn measured(history: &History, panels: usize) -> Figure {
    let metrics = history
        .keys()
        .into_iter()
        .filter(|name| !name.starts_with("val_") && *name != "loss" && *name != "learning_rate");
    let mut figure = Figure::new();
    let names = std::iter::once("loss").chain(metrics).take(panels);
    for (i, name) in names.enumerate() {
        if i > 0 {
            figure = figure.subplot();
        }
        figure = figure.title(name).x_label("epoch");
        for (label, key) in [
            ("training", name.to_owned()),
            ("validation", format!("val_{name}")),
        ] {
            let (x, y): (Vec<f64>, Vec<f64>) = history.points(&key).into_iter().unzip();
            if x.is_empty() {
                continue;
            }
            let dots = x.len() <= DOTS;
            figure = figure.line(x, y).label(label);
            if dots {
                figure = figure.dots();
            }
        }
    }
    figure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Result;
    use crate::training::logs::Logs;
    use std::time::Duration;

    #[test]
    fn training_and_validation_share_a_panel() -> Result<()> {
        let mut history = History::default();
        assert!(
            figure(&history).to_svg().is_ok(),
            "nothing trained is no error"
        );
        for (epoch, rate) in [(1, 0.1), (2, 0.1), (3, 0.01)] {
            let loss = 1.0 / epoch as f64;
            let logs: Logs = [("acc", 1.0 - loss), ("loss", loss), ("val_loss", loss)]
                .into_iter()
                .collect();
            history.push(epoch, &logs, Duration::ZERO, rate);
        }
        let text = figure(&history).to_text();
        let titles: Vec<usize> = ["loss", "acc", "learning rate"]
            .iter()
            .map(|title| {
                text.find(title)
                    .unwrap_or_else(|| panic!("no {title} in {text}"))
            })
            .collect();
        assert!(titles.is_sorted(), "{text}");
        assert!(text.contains("validation"), "{text}");
        figure(&history).to_png()?;
        Ok(())
    }
}

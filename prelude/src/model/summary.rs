//! Keras 3's summary of a model, as text and as HTML.
//!
//! What is counted is decided by the layers; here it is only laid out.

use std::fmt::{self, Write};

use super::sequential::NamedLayer;
use crate::Shape;
use crate::display::Rich;

/// Widths of Keras's three columns in a notebook (88 characters in all), without the blanks beside
/// the text.
const WIDTHS: [usize; 3] = [36, 27, 15];

/// The table that `summary()` shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    model: String,
    rows: Vec<Row>,
    trainable: i64,
    non_trainable: i64,
    optimizer: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    layer: String,
    output_shape: String,
    params: String,
}

impl Summary {
    pub(crate) fn new(model: &str, layers: &[NamedLayer], optimizer: Option<i64>) -> Self {
        let count = |trainable: bool| {
            let weights = layers.iter().flat_map(NamedLayer::weights);
            weights
                .filter(|w| w.is_trainable() == trainable)
                .map(|w| w.count())
                .sum()
        };
        Summary {
            model: model.to_owned(),
            rows: layers.iter().map(Row::new).collect(),
            trainable: count(true),
            non_trainable: count(false),
            optimizer,
        }
    }

    /// Numbers in all weights, and in the optimizer's state once there is one.
    pub fn total_params(&self) -> i64 {
        self.trainable + self.non_trainable + self.optimizer.unwrap_or(0)
    }

    /// Numbers that an optimizer changes.
    pub fn trainable_params(&self) -> i64 {
        self.trainable
    }

    /// Numbers that change otherwise, such as moving averages.
    pub fn non_trainable_params(&self) -> i64 {
        self.non_trainable
    }

    /// `Total params: 1,183,498 (4.51 MB)` and the like. All are 32-bit floats.
    fn totals(&self) -> Vec<String> {
        let mut totals = vec![
            ("Total params", self.total_params()),
            ("Trainable params", self.trainable),
            ("Non-trainable params", self.non_trainable),
        ];
        totals.extend(self.optimizer.map(|count| ("Optimizer params", count)));
        totals
            .into_iter()
            .map(|(what, count)| format!("{what}: {} ({})", with_commas(count), memory(4 * count)))
            .collect()
    }

    pub(crate) fn to_rich(&self) -> Rich {
        Rich::text(self.to_string()).with_html(self.to_html())
    }

    fn to_html(&self) -> String {
        let mut html = format!("<b>Model: \"{}\"</b>", escaped(&self.model));
        html.push_str(
            "<table><thead><tr><th style=\"text-align:left\">Layer (type)</th>\
             <th style=\"text-align:left\">Output Shape</th><th style=\"text-align:right\">Param #</th></tr></thead><tbody>",
        );
        for row in &self.rows {
            let _ = write!(
                html,
                "<tr><td style=\"text-align:left\">{}</td><td style=\"text-align:left\">{}</td>\
                 <td style=\"text-align:right\">{}</td></tr>",
                escaped(&row.layer),
                row.output_shape,
                row.params
            );
        }
        html.push_str("</tbody></table>");
        html.push_str(&self.totals().join("<br>"));
        html
    }
}

impl Row {
    fn new(named: &NamedLayer) -> Self {
        let class = named.layer.class_name();
        let params: i64 = named
            .layer
            .weights()
            .iter()
            .map(|weight| weight.count())
            .sum();
        let (output_shape, params) = match &named.output_shape {
            Some(shape) => (with_batch(shape), with_commas(params)),
            None => ("?".to_owned(), "0 (unbuilt)".to_owned()),
        };
        Row {
            layer: format!("{} ({class})", named.name),
            output_shape,
            params,
        }
    }
}

/// Keras's table in box-drawing characters.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Model: \"{}\"", self.model)?;
        writeln!(f, "{}", rule("┏┳┓", '━'))?;
        let [layer, shape, params] = WIDTHS;
        writeln!(
            f,
            "┃ {:<layer$} ┃ {:<shape$} ┃ {:>params$} ┃",
            "Layer (type)", "Output Shape", "Param #"
        )?;
        writeln!(f, "{}", rule("┡╇┩", '━'))?;
        for (i, row) in self.rows.iter().enumerate() {
            if i > 0 {
                writeln!(f, "{}", rule("├┼┤", '─'))?;
            }
            for (j, name) in wrapped(&row.layer, layer).iter().enumerate() {
                let (output_shape, count) = match j {
                    0 => (row.output_shape.as_str(), row.params.as_str()),
                    _ => ("", ""),
                };
                writeln!(
                    f,
                    "│ {name:<layer$} │ {output_shape:<shape$} │ {count:>params$} │"
                )?;
            }
        }
        writeln!(f, "{}", rule("└┴┘", '─'))?;
        let totals: Vec<String> = self
            .totals()
            .iter()
            .map(|line| format!(" {line}"))
            .collect();
        write!(f, "{}", totals.join("\n"))
    }
}

/// A line across the table, with the left, middle and right corner.
fn rule(corners: &str, line: char) -> String {
    let corners: Vec<char> = corners.chars().collect();
    let mut rule = String::from(corners[0]);
    for (i, width) in WIDTHS.iter().enumerate() {
        rule.extend(std::iter::repeat_n(line, width + 2));
        rule.push(if i == 2 { corners[2] } else { corners[1] });
    }
    rule
}

/// Breaks at blanks, and within words that are too long.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => {
                let letters: Vec<char> = word.chars().collect();
                lines.extend(letters.chunks(width).map(String::from_iter));
            }
        }
    }
    lines
}

/// `(None, 12, 12, 64)`, as Keras writes an axis of any size.
fn with_batch(shape: &Shape) -> String {
    let axes: String = shape.iter().map(|axis| format!(", {axis}")).collect();
    match shape.is_empty() {
        true => "(None,)".to_owned(),
        false => format!("(None{axes})"),
    }
}

fn with_commas(number: i64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn memory(bytes: i64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "KB", "MB", "GB"] {
        if size < 1024.0 {
            return format!("{size:.2} {unit}");
        }
        size /= 1024.0;
    }
    format!("{size:.2} TB")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::founding_model;
    use crate::{Dense, Result, Sequential};

    /// The text of Keras 3.15.1 for the same model, 88 characters wide;
    /// tests/reference/make_reference.py writes it.
    const KERAS: &str = include_str!("../../../tests/reference/summary.txt");

    #[test]
    fn the_founding_models_table_is_kerass() -> Result<()> {
        let model = founding_model()?;
        let text = model.summary_table().to_string();
        // Numbers of automatic names depend on what other tests have built before.
        assert_eq!(without_numbers(&text), without_numbers(KERAS.trim_end()));
        let summary = model.summary_table();
        assert_eq!(summary.total_params(), 1_183_498);
        assert_eq!(summary.trainable_params(), 1_183_114);
        assert_eq!(summary.non_trainable_params(), 384);
        assert!(
            summary
                .to_html()
                .contains("<td style=\"text-align:right\">1,179,776</td>")
        );
        Ok(())
    }

    fn without_numbers(table: &str) -> String {
        let mut out = String::new();
        for line in table.lines() {
            let words = line.split(' ').filter(|word| !word.is_empty());
            let words = words.map(|word| match word.rsplit_once('_') {
                Some((stem, number)) if number.trim_matches('"').parse::<u32>().is_ok() => {
                    stem.trim_matches('"')
                }
                _ => word.trim_matches('"'),
            });
            out.push_str(&words.collect::<Vec<_>>().join(" "));
            out.push('\n');
        }
        out
    }

    #[test]
    fn a_model_without_a_shape_says_so() -> Result<()> {
        let text = Sequential::new([Dense::new(3)
            .name("a_name_that_is_so_long_that_it_has_to_be_wrapped")
            .into()])?
        .summary_table()
        .to_string();
        assert!(
            text.contains("│ ?                           │     0 (unbuilt) │"),
            "{text}"
        );
        assert!(text.contains(" Total params: 0 (0.00 B)"), "{text}");
        let width = text.lines().map(|line| line.chars().count()).max();
        assert_eq!(width, Some(88));
        Ok(())
    }

    #[test]
    fn numbers_are_written_as_keras_writes_them() {
        assert_eq!(with_commas(1_183_498), "1,183,498");
        assert_eq!(with_commas(384), "384");
        assert_eq!(memory(4 * 1_183_498), "4.51 MB");
        assert_eq!(memory(4 * 384), "1.50 KB");
    }
}

//! Keras 3's summary of a model, as text and as HTML.
//!
//! What is counted is decided by the layers; here it is only laid out.

use std::fmt::{self, Write};

use super::any_layer::AnyLayer;
use super::network::{Connection, Network};
use super::weight::Weight;
use crate::Shape;
use crate::display::Rich;

/// The table that [`summary`](crate::Network::summary) shows.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let model = Sequential::new([Input::new(784).into(), Dense::new(10).into()])?;
/// println!("{}", model.summary_table().show_trainable());
/// model.summary_table().expand_nested().display();
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    model: String,
    rows: Vec<Row>,
    /// Whether layers are connected otherwise than each to the one before.
    is_graph: bool,
    trainable: i64,
    non_trainable: i64,
    optimizer: Option<i64>,
    show_trainable: bool,
    expand_nested: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    layer: String,
    output_shape: String,
    params: String,
    connected_to: String,
    /// `Y`, `N`, or `-` for a layer without weights.
    trainable: &'static str,
    /// How deep it lies in nested models; 0 for the model's own.
    depth: usize,
}

/// One column: its heading, its width without the blanks beside the text, where its text stands.
struct Column {
    heading: &'static str,
    width: usize,
    alignment: Alignment,
    text: fn(&Row) -> &str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Alignment {
    Left,
    Right,
    Centre,
}

impl Summary {
    pub(crate) fn new(model: &(impl Network + ?Sized)) -> Self {
        let weights = model.weights();
        let count = |trainable: bool| {
            let counted = weights
                .iter()
                .filter(|weight| weight.is_trainable() == trainable);
            counted.map(Weight::count).sum()
        };
        let compiled = model.training().compiled.as_ref();
        let optimizer = compiled.map(|compiled| compiled.optimizer.borrow().state_count());
        let connections = model.connections();
        let is_graph = connections.is_some();
        let mut rows = Vec::new();
        for (i, layer) in model.layers().iter().enumerate() {
            let connected = connections.as_ref().and_then(|all| all.get(i));
            Row::push(&mut rows, layer, connected.map_or(&[], Vec::as_slice), 0);
        }
        Summary {
            model: model.name().to_owned(),
            rows,
            is_graph,
            trainable: count(true),
            non_trainable: count(false),
            optimizer: optimizer.filter(|&count| count > 0),
            show_trainable: false,
            expand_nested: false,
        }
    }

    /// With the layers of nested models, too.
    pub fn expand_nested(mut self) -> Self {
        self.expand_nested = true;
        self
    }

    /// With a column that says which layers are trained.
    pub fn show_trainable(mut self) -> Self {
        self.show_trainable = true;
        self
    }

    /// Shows the table under the cell.
    pub fn display(&self) {
        self.to_rich().display();
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

    fn shown_rows(&self) -> impl Iterator<Item = &Row> {
        let nested = self.expand_nested;
        self.rows.iter().filter(move |row| nested || row.depth == 0)
    }

    /// With the widths that Keras's table has in a notebook.
    fn columns(&self) -> Vec<Column> {
        let widths: &[usize] = match (self.is_graph, self.show_trainable) {
            (false, false) => &[36, 27, 15],
            (false, true) => &[37, 29, 14, 7],
            (true, false) => &[29, 25, 15, 26],
            (true, true) => &[29, 25, 16, 25, 9],
        };
        type Text = fn(&Row) -> &str;
        let mut columns: Vec<(&str, Alignment, Text)> = vec![
            ("Layer (type)", Alignment::Left, |row| &row.layer),
            ("Output Shape", Alignment::Left, |row| &row.output_shape),
            ("Param #", Alignment::Right, |row| &row.params),
        ];
        if self.is_graph {
            columns.push(("Connected to", Alignment::Left, |row| &row.connected_to));
        }
        if self.show_trainable {
            columns.push(("Trainable", Alignment::Centre, |row| row.trainable));
        }
        let column = |((heading, alignment, text), width): (_, &usize)| Column {
            heading,
            width: *width,
            alignment,
            text,
        };
        columns.into_iter().zip(widths).map(column).collect()
    }

    pub(crate) fn to_rich(&self) -> Rich {
        Rich::text(self.to_string()).with_html(self.to_html())
    }

    fn to_html(&self) -> String {
        let columns = self.columns();
        let style = |column: &Column| match column.alignment {
            Alignment::Left => "text-align:left;white-space:pre-wrap",
            Alignment::Right => "text-align:right",
            Alignment::Centre => "text-align:center",
        };
        let mut html = format!("<b>Model: \"{}\"</b>", escaped(&self.model));
        html.push_str("<table><thead><tr>");
        for column in &columns {
            let _ = write!(
                html,
                "<th style=\"{}\">{}</th>",
                style(column),
                column.heading
            );
        }
        html.push_str("</tr></thead><tbody>");
        for row in self.shown_rows() {
            html.push_str("<tr>");
            for column in &columns {
                let text = escaped((column.text)(row));
                let _ = write!(html, "<td style=\"{}\">{text}</td>", style(column));
            }
            html.push_str("</tr>");
        }
        html.push_str("</tbody></table>");
        html.push_str(&self.totals().join("<br>"));
        html
    }
}

impl Row {
    /// Adds a layer's row, and those of the layers inside.
    fn push(rows: &mut Vec<Row>, layer: &AnyLayer, connected_to: &[Connection], depth: usize) {
        let prefix = match depth {
            0 => String::new(),
            depth => format!("{}└ ", "   ".repeat(depth)),
        };
        let weights = layer.weights();
        let (output_shape, params) = match layer.known_output_shapes() {
            Some(shapes) => (
                shape_text(&shapes),
                with_commas(weights.iter().map(Weight::count).sum()),
            ),
            None => ("?".to_owned(), "0 (unbuilt)".to_owned()),
        };
        rows.push(Row {
            layer: format!("{prefix}{} ({})", layer.name(), layer.class_name()),
            output_shape,
            params,
            connected_to: match connected_to {
                [] => "-".to_owned(),
                inputs => inputs
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", "),
            },
            trainable: match (weights.is_empty(), layer.is_trainable()) {
                (true, _) => "-",
                (false, true) => "Y",
                (false, false) => "N",
            },
            depth,
        });
        for inner in layer.layers() {
            Row::push(rows, &inner, &[], depth + 1);
        }
    }
}

/// Keras's table in box-drawing characters.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns();
        writeln!(f, "Model: \"{}\"", self.model)?;
        writeln!(f, "{}", rule(&columns, ['┏', '━', '┳', '┓']))?;
        let headings: Vec<&str> = columns.iter().map(|column| column.heading).collect();
        write_row(f, &columns, &headings, '┃')?;
        writeln!(f, "{}", rule(&columns, ['┡', '━', '╇', '┩']))?;
        for (i, row) in self.shown_rows().enumerate() {
            if i > 0 {
                writeln!(f, "{}", rule(&columns, ['├', '─', '┼', '┤']))?;
            }
            let texts: Vec<&str> = columns.iter().map(|column| (column.text)(row)).collect();
            write_row(f, &columns, &texts, '│')?;
        }
        writeln!(f, "{}", rule(&columns, ['└', '─', '┴', '┘']))?;
        let totals: Vec<String> = self
            .totals()
            .iter()
            .map(|line| format!(" {line}"))
            .collect();
        write!(f, "{}", totals.join("\n"))
    }
}

/// A line across the table, with its left corner, line, crossings and right corner.
fn rule(columns: &[Column], [left, line, middle, right]: [char; 4]) -> String {
    let mut rule = String::from(left);
    for (i, column) in columns.iter().enumerate() {
        if i > 0 {
            rule.push(middle);
        }
        rule.extend(std::iter::repeat_n(line, column.width + 2));
    }
    rule.push(right);
    rule
}

/// One row, in as many lines as its longest text needs.
fn write_row(
    f: &mut fmt::Formatter<'_>,
    columns: &[Column],
    texts: &[&str],
    wall: char,
) -> fmt::Result {
    let cells: Vec<Vec<String>> = columns
        .iter()
        .zip(texts)
        .map(|(column, text)| wrapped(text, column.width))
        .collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    for line in 0..height {
        write!(f, "{wall}")?;
        for (column, cell) in columns.iter().zip(&cells) {
            let (text, width) = (cell.get(line).map_or("", String::as_str), column.width);
            match column.alignment {
                Alignment::Left => write!(f, " {text:<width$} {wall}")?,
                Alignment::Right => write!(f, " {text:>width$} {wall}")?,
                Alignment::Centre => write!(f, " {text:^width$} {wall}")?,
            }
        }
        writeln!(f)?;
    }
    Ok(())
}

/// Breaks at blanks; a word that is too long for a line is cut.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let indent = text.len() - text.trim_start().len();
    for word in text.trim_start().split(' ') {
        let mut word = word.to_owned();
        if word.chars().count() > width {
            word = word.chars().take(width - 1).chain(['…']).collect();
        }
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            Some(_) => lines.push(word),
            None => lines.push(" ".repeat(indent) + &word),
        }
    }
    lines
}

/// `(None, 12, 12, 64)`, as Keras writes it; several in brackets.
pub(super) fn shape_text(shapes: &[Shape]) -> String {
    let shapes: Vec<String> = shapes.iter().map(Shape::with_batch).collect();
    match shapes.as_slice() {
        [only] => only.clone(),
        several => format!("[{}]", several.join(", ")),
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

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests;

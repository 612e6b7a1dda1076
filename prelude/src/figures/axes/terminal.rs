//! A subplot as characters: for terminals, and for reading the differences of stored notebooks.
//!
//! Points are dots of braille characters, two across and four down in each.

use std::fmt::Write;

use super::bounds::axes_of;
use super::marks::cell_numbers;
use super::ticks::{Axis, Scale, Tick};
use super::{Axes, Heat, Marks, Series};

const COLUMNS: usize = 60;
const ROWS: usize = 12;
/// Matrices with more cells are described, not written out.
const MOST_CELLS: usize = 20;
const BAR: usize = 40;

/// The subplot in lines of text, without a newline at the end.
pub(in crate::figures) fn draw(axes: &Axes) -> String {
    let mut lines = Vec::new();
    lines.extend(axes.title.clone());
    let curves = axes
        .series
        .iter()
        .any(|series| matches!(series.marks, Marks::Line { .. } | Marks::Scatter { .. }));
    if curves {
        lines.extend(plot(axes));
    }
    for series in &axes.series {
        lines.extend(describe(series, axes));
    }
    let axis_names = [("x", &axes.x.label), ("y", &axes.y.label)];
    let names: Vec<String> = axis_names
        .into_iter()
        .filter_map(|(axis, label)| Some(format!("{axis}: {}", label.as_ref()?)))
        .collect();
    if !names.is_empty() {
        lines.push(names.join(", "));
    }
    lines.join("\n")
}

/// Lines and points between axes with numbers.
fn plot(axes: &Axes) -> Vec<String> {
    let (x, y) = axes_of(axes, (6, 4));
    let mut dots = Dots::default();
    for series in &axes.series {
        match &series.marks {
            Marks::Line { x: xs, y: ys, .. } => {
                let points: Vec<_> = xs
                    .iter()
                    .zip(ys)
                    .map(|(&a, &b)| dot(&x, &y, a, b))
                    .collect();
                points
                    .windows(2)
                    .for_each(|pair| dots.line(pair[0], pair[1]));
                points.iter().for_each(|&point| dots.line(point, point));
            }
            Marks::Scatter { x: xs, y: ys, .. } => {
                for (&a, &b) in xs.iter().zip(ys) {
                    let point = dot(&x, &y, a, b);
                    dots.line(point, point);
                }
            }
            _ => {}
        }
    }
    let row_of = |tick: &Tick| ((1.0 - y.place(tick.value)) * ROWS as f64) as usize;
    let width = y
        .ticks
        .iter()
        .map(|tick| tick.label.chars().count())
        .max()
        .unwrap_or(0);
    let mut lines: Vec<String> = (0..ROWS)
        .map(|row| {
            let tick = y
                .ticks
                .iter()
                .find(|tick| row_of(tick).min(ROWS - 1) == row);
            let (label, mark) = tick.map_or(("", '│'), |tick| (tick.label.as_str(), '┤'));
            format!(
                "{label:>width$} {mark}{}",
                dots.row(row).trim_end_matches('\u{2800}')
            )
        })
        .collect();
    let mut axis: Vec<char> = "─".repeat(COLUMNS).chars().collect();
    let mut numbers = vec![' '; COLUMNS + 8];
    for tick in &x.ticks {
        let column = ((x.place(tick.value) * COLUMNS as f64) as usize).min(COLUMNS - 1);
        axis[column] = '┬';
        // Centred below its mark, if there is room.
        let start = column.saturating_sub(tick.label.chars().count() / 2);
        let place =
            start.saturating_sub(1)..(start + tick.label.chars().count() + 1).min(numbers.len());
        if numbers[place].iter().all(|&c| c == ' ') {
            for (cell, c) in numbers[start..].iter_mut().zip(tick.label.chars()) {
                *cell = c;
            }
        }
    }
    let indent = " ".repeat(width + 1);
    lines.push(format!("{indent}└{}", axis.into_iter().collect::<String>()));
    let numbers: String = numbers.into_iter().collect();
    lines.push(format!("{indent} {numbers}").trim_end().to_owned());
    lines
}

/// A point in dots from the upper left corner; `None` if it has no place.
fn dot(x: &Axis, y: &Axis, a: f64, b: f64) -> Option<(f64, f64)> {
    let across = x.place(a) * (2 * COLUMNS - 1) as f64;
    let down = (1.0 - y.place(b)) * (4 * ROWS - 1) as f64;
    (across.is_finite() && down.is_finite()).then_some((across, down))
}

/// A canvas of braille characters.
struct Dots {
    cells: [[u8; COLUMNS]; ROWS],
}

impl Default for Dots {
    fn default() -> Self {
        Dots {
            cells: [[0; COLUMNS]; ROWS],
        }
    }
}

impl Dots {
    fn line(&mut self, from: Option<(f64, f64)>, to: Option<(f64, f64)>) {
        let (Some(from), Some(to)) = (from, to) else {
            return;
        };
        let steps = (to.0 - from.0)
            .abs()
            .max((to.1 - from.1).abs())
            .ceil()
            .clamp(1.0, 1000.0);
        for i in 0..=steps as usize {
            let share = i as f64 / steps;
            self.set(
                from.0 + (to.0 - from.0) * share,
                from.1 + (to.1 - from.1) * share,
            );
        }
    }

    fn set(&mut self, across: f64, down: f64) {
        let (across, down) = (across.round(), down.round());
        if across < 0.0 || down < 0.0 {
            return;
        }
        let (across, down) = (across as usize, down as usize);
        // Unicode numbers the dots by column, and those of the fourth row last.
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        if let Some(cell) = self
            .cells
            .get_mut(down / 4)
            .and_then(|row| row.get_mut(across / 2))
        {
            *cell |= BITS[down % 4][across % 2];
        }
    }

    fn row(&self, row: usize) -> String {
        let braille = |&bits: &u8| char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' ');
        self.cells[row].iter().map(braille).collect()
    }
}

fn describe(series: &Series, axes: &Axes) -> Vec<String> {
    let name = series.label.as_deref();
    match &series.marks {
        Marks::Line { y, .. } => name.map(|name| curve(name, y)).into_iter().collect(),
        Marks::Scatter { y, .. } => {
            let name = name.map_or_else(String::new, |name| format!("{name}: "));
            vec![format!("{name}{} points", y.len())]
        }
        Marks::Bars { ends, heights } => {
            let mut lines: Vec<String> = name.map(|name| format!("{name}:")).into_iter().collect();
            lines.extend(bars(ends, heights, axes));
            lines
        }
        Marks::Boxes(boxes) => boxes
            .iter()
            .enumerate()
            .map(|(i, found)| {
                format!(
                    "{}: median {}, quartiles {} to {}, whiskers {} to {}, {} outliers",
                    category(axes, i as f64),
                    short(found.median),
                    short(found.first_quartile),
                    short(found.third_quartile),
                    short(found.low_whisker),
                    short(found.high_whisker),
                    found.outliers.len()
                )
            })
            .collect(),
        Marks::Heat(heat) => matrix(heat, axes),
        Marks::Picture(pixels) => vec![format!(
            "image, {} x {} pixels",
            pixels.rows(),
            pixels.columns
        )],
        Marks::Across { at, vertical } => {
            let axis = if *vertical { "x" } else { "y" };
            let name = name.map_or_else(String::new, |name| format!("{name}: "));
            vec![format!("{name}line at {axis} = {}", short(*at))]
        }
    }
}

fn curve(name: &str, y: &[f64]) -> String {
    match (y.first(), y.last()) {
        (Some(first), Some(last)) => format!(
            "{name}: {} points, from {} to {}",
            y.len(),
            short(*first),
            short(*last)
        ),
        _ => format!("{name}: no points"),
    }
}

/// Lying bars of block characters, an eighth of a character fine.
fn bars(ends: &[(f64, f64)], heights: &[f64], axes: &Axes) -> Vec<String> {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let length = |height: f64| match axes.y.scale {
        Scale::Linear => height.abs(),
        Scale::Log => (height.abs() + 1.0).ln(),
    };
    let longest = heights
        .iter()
        .map(|&height| length(height))
        .filter(|l| l.is_finite());
    let longest = longest.fold(f64::MIN_POSITIVE, f64::max);
    let names: Vec<String> = ends
        .iter()
        .map(|&(left, right)| category(axes, (left + right) / 2.0))
        .collect();
    let width = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let bars = names.iter().zip(heights).map(|(name, &height)| {
        // The cast takes what is no number to 0.
        let eighths = (length(height) / longest * (8 * BAR) as f64).round() as usize;
        let bar = "█".repeat((eighths / 8).min(BAR));
        let rest = EIGHTHS[eighths % 8];
        let minus = if height < 0.0 { "-" } else { "" };
        format!("{name:>width$} │{minus}{bar}{rest} {}", short(height))
    });
    bars.collect()
}

/// The name at a place of the x axis, or the number.
fn category(axes: &Axes, place: f64) -> String {
    let names = axes.x.categories.as_ref();
    let name = names.and_then(|names| names.get(place.round().max(0.0) as usize));
    name.cloned().unwrap_or_else(|| short(place))
}

fn matrix(heat: &Heat, axes: &Axes) -> Vec<String> {
    if heat.rows > MOST_CELLS || heat.columns > MOST_CELLS {
        return vec![format!(
            "matrix, {} x {} cells from {} to {}",
            heat.rows,
            heat.columns,
            short(heat.range.low),
            short(heat.range.high)
        )];
    }
    let name = |names: &Option<Vec<String>>, i: usize| {
        let name = names.as_ref().and_then(|names| names.get(i));
        name.cloned().unwrap_or_else(|| i.to_string())
    };
    let mut table = vec![vec![String::new()]];
    table[0].extend((0..heat.columns).map(|i| name(&axes.x.categories, i)));
    let numbers = cell_numbers(&heat.values);
    for (i, row) in numbers.chunks_exact(heat.columns).enumerate() {
        let mut cells = vec![name(&axes.y.categories, i)];
        cells.extend_from_slice(row);
        table.push(cells);
    }
    let widths: Vec<usize> = (0..=heat.columns)
        .map(|i| {
            table
                .iter()
                .map(|row| row[i].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    table
        .iter()
        .map(|row| {
            let mut line = String::new();
            for (i, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let gap = if i > 0 { "  " } else { "" };
                let _ = write!(line, "{gap}{cell:>width$}");
            }
            line
        })
        .collect()
}

/// Four digits that matter.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    match magnitude {
        _ if value.fract() == 0.0 && magnitude < 1e7 => format!("{value:.0}"),
        _ if (1e-3..1e5).contains(&magnitude) => {
            let digits = (3 - magnitude.log10().floor() as i32).clamp(0, 6) as usize;
            format!("{value:.digits$}")
        }
        _ => format!("{value:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Figure;

    #[test]
    fn a_line_is_drawn_in_braille_between_numbered_axes() {
        let figure = Figure::new()
            .line([0, 1, 2, 3, 4], [4.0, 3.0, 2.0, 1.0, 0.0])
            .label("loss")
            .title("training")
            .x_label("epoch");
        let text = figure.to_text();
        assert!(text.starts_with("training\n"), "{text}");
        assert!(
            text.ends_with("\nloss: 5 points, from 4 to 0\nx: epoch"),
            "{text}"
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + ROWS + 2 + 2);
        let first = lines.iter().position(|line| line.contains('\u{2812}'));
        assert!(first.is_some(), "{text}");
        assert_eq!(
            lines[ROWS + 2].trim(),
            "0             1             2            3             4"
        );
    }

    #[test]
    fn bars_lie_and_are_as_long_as_their_numbers() {
        let figure = Figure::new().bar(["a", "bb"], [2.0, 1.0]);
        let expected = format!(" a │{} 2\nbb │{} 1", "█".repeat(40), "█".repeat(20));
        assert_eq!(figure.to_text(), expected);
    }

    #[test]
    fn small_matrices_are_written_out_and_large_ones_described() {
        let figure = Figure::new().heatmap([[1.0, 0.25], [30.0, 4.0]]);
        assert_eq!(
            figure.to_text(),
            "       0     1\n0   1.00  0.25\n1  30.00  4.00"
        );
        let figure = Figure::new().heatmap(vec![vec![0.5; 30]; 2]);
        assert_eq!(
            figure.to_text(),
            "matrix, 2 x 30 cells from 0.5000 to 0.5000"
        );
    }
}

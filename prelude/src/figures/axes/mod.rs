//! One subplot: what it shows, as data.
//!
//! `frame.rs` decides where things are, `marks.rs` and `legend.rs` make shapes of them, `ticks.rs`
//! numbers the axes, `terminal.rs` draws the same with characters. The builder that users see is in
//! `figure.rs`.

mod bounds;
pub(super) mod boxes;
pub(super) mod frame;
mod legend;
mod marks;
pub(super) mod terminal;
pub(in crate::figures) mod ticks;

use super::colormap::{Colormap, Range};
use super::scene::{Pixels, Rgb};
use boxes::BoxStatistics;
use ticks::Scale;

/// The colours of series, in order.
///
/// # Source
/// matplotlib's default cycle, `tab10` (Tableau).
pub(super) const CYCLE: [Rgb; 10] = [
    [31, 119, 180],
    [255, 127, 14],
    [44, 160, 44],
    [214, 39, 40],
    [148, 103, 189],
    [140, 86, 75],
    [227, 119, 194],
    [127, 127, 127],
    [188, 189, 34],
    [23, 190, 207],
];

/// What is drawn, in the axes' units.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Marks {
    Line {
        x: Vec<f64>,
        y: Vec<f64>,
        dashed: bool,
        /// A dot at each point.
        dots: bool,
    },
    Scatter {
        x: Vec<f64>,
        y: Vec<f64>,
        /// In CSS pixels.
        radius: f64,
    },
    /// From zero up or down, each from a left to a right end.
    Bars {
        ends: Vec<(f64, f64)>,
        heights: Vec<f64>,
    },
    /// Around 0, 1, 2 and so on.
    Boxes(Vec<BoxStatistics>),
    /// Cells around whole numbers, rows from above.
    Heat(Heat),
    /// As `Heat`, in its own colours.
    Picture(Pixels),
    /// Lines across the whole subplot.
    Across { at: f64, vertical: bool },
}

/// A matrix as colours.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heat {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) values: Vec<f64>,
    pub(super) colormap: Colormap,
    /// What the colour table's ends stand for.
    pub(super) range: Range,
    /// Each cell's number is written into it.
    pub(super) annotated: bool,
    pub(super) colorbar: bool,
}

/// Marks with a look and a name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    pub(super) marks: Marks,
    pub(super) label: Option<String>,
    pub(super) rgb: Rgb,
    pub(super) alpha: f64,
}

/// What one of the two axes shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct AxisOptions {
    pub(super) label: Option<String>,
    pub(super) scale: Scale,
    pub(super) limits: Option<(f64, f64)>,
    /// Names at 0, 1, 2 and so on instead of numbers.
    pub(super) categories: Option<Vec<String>>,
}

/// Everything in one subplot.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Axes {
    pub(super) title: Option<String>,
    pub(super) x: AxisOptions,
    pub(super) y: AxisOptions,
    pub(super) series: Vec<Series>,
    /// No axes, only what is in them.
    pub(super) bare: bool,
}

impl Axes {
    /// The colour of the next series that has none of its own.
    pub(super) fn next_colour(&self) -> Rgb {
        let coloured = |series: &&Series| !matches!(series.marks, Marks::Across { .. });
        CYCLE[self.series.iter().filter(coloured).count() % CYCLE.len()]
    }

    /// The matrix or picture, if there is one: rows and columns.
    pub(super) fn cells(&self) -> Option<(usize, usize)> {
        self.series.iter().find_map(|series| match &series.marks {
            Marks::Heat(heat) => Some((heat.rows, heat.columns)),
            Marks::Picture(pixels) => Some((pixels.rows(), pixels.columns)),
            _ => None,
        })
    }

    /// The matrix whose colours are explained at the side.
    pub(super) fn colorbar(&self) -> Option<&Heat> {
        self.series.iter().find_map(|series| match &series.marks {
            Marks::Heat(heat) if heat.colorbar => Some(heat),
            _ => None,
        })
    }
}

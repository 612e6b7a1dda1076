//! The builder of figures: what a cell writes to draw.
//!
//! `series.rs` has what is drawn, `options.rs` how it looks, and here figures are shown and saved.
//! They collect data; `axes/` draws them. Mistakes are kept until the figure is shown, so that a
//! chain of calls needs one `?`.

mod options;
mod series;

use std::path::Path;

use super::axes::frame::{self, TEXT, TITLE_SIZE};
use super::axes::{Axes, Marks, Series, terminal};
use super::scene::{Anchor, Rect, Scene, Shape, Text};
use super::{raster, save, svg};
use crate::display::Rich;
use crate::training::interrupt;
use crate::{Error, Result};

/// Of one subplot alone, and of one among several, in CSS pixels.
const ALONE: (u32, u32) = (560, 370);
const AMONG: (u32, u32) = (420, 310);
const HEADING_HEIGHT: u32 = 34;
/// Figures with more marks are shown as pixels: as SVG they would be large and slow.
const MOST_MARKS: usize = 3000;

/// A figure of one subplot or several, built call by call.
///
/// What is drawn is named as in matplotlib; options follow what they belong to.
/// Data can be slices, vectors, arrays and tensors of any number type: see [`ArrayLike`](crate::ArrayLike).
/// As the last expression of a cell a figure is shown; [`show`](Figure::show) does it anywhere.
///
/// # Errors
/// The builder itself never fails: the first mistake, such as rows of different lengths, is
/// reported by [`show`](Figure::show), [`save`](Figure::save) and the others that return [`Result`].
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let epochs = [1, 2, 3];
/// Figure::new()
///     .line(epochs, [0.9, 0.4, 0.3]).label("loss")
///     .line(epochs, [0.8, 0.5, 0.45]).label("val_loss")
///     .title("Training").x_label("epoch")
///     .subplot()
///     .bar(["cat", "dog"], [30, 20]).y_label("images")
///     .show()?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Figure {
    axes: Vec<Axes>,
    columns: Option<usize>,
    size: Option<(u32, u32)>,
    heading: Option<String>,
    mistake: Option<Mistake>,
}

/// The first mistake in a chain of calls.
#[derive(Clone, Debug)]
struct Mistake {
    place: String,
    expected: String,
    received: String,
}

impl Figure {
    /// An empty figure.
    pub fn new() -> Self {
        Figure::default()
    }

    /// Shows the figure below the cell. Outside the kernel its text is printed.
    ///
    /// # Errors
    /// The first mistake in the calls before, and [`Error::Interrupted`] if the user has pressed
    /// the stop button.
    pub fn show(&self) -> Result<()> {
        interrupt::check()?;
        self.to_rich()?.show();
        Ok(())
    }

    /// Writes the figure to a file: `.svg` or `.png`. A file that exists is replaced, whole or not
    /// at all.
    ///
    /// The SVG needs no fonts, so every converter makes the same PDF of it.
    ///
    /// # Errors
    /// The first mistake in the calls before, [`Error::InvalidArgument`] for other endings,
    /// [`Error::MissingFile`] if the folder does not exist, [`Error::File`] if it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save::save(path.as_ref(), || self.to_svg(), || self.to_png())
    }

    /// The figure as SVG source.
    ///
    /// # Errors
    /// The first mistake in the calls before.
    pub fn to_svg(&self) -> Result<String> {
        svg::write(&self.scene()?, &self.description()).map_err(not_drawn)
    }

    /// The figure as a PNG file, with two pixels per CSS pixel.
    ///
    /// # Errors
    /// The first mistake in the calls before.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        raster::png(&self.scene()?).map_err(not_drawn)
    }

    /// The figure as characters, as terminals show it.
    pub fn to_text(&self) -> String {
        let mut parts: Vec<String> = self.heading.clone().into_iter().collect();
        parts.extend(self.axes.iter().map(terminal::draw));
        parts.join("\n\n")
    }

    /// The figure in all forms that it is shown in: pixels as PNG, curves as SVG, and text.
    ///
    /// # Errors
    /// The first mistake in the calls before.
    pub fn to_rich(&self) -> Result<Rich> {
        let rich = Rich::text(self.to_text());
        if !self.is_pixels() {
            return Ok(rich.with_svg(self.to_svg()?));
        }
        let scene = self.scene()?;
        let png = raster::png(&scene).map_err(not_drawn)?;
        Ok(rich.with_png(&png, (scene.width, scene.height)))
    }

    /// Whether the figure is smaller as pixels than as curves.
    fn is_pixels(&self) -> bool {
        let series = || self.axes.iter().flat_map(|axes| &axes.series);
        let marks = |series: &Series| match &series.marks {
            Marks::Scatter { x, .. } => x.len(),
            Marks::Line { x, dots: true, .. } => x.len(),
            Marks::Bars { heights, .. } => heights.len(),
            Marks::Heat(heat) => heat.values.len(),
            Marks::Picture(_) => MOST_MARKS,
            _ => 0,
        };
        let images = series().any(|series| match &series.marks {
            Marks::Heat(heat) => !heat.colorbar || heat.values.len() > 900,
            Marks::Picture(_) => true,
            _ => false,
        });
        images || series().map(marks).sum::<usize>() > MOST_MARKS
    }

    fn description(&self) -> String {
        let titles = self.axes.iter().filter_map(|axes| axes.title.as_deref());
        let all: Vec<&str> = self.heading.as_deref().into_iter().chain(titles).collect();
        match all.is_empty() {
            true => "figure".to_owned(),
            false => all.join(", "),
        }
    }

    fn scene(&self) -> Result<Scene> {
        if let Some(Mistake {
            place,
            expected,
            received,
        }) = self.mistake.clone()
        {
            return Err(Error::InvalidArgument {
                place,
                expected,
                received,
            });
        }
        let empty = [Axes::default()];
        let all = if self.axes.is_empty() {
            &empty
        } else {
            &self.axes[..]
        };
        let columns = self.columns.unwrap_or(all.len().min(3)).min(all.len());
        let rows = all.len().div_ceil(columns);
        let heading = if self.heading.is_some() {
            HEADING_HEIGHT
        } else {
            0
        };
        let each = if all.len() == 1 { ALONE } else { AMONG };
        let (width, height) = self
            .size
            .unwrap_or((each.0 * columns as u32, each.1 * rows as u32 + heading));
        // Images have a least size; all subplots are of one.
        let least = all.iter().map(frame::least_size);
        let least = least.fold((0.0, 0.0), |a: (f64, f64), b| (a.0.max(b.0), a.1.max(b.1)));
        let cell = (
            (f64::from(width) / columns as f64).max(least.0).ceil(),
            (f64::from(height.saturating_sub(heading)) / rows as f64)
                .max(least.1)
                .ceil(),
        );
        let (width, height) = (
            cell.0 * columns as f64,
            cell.1 * rows as f64 + f64::from(heading),
        );
        if width > 20_000.0 || height > 20_000.0 {
            return Err(Error::InvalidArgument {
                place: "figure: size".into(),
                expected: "at most 20000 CSS pixels each way: show a part of the data".into(),
                received: format!("{width} x {height}"),
            });
        }
        let mut scene = Scene::new(width as u32, height as u32);
        if let Some(heading) = &self.heading {
            scene.shapes.push(Shape::Text(Text {
                text: heading.clone(),
                at: (width / 2.0, 26.0),
                size: TITLE_SIZE + 2.0,
                anchor: Anchor::Middle,
                rgb: TEXT,
                quarters: 0,
            }));
        }
        for (i, axes) in all.iter().enumerate() {
            let outer = Rect {
                left: (i % columns) as f64 * cell.0,
                top: f64::from(heading) + (i / columns) as f64 * cell.1,
                width: cell.0,
                height: cell.1,
            };
            frame::draw(axes, outer, &mut scene);
        }
        Ok(scene)
    }

    fn axes_mut(&mut self) -> &mut Axes {
        if self.axes.is_empty() {
            self.axes.push(Axes::default());
        }
        let last = self.axes.len() - 1;
        &mut self.axes[last]
    }

    fn with_mistake(
        mut self,
        place: &str,
        expected: impl Into<String>,
        received: impl ToString,
    ) -> Self {
        self.mistake.get_or_insert_with(|| Mistake {
            place: format!("figure: {place}"),
            expected: expected.into(),
            received: received.to_string(),
        });
        self
    }

    /// The value, or `None` and the mistake is kept.
    fn noted<T>(&mut self, place: &str, result: Result<T>) -> Option<T> {
        let (expected, received) = match result {
            Ok(value) => return Some(value),
            Err(Error::ShapeMismatch {
                expected,
                received,
                remedy,
                ..
            }) => (expected, format!("{received}: {remedy}")),
            Err(Error::InvalidArgument {
                expected, received, ..
            }) => (expected, received),
            Err(other) => ("data that can be read".to_owned(), other.to_string()),
        };
        self.mistake.get_or_insert_with(|| Mistake {
            place: format!("figure: {place}"),
            expected,
            received,
        });
        None
    }
}

fn not_drawn(reason: String) -> Error {
    Error::Drawing {
        place: "figure",
        reason,
    }
}

#[cfg(test)]
mod tests;

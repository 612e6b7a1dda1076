//! Small images side by side, with a label below each.
//!
//! A builder like `figure.rs`, for images alone; `layout.rs` places them. Cells have no axes, and every pixel of an image is
//! a square of the same whole number of screen pixels, so that nothing is smoothed.

mod layout;

use std::collections::BTreeSet;
use std::path::Path;

use tch::Tensor;

use super::array::{Array, ArrayLike};
use super::colormap::{Colormap, Range};
use super::picture::Batch;
use super::scene::Rgb;
use super::{colours, raster, save, svg};
use crate::display::Rich;
use crate::training::interrupt;
use crate::{Error, Result};

/// How large an image should be, in CSS pixels: 28 pixels become 84, three each.
const SIDE: f64 = 84.0;

/// Rows and columns of a grid: `5` for as many of both, `(2, 8)` for two rows of eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridSize {
    pub(super) rows: i64,
    pub(super) columns: i64,
}

impl From<i64> for GridSize {
    fn from(both: i64) -> Self {
        GridSize {
            rows: both,
            columns: both,
        }
    }
}

impl From<(i64, i64)> for GridSize {
    fn from((rows, columns): (i64, i64)) -> Self {
        GridSize { rows, columns }
    }
}

/// Images side by side, each with a label below and a title above if it has one.
///
/// As the last expression of a cell a grid is shown; [`show`](ImageGrid::show) does it anywhere.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let images = Tensor::rand([6, 28, 28], (Kind::Float, Device::Cpu));
/// let grid = ImageGrid::new(&images, (2, 3))?
///     .captions(["ankle boot", "bag", "coat", "dress", "sandal", "shirt"])?
///     .highlight([1], "red")?
///     .colormap(Colormap::Gray);
/// grid.show()?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageGrid {
    batch: Batch,
    columns: usize,
    heading: Option<String>,
    titles: Vec<String>,
    captions: Vec<String>,
    highlighted: Vec<(BTreeSet<usize>, Rgb)>,
    colormap: Colormap,
    range: Option<Range>,
    side: f64,
}

impl ImageGrid {
    /// The first images of a batch in rows and columns of `size`; fewer if the batch has fewer.
    ///
    /// # Shapes
    /// images: `(n, rows, columns)` or `(n, rows, columns, 1)`, or in colour `(n, rows, columns, 3)`,
    /// bytes or numbers from 0 to 1
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for other shapes, [`Error::InvalidArgument`] for a size below 1,
    /// [`Error::EmptyData`] without images.
    pub fn new(images: &Tensor, size: impl Into<GridSize>) -> Result<Self> {
        ImageGrid::of("ImageGrid", images, size.into())
    }

    pub(super) fn of(place: &str, images: &Tensor, size: GridSize) -> Result<Self> {
        const MOST: i64 = 200;
        if !(1..=MOST).contains(&size.rows) || !(1..=MOST).contains(&size.columns) {
            return Err(Error::InvalidArgument {
                place: format!("{place}: size"),
                expected: format!("1 to {MOST} rows and columns"),
                received: format!("{} x {}", size.rows, size.columns),
            });
        }
        let batch = Batch::of(place, images, (size.rows * size.columns) as usize)?;
        if batch.len() == 0 {
            return Err(Error::EmptyData {
                place: place.to_owned(),
            });
        }
        Ok(ImageGrid {
            columns: (size.columns as usize).min(batch.len()),
            batch,
            heading: None,
            titles: Vec::new(),
            captions: Vec::new(),
            highlighted: Vec::new(),
            colormap: Colormap::default(),
            range: None,
            side: SIDE,
        })
    }

    /// Whole numbers below the images, such as labels `(n,)` or `(n, 1)`.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for other shapes, [`Error::LengthMismatch`] for too few.
    pub fn labels(self, labels: impl ArrayLike) -> Result<Self> {
        let labels = Array::vector(&labels, "ImageGrid: labels")?;
        self.captions(labels.iter().map(|label| format!("{label:.0}")))
    }

    /// Texts below the images.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are fewer than images.
    pub fn captions<S: AsRef<str>>(
        mut self,
        captions: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        self.captions = self.texts("captions", captions)?;
        Ok(self)
    }

    /// Texts above the images.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if there are fewer than images.
    pub fn titles<S: AsRef<str>>(mut self, titles: impl IntoIterator<Item = S>) -> Result<Self> {
        self.titles = self.texts("titles", titles)?;
        Ok(self)
    }

    fn texts<S: AsRef<str>>(
        &self,
        second: &str,
        texts: impl IntoIterator<Item = S>,
    ) -> Result<Vec<String>> {
        let texts = texts.into_iter().take(self.batch.len());
        let texts: Vec<String> = texts.map(|text| text.as_ref().to_owned()).collect();
        match texts.len() == self.batch.len() {
            true => Ok(texts),
            false => Err(Error::LengthMismatch {
                place: "ImageGrid".into(),
                first: "images".into(),
                first_length: self.batch.len() as i64,
                second: second.into(),
                second_length: texts.len() as i64,
            }),
        }
    }

    /// What stands above all images.
    pub fn heading(mut self, heading: &str) -> Self {
        self.heading = Some(heading.to_owned());
        self
    }

    /// Borders and texts of some images, counted from 0, in a colour: a name such as `red`, or
    /// `#1f77b4`.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for unknown colours.
    pub fn highlight(
        mut self,
        images: impl IntoIterator<Item = usize>,
        color: &str,
    ) -> Result<Self> {
        let rgb = colours::parse(color).ok_or_else(|| Error::InvalidArgument {
            place: "ImageGrid: highlight".into(),
            expected: colours::KNOWN.into(),
            received: format!("`{color}`"),
        })?;
        self.highlighted.push((images.into_iter().collect(), rgb));
        Ok(self)
    }

    /// The colour table of grey images; [`Colormap::Viridis`] without it.
    pub fn colormap(mut self, colormap: Colormap) -> Self {
        self.colormap = colormap;
        self
    }

    /// Which numbers the ends of the colour table stand for, in all grey images; without this call
    /// each image's smallest and largest.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] unless `low` < `high`.
    pub fn color_limits(mut self, low: f64, high: f64) -> Result<Self> {
        if !(low < high && low.is_finite() && high.is_finite()) {
            return Err(Error::InvalidArgument {
                place: "ImageGrid: color_limits".into(),
                expected: "low < high".into(),
                received: format!("{low}, {high}"),
            });
        }
        self.range = Some(Range { low, high });
        Ok(self)
    }

    /// How long an image's longer side should be, in CSS pixels; 84 without this call. It becomes
    /// the next length at which every pixel is a whole number of screen pixels.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] unless from 4 to 2000.
    pub fn image_size(mut self, side: u32) -> Result<Self> {
        if !(4..=2000).contains(&side) {
            return Err(Error::InvalidArgument {
                place: "ImageGrid: image_size".into(),
                expected: "4 to 2000 CSS pixels".into(),
                received: side.to_string(),
            });
        }
        self.side = f64::from(side);
        Ok(self)
    }

    /// Shows the grid below the cell. Outside the kernel its text is printed.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the user has pressed the stop button, [`Error::Drawing`] if the
    /// picture would be too large.
    pub fn show(&self) -> Result<()> {
        interrupt::check()?;
        self.to_rich()?.show();
        Ok(())
    }

    /// Writes the grid to a file: `.png` or `.svg`.
    ///
    /// # Errors
    /// As [`Figure::save`](crate::Figure::save).
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let svg = || svg::write(&self.scene()?, "images").map_err(not_drawn);
        save::save(path.as_ref(), svg, || self.to_png())
    }

    /// The grid as a PNG file, with two pixels per CSS pixel.
    ///
    /// # Errors
    /// [`Error::Drawing`] if the picture would be too large.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        raster::png(&self.scene()?).map_err(not_drawn)
    }

    /// The grid as a PNG and as text.
    ///
    /// # Errors
    /// As [`to_png`](ImageGrid::to_png).
    pub fn to_rich(&self) -> Result<Rich> {
        let scene = self.scene()?;
        let png = raster::png(&scene).map_err(not_drawn)?;
        Ok(Rich::text(self.to_text()).with_png(&png, (scene.width, scene.height)))
    }

    /// The labels, for front ends without pictures.
    pub fn to_text(&self) -> String {
        let rows = self.batch.len().div_ceil(self.columns);
        let mut text = match &self.heading {
            Some(heading) => format!("{heading}\n"),
            None => String::new(),
        };
        text += &format!("{rows} x {} images", self.columns);
        if self.captions.is_empty() && self.titles.is_empty() {
            return text;
        }
        text.push_str(" with labels");
        let label = |i: usize| {
            let parts = [self.titles.get(i), self.captions.get(i)];
            let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
            parts.join(": ")
        };
        let labels: Vec<String> = (0..self.batch.len()).map(label).collect();
        // Numbers read best as a table, names need a separator.
        let separator = match labels.iter().any(|label| label.contains(' ')) {
            true => " | ",
            false => " ",
        };
        for row in labels.chunks(self.columns) {
            text.push('\n');
            text.push_str(&row.join(separator));
        }
        text
    }
}

fn not_drawn(reason: String) -> Error {
    Error::Drawing {
        place: "ImageGrid",
        reason,
    }
}

#[cfg(test)]
mod tests;

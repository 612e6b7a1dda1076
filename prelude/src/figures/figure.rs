//! The builder of figures: what a cell writes to draw.
//!
//! It collects data; `axes/` draws them. Mistakes are kept until the figure is shown, so that a
//! chain of calls needs one `?`.

use std::path::Path;

use super::array::{Array, ArrayLike};
use super::axes::boxes::BoxStatistics;
use super::axes::frame::{self, TEXT, TITLE_SIZE};
use super::axes::ticks::Scale;
use super::axes::{Axes, AxisOptions, Heat, Marks, Series, terminal};
use super::colormap::{Colormap, Range};
use super::colours;
use super::picture::pixels;
use super::save;
use super::scene::{Anchor, Rect, Scene, Shape, Text};
use super::{histogram, raster, svg};
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
/// Data can be slices, vectors, arrays and tensors of any number type: see [`ArrayLike`].
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

    // ---- What is drawn. ----

    /// A line through points.
    pub fn line(self, x: impl ArrayLike, y: impl ArrayLike) -> Self {
        self.points("line", &x, &y, |x, y| Marks::Line {
            x,
            y,
            dashed: false,
            dots: false,
        })
    }

    /// A dot at each point.
    pub fn scatter(self, x: impl ArrayLike, y: impl ArrayLike) -> Self {
        self.points("scatter", &x, &y, |x, y| {
            let radius = if x.len() > 500 { 2.0 } else { 3.2 };
            Marks::Scatter { x, y, radius }
        })
    }

    /// Dots in a colour for each class, which the legend names: by `names`, or by the class's number
    /// if there are none.
    pub fn scatter_by_class(
        mut self,
        x: impl ArrayLike,
        y: impl ArrayLike,
        classes: impl ArrayLike,
        names: &[&str],
    ) -> Self {
        let place = "scatter_by_class";
        let numbers = (|| {
            let x = Array::vector(&x, place)?;
            let y = Array::vector(&y, place)?;
            let classes = Array::vector(&classes, place)?;
            Ok((same_length(place, x, y)?, classes))
        })();
        let Some(((x, y), classes)) = self.noted(place, numbers) else {
            return self;
        };
        if classes.len() != x.len() {
            return self.with_mistake(
                place,
                format!("one class for each of the {} points", x.len()),
                classes.len(),
            );
        }
        let mut known: Vec<i64> = classes.iter().map(|&class| class as i64).collect();
        known.sort_unstable();
        known.dedup();
        let radius = if x.len() > 500 { 2.0 } else { 3.2 };
        for class in known {
            let of_class = |values: &[f64]| -> Vec<f64> {
                let both = values.iter().zip(&classes);
                both.filter(|(_, c)| **c as i64 == class)
                    .map(|(v, _)| *v)
                    .collect()
            };
            let (x, y) = (of_class(&x), of_class(&y));
            let name = usize::try_from(class)
                .ok()
                .and_then(|class| names.get(class));
            let name = name.map_or_else(|| class.to_string(), |name| (*name).to_owned());
            self = self.with(Marks::Scatter { x, y, radius }).label(&name);
        }
        self
    }

    /// A bar for each name; [`bar_at`](Figure::bar_at) takes numbers instead of names.
    pub fn bar<S: AsRef<str>>(
        mut self,
        names: impl IntoIterator<Item = S>,
        heights: impl ArrayLike,
    ) -> Self {
        let names: Vec<String> = names
            .into_iter()
            .map(|name| name.as_ref().to_owned())
            .collect();
        let places: Vec<f64> = (0..names.len()).map(|i| i as f64).collect();
        self.axes_mut().x.categories = Some(names);
        self.bars("bar", &places, &heights)
    }

    /// A bar at each place of a numbered axis.
    pub fn bar_at(self, x: impl ArrayLike, heights: impl ArrayLike) -> Self {
        self.bars("bar_at", &x, &heights)
    }

    /// How many numbers lie in each of `bins` equal parts of their range.
    ///
    /// # Source
    /// numpy, `histogram`: each part includes its left end, the last one both.
    pub fn hist(mut self, values: impl ArrayLike, bins: usize) -> Self {
        let numbers = Array::of(&values).map(|array| array.values);
        let Some(values) = self.noted("hist", numbers) else {
            return self;
        };
        if bins == 0 || bins > 10_000 {
            return self.with_mistake("hist: bins", "1 to 10000", bins);
        }
        let (ends, heights) = histogram::count(&values, bins);
        self.with(Marks::Bars { ends, heights })
    }

    /// A box for each group of numbers: quartiles, median, whiskers, outliers.
    pub fn box_plot<S: AsRef<str>, A: ArrayLike>(
        mut self,
        groups: impl IntoIterator<Item = (S, A)>,
    ) -> Self {
        let (mut names, mut boxes) = (Vec::new(), Vec::new());
        for (name, values) in groups {
            let name = name.as_ref().to_owned();
            let numbers = Array::of(&values).map(|array| array.values);
            let Some(values) = self.noted("box_plot", numbers) else {
                return self;
            };
            let Some(found) = BoxStatistics::of(&values) else {
                let expected = "finite numbers in every group";
                return self.with_mistake("box_plot", expected, format!("none in `{name}`"));
            };
            names.push(name);
            boxes.push(found);
        }
        self.axes_mut().x.categories = Some(names);
        self.with(Marks::Boxes(boxes))
    }

    /// A matrix as colours, its first row above, with a colour bar.
    pub fn heatmap(mut self, matrix: impl ArrayLike) -> Self {
        let Some((rows, columns, values)) =
            self.noted("heatmap", Array::matrix(&matrix, "heatmap"))
        else {
            return self;
        };
        let range = Range::of(&values);
        self.with(Marks::Heat(Heat {
            rows,
            columns,
            values,
            colormap: Colormap::default(),
            range,
            annotated: false,
            colorbar: true,
        }))
    }

    /// An image: `(rows, columns)` or `(rows, columns, 1)` through a colormap, from its smallest to
    /// its largest number, or `(rows, columns, 3)` in its own colours, bytes or numbers from 0 to 1.
    ///
    /// Every pixel becomes a square; none is mixed.
    pub fn imshow(mut self, image: impl ArrayLike) -> Self {
        let array = Array::of(&image).and_then(|array| match array.shape[..] {
            [rows, columns] | [rows, columns, 1] if rows > 0 && columns > 0 => {
                let range = Range::of(&array.values);
                Ok(Marks::Heat(Heat {
                    rows: rows as usize,
                    columns: columns as usize,
                    values: array.values,
                    colormap: Colormap::default(),
                    range,
                    annotated: false,
                    colorbar: false,
                }))
            }
            _ => pixels("imshow", &array, Colormap::default()).map(Marks::Picture),
        });
        match self.noted("imshow", array) {
            Some(marks) => self.with(marks),
            None => self,
        }
    }

    /// A dashed line across the subplot from below to above, at a number of the x axis.
    pub fn vline(self, x: f64) -> Self {
        self.with(Marks::Across {
            at: x,
            vertical: true,
        })
    }

    /// A dashed line across the subplot from left to right, at a number of the y axis.
    pub fn hline(self, y: f64) -> Self {
        self.with(Marks::Across {
            at: y,
            vertical: false,
        })
    }

    // ---- How the last of it looks. ----

    /// A name for what was drawn last, in the legend.
    pub fn label(mut self, label: &str) -> Self {
        match self.last_series() {
            Some(series) => series.label = Some(label.to_owned()),
            None => return self.nothing_drawn("label"),
        }
        self
    }

    /// The colour of what was drawn last: a name such as `red` or `tab:orange`, or `#1f77b4`.
    pub fn color(mut self, color: &str) -> Self {
        let Some(rgb) = colours::parse(color) else {
            return self.with_mistake("color", colours::KNOWN, format!("`{color}`"));
        };
        match self.last_series() {
            Some(series) => series.rgb = rgb,
            None => return self.nothing_drawn("color"),
        }
        self
    }

    /// How much of what is below shows through what was drawn last: 0 nothing is drawn, 1 opaque.
    pub fn alpha(mut self, alpha: f64) -> Self {
        if !(0.0..=1.0).contains(&alpha) {
            return self.with_mistake("alpha", "a number from 0 to 1", alpha);
        }
        match self.last_series() {
            Some(series) => series.alpha = alpha,
            None => return self.nothing_drawn("alpha"),
        }
        self
    }

    /// Makes the last line dashed.
    pub fn dashed(mut self) -> Self {
        match self.last_series().map(|series| &mut series.marks) {
            Some(Marks::Line { dashed, .. }) => *dashed = true,
            _ => return self.with_mistake("dashed", "a line before it", "none"),
        }
        self
    }

    /// Puts a dot at each point of the last line.
    pub fn dots(mut self) -> Self {
        match self.last_series().map(|series| &mut series.marks) {
            Some(Marks::Line { dots, .. }) => *dots = true,
            _ => return self.with_mistake("dots", "a line before it", "none"),
        }
        self
    }

    /// The colour table of the last heat map or grey image; [`Colormap::Viridis`] without it.
    pub fn colormap(mut self, colormap: Colormap) -> Self {
        match self.last_heat() {
            Some(heat) => heat.colormap = colormap,
            None => return self.no_heat("colormap"),
        }
        self
    }

    /// Which numbers the ends of the colour table stand for in the last heat map or grey image; its
    /// smallest and largest without this call.
    pub fn color_limits(mut self, low: f64, high: f64) -> Self {
        if !(low < high && low.is_finite() && high.is_finite()) {
            return self.with_mistake("color_limits", "low < high", format!("{low}, {high}"));
        }
        match self.last_heat() {
            Some(heat) => heat.range = Range { low, high },
            None => return self.no_heat("color_limits"),
        }
        self
    }

    /// Writes each number into its cell of the last heat map.
    pub fn annotate(mut self) -> Self {
        match self.last_heat() {
            Some(heat) => heat.annotated = true,
            None => return self.no_heat("annotate"),
        }
        self
    }

    /// Whether a colour bar stands beside the last heat map or grey image.
    pub fn colorbar(mut self, shown: bool) -> Self {
        match self.last_heat() {
            Some(heat) => heat.colorbar = shown,
            None => return self.no_heat("colorbar"),
        }
        self
    }

    // ---- The subplot. ----

    /// What stands above the subplot.
    pub fn title(mut self, title: &str) -> Self {
        self.axes_mut().title = Some(title.to_owned());
        self
    }

    /// What stands below the x axis.
    pub fn x_label(mut self, label: &str) -> Self {
        self.axes_mut().x.label = Some(label.to_owned());
        self
    }

    /// What stands beside the y axis.
    pub fn y_label(mut self, label: &str) -> Self {
        self.axes_mut().y.label = Some(label.to_owned());
        self
    }

    /// Makes equal ratios equally long on the x axis. What is not above zero is not drawn.
    pub fn log_x(mut self) -> Self {
        self.axes_mut().x.scale = Scale::Log;
        self
    }

    /// Makes equal ratios equally long on the y axis. What is not above zero is not drawn.
    pub fn log_y(mut self) -> Self {
        self.axes_mut().y.scale = Scale::Log;
        self
    }

    /// The ends of the x axis, instead of those of the data.
    pub fn x_limits(self, low: f64, high: f64) -> Self {
        self.limits("x_limits", low, high, |axes| &mut axes.x)
    }

    /// The ends of the y axis, instead of those of the data.
    pub fn y_limits(self, low: f64, high: f64) -> Self {
        self.limits("y_limits", low, high, |axes| &mut axes.y)
    }

    /// Names at 0, 1, 2 and so on of the x axis, instead of numbers.
    pub fn x_names<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.axes_mut().x.categories = Some(owned(names));
        self
    }

    /// Names at 0, 1, 2 and so on of the y axis, instead of numbers.
    pub fn y_names<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.axes_mut().y.categories = Some(owned(names));
        self
    }

    /// Leaves the axes out: marks, numbers, names.
    pub fn bare(mut self) -> Self {
        self.axes_mut().bare = true;
        self
    }

    /// Begins the next subplot, to which the calls after this one belong.
    pub fn subplot(mut self) -> Self {
        self.axes_mut();
        self.axes.push(Axes::default());
        self
    }

    // ---- The whole. ----

    /// How many subplots stand side by side; up to three without this call.
    pub fn columns(mut self, columns: usize) -> Self {
        if columns == 0 {
            return self.with_mistake("columns", "at least 1", columns);
        }
        self.columns = Some(columns);
        self
    }

    /// The size of the whole in CSS pixels. A PNG has twice as many pixels. Where an image needs
    /// more room to be sharp, the figure is larger.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        if !(50..=10_000).contains(&width) || !(50..=10_000).contains(&height) {
            let received = format!("{width} x {height}");
            return self.with_mistake("size", "50 to 10000 CSS pixels each way", received);
        }
        self.size = Some((width, height));
        self
    }

    /// What stands above all subplots.
    pub fn heading(mut self, heading: &str) -> Self {
        self.heading = Some(heading.to_owned());
        self
    }

    // ---- Showing and saving. ----

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

    // ---- Collecting. ----

    fn axes_mut(&mut self) -> &mut Axes {
        if self.axes.is_empty() {
            self.axes.push(Axes::default());
        }
        let last = self.axes.len() - 1;
        &mut self.axes[last]
    }

    fn with(mut self, marks: Marks) -> Self {
        let axes = self.axes_mut();
        let rgb = match marks {
            Marks::Across { .. } => [110; 3],
            _ => axes.next_colour(),
        };
        axes.series.push(Series {
            marks,
            label: None,
            rgb,
            alpha: 1.0,
        });
        self
    }

    fn points(
        mut self,
        place: &str,
        x: &impl ArrayLike,
        y: &impl ArrayLike,
        marks: impl FnOnce(Vec<f64>, Vec<f64>) -> Marks,
    ) -> Self {
        let numbers = (|| same_length(place, Array::vector(x, place)?, Array::vector(y, place)?))();
        match self.noted(place, numbers) {
            Some((x, y)) => self.with(marks(x, y)),
            None => self,
        }
    }

    fn bars(mut self, place: &str, x: &impl ArrayLike, heights: &impl ArrayLike) -> Self {
        let numbers = (|| {
            same_length(
                place,
                Array::vector(x, place)?,
                Array::vector(heights, place)?,
            )
        })();
        let Some((places, heights)) = self.noted(place, numbers) else {
            return self;
        };
        // matplotlib's width, or less where places are closer.
        let mut sorted = places.clone();
        sorted.sort_by(f64::total_cmp);
        let gaps = sorted
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .filter(|gap| *gap > 0.0);
        let half = 0.4 * gaps.fold(f64::INFINITY, f64::min).min(1.0);
        let ends = places.iter().map(|x| (x - half, x + half)).collect();
        self.with(Marks::Bars { ends, heights })
    }

    fn limits(
        mut self,
        place: &str,
        low: f64,
        high: f64,
        axis: impl FnOnce(&mut Axes) -> &mut AxisOptions,
    ) -> Self {
        if low == high || !low.is_finite() || !high.is_finite() {
            let received = format!("{low}, {high}");
            return self.with_mistake(place, "two different finite numbers", received);
        }
        axis(self.axes_mut()).limits = Some((low, high));
        self
    }

    fn last_series(&mut self) -> Option<&mut Series> {
        self.axes.last_mut()?.series.last_mut()
    }

    fn last_heat(&mut self) -> Option<&mut Heat> {
        let series = self.axes.last_mut()?.series.iter_mut().rev();
        series
            .into_iter()
            .find_map(|series| match &mut series.marks {
                Marks::Heat(heat) => Some(heat),
                _ => None,
            })
    }

    fn nothing_drawn(self, place: &str) -> Self {
        // A chain with a mistake draws nothing after it: the first one is what to report.
        self.with_mistake(place, "something drawn before it", "nothing")
    }

    fn no_heat(self, place: &str) -> Self {
        self.with_mistake(place, "a heatmap or a grey image before it", "none")
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

fn owned<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Vec<String> {
    names
        .into_iter()
        .map(|name| name.as_ref().to_owned())
        .collect()
}

fn same_length(place: &str, x: Vec<f64>, y: Vec<f64>) -> Result<(Vec<f64>, Vec<f64>)> {
    match x.len() == y.len() {
        true => Ok((x, y)),
        false => Err(Error::InvalidArgument {
            place: place.to_owned(),
            expected: "as many numbers for y as for x".into(),
            received: format!("{} for x and {} for y", x.len(), y.len()),
        }),
    }
}

fn not_drawn(reason: String) -> Error {
    Error::Drawing {
        place: "figure",
        reason,
    }
}

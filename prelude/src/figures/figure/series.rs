//! What is drawn into a figure: lines, bars, matrices and the rest.

use super::Figure;
use crate::figures::array::{Array, ArrayLike};
use crate::figures::axes::boxes::BoxStatistics;
use crate::figures::axes::{Heat, Marks, Series};
use crate::figures::colormap::{Colormap, Range};
use crate::figures::histogram;
use crate::figures::picture::pixels;
use crate::{Error, Result};

impl Figure {
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

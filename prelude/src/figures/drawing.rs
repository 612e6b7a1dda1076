//! Drawings that a cell makes with plotters itself.
//!
//! `backend.rs` makes a scene of what plotters draws: so these drawings, too, exist as SVG and as PNG, are sharp
//! on dense displays, have smooth edges and the bundled font.

mod backend;

use std::cell::RefCell;
use std::error::Error as StdError;
use std::fmt;
use std::path::Path;
use std::rc::Rc;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};

pub use backend::SceneBackend;

use super::scene::{Scene, Shape};
use super::{font, raster, save, svg};
use crate::display::Rich;
use crate::training::interrupt;
use crate::{Error, Result};

/// Drawings with more shapes are shown as pixels: as SVG they would be large and slow.
const MOST_SHAPES: usize = 4000;

/// What plotters draws on in [`Drawing::new`]: `&DrawingRoot` is the type of the closure's argument.
pub type DrawingRoot = DrawingArea<SceneBackend, Shift>;

/// A drawing made with plotters.
///
/// # Example
/// ```
/// use torchbook::*;
/// use torchbook::plotters::prelude::*;
///
/// let drawing = Drawing::new((400, 300), |root| {
///     let mut chart = ChartBuilder::on(root)
///         .caption("y = x²", ("sans-serif", 20))
///         .margin(10)
///         .x_label_area_size(30)
///         .y_label_area_size(40)
///         .build_cartesian_2d(-1.0..1.0, 0.0..1.0)?;
///     chart.configure_mesh().draw()?;
///     chart.draw_series(LineSeries::new((-50..=50).map(|x| (x as f64 / 50.0, (x * x) as f64 / 2500.0)), &RED))?;
///     Ok(())
/// })?;
/// drawing.show()?;
/// # Ok::<(), torchbook::Error>(())
/// ```
#[derive(Clone)]
pub struct Drawing {
    scene: Scene,
}

impl Drawing {
    /// Lets plotters draw on white paper of `size` CSS pixels.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a size that is none, [`Error::Drawing`] with what the closure
    /// returns.
    pub fn new(
        size: (u32, u32),
        draw: impl FnOnce(&DrawingRoot) -> Result<(), Box<dyn StdError>>,
    ) -> Result<Self> {
        if !(1..=10_000).contains(&size.0) || !(1..=10_000).contains(&size.1) {
            return Err(Error::InvalidArgument {
                place: "Drawing: size".into(),
                expected: "1 to 10000 CSS pixels each way".into(),
                received: format!("{} x {}", size.0, size.1),
            });
        }
        font::register();
        let scene = Rc::new(RefCell::new(Scene::new(size.0, size.1)));
        let backend = SceneBackend {
            scene: Rc::clone(&scene),
        };
        let root = backend.into_drawing_area();
        draw(&root).map_err(|error| not_drawn(error.to_string()))?;
        drop(root);
        let scene = scene.borrow().clone();
        Ok(Drawing { scene })
    }

    /// Shows the drawing below the cell. Outside the kernel its text is printed.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the user has pressed the stop button.
    pub fn show(&self) -> Result<()> {
        interrupt::check()?;
        self.to_rich()?.show();
        Ok(())
    }

    /// Writes the drawing to a file: `.svg` or `.png`.
    ///
    /// # Errors
    /// As [`Figure::save`](crate::Figure::save).
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save::save(path.as_ref(), || self.to_svg(), || self.to_png())
    }

    /// The drawing as SVG source.
    ///
    /// # Errors
    /// [`Error::Drawing`] if an image in it is too large.
    pub fn to_svg(&self) -> Result<String> {
        svg::write(&self.scene, "drawing").map_err(not_drawn)
    }

    /// The drawing as a PNG file, with two pixels per CSS pixel.
    ///
    /// # Errors
    /// [`Error::Drawing`] if it is too large.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        raster::png(&self.scene).map_err(not_drawn)
    }

    /// The drawing in all forms that it is shown in; the text has the texts that plotters has
    /// written.
    ///
    /// # Errors
    /// As [`to_png`](Drawing::to_png).
    pub fn to_rich(&self) -> Result<Rich> {
        let size = (self.scene.width, self.scene.height);
        let rich = Rich::text(self.to_text());
        let has_images = self
            .scene
            .shapes
            .iter()
            .any(|shape| matches!(shape, Shape::Image { .. }));
        match has_images || self.scene.shapes.len() > MOST_SHAPES {
            true => Ok(rich.with_png(&self.to_png()?, size)),
            false => Ok(rich.with_svg(self.to_svg()?)),
        }
    }

    fn to_text(&self) -> String {
        let mut lines = vec![format!(
            "drawing, {} x {}",
            self.scene.width, self.scene.height
        )];
        // What reads as a name; numbers of axes say nothing by themselves.
        let texts = self.scene.shapes.iter().filter_map(|shape| match shape {
            Shape::Text(text) if text.text.trim().parse::<f64>().is_err() => {
                Some(text.text.clone())
            }
            _ => None,
        });
        lines.extend(texts.take(20));
        lines.join("\n")
    }
}

impl fmt::Debug for Drawing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

fn not_drawn(reason: String) -> Error {
    Error::Drawing {
        place: "drawing",
        reason,
    }
}

#[cfg(test)]
mod tests {
    use plotters::prelude::*;

    use super::super::png;
    use super::{Drawing, Result};

    fn chart() -> Result<Drawing> {
        Drawing::new((300, 200), |root| {
            root.fill(&WHITE)?;
            let mut chart = ChartBuilder::on(root)
                .caption("손실", ("sans-serif", 20))
                .x_label_area_size(30)
                .y_label_area_size(40)
                .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
            chart.configure_mesh().y_desc("loss").draw()?;
            chart.draw_series(LineSeries::new(
                [(0.0, 0.0), (1.0, 1.0)],
                RED.filled().stroke_width(2),
            ))?;
            chart.draw_series([Circle::new((0.5, 0.5), 4, BLUE.filled())])?;
            Ok(())
        })
    }

    #[test]
    fn plotters_drawings_are_svg_and_png() -> Result<()> {
        let drawing = chart()?;
        let texts = drawing.scene.texts();
        assert!(
            texts.contains(&"손실") && texts.contains(&"loss"),
            "{texts:?}"
        );
        let svg = drawing.to_svg()?;
        assert!(
            svg.contains("aria-label=\"손실\"") && svg.contains("<circle"),
            "{svg}"
        );
        let pixels = png::decode(&drawing.to_png()?);
        assert_eq!((pixels.columns, pixels.rows()), (600, 400));
        let is_red = |p: &&[u8]| p[0] > 200 && p[1] < 60 && p[2] < 60;
        assert!(pixels.rgb.chunks_exact(3).filter(is_red).count() > 500);
        assert_eq!(
            format!("{drawing:?}").lines().next(),
            Some("drawing, 300 x 200")
        );
        Ok(())
    }

    #[test]
    fn bitmaps_are_shown_as_png_and_failures_are_reported() -> Result<()> {
        let drawing = Drawing::new((20, 20), |root| {
            let mut bitmap = BitMapElement::with_owned_buffer((5, 5), (2, 2), vec![7; 12]);
            let _ = &mut bitmap;
            root.draw(&bitmap.ok_or("four pixels")?)?;
            Ok(())
        })?;
        let pixels = png::decode(&drawing.to_png()?);
        assert_eq!(pixels.rgb[3 * (10 * 40 + 10)], 7);
        let error = Drawing::new((20, 20), |_| Err("no data".into())).expect_err("refused");
        assert!(
            error
                .to_string()
                .ends_with("cannot draw the figure: no data"),
            "{error}"
        );
        assert!(Drawing::new((0, 20), |_| Ok(())).is_err());
        Ok(())
    }
}

//! Where images and their texts are in a grid.

use super::{ImageGrid, not_drawn};
use crate::Result;
use crate::figures::axes::frame::{TEXT, TITLE_SIZE};
use crate::figures::font;
use crate::figures::raster::DENSITY;
use crate::figures::scene::{Anchor, Rect, Rgb, Scene, Shape, Stroke, Text};

/// Between images and around them.
const GAP: f64 = 14.0;
const TEXT_SIZE: f64 = 13.0;
const LINE: f64 = 19.0;
pub(super) const FRAME: Rgb = [60; 3];
const HIGHLIGHT: f64 = 3.0;
const HEADING: f64 = 30.0;

impl ImageGrid {
    /// The size of an image on the picture, in CSS pixels.
    pub(super) fn image_extent(&self) -> (f64, f64) {
        let (rows, columns) = self.batch.size();
        let scale = (self.side * DENSITY as f64 / rows.max(columns) as f64)
            .round()
            .max(1.0);
        // At 84 pixels the scale is even for 28 pixels: sharp on simple displays, too.
        let scale = match scale > 4.0 {
            true => (scale / DENSITY as f64).round() * DENSITY as f64,
            false => scale,
        } / DENSITY as f64;
        (columns as f64 * scale, rows as f64 * scale)
    }

    pub(super) fn scene(&self) -> Result<Scene> {
        let (width, height) = self.image_extent();
        let texts = || self.titles.iter().chain(&self.captions);
        let widest = texts()
            .map(|text| font::width(text, TEXT_SIZE))
            .fold(0.0, f64::max);
        // Long texts move images apart, very long ones become smaller.
        let across = (width + GAP).max((widest + 10.0).min(width * 2.0).ceil());
        let text_size = match widest + 4.0 > across {
            true => (TEXT_SIZE * (across - 4.0) / widest).max(7.0),
            false => TEXT_SIZE,
        };
        let above = if self.titles.is_empty() { 0.0 } else { LINE };
        let below = if self.captions.is_empty() {
            0.0
        } else {
            LINE + 2.0
        };
        let down = above + height + below + if below > 0.0 { GAP / 2.0 - 1.0 } else { GAP };
        let heading = if self.heading.is_some() { HEADING } else { 0.0 };
        let rows = self.batch.len().div_ceil(self.columns);
        let total = (
            (self.columns as f64 * across + GAP).ceil(),
            (heading + rows as f64 * down + GAP).ceil(),
        );
        if total.0 > 20_000.0 || total.1 > 20_000.0 {
            let size = format!(
                "{} x {} pixels are too many: show fewer images",
                total.0, total.1
            );
            return Err(not_drawn(size));
        }
        let mut scene = Scene::new(total.0 as u32, total.1 as u32);
        let text = |text: &str, at: (f64, f64), size: f64, rgb: Rgb| {
            Shape::Text(Text {
                text: text.to_owned(),
                at,
                size,
                anchor: Anchor::Middle,
                rgb,
                quarters: 0,
            })
        };
        if let Some(heading) = &self.heading {
            let at = (total.0 / 2.0, 26.0);
            scene.shapes.push(text(heading, at, TITLE_SIZE, TEXT));
        }
        for i in 0..self.batch.len() {
            let rect = Rect {
                left: (GAP / 2.0 + (i % self.columns) as f64 * across + (across - width) / 2.0)
                    .round(),
                top: heading + GAP + (i / self.columns) as f64 * down + above,
                width,
                height,
            };
            let highlight = self
                .highlighted
                .iter()
                .rev()
                .find(|(images, _)| images.contains(&i));
            let colour = highlight.map(|(_, rgb)| *rgb);
            match colour {
                Some(rgb) => scene.shapes.push(Shape::filled(rect.grown(HIGHLIGHT), rgb)),
                None => scene
                    .shapes
                    .push(Shape::outlined(rect.grown(0.5), Stroke::solid(FRAME, 1.0))),
            }
            scene.shapes.push(Shape::Image {
                pixels: self.batch.image(i, self.colormap, self.range),
                rect,
            });
            let middle = rect.left + width / 2.0;
            let rgb = colour.unwrap_or(TEXT);
            if let Some(title) = self.titles.get(i) {
                scene
                    .shapes
                    .push(text(title, (middle, rect.top - 8.0), text_size, rgb));
            }
            if let Some(caption) = self.captions.get(i) {
                let at = (middle, rect.bottom() + 7.0 + font::CAPITALS * TEXT_SIZE);
                scene.shapes.push(text(caption, at, text_size, rgb));
            }
        }
        Ok(scene)
    }
}

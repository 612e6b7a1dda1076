//! Scenes as pixels.
//!
//! ab_glyph's rasterizer computes how much of each pixel a shape covers, for glyphs and for
//! everything else: edges are smooth without drawing larger first. Images are the exception: their
//! pixels become squares of a whole number of pixels, nothing is mixed. `mask.rs` computes coverage,
//! `strokes.rs` makes polygons of lines.

mod mask;
mod strokes;

use mask::{Area, Mask, control_points};
use strokes::{dense, disc, stroke_outline};

use super::scene::{Anchor, Paint, Pixels, Point, Rect, Scene, Shape, Text, WHITE};
use super::{font, png};

/// Pixels per CSS pixel: sharp on dense displays, and no worse on others.
pub(super) const DENSITY: usize = 2;

/// CSS pixels of a picture: 300 MB while it is painted.
const MOST_PIXELS: u64 = 25_000_000;

/// Paints a scene, [`DENSITY`] pixels per CSS pixel.
pub(super) fn paint(scene: &Scene) -> Pixels {
    let (width, height) = (
        scene.width as usize * DENSITY,
        scene.height as usize * DENSITY,
    );
    let mut canvas = Canvas {
        pixels: Pixels {
            columns: width,
            rgb: [WHITE[0]].repeat(3 * width * height),
        },
        clip: Area {
            left: 0,
            top: 0,
            right: width,
            bottom: height,
        },
    };
    for shape in &scene.shapes {
        canvas.paint(shape);
    }
    canvas.pixels
}

/// The scene as a PNG file of [`DENSITY`] pixels per CSS pixel.
pub(super) fn png(scene: &Scene) -> Result<Vec<u8>, String> {
    let (width, height) = (scene.width, scene.height);
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(format!(
            "{width} x {height} CSS pixels are too many: show less, or make it smaller"
        ));
    }
    let pixels = paint(scene);
    png::encode(&pixels.rgb, pixels.columns as u32, pixels.rows() as u32)
}

struct Canvas {
    pixels: Pixels,
    clip: Area,
}

impl Canvas {
    fn paint(&mut self, shape: &Shape) {
        match shape {
            Shape::Fill { points, paint } => self.fill([dense(points)], paint),
            Shape::Line { points, stroke } => {
                self.fill(stroke_outline(points, stroke), &stroke.paint)
            }
            Shape::Disc {
                centre,
                radius,
                paint,
                edge,
            } => {
                let disc = disc(*centre, *radius);
                self.fill([dense(&disc)], paint);
                if let Some(edge) = edge {
                    self.fill(stroke_outline(&disc, edge), &edge.paint);
                }
            }
            Shape::Text(text) => self.write(text),
            Shape::Image { pixels, rect } => self.enlarge(pixels, rect),
            Shape::Clip { rect, shapes } => {
                let outer = self.clip;
                let corner = |(x, y): Point| (x * DENSITY as f64, y * DENSITY as f64);
                let inner = outer.touched_by(
                    corner((rect.left, rect.top)),
                    corner((rect.right(), rect.bottom())),
                );
                if let Some(inner) = inner {
                    self.clip = inner;
                    shapes.iter().for_each(|shape| self.paint(shape));
                    self.clip = outer;
                }
            }
        }
    }

    /// Fills what any of the polygons covers, all of which go round the same way.
    fn fill(&mut self, polygons: impl IntoIterator<Item = Vec<Point>>, paint: &Paint) {
        let polygons: Vec<Vec<Point>> = polygons.into_iter().collect();
        let Some(mut mask) = Mask::around(polygons.iter().flatten(), self.clip) else {
            return;
        };
        for polygon in &polygons {
            let next = polygon.iter().cycle().skip(1);
            for (&from, &to) in polygon.iter().zip(next) {
                mask.line(from, to);
            }
        }
        self.blend(&mask, paint);
    }

    fn write(&mut self, text: &Text) {
        let run = font::run(&text.text);
        let scale = text.size / font::units_per_em() * DENSITY as f64;
        let shift = match text.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -run.width / 2.0,
            Anchor::End => -run.width,
        };
        let at = (text.at.0 * DENSITY as f64, text.at.1 * DENSITY as f64);
        for (glyph, place) in run.glyphs {
            let placed = |p: ab_glyph::Point| -> Point {
                // Upwards in the font, downwards on the canvas.
                let (x, y) = (
                    (f64::from(p.x) + place + shift) * scale,
                    -f64::from(p.y) * scale,
                );
                match text.quarters % 4 {
                    0 => (at.0 + x, at.1 + y),
                    1 => (at.0 - y, at.1 + x),
                    2 => (at.0 - x, at.1 - y),
                    _ => (at.0 + y, at.1 - x),
                }
            };
            let curves = font::outline(glyph);
            let corners: Vec<Point> = curves.iter().flat_map(control_points).map(placed).collect();
            let Some(mut mask) = Mask::around(&corners, self.clip) else {
                continue;
            };
            for curve in &curves {
                mask.curve(curve, placed);
            }
            self.blend(&mask, &text.rgb.into());
        }
    }

    fn blend(&mut self, mask: &Mask, paint: &Paint) {
        let columns = self.pixels.columns;
        let (rgb, area, alpha) = (&mut self.pixels.rgb, mask.area, paint.alpha as f32);
        mask.rasterizer.for_each_pixel_2d(|x, y, coverage| {
            // Where polygons overlap, coverage adds up to more than 1.
            let alpha = coverage.min(1.0) * alpha;
            let (x, y) = (x as usize + area.left, y as usize + area.top);
            if alpha <= 0.0 || x >= area.right {
                return;
            }
            let start = 3 * (y * columns + x);
            if let Some(pixel) = rgb.get_mut(start..start + 3) {
                for (old, new) in pixel.iter_mut().zip(paint.rgb) {
                    let (from, to) = (f32::from(*old), f32::from(new));
                    *old = (from + (to - from) * alpha).round() as u8;
                }
            }
        });
    }

    /// Pixels of an image as squares; the rectangle's size is taken to the nearest whole number of
    /// pixels each.
    fn enlarge(&mut self, pixels: &Pixels, rect: &Rect) {
        let per_pixel = |length: f64, count: usize| {
            ((length * DENSITY as f64 / count.max(1) as f64).round() as usize).max(1)
        };
        let across = per_pixel(rect.width, pixels.columns);
        let down = per_pixel(rect.height, pixels.rows());
        let [left, top] = [rect.left, rect.top].map(|p| (p * DENSITY as f64).round() as usize);
        let wide = png::enlarged(pixels, across, 1);
        let (from, to) = (
            left.max(self.clip.left),
            (left + across * pixels.columns).min(self.clip.right),
        );
        if from >= to {
            return;
        }
        for (i, row) in wide
            .chunks_exact(3 * across * pixels.columns.max(1))
            .enumerate()
        {
            for y in top + i * down..top + (i + 1) * down {
                if y < self.clip.top || y >= self.clip.bottom {
                    continue;
                }
                let target =
                    3 * (y * self.pixels.columns + from)..3 * (y * self.pixels.columns + to);
                self.pixels.rgb[target].copy_from_slice(&row[3 * (from - left)..3 * (to - left)]);
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! Scenes as pixels.
//!
//! ab_glyph's rasterizer computes how much of each pixel a shape covers, for glyphs and for
//! everything else: edges are smooth without drawing larger first. Images are the exception: their
//! pixels become squares of a whole number of pixels, nothing is mixed.

use ab_glyph::OutlineCurve;
use ab_glyph_rasterizer::{Point as MaskPoint, Rasterizer, point};

use super::scene::{Anchor, Paint, Pixels, Point, Rect, Scene, Shape, Stroke, Text, WHITE};
use super::{font, png};

/// Pixels per CSS pixel: sharp on dense displays, and no worse on others.
pub(super) const DENSITY: usize = 2;

/// Corners of the polygon that stands for a disc.
const DISC_CORNERS: usize = 24;

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
    let pixels = paint(scene);
    png::encode(&pixels.rgb, pixels.columns as u32, pixels.rows() as u32)
}

/// Whole pixels from `left` and `top` to before `right` and `bottom`.
#[derive(Clone, Copy)]
struct Area {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Area {
    /// What of this area a rectangle in pixels touches; `None` if nothing.
    fn touched_by(&self, (left, top): Point, (right, bottom): Point) -> Option<Area> {
        // The casts take what is negative or no number to 0.
        let area = Area {
            left: (left.floor() as usize).max(self.left),
            top: (top.floor() as usize).max(self.top),
            right: (right.ceil() as usize).min(self.right),
            bottom: (bottom.ceil() as usize).min(self.bottom),
        };
        (area.left < area.right && area.top < area.bottom).then_some(area)
    }
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

/// How much of each pixel in an area is covered.
struct Mask {
    area: Area,
    rasterizer: Rasterizer,
}

impl Mask {
    /// For shapes within the bounds of these points; `None` if nothing of them is in the clip.
    fn around<'a>(points: impl IntoIterator<Item = &'a Point>, clip: Area) -> Option<Mask> {
        let mut bounds = [
            f64::INFINITY,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NEG_INFINITY,
        ];
        for &(x, y) in points {
            bounds = [
                bounds[0].min(x),
                bounds[1].min(y),
                bounds[2].max(x),
                bounds[3].max(y),
            ];
        }
        let [left, top, right, bottom] = bounds;
        if left > right || right < 0.0 || bottom < 0.0 {
            return None;
        }
        let area = clip.touched_by((left, top), (right, bottom))?;
        // One column more: coverage of the last pixel spills into the next.
        let size = (area.right - area.left + 1, area.bottom - area.top);
        Some(Mask {
            area,
            rasterizer: Rasterizer::new(size.0, size.1),
        })
    }

    fn local(&self, (x, y): Point) -> (f32, f32) {
        (
            (x - self.area.left as f64) as f32,
            (y - self.area.top as f64) as f32,
        )
    }

    /// Adds an edge. What is left or right of the area is moved to its border, where it covers the
    /// same pixels of the area: the rasterizer itself knows no sideways limits.
    fn line(&mut self, from: Point, to: Point) {
        let (from, to) = (self.local(from), self.local(to));
        let width = (self.area.right - self.area.left) as f32;
        let place = |border: f32| (border - from.0) / (to.0 - from.0);
        let mut cuts = [0.0, place(0.0), place(width), 1.0];
        cuts[1..3].iter_mut().for_each(|cut| {
            *cut = if cut.is_finite() {
                cut.clamp(0.0, 1.0)
            } else {
                0.0
            };
        });
        cuts.sort_by(f32::total_cmp);
        let at = |share: f32| -> MaskPoint {
            let x = from.0 + (to.0 - from.0) * share;
            point(x.clamp(0.0, width), from.1 + (to.1 - from.1) * share)
        };
        for pair in cuts.windows(2) {
            if pair[0] < pair[1] {
                self.rasterizer.draw_line(at(pair[0]), at(pair[1]));
            }
        }
    }

    fn curve(&mut self, curve: &OutlineCurve, placed: impl Fn(ab_glyph::Point) -> Point) {
        // Eight pieces per curve: texts are small, and edges then clip like all others.
        const PIECES: i32 = 8;
        let points: Vec<Point> = control_points(curve).map(placed).collect();
        if let [from, to] = points[..] {
            return self.line(from, to);
        }
        let mut last = points[0];
        for i in 1..=PIECES {
            let next = bezier(&points, f64::from(i) / f64::from(PIECES));
            self.line(last, next);
            last = next;
        }
    }
}

fn control_points(curve: &OutlineCurve) -> impl Iterator<Item = ab_glyph::Point> + use<> {
    let points = match *curve {
        OutlineCurve::Line(a, b) => vec![a, b],
        OutlineCurve::Quad(a, b, c) => vec![a, b, c],
        OutlineCurve::Cubic(a, b, c, d) => vec![a, b, c, d],
    };
    points.into_iter()
}

/// de Casteljau's algorithm.
fn bezier(points: &[Point], share: f64) -> Point {
    let mut points = points.to_vec();
    while points.len() > 1 {
        points = points
            .windows(2)
            .map(|pair| {
                let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
                (x0 + (x1 - x0) * share, y0 + (y1 - y0) * share)
            })
            .collect();
    }
    points[0]
}

fn dense(points: &[Point]) -> Vec<Point> {
    points
        .iter()
        .map(|(x, y)| (x * DENSITY as f64, y * DENSITY as f64))
        .collect()
}

fn disc((x, y): Point, radius: f64) -> Vec<Point> {
    let corner = |i: usize| {
        // Backwards, as the pieces of a line go round.
        let angle = -(i as f64) / DISC_CORNERS as f64 * std::f64::consts::TAU;
        (x + radius * angle.cos(), y + radius * angle.sin())
    };
    (0..=DISC_CORNERS).map(corner).collect()
}

/// A line as polygons in pixels, which all go round the same way: a rectangle per piece and a disc
/// at each joint.
fn stroke_outline(points: &[Point], stroke: &Stroke) -> Vec<Vec<Point>> {
    let pieces = match stroke.dash {
        Some(lengths) => dashes(points, lengths),
        None => vec![points.to_vec()],
    };
    let half = stroke.width / 2.0;
    let mut polygons = Vec::new();
    for piece in &pieces {
        for pair in piece.windows(2) {
            let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
            let length = (x1 - x0).hypot(y1 - y0);
            if length > 0.0 {
                let (dx, dy) = (-(y1 - y0) / length * half, (x1 - x0) / length * half);
                polygons.push(dense(&[
                    (x0 + dx, y0 + dy),
                    (x1 + dx, y1 + dy),
                    (x1 - dx, y1 - dy),
                    (x0 - dx, y0 - dy),
                ]));
            }
        }
        // Thin lines show no joints, and right angles of frames must stay sharp.
        if stroke.width > 1.0 {
            let inner = piece.len().saturating_sub(1);
            for &joint in piece.iter().take(inner).skip(1) {
                polygons.push(dense(&disc(joint, half)));
            }
        }
    }
    polygons
}

/// The dashes of a dashed line.
fn dashes(points: &[Point], (dash, gap): (f64, f64)) -> Vec<Vec<Point>> {
    if dash <= 0.0 || gap <= 0.0 {
        return vec![points.to_vec()];
    }
    let mut pieces = Vec::new();
    let (mut is_drawn, mut left) = (true, dash);
    let mut piece: Vec<Point> = points.first().copied().into_iter().collect();
    for pair in points.windows(2) {
        let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
        let length = (x1 - x0).hypot(y1 - y0);
        let mut done = 0.0;
        while length - done > left {
            done += left;
            let turn = (
                x0 + (x1 - x0) * done / length,
                y0 + (y1 - y0) * done / length,
            );
            if is_drawn {
                piece.push(turn);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![turn];
            }
            is_drawn = !is_drawn;
            left = if is_drawn { dash } else { gap };
        }
        left -= length - done;
        if is_drawn {
            piece.push((x1, y1));
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: [u8; 3] = [0; 3];

    fn painted(shapes: Vec<Shape>) -> Pixels {
        let mut scene = Scene::new(10, 10);
        scene.shapes = shapes;
        paint(&scene)
    }

    /// How dark a pixel is, from 0 to 255.
    fn darkness(pixels: &Pixels, x: usize, y: usize) -> u8 {
        255 - pixels.rgb[3 * (y * pixels.columns + x)]
    }

    fn total(pixels: &Pixels) -> f64 {
        let sum: f64 = pixels
            .rgb
            .iter()
            .step_by(3)
            .map(|&c| 255.0 - f64::from(c))
            .sum();
        sum / 255.0
    }

    fn rect(left: f64, top: f64, width: f64, height: f64) -> Rect {
        Rect {
            left,
            top,
            width,
            height,
        }
    }

    #[test]
    fn a_rectangle_covers_its_pixels_and_half_of_those_it_halves() {
        let pixels = painted(vec![Shape::filled(rect(1.0, 2.0, 2.25, 3.0), BLACK)]);
        assert_eq!(pixels.columns, 20);
        let row: Vec<u8> = (0..8).map(|x| darkness(&pixels, x, 6)).collect();
        assert_eq!(row, [0, 0, 255, 255, 255, 255, 127, 0]);
        assert_eq!(
            [3, 4, 9, 10].map(|y| darkness(&pixels, 3, y)),
            [0, 255, 255, 0]
        );
    }

    #[test]
    fn what_lies_outside_is_cut_off_without_traces() {
        let pixels = painted(vec![
            Shape::filled(rect(-5.0, -5.0, 7.0, 7.0), BLACK),
            Shape::filled(rect(8.0, 8.0, 50.0, 50.0), BLACK),
            Shape::filled(rect(-50.0, 4.0, 20.0, 2.0), BLACK),
            Shape::segment((-10.0, 30.0), (30.0, -30.0), Stroke::solid([0; 3], 0.5)),
        ]);
        assert_eq!(darkness(&pixels, 3, 3), 255);
        assert_eq!(darkness(&pixels, 4, 4), 0);
        assert_eq!(darkness(&pixels, 19, 19), 255);
        assert_eq!(darkness(&pixels, 0, 10), 0);
        // Two squares of 4 x 4 pixels, and a line of one pixel's width from (3 1/3, 10) to (10, 0).
        let line = 2.0 * (10.0f64 / 1.5).hypot(10.0);
        assert!(
            (total(&pixels) - 32.0 - line).abs() < 1.0,
            "{}",
            total(&pixels)
        );
    }

    #[test]
    fn a_clip_hides_what_is_outside_it() {
        let pixels = painted(vec![Shape::Clip {
            rect: rect(2.0, 2.0, 3.0, 3.0),
            shapes: vec![Shape::filled(rect(0.0, 0.0, 10.0, 10.0), BLACK)],
        }]);
        assert_eq!(total(&pixels), 36.0);
        assert_eq!(darkness(&pixels, 4, 4), 255);
        assert_eq!(darkness(&pixels, 10, 9), 0);
    }

    #[test]
    fn lines_cover_their_width_and_dashes_their_share() {
        let line = |dash| Shape::Line {
            points: vec![(1.0, 5.0), (5.0, 5.0), (9.0, 5.0)],
            stroke: Stroke {
                dash,
                ..Stroke::solid([0; 3], 2.0)
            },
        };
        assert_eq!(total(&painted(vec![line(None)])), 64.0);
        // Dashes from 0 to 2, 3 to 5 and 6 to 8 of 8.
        let dashed = total(&painted(vec![line(Some((2.0, 1.0)))]));
        assert!((dashed - 48.0).abs() < 1.0, "{dashed}");
    }

    #[test]
    fn a_disc_covers_its_area_and_halves_with_half_the_opacity() {
        let disc = |alpha| Shape::Disc {
            centre: (5.0, 5.0),
            radius: 4.0,
            paint: Paint { rgb: [0; 3], alpha },
            edge: None,
        };
        let expected = std::f64::consts::PI * 64.0;
        let covered = total(&painted(vec![disc(1.0)]));
        assert!(
            (covered / expected - 1.0).abs() < 0.02,
            "{covered} {expected}"
        );
        assert!((total(&painted(vec![disc(0.5)])) / expected - 0.5).abs() < 0.02);
    }

    #[test]
    fn image_pixels_are_squares() {
        let image = Pixels {
            columns: 2,
            rgb: vec![0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0],
        };
        let pixels = painted(vec![Shape::Image {
            pixels: image,
            rect: rect(1.0, 1.0, 3.0, 6.0),
        }]);
        assert_eq!(total(&pixels), 36.0);
        assert_eq!(
            [1, 2, 4, 5].map(|x| darkness(&pixels, x, 2)),
            [0, 255, 255, 0]
        );
        assert_eq!(
            [7, 8, 13, 14].map(|y| darkness(&pixels, 5, y)),
            [0, 255, 255, 0]
        );
    }

    #[test]
    fn a_text_stands_on_its_baseline_and_turns() {
        let text = |quarters| {
            Shape::Text(Text {
                text: "L".to_owned(),
                at: (7.0, 7.0),
                size: 8.0,
                anchor: Anchor::Middle,
                rgb: [0; 3],
                quarters,
            })
        };
        let upright = painted(vec![text(0)]);
        let dark = |pixels: &Pixels, xs: std::ops::Range<usize>, ys: std::ops::Range<usize>| {
            ys.into_iter()
                .any(|y| xs.clone().any(|x| darkness(pixels, x, y) > 100))
        };
        assert!(dark(&upright, 10..18, 4..14));
        assert!(!dark(&upright, 0..20, 15..20) && !dark(&upright, 0..20, 0..2));
        let turned = painted(vec![text(3)]);
        assert!((total(&turned) - total(&upright)).abs() < 1.5);
        assert!(dark(&turned, 2..14, 10..18) && !dark(&turned, 15..20, 0..20));
    }
}

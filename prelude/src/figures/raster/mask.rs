//! How much of each pixel a shape covers.

use ab_glyph::OutlineCurve;
use ab_glyph_rasterizer::{Point as MaskPoint, Rasterizer, point};

use crate::figures::scene::Point;

/// Whole pixels from `left` and `top` to before `right` and `bottom`.
#[derive(Clone, Copy)]
pub(super) struct Area {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
}

impl Area {
    /// What of this area a rectangle in pixels touches; `None` if nothing.
    pub(super) fn touched_by(&self, (left, top): Point, (right, bottom): Point) -> Option<Area> {
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

/// How much of each pixel in an area is covered.
pub(super) struct Mask {
    pub(super) area: Area,
    pub(super) rasterizer: Rasterizer,
}

impl Mask {
    /// For shapes within the bounds of these points; `None` if nothing of them is in the clip.
    pub(super) fn around<'a>(
        points: impl IntoIterator<Item = &'a Point>,
        clip: Area,
    ) -> Option<Mask> {
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
    pub(super) fn line(&mut self, from: Point, to: Point) {
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

    pub(super) fn curve(
        &mut self,
        curve: &OutlineCurve,
        placed: impl Fn(ab_glyph::Point) -> Point,
    ) {
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

pub(super) fn control_points(
    curve: &OutlineCurve,
) -> impl Iterator<Item = ab_glyph::Point> + use<> {
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

//! Lines and discs as polygons, in pixels.

use super::DENSITY;
use crate::figures::scene::{Point, Stroke};

/// Corners of the polygon that stands for a disc.
const DISC_CORNERS: usize = 24;

pub(super) fn dense(points: &[Point]) -> Vec<Point> {
    points
        .iter()
        .map(|(x, y)| (x * DENSITY as f64, y * DENSITY as f64))
        .collect()
}

pub(super) fn disc((x, y): Point, radius: f64) -> Vec<Point> {
    let corner = |i: usize| {
        // Backwards, as the pieces of a line go round.
        let angle = -(i as f64) / DISC_CORNERS as f64 * std::f64::consts::TAU;
        (x + radius * angle.cos(), y + radius * angle.sin())
    };
    (0..=DISC_CORNERS).map(corner).collect()
}

/// A line as polygons in pixels, which all go round the same way: a rectangle per piece and a disc
/// at each joint.
pub(super) fn stroke_outline(points: &[Point], stroke: &Stroke) -> Vec<Vec<Point>> {
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

//! The names of series, where they cover least.

use super::frame::{TEXT, TICK_SIZE, View};
use super::marks::{DASHES, DOT, LINE_WIDTH};
use super::{Axes, Marks, Series};
use crate::figures::font;
use crate::figures::scene::{Anchor, Paint, Point, Rect, Shape, Stroke, Text, WHITE};

const ROW: f64 = 19.0;
const SAMPLE: f64 = 22.0;
const PADDING: f64 = 7.0;
const BORDER: [u8; 3] = [204; 3];

/// Draws a box with a sample and the name of each series that has one.
pub(super) fn draw(axes: &Axes, view: &View, shapes: &mut Vec<Shape>) {
    let named: Vec<(&Series, &str)> = axes
        .series
        .iter()
        .filter_map(|series| Some((series, series.label.as_deref()?)))
        .collect();
    if named.is_empty() {
        return;
    }
    let widths = named.iter().map(|(_, name)| font::width(name, TICK_SIZE));
    let size = (
        (2.0 * PADDING + SAMPLE + PADDING + widths.fold(0.0, f64::max)).ceil(),
        (PADDING + ROW * named.len() as f64).ceil(),
    );
    let rect = best_corner(axes, view, size);
    shapes.push(Shape::filled(
        rect,
        Paint {
            alpha: 0.85,
            ..WHITE.into()
        },
    ));
    shapes.push(Shape::outlined(
        rect.grown(-0.5),
        Stroke::solid(BORDER, 1.0),
    ));
    for (i, (series, name)) in named.into_iter().enumerate() {
        let middle = rect.top + PADDING / 2.0 + ROW * (i as f64 + 0.5);
        let left = rect.left + PADDING;
        shapes.extend(sample(series, left, middle));
        shapes.push(Shape::Text(Text {
            text: name.to_owned(),
            at: (
                left + SAMPLE + PADDING,
                middle + font::CAPITALS * TICK_SIZE / 2.0,
            ),
            size: TICK_SIZE,
            anchor: Anchor::Start,
            rgb: TEXT,
            quarters: 0,
        }));
    }
}

fn sample(series: &Series, left: f64, middle: f64) -> Vec<Shape> {
    let paint = Paint {
        rgb: series.rgb,
        alpha: series.alpha,
    };
    let dot = Shape::Disc {
        centre: (left + SAMPLE / 2.0, middle),
        radius: DOT + 0.5,
        paint,
        edge: None,
    };
    let line = |dashed: bool| {
        let stroke = Stroke {
            dash: dashed.then_some(DASHES),
            ..Stroke::solid(paint, LINE_WIDTH)
        };
        Shape::segment((left, middle), (left + SAMPLE, middle), stroke)
    };
    match &series.marks {
        Marks::Line { dashed, dots, .. } => match dots {
            true => vec![line(*dashed), dot],
            false => vec![line(*dashed)],
        },
        Marks::Across { .. } => vec![line(true)],
        Marks::Scatter { .. } => vec![dot],
        _ => vec![Shape::filled(
            Rect {
                left: left + 4.0,
                top: middle - 5.0,
                width: SAMPLE - 8.0,
                height: 10.0,
            },
            paint,
        )],
    }
}

/// The corner in which the fewest points would be hidden; the upper right one if that makes no
/// difference.
fn best_corner(axes: &Axes, view: &View, (width, height): (f64, f64)) -> Rect {
    let inner = view.rect.grown(-8.0);
    let (left, right) = (inner.left, inner.right() - width);
    let (top, bottom) = (inner.top, inner.bottom() - height);
    let points: Vec<Point> = axes
        .series
        .iter()
        .flat_map(|series| points(series, view))
        .collect();
    let corners = [(right, top), (left, top), (right, bottom), (left, bottom)];
    let rects = corners.map(|(left, top)| Rect {
        left,
        top,
        width,
        height,
    });
    let hidden = |rect: &Rect| {
        let around = rect.grown(4.0);
        points
            .iter()
            .filter(|(x, y)| {
                (around.left..around.right()).contains(x)
                    && (around.top..around.bottom()).contains(y)
            })
            .count()
    };
    // The first of equal ones.
    let best = rects.iter().min_by_key(|rect| hidden(rect));
    *best.unwrap_or(&rects[0])
}

/// Points along what is painted, close enough to each other to tell what a corner hides.
fn points(series: &Series, view: &View) -> Vec<Point> {
    const STEPS: i32 = 16;
    let between = |a: Point, b: Point| {
        (0..=STEPS).map(move |i| {
            let share = f64::from(i) / f64::from(STEPS);
            (a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share)
        })
    };
    match &series.marks {
        Marks::Line { x, y, .. } => {
            let points: Vec<Point> = x.iter().zip(y).map(|(&x, &y)| view.at(x, y)).collect();
            match points.len() > 500 {
                true => points,
                false => points
                    .windows(2)
                    .flat_map(|pair| between(pair[0], pair[1]))
                    .collect(),
            }
        }
        Marks::Scatter { x, y, .. } => x.iter().zip(y).map(|(&x, &y)| view.at(x, y)).collect(),
        Marks::Bars { ends, heights } => {
            let bars = ends.iter().zip(heights);
            bars.flat_map(|(&(left, right), &height)| {
                let middle = (left + right) / 2.0;
                between(view.at(middle, 0.0), view.at(middle, height))
                    .chain(between(view.at(left, height), view.at(right, height)))
            })
            .collect()
        }
        Marks::Boxes(boxes) => boxes
            .iter()
            .enumerate()
            .flat_map(|(i, found)| {
                let at = |y| view.at(i as f64, y);
                between(at(found.low_whisker), at(found.high_whisker))
            })
            .collect(),
        Marks::Heat(_) | Marks::Picture(_) | Marks::Across { .. } => Vec::new(),
    }
}

//! Series as shapes.

use super::boxes::BoxStatistics;
use super::frame::{TICK_SIZE, View};
use super::{Heat, Marks, Series};
use crate::figures::colormap::readable_on;
use crate::figures::font;
use crate::figures::scene::{Anchor, Paint, Pixels, Point, Rect, Rgb, Shape, Stroke, Text, WHITE};

pub(super) const LINE_WIDTH: f64 = 1.8;
pub(super) const DASHES: (f64, f64) = (6.0, 4.0);
pub(super) const DOT: f64 = 3.0;
/// Matrices with more cells are painted as one image.
const MOST_RECTANGLES: usize = 900;
/// Half the width of a box, in units of the axis.
const BOX: f64 = 0.25;

/// What a series looks like in a view.
pub(super) fn shapes(series: &Series, view: &View) -> Vec<Shape> {
    let paint = Paint {
        rgb: series.rgb,
        alpha: series.alpha,
    };
    match &series.marks {
        Marks::Line { x, y, dashed, dots } => {
            let points: Vec<Point> = x.iter().zip(y).map(|(&x, &y)| view.at(x, y)).collect();
            line(&points, paint, *dashed, *dots)
        }
        Marks::Scatter { x, y, radius } => {
            let points = x.iter().zip(y).map(|(&x, &y)| view.at(x, y));
            let disc = |centre| Shape::Disc {
                centre,
                radius: *radius,
                paint,
                edge: None,
            };
            points.filter(is_seen).map(disc).collect()
        }
        Marks::Bars { ends, heights } => {
            let bars = ends.iter().zip(heights);
            bars.filter_map(|(&ends, &height)| bar(ends, height, view, paint))
                .collect()
        }
        Marks::Boxes(boxes) => {
            let boxes = boxes.iter().enumerate();
            boxes
                .flat_map(|(i, found)| box_and_whiskers(i as f64, found, view, paint))
                .collect()
        }
        Marks::Heat(heat) => cells(heat, view.rect),
        Marks::Picture(pixels) => vec![Shape::Image {
            pixels: pixels.clone(),
            rect: view.rect,
        }],
        Marks::Across { at, vertical } => {
            let (x, y) = view.at(*at, *at);
            let rect = view.rect;
            let (from, to) = match vertical {
                true => ((x, rect.top), (x, rect.bottom())),
                false => ((rect.left, y), (rect.right(), y)),
            };
            line(&[from, to], paint, true, false)
        }
    }
}

fn is_seen((x, y): &Point) -> bool {
    x.is_finite() && y.is_finite()
}

fn line(points: &[Point], paint: Paint, dashed: bool, dots: bool) -> Vec<Shape> {
    let stroke = Stroke {
        dash: dashed.then_some(DASHES),
        ..Stroke::solid(paint, LINE_WIDTH)
    };
    let pieces: Vec<&[Point]> = points
        .split(|point| !is_seen(point))
        .filter(|piece| !piece.is_empty())
        .collect();
    let mut shapes: Vec<Shape> = pieces
        .iter()
        .map(|piece| Shape::Line {
            points: thinned(&piece.iter().map(|&point| near(point)).collect::<Vec<_>>()),
            stroke,
        })
        .collect();
    for piece in pieces {
        // A point without neighbours would not be seen.
        if dots || piece.len() == 1 {
            let disc = |&centre| Shape::Disc {
                centre,
                radius: DOT,
                paint,
                edge: None,
            };
            shapes.extend(piece.iter().map(disc));
        }
    }
    shapes
}

/// Far outside is far enough: numbers stay short.
fn near((x, y): Point) -> Point {
    (x.clamp(-1e5, 1e5), y.clamp(-1e5, 1e5))
}

/// A line of many points with at most four per half pixel across: the first, the last, the highest
/// and the lowest. It looks the same.
fn thinned(points: &[Point]) -> Vec<Point> {
    let column = |point: &Point| (point.0 * 2.0).floor();
    let mut kept = Vec::new();
    for group in points.chunk_by(|a, b| column(a) == column(b)) {
        if group.len() <= 4 {
            kept.extend_from_slice(group);
            continue;
        }
        let by_height = |a: &usize, b: &usize| group[*a].1.total_cmp(&group[*b].1);
        let all = || 0..group.len();
        let mut chosen = [
            Some(0),
            all().min_by(by_height),
            all().max_by(by_height),
            Some(group.len() - 1),
        ];
        chosen.sort();
        let mut chosen: Vec<usize> = chosen.into_iter().flatten().collect();
        chosen.dedup();
        kept.extend(chosen.into_iter().map(|i| group[i]));
    }
    kept
}

fn bar((left, right): (f64, f64), height: f64, view: &View, paint: Paint) -> Option<Shape> {
    // On a logarithmic axis a bar stands on the axis's end.
    let foot = match view.y.place(0.0).is_finite() {
        true => 0.0,
        false => view.y.low,
    };
    let (a, b) = (view.at(left, foot), view.at(right, height));
    if !is_seen(&a) || !is_seen(&b) {
        return None;
    }
    // To whole pixels, so that no light shows between the bars of a histogram.
    let [a, b] = [a, b].map(|(x, y)| ((x * 2.0).round() / 2.0, (y * 2.0).round() / 2.0));
    let rect = Rect {
        left: a.0.min(b.0),
        top: a.1.min(b.1),
        width: (a.0 - b.0).abs(),
        height: (a.1 - b.1).abs(),
    };
    Some(Shape::Fill {
        points: rect.corners().map(near).to_vec(),
        paint,
    })
}

fn box_and_whiskers(x: f64, found: &BoxStatistics, view: &View, paint: Paint) -> Vec<Shape> {
    let stroke = Stroke::solid(paint, 1.5);
    let across =
        |y: f64, half: f64| Shape::segment(view.at(x - half, y), view.at(x + half, y), stroke);
    let along = |from: f64, to: f64| Shape::segment(view.at(x, from), view.at(x, to), stroke);
    let (a, b) = (
        view.at(x - BOX, found.third_quartile),
        view.at(x + BOX, found.first_quartile),
    );
    let rect = Rect {
        left: a.0,
        top: a.1.min(b.1),
        width: b.0 - a.0,
        height: (b.1 - a.1).abs(),
    };
    let pale = Paint {
        alpha: paint.alpha * 0.25,
        ..paint
    };
    let mut shapes = vec![
        Shape::Fill {
            points: rect.corners().to_vec(),
            paint: pale,
        },
        Shape::outlined(rect, stroke),
        along(found.third_quartile, found.high_whisker),
        along(found.first_quartile, found.low_whisker),
        across(found.high_whisker, BOX / 2.0),
        across(found.low_whisker, BOX / 2.0),
        Shape::segment(
            view.at(x - BOX, found.median),
            view.at(x + BOX, found.median),
            Stroke::solid(paint, 2.5),
        ),
    ];
    shapes.extend(found.outliers.iter().map(|&y| Shape::Disc {
        centre: view.at(x, y),
        radius: DOT,
        paint: WHITE.into(),
        edge: Some(Stroke::solid(paint, 1.2)),
    }));
    shapes.retain(|shape| match shape {
        Shape::Line { points, .. } | Shape::Fill { points, .. } => points.iter().all(is_seen),
        Shape::Disc { centre, .. } => is_seen(centre),
        _ => true,
    });
    shapes
}

fn cells(heat: &Heat, rect: Rect) -> Vec<Shape> {
    let rgb = heat.colormap.colours(&heat.values, heat.range);
    let (width, height) = (
        rect.width / heat.columns as f64,
        rect.height / heat.rows as f64,
    );
    let cell = |i: usize| Rect {
        left: rect.left + (i % heat.columns) as f64 * width,
        top: rect.top + (i / heat.columns) as f64 * height,
        width,
        height,
    };
    let colour = |i: usize| -> Rgb { [rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]] };
    let mut shapes: Vec<Shape> = match heat.values.len() > MOST_RECTANGLES {
        true => vec![Shape::Image {
            pixels: Pixels {
                columns: heat.columns,
                rgb: rgb.clone(),
            },
            rect,
        }],
        false => (0..heat.values.len())
            .map(|i| Shape::filled(cell(i), colour(i)))
            .collect(),
    };
    if heat.annotated {
        shapes.extend(annotations(heat, cell, colour));
    }
    shapes
}

/// The cells' numbers, in a size in which all of them fit.
fn annotations(
    heat: &Heat,
    cell: impl Fn(usize) -> Rect,
    colour: impl Fn(usize) -> Rgb,
) -> Vec<Shape> {
    let texts = cell_numbers(&heat.values);
    let widest = texts
        .iter()
        .map(|text| font::width(text, 1.0))
        .fold(0.1, f64::max);
    let first = cell(0);
    let size = (0.86 * first.width / widest)
        .min(0.7 * first.height)
        .min(TICK_SIZE);
    // Smaller is a smear.
    if size < 5.0 {
        return Vec::new();
    }
    let written = texts.into_iter().enumerate().map(|(i, text)| {
        let cell = cell(i);
        Shape::Text(Text {
            text,
            at: (
                cell.left + cell.width / 2.0,
                cell.top + cell.height / 2.0 + font::CAPITALS * size / 2.0,
            ),
            size,
            anchor: Anchor::Middle,
            rgb: readable_on(colour(i)),
            quarters: 0,
        })
    });
    written.collect()
}

/// The numbers as they stand in the cells of a matrix: whole, or with two digits after the point, or
/// as powers of ten if these would say nothing.
pub(super) fn cell_numbers(values: &[f64]) -> Vec<String> {
    let largest = values
        .iter()
        .fold(0f64, |largest, value| largest.max(value.abs()));
    let all_whole = values
        .iter()
        .all(|value| value.fract() == 0.0 || !value.is_finite());
    let write = |value: &f64| match largest {
        _ if all_whole && largest < 1e7 => format!("{value:.0}"),
        // Adding zero takes the sign from a negative one.
        _ if (0.1..1e4).contains(&largest) => {
            format!("{:.2}", (value * 100.0).round() / 100.0 + 0.0)
        }
        _ => format!("{value:.1e}"),
    };
    values.iter().map(write).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_keeps_its_peaks_and_ends() {
        let points: Vec<Point> = (0..100_000)
            .map(|i| {
                let peak = if i == 54_321 { 90.0 } else { 0.0 };
                (f64::from(i) / 1000.0, peak + f64::from(i % 7))
            })
            .collect();
        let kept = thinned(&points);
        assert!(kept.len() <= 4 * 200, "{}", kept.len());
        assert_eq!((kept[0], kept[kept.len() - 1]), (points[0], points[99_999]));
        assert!(kept.contains(&points[54_321]));
        assert_eq!(thinned(&points[..3]), points[..3]);
    }

    #[test]
    fn a_line_breaks_at_what_is_no_number() {
        let paint = Paint::from([0; 3]);
        let points = [(0.0, 0.0), (1.0, 1.0), (2.0, f64::NAN), (3.0, 1.0)];
        let shapes = line(&points, paint, false, false);
        let lengths: Vec<usize> = shapes
            .iter()
            .map(|shape| match shape {
                Shape::Line { points, .. } => points.len(),
                _ => 0,
            })
            .collect();
        // Two points, one that is a line of nothing, and the disc that shows it.
        assert_eq!(lengths, [2, 1, 0]);
    }

    #[test]
    fn numbers_in_cells_are_short() {
        assert_eq!(cell_numbers(&[3.0, -20.0, 0.0]), ["3", "-20", "0"]);
        assert_eq!(
            cell_numbers(&[3.0, 0.001, -12.345]),
            ["3.00", "0.00", "-12.35"]
        );
        assert_eq!(cell_numbers(&[1.0, -0.001]), ["1.00", "0.00"]);
        assert_eq!(cell_numbers(&[0.02, 0.001]), ["2.0e-2", "1.0e-3"]);
    }
}

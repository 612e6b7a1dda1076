//! Where the parts of a subplot are: the axes, their marks and names, the title.

use super::bounds::axes_of;
use super::ticks::{Axis, Tick};
use super::{Axes, Heat, Marks, legend, marks};
use crate::figures::font;
use crate::figures::scene::{Anchor, Pixels, Point, Rect, Rgb, Scene, Shape, Stroke, Text};

pub(in crate::figures) const TEXT: Rgb = [38, 38, 38];
const GRID: Rgb = [228, 228, 228];
const SPINE: Rgb = [90, 90, 90];

pub(super) const TICK_SIZE: f64 = 12.0;
const LABEL_SIZE: f64 = 13.0;
pub(in crate::figures) const TITLE_SIZE: f64 = 15.0;

const TICK_LENGTH: f64 = 4.0;
/// Between a mark and its number, and around everything.
const GAP: f64 = 5.0;
const MARGIN: f64 = 10.0;
const TITLE_HEIGHT: f64 = 26.0;
const LABEL_HEIGHT: f64 = 21.0;
const COLORBAR_WIDTH: f64 = 14.0;
/// Half a CSS pixel is one pixel of a PNG: a cell is a whole number of them.
const FINEST: f64 = 0.5;

/// A subplot's axes on the picture.
pub(super) struct View {
    pub(super) rect: Rect,
    pub(super) x: Axis,
    pub(super) y: Axis,
}

impl View {
    /// Where a point of the data is; NaN if it has no place.
    pub(super) fn at(&self, x: f64, y: f64) -> Point {
        (
            self.rect.left + self.x.place(x) * self.rect.width,
            self.rect.bottom() - self.y.place(y) * self.rect.height,
        )
    }
}

/// Room that the title, numbers and names take on each side.
struct Sides {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    /// The names below are too wide to lie side by side.
    upright_names: bool,
}

/// The size that a subplot needs at least, for a picture or a matrix of many cells to be sharp.
pub(in crate::figures) fn least_size(axes: &Axes) -> (f64, f64) {
    match axes.cells() {
        Some((rows, columns)) => {
            let sides = sides(axes, &axes_of(axes, (8, 8)), f64::INFINITY);
            (
                columns as f64 * FINEST + sides.left + sides.right,
                rows as f64 * FINEST + sides.top + sides.bottom,
            )
        }
        None => (160.0, 120.0),
    }
}

/// Draws a subplot into `outer`.
pub(in crate::figures) fn draw(axes: &Axes, outer: Rect, scene: &mut Scene) {
    let counts = (
        (outer.width / 60.0).clamp(3.0, 10.0) as usize,
        (outer.height / 40.0).clamp(4.0, 9.0) as usize,
    );
    let (x, y) = axes_of(axes, counts);
    let ends = (x, y);
    let sides = sides(axes, &ends, outer.width);
    let available = Rect {
        left: outer.left + sides.left,
        top: outer.top + sides.top,
        width: (outer.width - sides.left - sides.right).max(10.0),
        height: (outer.height - sides.top - sides.bottom).max(10.0),
    };
    let rect = match axes.cells() {
        Some(cells) => whole_cells(available, cells),
        None => whole_pixels(available),
    };
    let (x, y) = ends;
    let view = View { rect, x, y };
    let shapes = &mut scene.shapes;
    if !axes.bare && axes.cells().is_none() {
        grid(axes, &view, shapes);
    }
    shapes.push(Shape::Clip {
        rect: rect.grown(if axes.cells().is_some() { 0.0 } else { 1.0 }),
        shapes: axes
            .series
            .iter()
            .flat_map(|series| marks::shapes(series, &view))
            .collect(),
    });
    if !axes.bare {
        spines(axes, &view, shapes);
        numbers(axes, &view, sides.upright_names, shapes);
        names(axes, &view, outer, shapes);
    }
    if let Some(heat) = axes.colorbar() {
        colorbar(heat, rect, shapes);
    }
    if let Some(title) = &axes.title {
        shapes.push(Shape::Text(Text {
            text: title.clone(),
            at: (rect.left + rect.width / 2.0, rect.top - 9.0),
            size: TITLE_SIZE,
            anchor: Anchor::Middle,
            rgb: TEXT,
            quarters: 0,
        }));
    }
    legend::draw(axes, &view, shapes);
}

fn widest(ticks: &[Tick]) -> f64 {
    let widths = ticks.iter().map(|tick| font::width(&tick.label, TICK_SIZE));
    widths.fold(0.0, f64::max)
}

fn sides(axes: &Axes, (x, y): &(Axis, Axis), width: f64) -> Sides {
    let mut sides = Sides {
        left: MARGIN,
        top: MARGIN,
        right: MARGIN + 4.0,
        bottom: MARGIN,
        upright_names: false,
    };
    if axes.title.is_some() {
        sides.top += TITLE_HEIGHT - 4.0;
    }
    if let Some(heat) = axes.colorbar() {
        sides.right +=
            MARGIN + COLORBAR_WIDTH + TICK_LENGTH + GAP + widest(&colorbar_axis(heat, 200.0).ticks);
    }
    if axes.bare {
        return sides;
    }
    let name = |name: &Option<String>| if name.is_some() { LABEL_HEIGHT } else { 0.0 };
    sides.left += widest(&y.ticks) + TICK_LENGTH + GAP + name(&axes.y.label);
    let inner = width - sides.left - sides.right;
    let all: f64 = x
        .ticks
        .iter()
        .map(|tick| font::width(&tick.label, TICK_SIZE) + 8.0)
        .sum();
    // The widest name decides: they stand at equal distances.
    let widest = widest(&x.ticks);
    let needed = all.max((widest + 8.0) * x.ticks.len() as f64);
    sides.upright_names = axes.x.categories.is_some() && needed > inner;
    let numbers = match sides.upright_names {
        true => widest,
        false => TICK_SIZE,
    };
    sides.bottom += TICK_LENGTH + GAP + numbers + name(&axes.x.label);
    sides
}

/// So that lines at the borders are sharp.
fn whole_pixels(rect: Rect) -> Rect {
    Rect {
        left: rect.left.round(),
        top: rect.top.round(),
        width: rect.width.round(),
        height: rect.height.round(),
    }
}

/// The largest rectangle in which every cell is the same whole number of pixels, square unless the
/// matrix is very long.
fn whole_cells(available: Rect, (rows, columns): (usize, usize)) -> Rect {
    let fit = |length: f64, count: usize| {
        ((length / count.max(1) as f64 / FINEST).floor() * FINEST).max(FINEST)
    };
    let (across, down) = (fit(available.width, columns), fit(available.height, rows));
    let (long, short) = (rows.max(columns), rows.min(columns).max(1));
    let (across, down) = match long / short > 4 {
        true => (across, down),
        false => (across.min(down), across.min(down)),
    };
    let (width, height) = (across * columns as f64, down * rows as f64);
    Rect {
        left: (available.left + (available.width - width).max(0.0) / 2.0).round(),
        top: (available.top + (available.height - height).max(0.0) / 2.0).round(),
        width,
        height,
    }
}

fn grid(axes: &Axes, view: &View, shapes: &mut Vec<Shape>) {
    let rect = view.rect;
    let stroke = Stroke::solid(GRID, 1.0);
    let upright = axes
        .series
        .iter()
        .any(|series| matches!(series.marks, Marks::Bars { .. } | Marks::Boxes(_)));
    if !upright {
        for tick in &view.x.ticks {
            let x = sharp(view.at(tick.value, view.y.low).0);
            shapes.push(Shape::segment((x, rect.top), (x, rect.bottom()), stroke));
        }
    }
    for tick in &view.y.ticks {
        let y = sharp(view.at(view.x.low, tick.value).1);
        shapes.push(Shape::segment((rect.left, y), (rect.right(), y), stroke));
    }
}

/// The middle of a pixel: a line of one pixel through it covers no other.
fn sharp(place: f64) -> f64 {
    place.floor() + 0.5
}

fn spines(axes: &Axes, view: &View, shapes: &mut Vec<Shape>) {
    let stroke = Stroke::solid(SPINE, 1.0);
    if axes.cells().is_some() {
        shapes.push(Shape::outlined(view.rect.grown(0.5), stroke));
        return;
    }
    let rect = view.rect;
    let (left, bottom) = (rect.left - 0.5, rect.bottom() + 0.5);
    shapes.push(Shape::Line {
        points: vec![(left, rect.top), (left, bottom), (rect.right(), bottom)],
        stroke,
    });
}

fn numbers(axes: &Axes, view: &View, upright_names: bool, shapes: &mut Vec<Shape>) {
    let rect = view.rect;
    let stroke = Stroke::solid(SPINE, 1.0);
    let border = if axes.cells().is_some() { 1.0 } else { 0.0 };
    let (left, bottom) = (rect.left - border, rect.bottom() + border);
    let text = |text: &str, at: Point, anchor: Anchor, quarters: u8| {
        Shape::Text(Text {
            text: text.to_owned(),
            at,
            size: TICK_SIZE,
            anchor,
            rgb: TEXT,
            quarters,
        })
    };
    let half = font::CAPITALS * TICK_SIZE / 2.0;
    let mut written_to = f64::NEG_INFINITY;
    for tick in &view.x.ticks {
        let x = view.at(tick.value, view.y.low).0;
        let mark = sharp(x - 0.25);
        shapes.push(Shape::segment(
            (mark, bottom),
            (mark, bottom + TICK_LENGTH),
            stroke,
        ));
        let y = bottom + TICK_LENGTH + GAP;
        if upright_names {
            shapes.push(text(&tick.label, (x + half, y), Anchor::End, 3));
            continue;
        }
        // Where numbers would run into each other, the second is left out.
        let width = font::width(&tick.label, TICK_SIZE);
        if x - width / 2.0 >= written_to {
            shapes.push(text(&tick.label, (x, y + 2.0 * half), Anchor::Middle, 0));
            written_to = x + width / 2.0 + 4.0;
        }
    }
    for place in &view.x.minor {
        let mark = sharp(view.at(*place, view.y.low).0 - 0.25);
        shapes.push(Shape::segment(
            (mark, bottom),
            (mark, bottom + TICK_LENGTH / 2.0),
            stroke,
        ));
    }
    let mut last = f64::INFINITY;
    for tick in &view.y.ticks {
        let y = view.at(view.x.low, tick.value).1;
        let mark = sharp(y - 0.25);
        shapes.push(Shape::segment(
            (left - TICK_LENGTH, mark),
            (left, mark),
            stroke,
        ));
        if (y - last).abs() >= TICK_SIZE {
            let at = (left - TICK_LENGTH - GAP, y + half);
            shapes.push(text(&tick.label, at, Anchor::End, 0));
            last = y;
        }
    }
    for place in &view.y.minor {
        let mark = sharp(view.at(view.x.low, *place).1 - 0.25);
        shapes.push(Shape::segment(
            (left - TICK_LENGTH / 2.0, mark),
            (left, mark),
            stroke,
        ));
    }
}

fn names(axes: &Axes, view: &View, outer: Rect, shapes: &mut Vec<Shape>) {
    let rect = view.rect;
    let name = |text: &str, at: Point, quarters: u8| {
        Shape::Text(Text {
            text: text.to_owned(),
            at,
            size: LABEL_SIZE,
            anchor: Anchor::Middle,
            rgb: TEXT,
            quarters,
        })
    };
    if let Some(label) = &axes.x.label {
        let y = outer.bottom() - MARGIN - font::DEPTH * LABEL_SIZE + 2.0;
        // Close to a picture that does not fill the height.
        let y = match axes.cells() {
            Some(_) => y - (outer.bottom() - MARGIN - rect.bottom() - below(axes, view)).max(0.0),
            None => y,
        };
        shapes.push(name(label, (rect.left + rect.width / 2.0, y), 0));
    }
    if let Some(label) = &axes.y.label {
        let x = rect.left - TICK_LENGTH - 2.0 * GAP - widest(&view.y.ticks) - 4.0;
        shapes.push(name(label, (x, rect.top + rect.height / 2.0), 3));
    }
}

/// What stands below the axis: marks, numbers, the name.
fn below(axes: &Axes, view: &View) -> f64 {
    let needed = (widest(&view.x.ticks) + 8.0) * view.x.ticks.len() as f64;
    let numbers = match axes.x.categories.is_some() && needed > view.rect.width {
        true => widest(&view.x.ticks),
        false => TICK_SIZE,
    };
    TICK_LENGTH + GAP + numbers + LABEL_HEIGHT
}

fn colorbar_axis(heat: &Heat, height: f64) -> Axis {
    let count = (height / 40.0).clamp(2.0, 8.0) as usize;
    let (low, high) = (heat.range.low, heat.range.high);
    Axis::new(low, high, super::Scale::Linear, count, false)
}

/// The colour table beside a matrix, with numbers.
fn colorbar(heat: &Heat, beside: Rect, shapes: &mut Vec<Shape>) {
    let rect = Rect {
        left: beside.right() + MARGIN,
        width: COLORBAR_WIDTH,
        ..beside
    };
    let rows = (rect.height / FINEST).round().max(1.0) as usize;
    let rgb = (0..rows)
        .rev()
        .flat_map(|row| heat.colormap.rgb((row as f64 + 0.5) / rows as f64))
        .collect();
    shapes.push(Shape::Image {
        pixels: Pixels { columns: 1, rgb },
        rect,
    });
    shapes.push(Shape::outlined(rect.grown(0.5), Stroke::solid(SPINE, 1.0)));
    let axis = colorbar_axis(heat, rect.height);
    for tick in &axis.ticks {
        let y = rect.bottom() - axis.place(tick.value) * rect.height;
        let mark = sharp(y - 0.25);
        let right = rect.right() + 1.0;
        shapes.push(Shape::segment(
            (right, mark),
            (right + TICK_LENGTH, mark),
            Stroke::solid(SPINE, 1.0),
        ));
        shapes.push(Shape::Text(Text {
            text: tick.label.clone(),
            at: (
                right + TICK_LENGTH + GAP,
                y + font::CAPITALS * TICK_SIZE / 2.0,
            ),
            size: TICK_SIZE,
            anchor: Anchor::Start,
            rgb: TEXT,
            quarters: 0,
        }));
    }
}

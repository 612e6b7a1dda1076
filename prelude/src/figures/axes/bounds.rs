//! How far the axes of a subplot must reach.

use super::ticks::{Axis, Scale};
use super::{Axes, AxisOptions, Marks, Series};

/// Room between the data and the end of an axis, as a part of the axis.
///
/// # Source
/// matplotlib, `axes.xmargin` and `axes.ymargin`.
const MARGIN: f64 = 0.05;

/// The numbers of one axis that must be seen.
#[derive(Default)]
struct Extent {
    values: Vec<f64>,
    /// Where the axis may end without room: the foot of bars.
    foot: Option<f64>,
    /// The ends are exact, as those of a picture.
    exact: bool,
    whole: bool,
}

/// The axes of everything in a subplot, with about `counts` marks on x and y.
///
/// The y axis of a matrix or picture goes down: its low end is the larger number.
pub(super) fn axes_of(axes: &Axes, counts: (usize, usize)) -> (Axis, Axis) {
    let (mut x, mut y) = (Extent::default(), Extent::default());
    x.whole = true;
    for series in &axes.series {
        extend(series, &mut x, &mut y);
    }
    let down = axes.cells().is_some();
    let x = axis(x, &axes.x, counts.0, false);
    let y = axis(y, &axes.y, counts.1, down);
    (x, y)
}

fn extend(series: &Series, x: &mut Extent, y: &mut Extent) {
    match &series.marks {
        Marks::Line { x: xs, y: ys, .. } | Marks::Scatter { x: xs, y: ys, .. } => {
            x.whole &= xs.iter().all(|value| value.fract() == 0.0);
            x.values.extend(xs);
            y.values.extend(ys);
        }
        Marks::Bars { ends, heights } => {
            x.whole &= ends
                .iter()
                .all(|(left, right)| ((left + right) / 2.0).fract() == 0.0);
            x.values
                .extend(ends.iter().flat_map(|&(left, right)| [left, right]));
            y.values.extend(heights);
            y.values.push(0.0);
            y.foot = Some(0.0);
        }
        Marks::Boxes(boxes) => {
            x.values.extend([-0.5, boxes.len() as f64 - 0.5]);
            for found in boxes {
                y.values.extend([found.low_whisker, found.high_whisker]);
                y.values.extend(&found.outliers);
            }
        }
        Marks::Heat(heat) => cells(x, y, heat.rows, heat.columns),
        Marks::Picture(pixels) => cells(x, y, pixels.rows(), pixels.columns),
        Marks::Across { at, vertical: true } => x.values.push(*at),
        Marks::Across { at, .. } => y.values.push(*at),
    }
}

fn cells(x: &mut Extent, y: &mut Extent, rows: usize, columns: usize) {
    for (extent, count) in [(x, columns), (y, rows)] {
        extent.values.extend([-0.5, count as f64 - 0.5]);
        extent.exact = true;
        extent.whole = true;
    }
}

fn axis(extent: Extent, options: &AxisOptions, count: usize, down: bool) -> Axis {
    let shown = |value: &f64| value.is_finite() && (options.scale == Scale::Linear || *value > 0.0);
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        })
    };
    let (low, high) = match ends(&mut extent.values.iter().copied().filter(shown)) {
        (low, high) if low <= high => (low, high),
        _ if options.scale == Scale::Log => (1.0, 10.0),
        _ => (0.0, 1.0),
    };
    let (low, high) = match options.scale {
        _ if extent.exact => (low, high),
        Scale::Linear => linear_room(low, high, extent.foot),
        Scale::Log => log_room(low, high),
    };
    let (low, high) = options.limits.unwrap_or((low, high));
    // Limits may be given the wrong way round on purpose: the axis is then turned.
    let whole = extent.whole && !extent.values.is_empty();
    let mut axis = Axis::new(low.min(high), low.max(high), options.scale, count, whole);
    if let Some(names) = &options.categories {
        axis.ticks.clear();
        axis.minor.clear();
        for (i, name) in names.iter().enumerate() {
            axis.ticks.push(super::ticks::Tick {
                value: i as f64,
                label: name.clone(),
            });
        }
    }
    if down != (low > high) {
        std::mem::swap(&mut axis.low, &mut axis.high);
    }
    let ticks = std::mem::take(&mut axis.ticks).into_iter();
    axis.ticks = ticks
        .filter(|tick| (-1e-9..=1.0 + 1e-9).contains(&axis.place(tick.value)))
        .collect();
    axis
}

fn linear_room(low: f64, high: f64, foot: Option<f64>) -> (f64, f64) {
    if low == high {
        // A single number stands in the middle.
        let half = if low == 0.0 { 0.5 } else { low.abs() * MARGIN };
        return (low - half, high + half);
    }
    let room = (high - low) * MARGIN;
    let room_at = |end: f64| if foot == Some(end) { 0.0 } else { room };
    (low - room_at(low), high + room_at(high))
}

fn log_room(low: f64, high: f64) -> (f64, f64) {
    match low == high {
        true => (low / 2.0, high * 2.0),
        false => {
            let room = (high / low).powf(MARGIN);
            (low / room, high * room)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::CYCLE;
    use super::*;

    fn series(marks: Marks) -> Series {
        Series {
            marks,
            label: None,
            rgb: CYCLE[0],
            alpha: 1.0,
        }
    }

    fn line(x: &[f64], y: &[f64]) -> Series {
        series(Marks::Line {
            x: x.to_vec(),
            y: y.to_vec(),
            dashed: false,
            dots: false,
        })
    }

    fn ends(axes: &Axes) -> [f64; 4] {
        let (x, y) = axes_of(axes, (6, 6));
        [x.low, x.high, y.low, y.high].map(|end| (end * 1e6).round() / 1e6)
    }

    #[test]
    fn lines_have_room_around_them_and_bars_stand_on_zero() {
        let mut axes = Axes {
            series: vec![line(&[0.0, 10.0], &[1.0, f64::NAN])],
            ..Axes::default()
        };
        assert_eq!(ends(&axes), [-0.5, 10.5, 0.95, 1.05]);
        axes.series.push(series(Marks::Bars {
            ends: vec![(1.0, 2.0)],
            heights: vec![20.0],
        }));
        assert_eq!(ends(&axes), [-0.5, 10.5, 0.0, 21.0]);
    }

    #[test]
    fn a_logarithmic_axis_takes_no_notice_of_what_it_cannot_show() {
        let mut axes = Axes {
            series: vec![line(&[1.0, 2.0, 3.0], &[0.0, 1.0, 100.0])],
            ..Axes::default()
        };
        axes.y.scale = Scale::Log;
        let [_, _, low, high] = ends(&axes);
        assert!((low - 0.794328).abs() < 1e-6 && (high - 125.892541).abs() < 1e-6);
        axes.series = vec![line(&[1.0], &[-1.0])];
        let (_, y) = axes_of(&axes, (6, 6));
        assert!(y.low > 0.0 && y.high > y.low);
    }

    #[test]
    fn limits_win_and_can_turn_an_axis() {
        let mut axes = Axes {
            series: vec![line(&[0.0, 1.0], &[0.0, 1.0])],
            ..Axes::default()
        };
        axes.y.limits = Some((2.0, 0.0));
        assert_eq!(ends(&axes)[2..], [2.0, 0.0]);
        assert_eq!(axes_of(&axes, (6, 6)).1.place(0.0), 1.0);
    }

    #[test]
    fn an_empty_subplot_and_extreme_numbers_have_axes() {
        assert_eq!(ends(&Axes::default()), [-0.05, 1.05, -0.05, 1.05]);
        let axes = Axes {
            series: vec![line(
                &[f64::MAX, f64::MIN, f64::INFINITY],
                &[1e-320, 0.0, 0.0],
            )],
            ..Axes::default()
        };
        let (x, y) = axes_of(&axes, (6, 6));
        assert!(x.ticks.len() < 20 && y.ticks.len() < 20);
    }
}

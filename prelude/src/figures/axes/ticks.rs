//! Where an axis has its marks, and what stands beside them.

/// How numbers are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Scale {
    #[default]
    Linear,
    /// Equal ratios are equally long; what is not above zero has no place.
    Log,
}

/// A number on an axis and how it is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// An axis from its low to its high end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) scale: Scale,
    pub(crate) ticks: Vec<Tick>,
    /// Marks without labels: between the powers of ten of a logarithmic axis.
    pub(crate) minor: Vec<f64>,
}

impl Axis {
    /// An axis over `low` to `high` with about `count` marks; whole numbers only if `whole`.
    pub(crate) fn new(low: f64, high: f64, scale: Scale, count: usize, whole: bool) -> Self {
        let (ticks, minor) = match scale {
            Scale::Linear => (linear(low, high, count, whole), Vec::new()),
            Scale::Log => logarithmic(low, high, count),
        };
        Axis {
            low,
            high,
            scale,
            ticks,
            minor,
        }
    }

    /// Where a number is: 0 at the low end, 1 at the high one, NaN if it has no place.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let of = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Log if value > 0.0 => value.ln(),
            Scale::Log => f64::NAN,
        };
        (of(value) - of(self.low)) / (of(self.high) - of(self.low))
    }
}

/// The smallest step of 1, 2, 2.5 or 5 times a power of ten that makes at most `count` parts.
///
/// # Source
/// matplotlib, `MaxNLocator` with the steps of `AutoLocator`.
fn step(range: f64, count: usize, whole: bool) -> f64 {
    let least = range / count.max(1) as f64;
    let power = 10f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        // A little room, or rounding would double the step.
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power);
    match whole {
        true if step < 1.0 => 1.0,
        true if step == 2.5 => 5.0,
        _ => step,
    }
}

fn linear(low: f64, high: f64, count: usize, whole: bool) -> Vec<Tick> {
    let range = high - low;
    if !range.is_finite() || range <= 0.0 {
        return Vec::new();
    }
    let step = step(range, count, whole);
    let first = (low / step - 1e-9).ceil();
    let last = (high / step + 1e-9).floor();
    // Rounding can make a step too small to count with, at 1e300 or 1e-300.
    if !(step > 0.0 && (0.0..1000.0).contains(&(last - first))) {
        return Vec::new();
    }
    let values: Vec<f64> = (0..=(last - first) as usize)
        .map(|i| (first + i as f64) * step)
        .collect();
    let labels = labels(&values, step);
    let both = values.into_iter().zip(labels);
    both.map(|(value, label)| Tick { value, label }).collect()
}

/// As many digits after the point as the step needs; powers of ten where the plain number would be
/// long.
fn labels(values: &[f64], step: f64) -> Vec<String> {
    let largest = values
        .iter()
        .fold(0f64, |largest, value| largest.max(value.abs()));
    let digits_of = |step: f64| {
        // 2.5 needs a digit more than its power of ten.
        (0..12).find(|&digits| {
            let scaled = step * 10f64.powi(digits);
            (scaled - scaled.round()).abs() < 1e-6 * scaled
        })
    };
    if (1e6..).contains(&largest) || largest < 1e-4 {
        let exponent = largest.log10().floor();
        let power = 10f64.powf(exponent);
        let digits = digits_of(step / power).unwrap_or(3) as usize;
        let write = |value: &f64| match *value == 0.0 {
            true => "0".to_owned(),
            false => format!("{:.digits$}e{exponent}", value / power),
        };
        return values.iter().map(write).collect();
    }
    let digits = digits_of(step).unwrap_or(6) as usize;
    let write = |value: &f64| {
        let text = format!("{value:.digits$}");
        // Negative zero.
        match text
            .trim_start_matches('-')
            .bytes()
            .all(|c| c == b'0' || c == b'.')
        {
            true => text.trim_start_matches('-').to_owned(),
            false => text,
        }
    };
    values.iter().map(write).collect()
}

fn logarithmic(low: f64, high: f64, count: usize) -> (Vec<Tick>, Vec<f64>) {
    if !(low > 0.0 && high > low && high.is_finite()) {
        return (Vec::new(), Vec::new());
    }
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let inside = |value: &f64| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(value);
    // Within a power of ten or two, its parts are needed as marks.
    let powers: Vec<f64> = (first..=last)
        .map(|e| 10f64.powi(e))
        .filter(inside)
        .collect();
    let times = |factors: &[f64]| -> Vec<f64> {
        let all = (first..=last).flat_map(|e| factors.iter().map(move |f| f * 10f64.powi(e)));
        all.filter(inside).collect()
    };
    let parts = times(&[2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    let values = match powers.len() {
        0 => times(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]),
        1 => times(&[1.0, 2.0, 5.0]),
        n => {
            let every = n.div_ceil(count.max(1)).max(1);
            powers.iter().copied().step_by(every).collect()
        }
    };
    let ticks = values.iter().map(|&value| Tick {
        value,
        label: power_label(value),
    });
    // In a wide range the parts would be a smear.
    let minor = match last - first <= 10 {
        true => parts,
        false => Vec::new(),
    };
    (ticks.collect(), minor)
}

fn power_label(value: f64) -> String {
    match value {
        value if !(1e-3..1e5).contains(&value) => {
            let exponent = (value.log10() + 1e-9).floor();
            format!("{:.0}e{exponent}", value / 10f64.powf(exponent))
        }
        value if value >= 1.0 => format!("{value:.0}"),
        value => {
            let digits = (-(value.log10() + 1e-9).floor()) as usize;
            format!("{value:.digits$}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(low: f64, high: f64, scale: Scale) -> String {
        let axis = Axis::new(low, high, scale, 6, false);
        let labels: Vec<&str> = axis.ticks.iter().map(|tick| tick.label.as_str()).collect();
        labels.join(" ")
    }

    #[test]
    fn linear_marks_are_round_numbers() {
        let linear = |low, high| written(low, high, Scale::Linear);
        assert_eq!(linear(0.0, 1.0), "0.0 0.2 0.4 0.6 0.8 1.0");
        assert_eq!(linear(-0.3, 0.31), "-0.2 0.0 0.2");
        assert_eq!(linear(0.0, 12.0), "0 2 4 6 8 10 12");
        assert_eq!(linear(0.0, 14.0), "0.0 2.5 5.0 7.5 10.0 12.5");
        assert_eq!(linear(980.0, 1010.0), "980 985 990 995 1000 1005 1010");
        assert_eq!(
            linear(0.0, 60000.0),
            "0 10000 20000 30000 40000 50000 60000"
        );
        assert_eq!(linear(0.0, 5e6), "0 1e6 2e6 3e6 4e6 5e6");
        assert_eq!(linear(0.0, 6e-5), "0 1e-5 2e-5 3e-5 4e-5 5e-5 6e-5");
        assert_eq!(linear(1.0, 1.0), "");
        assert_eq!(linear(f64::NAN, 1.0), "");
        assert_eq!(linear(f64::MIN, f64::MAX), "");
    }

    #[test]
    fn whole_numbers_are_not_divided() {
        let axis = Axis::new(1.0, 3.0, Scale::Linear, 6, true);
        let labels: Vec<&str> = axis.ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, ["1", "2", "3"]);
    }

    #[test]
    fn logarithmic_marks_are_powers_of_ten_or_their_parts() {
        let log = |low, high| written(low, high, Scale::Log);
        assert_eq!(log(0.0009, 200.0), "0.001 0.01 0.1 1 10 100");
        assert_eq!(log(1e-7, 1.0), "1e-7 1e-5 0.001 0.1");
        assert_eq!(log(0.5, 7.0), "0.5 1 2 5");
        assert_eq!(log(0.2, 0.7), "0.2 0.3 0.4 0.5 0.6");
        assert_eq!(log(0.0, 1.0), "");
        let axis = Axis::new(1.0, 100.0, Scale::Log, 6, false);
        assert_eq!(axis.minor.len(), 16);
        assert!((axis.place(10.0) - 0.5).abs() < 1e-12);
        assert!(axis.place(-1.0).is_nan());
    }
}

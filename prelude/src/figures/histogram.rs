//! Counting numbers into equal parts of their range.

use super::colormap::Range;

/// The parts' ends, and how many of the finite numbers lie in each.
///
/// # Source
/// numpy, `histogram`: each part includes its left end, the last one both; equal numbers get a range
/// of one around them.
pub(super) fn count(values: &[f64], bins: usize) -> (Vec<(f64, f64)>, Vec<f64>) {
    let Range { low, high } = Range::of(values);
    let (low, high) = match low == high {
        true => (low - 0.5, high + 0.5),
        false => (low, high),
    };
    let end = |i: usize| low + (high - low) * i as f64 / bins as f64;
    let mut counts = vec![0.0; bins];
    for value in values.iter().filter(|value| value.is_finite()) {
        let guess = ((value - low) / (high - low) * bins as f64) as usize;
        let mut bin = guess.min(bins - 1);
        // Rounding may have put it one too far.
        if *value < end(bin) {
            bin = bin.saturating_sub(1);
        } else if bin + 1 < bins && *value >= end(bin + 1) {
            bin += 1;
        }
        counts[bin] += 1.0;
    }
    ((0..bins).map(|i| (end(i), end(i + 1))).collect(), counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_numpys() {
        // numpy.histogram([1, 2, 1, 0.5, 3, 2.25, 2.5], 5)
        let (ends, counts) = count(&[1.0, 2.0, 1.0, 0.5, 3.0, 2.25, 2.5, f64::NAN], 5);
        assert_eq!(counts, [1.0, 2.0, 0.0, 2.0, 2.0]);
        assert_eq!((ends[0], ends[4]), ((0.5, 1.0), (2.5, 3.0)));
        // numpy.histogram([7, 7], 2)
        assert_eq!(count(&[7.0, 7.0], 2).1, [0.0, 2.0]);
        assert_eq!(count(&[], 3).1, [0.0; 3]);
    }
}

//! The five numbers of a box plot.

/// What a box and its whiskers show of some numbers.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::figures) struct BoxStatistics {
    pub(in crate::figures) low_whisker: f64,
    pub(in crate::figures) first_quartile: f64,
    pub(in crate::figures) median: f64,
    pub(in crate::figures) third_quartile: f64,
    pub(in crate::figures) high_whisker: f64,
    /// What lies beyond the whiskers.
    pub(in crate::figures) outliers: Vec<f64>,
}

impl BoxStatistics {
    /// `None` if no number is finite.
    ///
    /// # Source
    /// matplotlib, `cbook.boxplot_stats`: quartiles by linear interpolation; whiskers to the last
    /// number within 1.5 times the distance of the quartiles.
    pub(in crate::figures) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (&smallest, &largest) = (sorted.first()?, sorted.last()?);
        let quantile = |share: f64| {
            let place = share * (sorted.len() - 1) as f64;
            let below = sorted[place.floor() as usize];
            below + (sorted[place.ceil() as usize] - below) * place.fract()
        };
        let [first, median, third] = [0.25, 0.5, 0.75].map(quantile);
        let reach = 1.5 * (third - first);
        let (low, high) = (first - reach, third + reach);
        let inside = |v: &&f64| (low..=high).contains(*v);
        Some(BoxStatistics {
            low_whisker: sorted
                .iter()
                .find(inside)
                .map_or(smallest, |&v| v.min(first)),
            first_quartile: first,
            median,
            third_quartile: third,
            high_whisker: sorted
                .iter()
                .rev()
                .find(inside)
                .map_or(largest, |&v| v.max(third)),
            outliers: sorted.iter().copied().filter(|v| !inside(&v)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_and_whiskers_are_matplotlibs() {
        // matplotlib.cbook.boxplot_stats([1, 2, 3, 4, 5, 6, 7, 8, 9, 30]): q1 3.25, med 5.5, q3 7.75,
        // whislo 1, whishi 9, fliers [30].
        let values = [30.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, f64::NAN];
        let found = BoxStatistics::of(&values).expect("ten numbers");
        let expected = BoxStatistics {
            low_whisker: 1.0,
            first_quartile: 3.25,
            median: 5.5,
            third_quartile: 7.75,
            high_whisker: 9.0,
            outliers: vec![30.0],
        };
        assert_eq!(found, expected);
        assert_eq!(
            BoxStatistics::of(&[2.0]).map(|found| found.high_whisker),
            Some(2.0)
        );
        assert_eq!(BoxStatistics::of(&[f64::NAN]), None);
    }
}

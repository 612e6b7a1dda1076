//! Numbers to colours: matplotlib's colour tables.

use super::scene::Rgb;

/// A table of 256 colours, under matplotlib's names.
///
/// # Source
/// The tables are matplotlib 3.11.2's, written by tests/reference/make_figures.py; their authors and
/// licences are in `assets/colormaps/LICENSE.txt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Colormap {
    /// From violet over green to yellow, evenly in brightness: matplotlib's default.
    #[default]
    Viridis,
    /// From black to white.
    Gray,
    /// From black over violet and orange to pale yellow.
    Magma,
    /// From black over red to yellow.
    Inferno,
    /// From blue over red to yellow.
    Plasma,
    /// From blue to yellow, the same to readers who see no red or green.
    Cividis,
    /// From blue over grey to red, for numbers on both sides of a middle.
    Coolwarm,
}

impl Colormap {
    fn table(self) -> &'static [u8; 768] {
        match self {
            Colormap::Viridis => include_bytes!("../../assets/colormaps/viridis.rgb"),
            Colormap::Gray => include_bytes!("../../assets/colormaps/gray.rgb"),
            Colormap::Magma => include_bytes!("../../assets/colormaps/magma.rgb"),
            Colormap::Inferno => include_bytes!("../../assets/colormaps/inferno.rgb"),
            Colormap::Plasma => include_bytes!("../../assets/colormaps/plasma.rgb"),
            Colormap::Cividis => include_bytes!("../../assets/colormaps/cividis.rgb"),
            Colormap::Coolwarm => include_bytes!("../../assets/colormaps/coolwarm.rgb"),
        }
    }

    /// The colour, as red, green and blue, at a place between 0 and 1; what lies outside gets the
    /// colour of the end, and NaN that of the beginning.
    ///
    /// # Source
    /// matplotlib, `Colormap.__call__`: 256 equal parts, of which the last includes its end.
    ///
    /// # Example
    /// ```
    /// use torchbook::Colormap;
    /// assert_eq!(Colormap::Viridis.rgb(0.0), [68, 1, 84]);
    /// assert_eq!(Colormap::Gray.rgb(1.0), [255, 255, 255]);
    /// ```
    pub fn rgb(self, place: f64) -> [u8; 3] {
        // The cast takes what is negative or no number to 0 and what is too large to the end.
        let index = 3 * ((place * 256.0) as usize).min(255);
        let table = self.table();
        [table[index], table[index + 1], table[index + 2]]
    }

    /// The colour of each value, three bytes, where the range's ends are the table's.
    pub(super) fn colours(self, values: &[f64], range: Range) -> Vec<u8> {
        values
            .iter()
            .flat_map(|&value| self.rgb(range.place(value)))
            .collect()
    }
}

/// The smallest and the largest of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Range {
    /// Of the finite ones among `values`; from 0 to 1 if there are none.
    pub(super) fn of(values: &[f64]) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (low, high) = (
            finite().fold(f64::INFINITY, f64::min),
            finite().fold(f64::NEG_INFINITY, f64::max),
        );
        match low <= high {
            true => Range { low, high },
            false => Range {
                low: 0.0,
                high: 1.0,
            },
        }
    }

    /// Where between the ends, from 0 to 1; all equal values are at the beginning, as matplotlib's
    /// `Normalize` has it.
    pub(super) fn place(&self, value: f64) -> f64 {
        match self.high > self.low {
            true => (value - self.low) / (self.high - self.low),
            false => 0.0,
        }
    }
}

/// Black or white, whichever can be read on this colour.
pub(super) fn readable_on(rgb: Rgb) -> Rgb {
    let [red, green, blue] = rgb.map(f64::from);
    // Brightness as ITU-R BT.601 has it.
    match 0.299 * red + 0.587 * green + 0.114 * blue > 140.0 {
        true => [0; 3],
        false => [255; 3],
    }
}

/// Values that are colours already, times `scale`, as bytes.
pub(super) fn as_colours(values: &[f64], scale: f64) -> Vec<u8> {
    values
        .iter()
        .map(|value| (value * scale).round().clamp(0.0, 255.0) as u8)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::reference;

    #[test]
    fn all_entries_of_all_tables_are_within_a_255th_of_matplotlibs() {
        let reference = reference("colormaps");
        for (colormap, name) in [
            (Colormap::Viridis, "viridis"),
            (Colormap::Gray, "gray"),
            (Colormap::Magma, "magma"),
            (Colormap::Inferno, "inferno"),
            (Colormap::Plasma, "plasma"),
            (Colormap::Cividis, "cividis"),
            (Colormap::Coolwarm, "coolwarm"),
        ] {
            let expected: Vec<f64> = Vec::try_from(
                reference
                    .tensor(name)
                    .reshape([-1])
                    .to_kind(tch::Kind::Double),
            )
            .expect("one axis");
            assert_eq!(expected.len(), 768);
            for (i, expected) in expected.chunks_exact(3).enumerate() {
                let colour = colormap.rgb((i as f64 + 0.5) / 256.0);
                for (actual, expected) in colour.into_iter().zip(expected) {
                    let difference = (f64::from(actual) / 255.0 - expected).abs();
                    assert!(
                        difference <= 1.0 / 255.0 + 1e-6,
                        "{name}, entry {i}: {difference}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_image_gets_matplotlibs_colours() {
        let reference = reference("colormaps");
        let numbers = |name: &str| -> Vec<f64> {
            let tensor = reference
                .tensor(name)
                .reshape([-1])
                .to_kind(tch::Kind::Double);
            Vec::try_from(tensor).expect("one axis")
        };
        let image = numbers("image");
        let expected: Vec<u8> = numbers("drawn").iter().map(|&value| value as u8).collect();
        let drawn = Colormap::Viridis.colours(&image, Range::of(&image));
        assert_eq!(drawn, expected);
    }

    #[test]
    fn ends_equal_values_and_what_is_no_number_have_a_colour() {
        assert_eq!(Colormap::Viridis.rgb(-5.0), Colormap::Viridis.rgb(0.0));
        assert_eq!(Colormap::Viridis.rgb(7.0), Colormap::Viridis.rgb(1.0));
        assert_eq!(Colormap::Viridis.rgb(f64::NAN), [68, 1, 84]);
        let equal = Range::of(&[3.0, 3.0, f64::NAN]);
        assert_eq!((equal.low, equal.high, equal.place(3.0)), (3.0, 3.0, 0.0));
        assert_eq!(
            Range::of(&[f64::INFINITY]),
            Range {
                low: 0.0,
                high: 1.0
            }
        );
        assert_eq!(as_colours(&[0.0, 0.5, 1.5], 255.0), [0, 128, 255]);
        assert_eq!(readable_on([68, 1, 84]), [255; 3]);
        assert_eq!(readable_on([253, 231, 37]), [0; 3]);
    }
}

//! Numbers to colours.

/// matplotlib's viridis, 256 colours of three bytes; written by tests/reference/make_reference.py.
const VIRIDIS: &[u8; 768] = include_bytes!("../../assets/viridis.rgb");

/// Colours between the smallest and the largest of `values`, three bytes each.
///
/// # Source
/// matplotlib, `Normalize` and `Colormap.__call__`: 256 equal parts, of which the last includes its
/// end. Equal values are all the first colour.
pub(super) fn viridis(values: &[f32]) -> Vec<u8> {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let low = finite().fold(f32::INFINITY, f32::min);
    let range = finite().fold(f32::NEG_INFINITY, f32::max) - low;
    let colour = |&value: &f32| {
        let share = if range > 0.0 {
            (value - low) / range
        } else {
            0.0
        };
        // The cast takes what is no number to 0 and what is too large to the end.
        let index = ((share * 256.0) as usize).min(255);
        [
            VIRIDIS[3 * index],
            VIRIDIS[3 * index + 1],
            VIRIDIS[3 * index + 2],
        ]
    };
    values.iter().flat_map(colour).collect()
}

/// Values that are colours already, times `scale`, as bytes.
pub(super) fn as_colours(values: &[f32], scale: f32) -> Vec<u8> {
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
    fn an_image_gets_matplotlibs_colours() {
        let reference = reference("viridis");
        let image: Vec<f32> =
            Vec::try_from(reference.tensor("image").reshape([-1])).expect("one axis");
        let drawn: Vec<f32> =
            Vec::try_from(reference.tensor("drawn").reshape([-1])).expect("one axis");
        let expected: Vec<u8> = drawn.iter().map(|&value| value as u8).collect();
        assert_eq!(viridis(&image), expected);
    }

    #[test]
    fn every_part_of_the_range_has_its_own_colour() {
        let ramp: Vec<f32> = (0..=255).map(|value| value as f32).collect();
        assert_eq!(viridis(&ramp), VIRIDIS);
        assert_eq!(viridis(&[3.0, 3.0]), VIRIDIS[..3].repeat(2));
        assert_eq!(viridis(&[f32::NAN, 0.0, 1.0])[..3], VIRIDIS[..3]);
        assert_eq!(as_colours(&[0.0, 0.5, 1.5], 255.0), [0, 128, 255]);
    }
}

//! The font of all figures: bundled, so that no system fonts or C libraries are needed.
//!
//! Here a text becomes glyphs with places; `svg.rs` and `raster.rs` paint their outlines. A character
//! that the font does not have becomes its box with a cross.

use std::sync::{LazyLock, Once};

use ab_glyph::{Font as _, FontRef, GlyphId, OutlineCurve, Point as GlyphPoint};
use plotters::style::{FontStyle, register_font};

/// Noto Sans KR: Latin, Greek, Cyrillic and Korean; its licence is beside it.
const BYTES: &[u8] = include_bytes!("../../assets/fonts/NotoSansKR-subset.otf");

/// Height of capitals and digits, as a part of an em.
pub(super) const CAPITALS: f64 = 0.733;
/// Depth of a g below the baseline, as a part of an em.
pub(super) const DEPTH: f64 = 0.22;

static FACE: LazyLock<FontRef<'static>> =
    LazyLock::new(|| FontRef::try_from_slice(BYTES).expect("the bundled file is a font"));

/// Glyphs of a text, with the distance of each from the text's start in font units.
pub(super) struct Run {
    pub(super) glyphs: Vec<(GlyphId, f64)>,
    /// Of the whole text, in font units.
    pub(super) width: f64,
}

/// Font units per em.
pub(super) fn units_per_em() -> f64 {
    f64::from(FACE.units_per_em().unwrap_or(1000.0))
}

/// Lays a text out on one line; line breaks and other control characters become spaces.
pub(super) fn run(text: &str) -> Run {
    let mut width = 0.0;
    let glyphs = text
        .chars()
        .map(|c| {
            let glyph = FACE.glyph_id(if c.is_control() { ' ' } else { c });
            let place = width;
            width += f64::from(FACE.h_advance_unscaled(glyph));
            (glyph, place)
        })
        .collect();
    Run { glyphs, width }
}

/// The width of a text whose em is `size` large.
pub(super) fn width(text: &str, size: f64) -> f64 {
    run(text).width * size / units_per_em()
}

/// The curves around a glyph in font units, upwards from the baseline; empty for a space.
pub(super) fn outline(glyph: GlyphId) -> Vec<OutlineCurve> {
    FACE.outline(glyph)
        .map_or_else(Vec::new, |outline| outline.curves)
}

/// Where a curve begins.
pub(super) fn start(curve: &OutlineCurve) -> GlyphPoint {
    match curve {
        OutlineCurve::Line(start, _)
        | OutlineCurve::Quad(start, _, _)
        | OutlineCurve::Cubic(start, _, _, _) => *start,
    }
}

/// Makes the font known to plotters under the names it has for fonts without serifs, for drawings
/// that a cell makes with plotters' own backends.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for name in ["sans-serif", "serif", "monospace"] {
            // The bytes are a font, as the tests see; without it a drawing would say so.
            let _ = register_font(name, FontStyle::Normal, BYTES);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_greek_and_korean_have_glyphs_of_their_own() {
        for text in [
            "Loss 0.5 × ±",
            "Größe façade",
            "αβσ",
            "손글씨 숫자 정확도 갂",
        ] {
            let missing: String = text.chars().filter(|&c| FACE.glyph_id(c).0 == 0).collect();
            // 갂 is not among the 2,350 syllables of KS X 1001.
            let expected = if text.contains('갂') { "갂" } else { "" };
            assert_eq!(missing, expected, "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_a_box_and_takes_room() {
        let missing = run("\u{1F600}");
        assert_eq!(missing.glyphs[0].0.0, 0);
        assert!(!outline(missing.glyphs[0].0).is_empty());
        assert!(width("\u{1F600}", 10.0) > 5.0);
        assert!(outline(run(" ").glyphs[0].0).is_empty());
    }

    #[test]
    fn widths_grow_with_text_and_size() {
        let one = width("0", 12.0);
        assert!((width("000", 12.0) - 3.0 * one).abs() < 1e-9);
        assert!((width("0", 24.0) - 2.0 * one).abs() < 1e-9);
        assert_eq!(width("", 12.0), 0.0);
        assert_eq!(width("a\nb", 12.0), width("a b", 12.0));
    }
}

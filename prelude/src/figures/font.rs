//! The font in figures: bundled, so that no system fonts or C libraries are needed.

use std::sync::Once;

use plotters::style::{FontStyle, register_font};

/// DejaVu Sans 2.37; its licence is beside it.
const DEJAVU_SANS: &[u8] = include_bytes!("../../assets/fonts/DejaVuSans.ttf");

/// Makes the font known to plotters under `sans-serif`, also for drawings that a cell makes with
/// plotters itself.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The bytes are a font, as the tests of the image grid see; without it a drawing would say
        // so.
        let _ = register_font("sans-serif", FontStyle::Normal, DEJAVU_SANS);
    });
}

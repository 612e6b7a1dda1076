//! What can be checked about a picture without looking at it: size, mean colour, blankness.

use std::fmt;
use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use png::{ColorType, Decoder, Transformations};

/// Facts about a decoded PNG.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ImageFacts {
    /// In pixels.
    pub(super) width: u32,
    /// In pixels.
    pub(super) height: u32,
    /// Red, green and blue from 0 to 255, transparent parts on white.
    pub(super) mean: [f64; 3],
    /// Whether all pixels have one colour.
    pub(super) is_blank: bool,
}

impl fmt::Display for ImageFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.mean;
        let blank = if self.is_blank { ", blank" } else { "" };
        let (width, height) = (self.width, self.height);
        write!(
            f,
            "{width}x{height}, mean colour [{red:.0}, {green:.0}, {blue:.0}]{blank}"
        )
    }
}

impl ImageFacts {
    /// Decodes a PNG as notebooks store it.
    ///
    /// # Errors
    /// Says whether base64 or PNG is damaged.
    pub(super) fn of_base64_png(text: &str) -> Result<Self, String> {
        // Some writers break the lines.
        let compact: String = text.split_ascii_whitespace().collect();
        let bytes = STANDARD
            .decode(compact)
            .map_err(|error| format!("not base64: {error}"))?;
        Self::of_png(&bytes).map_err(|error| format!("not a PNG: {error}"))
    }

    fn of_png(bytes: &[u8]) -> Result<Self, png::DecodingError> {
        let mut decoder = Decoder::new(Cursor::new(bytes));
        decoder.set_transformations(Transformations::normalize_to_color8());
        let mut reader = decoder.read_info()?;
        let size = reader
            .output_buffer_size()
            .ok_or(png::DecodingError::LimitsExceeded)?;
        let mut pixels = vec![0; size];
        let info = reader.next_frame(&mut pixels)?;
        pixels.truncate(info.buffer_size());

        let samples = info.color_type.samples();
        let mut sum = [0.0; 3];
        let mut is_blank = true;
        let first = pixels
            .get(..samples)
            .map(<[u8]>::to_vec)
            .unwrap_or_default();
        for pixel in pixels.chunks_exact(samples) {
            is_blank &= pixel == first;
            let [red, green, blue, alpha] = match (info.color_type, pixel) {
                (ColorType::Grayscale, &[grey]) => [grey, grey, grey, 255],
                (ColorType::GrayscaleAlpha, &[grey, alpha]) => [grey, grey, grey, alpha],
                (_, &[red, green, blue]) => [red, green, blue, 255],
                (_, &[red, green, blue, alpha]) => [red, green, blue, alpha],
                // Palettes are expanded by the transformation above.
                _ => continue,
            };
            let opacity = f64::from(alpha) / 255.0;
            for (sum, value) in sum.iter_mut().zip([red, green, blue]) {
                *sum += f64::from(value) * opacity + 255.0 * (1.0 - opacity);
            }
        }
        let count = f64::from(info.width) * f64::from(info.height);
        let mean = sum.map(|sum| sum / count);
        Ok(ImageFacts {
            width: info.width,
            height: info.height,
            mean,
            is_blank,
        })
    }
}

/// A PNG for tests: `colour` except for one black pixel in the corner.
#[cfg(test)]
pub(super) fn test_png(width: u32, height: u32, colour: [u8; 3]) -> String {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(ColorType::Rgb);
    let mut pixels = colour.repeat((width * height) as usize);
    pixels[..3].fill(0);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_and_mean_colour_are_read() {
        let facts = ImageFacts::of_base64_png(&test_png(10, 5, [100, 200, 50])).unwrap();
        assert_eq!((facts.width, facts.height, facts.is_blank), (10, 5, false));
        assert_eq!(facts.mean, [98.0, 196.0, 49.0]);
        assert_eq!(facts.to_string(), "10x5, mean colour [98, 196, 49]");
    }

    #[test]
    fn transparent_pixels_count_as_white() {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(ColorType::GrayscaleAlpha);
        encoder
            .write_header()
            .unwrap()
            .write_image_data(&[0, 255, 0, 0])
            .unwrap();
        let facts = ImageFacts::of_png(&bytes).unwrap();
        assert_eq!(facts.mean, [127.5; 3]);
        assert!(!facts.is_blank);
    }

    #[test]
    fn one_colour_is_blank_and_line_breaks_do_no_harm() {
        let mut text = test_png(3, 3, [0, 0, 0]);
        text.insert(20, '\n');
        assert!(ImageFacts::of_base64_png(&text).unwrap().is_blank);
    }

    #[test]
    fn damage_is_named() {
        let read = |text: &str| ImageFacts::of_base64_png(text).unwrap_err();
        assert!(read("%%%").starts_with("not base64: "));
        assert!(read("AAAA").starts_with("not a PNG: "));
        let cut = &test_png(50, 50, [1, 2, 3])[..80];
        assert!(read(cut).starts_with("not a PNG: "), "{}", read(cut));
    }
}

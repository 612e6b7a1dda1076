//! PNG files in memory.

use super::scene::Pixels;

/// Encodes rows of three bytes per pixel.
pub(super) fn encode(rgb: &[u8], width: u32, height: u32) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Enlarged images repeat their rows: the difference to the row above is mostly zero.
    encoder.set_filter(png::Filter::Up);
    encoder.set_compression(png::Compression::High);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(rgb));
    written.map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Each pixel as a rectangle of `across` x `down` pixels.
pub(super) fn enlarged(pixels: &Pixels, across: usize, down: usize) -> Vec<u8> {
    let mut enlarged = Vec::with_capacity(pixels.rgb.len() * across * down);
    for row in pixels.rgb.chunks_exact(3 * pixels.columns.max(1)) {
        let wide: Vec<u8> = row
            .chunks_exact(3)
            .flat_map(|pixel| pixel.repeat(across))
            .collect();
        for _ in 0..down {
            enlarged.extend_from_slice(&wide);
        }
    }
    enlarged
}

/// Reads what [`encode`] has written.
#[cfg(test)]
pub(super) fn decode(bytes: &[u8]) -> Pixels {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().expect("a PNG");
    let mut rgb = vec![0; reader.output_buffer_size().expect("small")];
    let info = reader.next_frame(&mut rgb).expect("a whole PNG");
    assert_eq!(info.color_type, png::ColorType::Rgb);
    Pixels {
        columns: info.width as usize,
        rgb,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_come_back_as_they_were_and_enlarged_ones_are_repeated() {
        let pixels = Pixels {
            columns: 2,
            rgb: (0..12).collect(),
        };
        let bytes = encode(&pixels.rgb, 2, 2).expect("small");
        assert_eq!(decode(&bytes), pixels);
        let enlarged = enlarged(&pixels, 2, 1);
        assert_eq!(enlarged[..9], [0, 1, 2, 0, 1, 2, 3, 4, 5]);
        assert_eq!(enlarged.len(), 24);
    }
}

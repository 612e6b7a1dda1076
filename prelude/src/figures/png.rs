//! PNG files in memory.

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

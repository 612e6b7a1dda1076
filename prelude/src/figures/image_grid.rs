//! Small images side by side, with a label below each.
//!
//! Pixels are enlarged to squares of a whole number of screen pixels, so that nothing is smoothed;
//! plotters draws the labels.

use std::fmt;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{font, png};

/// Screen pixels per CSS pixel, for displays of high density.
const DENSITY: usize = 2;
/// How large an image should be, in CSS pixels: 28 pixels become 84, three each.
const SIDE: usize = 84;
/// Between images, and below each for its label, in CSS pixels.
const GAP: usize = 14;
const LABEL: usize = 20;
const FONT_SIZE: f64 = 14.0;
const FRAME: [u8; 3] = [60, 60, 60];

/// An image: three bytes per pixel, rows from above.
pub(super) struct Image {
    pub(super) columns: usize,
    pub(super) rgb: Vec<u8>,
}

/// Images of one size, in rows of `columns`.
pub(super) struct ImageGrid {
    pub(super) images: Vec<Image>,
    pub(super) labels: Vec<String>,
    pub(super) columns: usize,
}

/// A picture and the size in which it is meant to be shown.
pub(super) struct Drawn {
    pub(super) png: Vec<u8>,
    pub(super) css_width: u32,
    pub(super) css_height: u32,
}

impl ImageGrid {
    pub(super) fn draw(&self) -> Result<Drawn, String> {
        let first = self.images.first().ok_or("there are no images")?;
        let (image_columns, image_rows) = (first.columns, first.rgb.len() / 3 / first.columns);
        let scale = (SIDE as f64 / image_columns.max(image_rows) as f64)
            .round()
            .max(1.0) as usize
            * DENSITY;
        let (width, height) = (image_columns * scale, image_rows * scale);
        let [gap, label_height] = [GAP, LABEL].map(|length| length * DENSITY);
        let cell = (width + gap, height + label_height + gap / 2);
        let rows = self.images.len().div_ceil(self.columns);
        let mut canvas = Canvas::new(self.columns * cell.0 + gap, rows * cell.1 + gap);

        let mut corners = Vec::new();
        for (i, image) in self.images.iter().enumerate() {
            let corner = (
                gap + i % self.columns * cell.0,
                gap + i / self.columns * cell.1,
            );
            canvas.frame(corner, (width, height));
            canvas.enlarge(image, corner, scale);
            corners.push(corner);
        }
        let below =
            |&(x, y): &(usize, usize)| ((x + width / 2) as i32, (y + height + 4 * DENSITY) as i32);
        canvas.write(self.labels.iter().zip(corners.iter().map(below)))?;
        Ok(Drawn {
            png: png::encode(&canvas.rgb, canvas.width as u32, canvas.height as u32)?,
            css_width: (canvas.width / DENSITY) as u32,
            css_height: (canvas.height / DENSITY) as u32,
        })
    }
}

/// The labels, for front ends without pictures.
impl fmt::Display for ImageGrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.labels.chunks(self.columns);
        write!(f, "{} x {} images with labels", rows.len(), self.columns)?;
        for row in rows {
            write!(f, "\n{}", row.join(" "))?;
        }
        Ok(())
    }
}

/// White paper.
struct Canvas {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Canvas {
            width,
            height,
            rgb: vec![255; 3 * width * height],
        }
    }

    /// A line of one CSS pixel around a rectangle.
    fn frame(&mut self, (x, y): (usize, usize), (width, height): (usize, usize)) {
        for row in y - DENSITY..y + height + DENSITY {
            let start = 3 * (row * self.width + x - DENSITY);
            let pixels = &mut self.rgb[start..start + 3 * (width + 2 * DENSITY)];
            pixels
                .chunks_exact_mut(3)
                .for_each(|pixel| pixel.copy_from_slice(&FRAME));
        }
    }

    /// Each pixel of the image as a square of `scale` pixels.
    fn enlarge(&mut self, image: &Image, (x, y): (usize, usize), scale: usize) {
        for (i, row) in image.rgb.chunks_exact(3 * image.columns).enumerate() {
            let wide: Vec<u8> = row
                .chunks_exact(3)
                .flat_map(|pixel| pixel.repeat(scale))
                .collect();
            for line in 0..scale {
                let start = 3 * ((y + i * scale + line) * self.width + x);
                self.rgb[start..start + wide.len()].copy_from_slice(&wide);
            }
        }
    }

    /// Texts, each centred below a point.
    fn write<'a>(
        &mut self,
        texts: impl Iterator<Item = (&'a String, (i32, i32))>,
    ) -> Result<(), String> {
        font::register();
        let size = (self.width as u32, self.height as u32);
        let area = BitMapBackend::with_buffer(&mut self.rgb, size).into_drawing_area();
        let style = ("sans-serif", FONT_SIZE * DENSITY as f64)
            .into_text_style(&area)
            .color(&BLACK)
            .pos(Pos::new(HPos::Center, VPos::Top));
        for (text, position) in texts {
            area.draw(&Text::new(text.as_str(), position, style.clone()))
                .map_err(|error| error.to_string())?;
        }
        area.present().map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(size: usize) -> ImageGrid {
        let pixels = |i: usize| {
            (0..28 * 28 * 3)
                .map(move |j| ((i * 37 + j * 11) % 256) as u8)
                .collect()
        };
        ImageGrid {
            images: (0..size * size)
                .map(|i| Image {
                    columns: 28,
                    rgb: pixels(i),
                })
                .collect(),
            labels: (0..size * size).map(|i| (i % 10).to_string()).collect(),
            columns: size,
        }
    }

    fn decode(png: &[u8]) -> (usize, Vec<u8>) {
        let mut reader = ::png::Decoder::new(std::io::Cursor::new(png))
            .read_info()
            .expect("a PNG");
        let mut rgb = vec![0; reader.output_buffer_size().expect("small")];
        let info = reader.next_frame(&mut rgb).expect("a whole PNG");
        (info.width as usize, rgb)
    }

    #[test]
    fn every_pixel_becomes_a_square_and_every_image_has_a_label() {
        let grid = grid(5);
        let drawn = grid.draw().expect("fits");
        let (width, rgb) = decode(&drawn.png);
        assert_eq!(width, DENSITY * drawn.css_width as usize);
        let pixel = |x: usize, y: usize| &rgb[3 * (y * width + x)..][..3];
        let (scale, gap) = (6, GAP * DENSITY);
        for (row, column) in [(0, 0), (13, 27), (27, 27)] {
            let expected = &grid.images[0].rgb[3 * (row * 28 + column)..][..3];
            for (dx, dy) in [(0, 0), (scale - 1, scale - 1)] {
                assert_eq!(
                    pixel(gap + column * scale + dx, gap + row * scale + dy),
                    expected
                );
            }
        }
        assert_eq!(pixel(gap - 1, gap), FRAME);
        assert_eq!(pixel(0, 0), [255; 3]);
        // Below each image something dark is written, and it ends before the next one begins.
        for i in 0..25 {
            let (x, y) = (
                gap + i % 5 * (168 + gap),
                gap + i / 5 * (168 + LABEL * DENSITY + gap / 2) + 168,
            );
            let dark = |from: usize, to: usize| {
                (from..to)
                    .any(|dy| (0..168).any(|dx| pixel(x + dx, y + dy).iter().all(|&c| c < 100)))
            };
            assert!(dark(DENSITY, LABEL * DENSITY), "image {i} has no label");
            assert!(
                !dark(LABEL * DENSITY, LABEL * DENSITY + gap / 2 - DENSITY),
                "label {i} is too low"
            );
        }
    }
}

//! The grids' pixels, also against matplotlib's.

use tch::{Device, Kind};

use super::layout::FRAME;
use super::*;
use crate::TensorExt;
use crate::figures::png;
use crate::figures::raster::DENSITY;
use crate::figures::scene::{Pixels, Rect, Shape};
use crate::testing::{reference, reference_path};

fn images(shape: &[i64]) -> Tensor {
    let count: i64 = shape.iter().product();
    (Tensor::arange(count, (Kind::Int64, Device::Cpu)) * 37)
        .remainder(256)
        .to_uint8()
        .reshape(shape)
}

#[test]
fn every_pixel_becomes_a_square_and_every_image_has_a_label() -> Result<()> {
    let grid = ImageGrid::new(&images(&[25, 28, 28]), 5)?.labels(0..25)?;
    let bytes = grid.to_png()?;
    let picture = png::decode(&bytes);
    let scene = grid.scene()?;
    assert_eq!(picture.columns, DENSITY * scene.width as usize);
    let pixel = |x: usize, y: usize| &picture.rgb[3 * (y * picture.columns + x)..][..3];
    let placed: Vec<(&Pixels, Rect)> = scene
        .shapes
        .iter()
        .filter_map(|shape| match shape {
            Shape::Image { pixels, rect } => Some((pixels, *rect)),
            _ => None,
        })
        .collect();
    assert_eq!(placed.len(), 25);
    for (pixels, rect) in placed {
        assert_eq!((rect.width, rect.height), (84.0, 84.0));
        let (left, top) = (rect.left as usize * DENSITY, rect.top as usize * DENSITY);
        for (i, expected) in pixels.rgb.chunks_exact(3).enumerate() {
            let (x, y) = (left + i % 28 * 6, top + i / 28 * 6);
            for (dx, dy) in [(0, 0), (5, 0), (0, 5), (5, 5)] {
                assert_eq!(pixel(x + dx, y + dy), expected);
            }
        }
        // The border, and a label below it.
        assert_eq!(pixel(left - 1, top), FRAME);
        let below = top + 84 * DENSITY + 2 * DENSITY;
        let is_dark = |x: usize, y: usize| pixel(x, y).iter().all(|&c| c < 120);
        let label = (below..below + 17 * DENSITY)
            .any(|y| (left..left + 84 * DENSITY).any(|x| is_dark(x, y)));
        assert!(label);
    }
    Ok(())
}

#[test]
fn any_rows_and_columns_sizes_and_colours() -> Result<()> {
    for (shape, size, extent) in [
        (&[7i64, 28, 28][..], (2, 4), (84.0, 84.0)),
        (&[3, 32, 32, 3], (1, 8), (96.0, 96.0)),
        (&[2, 200, 100, 3], (2, 1), (50.0, 100.0)),
        (&[1, 3, 5, 1], (1, 1), (85.0, 51.0)),
    ] {
        let grid = ImageGrid::new(&images(shape), size)?;
        assert_eq!(grid.image_extent(), extent, "{shape:?}");
        let picture = png::decode(&grid.to_png()?);
        assert!(picture.columns as f64 >= extent.0 * DENSITY as f64);
    }
    let grid = ImageGrid::new(&images(&[7, 4, 4]), (2, 4))?.labels(0..7)?;
    assert_eq!(grid.to_text(), "2 x 4 images with labels\n0 1 2 3\n4 5 6");
    Ok(())
}

#[test]
fn highlighted_images_have_thick_borders() -> Result<()> {
    let grid = ImageGrid::new(&images(&[2, 4, 4]), (1, 2))?.highlight([1], "#ff0000")?;
    let is_red = |pixels: &Pixels| {
        pixels
            .rgb
            .chunks_exact(3)
            .filter(|p| **p == [255, 0, 0])
            .count() as f64
    };
    let (width, height) = grid.image_extent();
    let dense = |length: f64| length * DENSITY as f64;
    let border = dense(width + 6.0) * dense(height + 6.0) - dense(width) * dense(height);
    assert_eq!(is_red(&png::decode(&grid.to_png()?)), border);
    Ok(())
}

#[test]
fn wrong_arguments_are_refused() {
    let batch = images(&[4, 4, 4]);
    let error = ImageGrid::new(&batch, 0).expect_err("nothing").to_string();
    assert_eq!(
        error,
        "ImageGrid: size: expected 1 to 200 rows and columns, received 0 x 0"
    );
    let grid = ImageGrid::new(&batch, 2).expect("four images");
    let error = grid.clone().captions(["a"]).expect_err("three are missing");
    assert!(
        error
            .to_string()
            .contains("images has 4 rows and captions has 1"),
        "{error}"
    );
    assert!(grid.clone().highlight([0], "mauve").is_err());
    assert!(grid.clone().color_limits(1.0, 1.0).is_err());
    assert!(grid.image_size(1).is_err());
    assert!(ImageGrid::new(&images(&[0, 4, 4]), 2).is_err());
}

/// The founding notebook's two figures as matplotlib draws them, with sharp pixels.
///
/// What is compared: the colour in the middle of every pixel of every image, in our PNG and in
/// matplotlib's. Sizes, fonts and gaps differ on purpose. The tolerance is 1 of 255 per channel.
/// matplotlib enlarges a pixel 3.5 times, and rounds borders between them either way: the middle is
/// away from them. Its frame covers half of the outermost pixels, which are looked at further
/// inside.
#[test]
fn the_founding_notebooks_grids_have_matplotlibs_colours() -> Result<()> {
    let ((train, _), (test, _)) = crate::mnist::load_data()?;
    for (name, images, size) in [
        ("matplotlib_train_grid", train, 5i64),
        ("matplotlib_test_grid", test, 7),
    ] {
        let grid = ImageGrid::new(&images, size)?;
        let ours = png::decode(&grid.to_png()?);
        let bytes =
            std::fs::read(reference_path(&format!("{name}.png"))).expect("in the repository");
        let theirs = png::decode(&bytes);
        let cells = reference("matplotlib_grids").tensor(&format!("{name}_cells"));
        let scene = grid.scene()?;
        let placed = scene.shapes.iter().filter_map(|shape| match shape {
            Shape::Image { rect, .. } => Some(*rect),
            _ => None,
        });
        let mut compared = 0;
        for (i, rect) in placed.enumerate() {
            let cell: Vec<f64> = Vec::try_from(cells.get(i as i64).to_kind(Kind::Double))?;
            for pixel in 0..28 * 28 {
                let inside = |place: i32| match place {
                    0 => 0.75,
                    27 => 27.25,
                    place => f64::from(place) + 0.5,
                };
                let (row, column) = (inside(pixel / 28), inside(pixel % 28));
                let at = |picture: &Pixels, x: f64, y: f64| -> [u8; 3] {
                    let start = 3 * (y as usize * picture.columns + x as usize);
                    [0, 1, 2].map(|c| picture.rgb[start + c])
                };
                let dense = |place: f64| place * DENSITY as f64;
                let our = at(
                    &ours,
                    dense(rect.left + column * 3.0),
                    dense(rect.top + row * 3.0),
                );
                let their = at(
                    &theirs,
                    cell[0] + column * cell[2] / 28.0,
                    cell[1] + row * cell[3] / 28.0,
                );
                for (a, b) in our.into_iter().zip(their) {
                    assert!(
                        a.abs_diff(b) <= 1,
                        "{name}, image {i}, pixel {pixel}: {our:?} {their:?}"
                    );
                }
                compared += 1;
            }
        }
        assert_eq!(compared, size * size * 28 * 28);
    }
    Ok(())
}

#[test]
fn five_by_five_digits_are_below_60_kilobytes() -> Result<()> {
    let ((images, labels), _) = crate::mnist::load_data()?;
    let grid = ImageGrid::new(&images, 5)?.labels(labels.narrow(0, 0, 25))?;
    let length = grid.to_png()?.len();
    assert!(length < 60_000, "{length}");
    Ok(())
}

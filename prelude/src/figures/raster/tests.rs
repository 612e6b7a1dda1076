//! Coverage of small pictures, pixel by pixel.

use super::*;
use crate::figures::scene::Stroke;

const BLACK: [u8; 3] = [0; 3];

fn painted(shapes: Vec<Shape>) -> Pixels {
    let mut scene = Scene::new(10, 10);
    scene.shapes = shapes;
    paint(&scene)
}

/// How dark a pixel is, from 0 to 255.
fn darkness(pixels: &Pixels, x: usize, y: usize) -> u8 {
    255 - pixels.rgb[3 * (y * pixels.columns + x)]
}

fn total(pixels: &Pixels) -> f64 {
    let sum: f64 = pixels
        .rgb
        .iter()
        .step_by(3)
        .map(|&c| 255.0 - f64::from(c))
        .sum();
    sum / 255.0
}

fn rect(left: f64, top: f64, width: f64, height: f64) -> Rect {
    Rect {
        left,
        top,
        width,
        height,
    }
}

#[test]
fn a_rectangle_covers_its_pixels_and_half_of_those_it_halves() {
    let pixels = painted(vec![Shape::filled(rect(1.0, 2.0, 2.25, 3.0), BLACK)]);
    assert_eq!(pixels.columns, 20);
    let row: Vec<u8> = (0..8).map(|x| darkness(&pixels, x, 6)).collect();
    assert_eq!(row, [0, 0, 255, 255, 255, 255, 127, 0]);
    assert_eq!(
        [3, 4, 9, 10].map(|y| darkness(&pixels, 3, y)),
        [0, 255, 255, 0]
    );
}

#[test]
fn what_lies_outside_is_cut_off_without_traces() {
    let pixels = painted(vec![
        Shape::filled(rect(-5.0, -5.0, 7.0, 7.0), BLACK),
        Shape::filled(rect(8.0, 8.0, 50.0, 50.0), BLACK),
        Shape::filled(rect(-50.0, 4.0, 20.0, 2.0), BLACK),
        Shape::segment((-10.0, 30.0), (30.0, -30.0), Stroke::solid([0; 3], 0.5)),
    ]);
    assert_eq!(darkness(&pixels, 3, 3), 255);
    assert_eq!(darkness(&pixels, 4, 4), 0);
    assert_eq!(darkness(&pixels, 19, 19), 255);
    assert_eq!(darkness(&pixels, 0, 10), 0);
    // Two squares of 4 x 4 pixels, and a line of one pixel's width from (3 1/3, 10) to (10, 0).
    let line = 2.0 * (10.0f64 / 1.5).hypot(10.0);
    assert!(
        (total(&pixels) - 32.0 - line).abs() < 1.0,
        "{}",
        total(&pixels)
    );
}

#[test]
fn a_clip_hides_what_is_outside_it() {
    let pixels = painted(vec![Shape::Clip {
        rect: rect(2.0, 2.0, 3.0, 3.0),
        shapes: vec![Shape::filled(rect(0.0, 0.0, 10.0, 10.0), BLACK)],
    }]);
    assert_eq!(total(&pixels), 36.0);
    assert_eq!(darkness(&pixels, 4, 4), 255);
    assert_eq!(darkness(&pixels, 10, 9), 0);
}

#[test]
fn lines_cover_their_width_and_dashes_their_share() {
    let line = |dash| Shape::Line {
        points: vec![(1.0, 5.0), (5.0, 5.0), (9.0, 5.0)],
        stroke: Stroke {
            dash,
            ..Stroke::solid([0; 3], 2.0)
        },
    };
    assert_eq!(total(&painted(vec![line(None)])), 64.0);
    // Dashes from 0 to 2, 3 to 5 and 6 to 8 of 8.
    let dashed = total(&painted(vec![line(Some((2.0, 1.0)))]));
    assert!((dashed - 48.0).abs() < 1.0, "{dashed}");
}

#[test]
fn a_disc_covers_its_area_and_halves_with_half_the_opacity() {
    let disc = |alpha| Shape::Disc {
        centre: (5.0, 5.0),
        radius: 4.0,
        paint: Paint { rgb: [0; 3], alpha },
        edge: None,
    };
    let expected = std::f64::consts::PI * 64.0;
    let covered = total(&painted(vec![disc(1.0)]));
    assert!(
        (covered / expected - 1.0).abs() < 0.02,
        "{covered} {expected}"
    );
    assert!((total(&painted(vec![disc(0.5)])) / expected - 0.5).abs() < 0.02);
}

#[test]
fn image_pixels_are_squares() {
    let image = Pixels {
        columns: 2,
        rgb: vec![0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0],
    };
    let pixels = painted(vec![Shape::Image {
        pixels: image,
        rect: rect(1.0, 1.0, 3.0, 6.0),
    }]);
    assert_eq!(total(&pixels), 36.0);
    assert_eq!(
        [1, 2, 4, 5].map(|x| darkness(&pixels, x, 2)),
        [0, 255, 255, 0]
    );
    assert_eq!(
        [7, 8, 13, 14].map(|y| darkness(&pixels, 5, y)),
        [0, 255, 255, 0]
    );
}

#[test]
fn a_text_stands_on_its_baseline_and_turns() {
    let text = |quarters| {
        Shape::Text(Text {
            text: "L".to_owned(),
            at: (7.0, 7.0),
            size: 8.0,
            anchor: Anchor::Middle,
            rgb: [0; 3],
            quarters,
        })
    };
    let upright = painted(vec![text(0)]);
    let dark = |pixels: &Pixels, xs: std::ops::Range<usize>, ys: std::ops::Range<usize>| {
        ys.into_iter()
            .any(|y| xs.clone().any(|x| darkness(pixels, x, y) > 100))
    };
    assert!(dark(&upright, 10..18, 4..14));
    assert!(!dark(&upright, 0..20, 15..20) && !dark(&upright, 0..20, 0..2));
    let turned = painted(vec![text(3)]);
    assert!((total(&turned) - total(&upright)).abs() < 1.5);
    assert!(dark(&turned, 2..14, 10..18) && !dark(&turned, 15..20, 0..20));
}

#[test]
fn a_picture_that_would_not_fit_into_memory_is_refused() {
    let error = png(&Scene::new(20_000, 20_000)).expect_err("1.6 billion pixels");
    assert!(
        error.starts_with("20000 x 20000 CSS pixels are too many"),
        "{error}"
    );
}

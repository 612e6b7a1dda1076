//! Every kind of figure against a stored picture, and what the builder refuses.

use tch::Tensor;

use super::*;
use crate::figures::png;
use crate::figures::scene::Pixels;
use crate::testing::reference_path;
use crate::{Colormap, ConfusionMatrix, Drawing};

/// Pixels differ if a channel does by more than this; texts and edges may, a little, when the font
/// or the painting of edges changes.
const TOLERANCE: u8 = 24;
/// Of all pixels.
const MOST_DIFFERENT: f64 = 0.002;

/// One small figure of each kind.
fn kinds() -> Vec<(&'static str, Figure)> {
    let (x, y) = ([1, 2, 3, 4, 5], [0.9, 0.5, 0.31, 0.2, 0.15]);
    let waves: Vec<f64> = (0..400).map(|i| (f64::from(i) * 0.7).sin() * 3.0).collect();
    let matrix: Vec<Vec<f64>> = (0..4)
        .map(|row| (0..6).map(|column| f64::from(row * column) - 4.0).collect())
        .collect();
    let image: Vec<Vec<i64>> = (0..8)
        .map(|row| (0..8).map(|column| row * column).collect())
        .collect();
    let small = |figure: Figure| figure.size(260, 190);
    vec![
        (
            "line",
            small(
                Figure::new()
                    .line(x, y)
                    .label("loss")
                    .line(x, [0.8, 0.6, 0.45, 0.4, 0.38])
                    .label("val_loss")
                    .dashed()
                    .dots()
                    .title("Training")
                    .x_label("epoch")
                    .y_label("loss"),
            ),
        ),
        (
            "log",
            small(
                Figure::new()
                    .line(x, [1e-5, 1e-4, 0.02, 3.0, 0.0])
                    .log_y()
                    .vline(3.0),
            ),
        ),
        (
            "scatter",
            small(Figure::new().scatter_by_class(x, y, [0, 1, 0, 1, 2], &["가", "b", "c"])),
        ),
        (
            "bar",
            small(
                Figure::new()
                    .bar(["a", "나", "c"], [3.0, -1.0, 2.0])
                    .color("tab:green"),
            ),
        ),
        (
            "hist",
            small(Figure::new().hist(&waves, 12).alpha(0.6).title("values")),
        ),
        (
            "box",
            small(Figure::new().box_plot([("a", vec![1.0, 2.0, 3.0, 9.0]), ("b", vec![4.0, 5.0])])),
        ),
        (
            "heatmap",
            small(
                Figure::new()
                    .heatmap(matrix)
                    .annotate()
                    .colormap(Colormap::Coolwarm),
            ),
        ),
        ("imshow", small(Figure::new().imshow(image))),
        (
            "subplots",
            Figure::new()
                .heading("two")
                .line(x, y)
                .subplot()
                .bar(["a", "b"], [1, 2])
                .size(400, 190),
        ),
        (
            "confusion",
            ConfusionMatrix::new(
                &Tensor::from_slice(&[0i64, 1, 2, 2, 2]),
                &Tensor::from_slice(&[0i64, 1, 2, 2, 1]),
            )
            .expect("five samples")
            .figure()
            .size(260, 220),
        ),
    ]
}

/// Compares with tests/reference/figures, or writes there if TORCHBOOK_UPDATE_FIGURES is 1: then
/// look at what has changed.
#[track_caller]
fn compare(name: &str, bytes: &[u8], text: &str) {
    let [picture, words] =
        ["png", "txt"].map(|ending| reference_path(&format!("figures/{name}.{ending}")));
    if std::env::var_os("TORCHBOOK_UPDATE_FIGURES").is_some_and(|value| value == "1") {
        std::fs::write(&picture, bytes).expect("the folder is there");
        std::fs::write(&words, format!("{text}\n")).expect("the folder is there");
    }
    let stored = std::fs::read(&picture).unwrap_or_else(|error| panic!("{picture}: {error}"));
    let (stored, drawn) = (png::decode(&stored), png::decode(bytes));
    let size = |pixels: &Pixels| (pixels.columns, pixels.rows());
    assert_eq!(size(&drawn), size(&stored), "{name}");
    let both = drawn.rgb.chunks_exact(3).zip(stored.rgb.chunks_exact(3));
    let differs =
        |(a, b): &(&[u8], &[u8])| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > TOLERANCE);
    let different = both.clone().filter(differs).count() as f64 / both.len() as f64;
    assert!(
        different <= MOST_DIFFERENT,
        "{name}: {different} of all pixels differ"
    );
    let stored = std::fs::read_to_string(&words).unwrap_or_else(|error| panic!("{words}: {error}"));
    assert_eq!(format!("{text}\n"), stored, "{name}");
}

#[test]
fn every_kind_looks_as_it_is_stored() -> Result<()> {
    for (name, figure) in kinds() {
        compare(name, &figure.to_png()?, &figure.to_text());
    }
    let drawing = Drawing::new((260, 190), |root| {
        use plotters::prelude::*;
        let mut chart = ChartBuilder::on(root)
            .caption("plotters 그림", ("sans-serif", 16))
            .margin(8)
            .x_label_area_size(24)
            .y_label_area_size(32)
            .build_cartesian_2d(0.0..4.0, 0.0..16.0)?;
        chart.configure_mesh().draw()?;
        let points = (0..=40).map(|i| (f64::from(i) / 10.0, f64::from(i * i) / 100.0));
        chart.draw_series(AreaSeries::new(points, 0.0, BLUE.mix(0.3)).border_style(BLUE))?;
        Ok(())
    })?;
    compare("plotters", &drawing.to_png()?, &format!("{drawing:?}"));
    Ok(())
}

/// Each text of a scene is an outline in the SVG, at the same place.
#[test]
fn the_svg_has_the_same_texts_as_the_picture() -> Result<()> {
    for (name, figure) in kinds() {
        let scene = figure.scene()?;
        let svg = figure.to_svg()?;
        for text in scene.texts() {
            assert!(
                svg.contains(&format!("aria-label=\"{text}\"")),
                "{name}: {text}"
            );
        }
        assert_eq!(svg.matches("<g ").count(), scene.texts().len(), "{name}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
    }
    Ok(())
}

#[test]
fn curves_are_shown_as_svg_and_pixels_as_png() -> Result<()> {
    let has = |figure: &Figure, mime: &str| -> Result<bool> {
        Ok(format!("{:?}", figure.to_rich()?).contains(mime))
    };
    let line = Figure::new().line([0, 1], [0, 1]);
    assert!(has(&line, "image/svg+xml")? && !has(&line, "image/png")?);
    let image = Figure::new().imshow([[0, 1], [2, 3]]);
    assert!(has(&image, "image/png")? && !has(&image, "image/svg+xml")?);
    let many = Figure::new().scatter(vec![0.5; 5000], vec![0.5; 5000]);
    assert!(has(&many, "image/png")?);
    // A line of any length is thinned: it stays small as SVG.
    let long: Vec<f64> = (0..200_000).map(|i| f64::from(i % 977)).collect();
    let long = Figure::new().line(0..200_000, long);
    assert!(has(&long, "image/svg+xml")?);
    assert!(long.to_svg()?.len() < 100_000, "{}", long.to_svg()?.len());
    Ok(())
}

#[test]
fn the_first_mistake_is_reported_when_the_figure_is_shown() {
    #[track_caller]
    fn check(figure: Figure, expected: &str) {
        let error = figure.to_png().expect_err("a mistake").to_string();
        assert_eq!(error, expected);
    }
    let line = || Figure::new().line([0, 1], [0, 1]);
    check(
        line().color("mauve").alpha(7.0),
        "figure: color: expected a name such as black, gray, red, tab:blue, tab:orange or C0, or \
         #rrggbb, received `mauve`",
    );
    check(
        line().alpha(7.0),
        "figure: alpha: expected a number from 0 to 1, received 7",
    );
    check(
        Figure::new().label("a"),
        "figure: label: expected something drawn before it, received nothing",
    );
    check(
        line().annotate(),
        "figure: annotate: expected a heatmap or a grey image before it, received none",
    );
    check(
        line().y_limits(1.0, 1.0),
        "figure: y_limits: expected two different finite numbers, received 1, 1",
    );
    check(
        line().size(1, 1),
        "figure: size: expected 50 to 10000 CSS pixels each way, received 1 x 1",
    );
    check(
        Figure::new().hist([1.0], 0),
        "figure: hist: bins: expected 1 to 10000, received 0",
    );
    check(
        Figure::new().scatter([[1.0, 2.0]], [1.0]),
        "figure: scatter: expected numbers in one row, shape (n,) or (n, 1), received (1, 2): draw one \
         row at a time, or use heatmap for all",
    );
    check(
        Figure::new().box_plot([("a", [f64::NAN])]),
        "figure: box_plot: expected finite numbers in every group, received none in `a`",
    );
}

#[test]
fn extreme_data_is_drawn_without_a_panic() -> Result<()> {
    let odd = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        0.0,
        1e-320,
    ];
    for figure in [
        Figure::new(),
        Figure::new().line(odd, odd),
        Figure::new().scatter(odd, odd).log_x().log_y(),
        Figure::new().bar_at(odd, odd),
        Figure::new().hist(odd, 3),
        Figure::new().heatmap([odd, odd]).annotate(),
        Figure::new().imshow([odd, odd]),
        Figure::new()
            .line(Vec::<f64>::new(), Vec::<f64>::new())
            .label(""),
        Figure::new().bar(Vec::<String>::new(), Vec::<f64>::new()),
        Figure::new()
            .title("a\nb\u{0}\u{1F600}")
            .x_label(&"long ".repeat(100))
            .size(50, 50),
        Figure::new()
            .line([1, 2], [1, 2])
            .label(&"name ".repeat(60)),
        Figure::new()
            .line([1e-300, 1e300], [1.0, 1.0 + 1e-15])
            .x_limits(1e-300, 1e-299),
    ] {
        // The heat map writes such numbers into its cells; they are nowhere else.
        let svg = figure.to_svg()?;
        let places = svg.replace("aria-label=\"NaN\"", "").replace("inf\"", "");
        assert!(!places.contains("NaN") && !places.contains("inf"), "{svg}");
        figure.to_png()?;
        figure.to_text();
    }
    Ok(())
}

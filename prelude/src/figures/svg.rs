//! Scenes as SVG.
//!
//! Texts are written as outlines of the bundled font, each glyph once, so that the picture looks
//! the same everywhere, in a PDF made from it too, whatever fonts are installed. Ids of glyphs
//! depend on nothing but the glyph: several figures can stand in one HTML page.

use std::collections::BTreeSet;
use std::fmt::Write;

use ab_glyph::OutlineCurve;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::scene::{Anchor, Paint, Pixels, Point, Rect, Scene, Shape, Stroke, Text};
use super::{font, png};

/// Pixels of an image are enlarged at least this often: not every reader of SVG honours
/// `image-rendering`, and a smoothed edge is then thin.
const ENLARGED: usize = 4;

/// The picture as a file's text; `description` is what a screen reader says.
pub(super) fn write(scene: &Scene, description: &str) -> Result<String, String> {
    let mut glyphs = BTreeSet::new();
    let mut body = String::new();
    for shape in &scene.shapes {
        write_shape(shape, &mut body, &mut glyphs)?;
    }
    let (width, height) = (scene.width, scene.height);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
         width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <title>{}</title>\n",
        escaped(description)
    );
    svg.push_str("<defs>\n");
    for glyph in glyphs {
        let _ = writeln!(svg, "<path id=\"{}\" d=\"{}\"/>", id(glyph), outline(glyph));
    }
    svg.push_str("</defs>\n");
    let _ = writeln!(
        svg,
        "<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"
    );
    svg.push_str(&body);
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn write_shape(shape: &Shape, svg: &mut String, glyphs: &mut BTreeSet<u16>) -> Result<(), String> {
    match shape {
        Shape::Fill { points, paint } => match upright(points) {
            Some(rect) => {
                let _ = writeln!(
                    svg,
                    "<rect {}{} shape-rendering=\"crispEdges\"/>",
                    rectangle(&rect),
                    filled(paint)
                );
            }
            None => {
                let _ = writeln!(svg, "<path d=\"{}z\"{}/>", path(points), filled(paint));
            }
        },
        Shape::Line { points, stroke } => {
            if points.len() > 1 {
                let closed = if points.first() == points.last() {
                    "z"
                } else {
                    ""
                };
                let _ = writeln!(
                    svg,
                    "<path d=\"{}{closed}\" fill=\"none\"{}/>",
                    path(points),
                    stroked(stroke)
                );
            }
        }
        Shape::Disc {
            centre,
            radius,
            paint,
            edge,
        } => {
            let _ = writeln!(
                svg,
                "<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{}{}/>",
                number(centre.0),
                number(centre.1),
                number(*radius),
                filled(paint),
                edge.as_ref().map_or_else(String::new, stroked)
            );
        }
        Shape::Text(text) => write_text(text, svg, glyphs),
        Shape::Image { pixels, rect } => write_image(pixels, rect, svg)?,
        Shape::Clip { rect, shapes } => {
            // A nested picture hides what is outside it, and needs no id as a clip path would.
            let view = format!(
                "{} {} {} {}",
                number(rect.left),
                number(rect.top),
                number(rect.width),
                number(rect.height)
            );
            let _ = writeln!(
                svg,
                "<svg {} viewBox=\"{view}\" overflow=\"hidden\">",
                rectangle(rect)
            );
            for shape in shapes {
                write_shape(shape, svg, glyphs)?;
            }
            svg.push_str("</svg>\n");
        }
    }
    Ok(())
}

fn write_text(text: &Text, svg: &mut String, glyphs: &mut BTreeSet<u16>) {
    let run = font::run(&text.text);
    let scale = text.size / font::units_per_em();
    let shift = match text.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -run.width / 2.0,
        Anchor::End => -run.width,
    };
    let turn = match text.quarters % 4 {
        0 => String::new(),
        quarters => format!(" rotate({})", 90 * u32::from(quarters)),
    };
    let _ = write!(
        svg,
        "<g aria-label=\"{}\" transform=\"translate({} {}){turn} scale({scale:.5} {:.5})\" fill=\"{}\">",
        escaped(&text.text),
        number(text.at.0),
        number(text.at.1),
        -scale,
        colour(text.rgb),
    );
    for (glyph, place) in run.glyphs {
        // A space has no outline.
        if !font::outline(glyph).is_empty() {
            glyphs.insert(glyph.0);
            let place = (place + shift).round();
            let _ = write!(svg, "<use xlink:href=\"#{}\" x=\"{place}\"/>", id(glyph.0));
        }
    }
    svg.push_str("</g>\n");
}

fn write_image(pixels: &Pixels, rect: &Rect, svg: &mut String) -> Result<(), String> {
    let enlarged = png::enlarged(pixels, ENLARGED, ENLARGED);
    let width = (pixels.columns * ENLARGED) as u32;
    let bytes = png::encode(&enlarged, width, (pixels.rows() * ENLARGED) as u32)?;
    let _ = writeln!(
        svg,
        "<image {} preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" \
         xlink:href=\"data:image/png;base64,{}\"/>",
        rectangle(rect),
        BASE64.encode(bytes)
    );
    Ok(())
}

/// The rectangle that these points are the corners of, if they are.
fn upright(points: &[Point]) -> Option<Rect> {
    let &[(left, top), second, (right, bottom), fourth] = points else {
        return None;
    };
    let is_upright = second == (right, top) && fourth == (left, bottom);
    (is_upright && right >= left && bottom >= top).then_some(Rect {
        left,
        top,
        width: right - left,
        height: bottom - top,
    })
}

fn rectangle(rect: &Rect) -> String {
    format!(
        "x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
        number(rect.left),
        number(rect.top),
        number(rect.width),
        number(rect.height)
    )
}

fn path(points: &[Point]) -> String {
    let mut path = String::new();
    for (i, (x, y)) in points.iter().enumerate() {
        let command = if i == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{} {}", number(*x), number(*y));
    }
    path
}

fn filled(paint: &Paint) -> String {
    let opacity = match paint.alpha < 1.0 {
        true => format!(" fill-opacity=\"{}\"", number(paint.alpha)),
        false => String::new(),
    };
    format!(" fill=\"{}\"{opacity}", colour(paint.rgb))
}

fn stroked(stroke: &Stroke) -> String {
    let mut text = format!(
        " stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\"",
        colour(stroke.paint.rgb),
        number(stroke.width)
    );
    if stroke.paint.alpha < 1.0 {
        let _ = write!(text, " stroke-opacity=\"{}\"", number(stroke.paint.alpha));
    }
    if let Some((dash, gap)) = stroke.dash {
        let _ = write!(
            text,
            " stroke-dasharray=\"{} {}\"",
            number(dash),
            number(gap)
        );
    }
    text
}

fn colour([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Two digits after the point are a fiftieth of a pixel on the densest screens.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" {
        "0".to_owned()
    } else {
        short.to_owned()
    }
}

fn id(glyph: u16) -> String {
    format!("torchbook-glyph-{glyph}")
}

fn outline(glyph: u16) -> String {
    let mut path = String::new();
    let mut last = None;
    for curve in font::outline(ab_glyph::GlyphId(glyph)) {
        let start = font::start(&curve);
        if last != Some(start) {
            let _ = write!(path, "M{} {}", start.x, start.y);
        }
        last = Some(match curve {
            OutlineCurve::Line(_, to) => {
                let _ = write!(path, "L{} {}", to.x, to.y);
                to
            }
            OutlineCurve::Quad(_, a, to) => {
                let _ = write!(path, "Q{} {} {} {}", a.x, a.y, to.x, to.y);
                to
            }
            OutlineCurve::Cubic(_, a, b, to) => {
                let _ = write!(path, "C{} {} {} {} {} {}", a.x, a.y, b.x, b.y, to.x, to.y);
                to
            }
        });
    }
    path
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no control characters.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::scene::{Anchor, WHITE};
    use super::*;

    fn text(text: &str) -> Shape {
        Shape::Text(Text {
            text: text.to_owned(),
            at: (10.0, 20.0),
            size: 12.0,
            anchor: Anchor::Start,
            rgb: [0; 3],
            quarters: 0,
        })
    }

    #[test]
    fn a_glyph_is_defined_once_and_texts_are_escaped() {
        let mut scene = Scene::new(100, 50);
        scene.shapes = vec![text("00<&\"\u{1b}"), text("0")];
        let svg = write(&scene, "a < b").expect("no images");
        assert_eq!(svg.matches("<path id=").count(), 4);
        let zero = id(font::run("0").glyphs[0].0.0);
        assert_eq!(svg.matches(&format!("#{zero}\"")).count(), 3);
        assert!(svg.contains("<title>a &lt; b</title>"), "{svg}");
        assert!(svg.contains("aria-label=\"00&lt;&amp;&quot; \""), "{svg}");
        assert!(!svg.contains("font-family"), "{svg}");
    }

    #[test]
    fn shapes_have_short_numbers() {
        let rect = Rect {
            left: 1.0,
            top: 2.25,
            width: 3.0,
            height: 1.0 / 3.0,
        };
        let mut scene = Scene::new(10, 10);
        scene.shapes = vec![
            Shape::filled(rect, WHITE),
            Shape::segment((0.0, -0.001), (5.5, 1.0), Stroke::solid([255, 0, 16], 1.5)),
        ];
        let svg = write(&scene, "").expect("no images");
        assert!(
            svg.contains("<rect x=\"1\" y=\"2.25\" width=\"3\" height=\"0.33\" fill=\"#ffffff\"")
        );
        assert!(svg.contains(
            "<path d=\"M0 0L5.5 1\" fill=\"none\" stroke=\"#ff0010\" stroke-width=\"1.5\""
        ));
    }
}

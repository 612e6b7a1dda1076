//! What a picture consists of: shapes at places measured in CSS pixels, painted in order.
//!
//! `axes/`, `image_grid.rs` and `drawing.rs` compose scenes; `svg.rs` and `raster.rs` paint them. So
//! every figure exists in both forms, with the same places, and tests can look at the shapes.

/// A place: to the right, and down.
pub(super) type Point = (f64, f64);

/// Red, green, blue.
pub(super) type Rgb = [u8; 3];

pub(super) const WHITE: Rgb = [255; 3];

/// A colour and how much it covers: 1 hides what is below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Paint {
    pub(super) rgb: Rgb,
    pub(super) alpha: f64,
}

impl From<Rgb> for Paint {
    fn from(rgb: Rgb) -> Self {
        Paint { rgb, alpha: 1.0 }
    }
}

/// A line's look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stroke {
    pub(super) paint: Paint,
    pub(super) width: f64,
    /// Lengths of dash and gap.
    pub(super) dash: Option<(f64, f64)>,
}

impl Stroke {
    pub(super) fn solid(paint: impl Into<Paint>, width: f64) -> Self {
        Stroke {
            paint: paint.into(),
            width,
            dash: None,
        }
    }
}

/// An upright rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Rect {
    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// The same, larger by `margin` on each side; smaller if that is negative.
    pub(super) fn grown(&self, margin: f64) -> Rect {
        Rect {
            left: self.left - margin,
            top: self.top - margin,
            width: self.width + 2.0 * margin,
            height: self.height + 2.0 * margin,
        }
    }

    pub(super) fn corners(&self) -> [Point; 4] {
        [
            (self.left, self.top),
            (self.right(), self.top),
            (self.right(), self.bottom()),
            (self.left, self.bottom()),
        ]
    }
}

/// Which part of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A line of text; its place is on the baseline.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) at: Point,
    /// Of an em.
    pub(super) size: f64,
    pub(super) anchor: Anchor,
    pub(super) rgb: Rgb,
    /// By quarters, clockwise: 3 reads from below.
    pub(super) quarters: u8,
}

/// Pixels, three bytes each, rows from above.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pixels {
    pub(super) columns: usize,
    pub(super) rgb: Vec<u8>,
}

impl Pixels {
    pub(super) fn rows(&self) -> usize {
        self.rgb.len() / 3 / self.columns.max(1)
    }
}

/// One thing to paint.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// A filled polygon.
    Fill {
        points: Vec<Point>,
        paint: Paint,
    },
    /// A line through points; a single point paints nothing.
    Line {
        points: Vec<Point>,
        stroke: Stroke,
    },
    /// A disc with an edge.
    Disc {
        centre: Point,
        radius: f64,
        paint: Paint,
        edge: Option<Stroke>,
    },
    Text(Text),
    /// Pixels enlarged to squares that fill a rectangle, nothing mixed.
    Image {
        pixels: Pixels,
        rect: Rect,
    },
    /// Shapes of which only what lies in a rectangle is seen.
    Clip {
        rect: Rect,
        shapes: Vec<Shape>,
    },
}

impl Shape {
    pub(super) fn filled(rect: Rect, paint: impl Into<Paint>) -> Shape {
        Shape::Fill {
            points: rect.corners().to_vec(),
            paint: paint.into(),
        }
    }

    pub(super) fn outlined(rect: Rect, stroke: Stroke) -> Shape {
        let [first, second, third, fourth] = rect.corners();
        Shape::Line {
            points: vec![first, second, third, fourth, first],
            stroke,
        }
    }

    pub(super) fn segment(from: Point, to: Point, stroke: Stroke) -> Shape {
        Shape::Line {
            points: vec![from, to],
            stroke,
        }
    }
}

/// A whole picture on white paper: opaque, so that it reads the same in light and dark themes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scene {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) shapes: Vec<Shape>,
}

impl Scene {
    pub(super) fn new(width: u32, height: u32) -> Self {
        Scene {
            width,
            height,
            shapes: Vec::new(),
        }
    }

    /// The texts in the order of painting, also those that are clipped.
    #[cfg(test)]
    pub(super) fn texts(&self) -> Vec<&str> {
        fn collect<'a>(shapes: &'a [Shape], texts: &mut Vec<&'a str>) {
            for shape in shapes {
                match shape {
                    Shape::Text(text) => texts.push(&text.text),
                    Shape::Clip { shapes, .. } => collect(shapes, texts),
                    _ => {}
                }
            }
        }
        let mut texts = Vec::new();
        collect(&self.shapes, &mut texts);
        texts
    }
}

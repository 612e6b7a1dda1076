//! A plotters backend that writes a scene.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use plotters::style::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontTransform,
};

use crate::figures::font;
use crate::figures::scene::{Anchor, Paint, Pixels, Point, Rect, Scene, Shape, Stroke, Text};

/// plotters' font sizes are heights of lines; an em is smaller by this factor.
const LINE_HEIGHT: f64 = 1.24;

/// The backend itself. plotters counts pixels; here they are CSS pixels.
pub struct SceneBackend {
    pub(super) scene: Rc<RefCell<Scene>>,
}

impl SceneBackend {
    fn push(&mut self, shape: Shape) {
        self.scene.borrow_mut().shapes.push(shape);
    }
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

fn paint(colour: BackendColor) -> Paint {
    let (red, green, blue) = colour.rgb;
    Paint {
        rgb: [red, green, blue],
        alpha: colour.alpha,
    }
}

fn stroke<S: BackendStyle>(style: &S) -> Stroke {
    Stroke::solid(paint(style.color()), f64::from(style.stroke_width()))
}

/// The middle of a pixel, where a line of one pixel is sharp.
fn middle((x, y): BackendCoord) -> Point {
    (f64::from(x) + 0.5, f64::from(y) + 0.5)
}

fn corner((x, y): BackendCoord) -> Point {
    (f64::from(x), f64::from(y))
}

impl DrawingBackend for SceneBackend {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        let scene = self.scene.borrow();
        (scene.width, scene.height)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn {
        let (left, top) = corner(point);
        let rect = Rect {
            left,
            top,
            width: 1.0,
            height: 1.0,
        };
        self.push(Shape::filled(rect, paint(color)));
        Ok(())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn {
        self.push(Shape::segment(middle(from), middle(to), stroke(style)));
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let place = if fill { corner } else { middle };
        let ((left, top), (right, bottom)) = (place(upper_left), place(bottom_right));
        let rect = Rect {
            left: left.min(right),
            top: top.min(bottom),
            width: (right - left).abs(),
            height: (bottom - top).abs(),
        };
        self.push(match fill {
            true => Shape::filled(rect, paint(style.color())),
            false => Shape::outlined(rect, stroke(style)),
        });
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        self.push(Shape::Line {
            points: path.into_iter().map(middle).collect(),
            stroke: stroke(style),
        });
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let colour = paint(style.color());
        self.push(Shape::Disc {
            centre: middle(center),
            radius: f64::from(radius),
            paint: match fill {
                true => colour,
                false => Paint {
                    alpha: 0.0,
                    ..colour
                },
            },
            edge: (!fill).then(|| stroke(style)),
        });
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        vert: I,
        style: &S,
    ) -> Drawn {
        self.push(Shape::Fill {
            points: vert.into_iter().map(corner).collect(),
            paint: paint(style.color()),
        });
        Ok(())
    }

    fn draw_text<TStyle: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &TStyle,
        pos: BackendCoord,
    ) -> Drawn {
        let size = style.size() / LINE_HEIGHT;
        // From the place to the baseline, in the text's own direction.
        let down = match style.anchor().v_pos {
            VPos::Top => (font::CAPITALS + 0.05) * size,
            VPos::Center => font::CAPITALS / 2.0 * size,
            VPos::Bottom => -font::DEPTH * size,
        };
        let (x, y) = corner(pos);
        let (at, quarters) = match style.transform() {
            FontTransform::None => ((x, y + down), 0),
            FontTransform::Rotate90 => ((x - down, y), 1),
            FontTransform::Rotate180 => ((x, y - down), 2),
            FontTransform::Rotate270 => ((x + down, y), 3),
        };
        self.push(Shape::Text(Text {
            text: text.to_owned(),
            at,
            size,
            anchor: match style.anchor().h_pos {
                HPos::Left => Anchor::Start,
                HPos::Center => Anchor::Middle,
                HPos::Right => Anchor::End,
            },
            rgb: paint(style.color()).rgb,
            quarters,
        }));
        Ok(())
    }

    fn estimate_text_size<TStyle: BackendTextStyle>(
        &self,
        text: &str,
        style: &TStyle,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let size = style.size() / LINE_HEIGHT;
        Ok((font::width(text, size).ceil() as u32, size.ceil() as u32))
    }

    fn blit_bitmap(&mut self, pos: BackendCoord, (width, height): (u32, u32), src: &[u8]) -> Drawn {
        let (left, top) = corner(pos);
        self.push(Shape::Image {
            pixels: Pixels {
                columns: width as usize,
                rgb: src.to_vec(),
            },
            rect: Rect {
                left,
                top,
                width: f64::from(width),
                height: f64::from(height),
            },
        });
        Ok(())
    }
}

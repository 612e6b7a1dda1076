//! Shows the value of a cell's last expression.
//!
//! evcxr ends such a cell with `(EXPRESSION).evcxr_display();` and, if that does not compile,
//! compiles it a second time with another ending. One trait for everything that has `Debug` makes
//! the first attempt succeed, always.

use std::any::TypeId;
use std::fmt::{self, Debug, Write};

use tch::Tensor;

use super::Rich;
use super::frames::Frame;
use crate::device::Versions;
use crate::model::diagram::Diagram;
use crate::model::summary::Summary;
use crate::tensor::text;
use crate::training::history::History;
use crate::training::logs::Logs;

/// Longer texts are cut: a front end stays responsive, and nobody reads a million numbers.
const LONGEST_TEXT: usize = 50_000;

/// Shows a value as the result of a cell. evcxr calls it; there is no need to.
pub trait EvcxrDisplay {
    /// Emits the value's text, and richer forms where the type has them. `()` shows nothing.
    fn evcxr_display(&self);
}

impl<T: Debug + ?Sized> EvcxrDisplay for T {
    fn evcxr_display(&self) {
        if typeid::of::<T>() != TypeId::of::<()>() {
            Frame::Result {
                rich: &rich_form(self),
            }
            .emit();
        }
    }
}

fn rich_form<T: Debug + ?Sized>(value: &T) -> Rich {
    if let Some(tensor) = downcast::<T, Tensor>(value) {
        Rich::text(text::describe(tensor))
    } else if let Some(summary) = downcast::<T, Summary>(value) {
        summary.to_rich()
    } else if let Some(diagram) = downcast::<T, Diagram>(value) {
        diagram.to_rich()
    } else if let Some(history) = downcast::<T, History>(value) {
        history.to_rich()
    } else if let Some(logs) = downcast::<T, Logs>(value) {
        Rich::text(logs.to_string())
    } else if let Some(versions) = downcast::<T, Versions>(value) {
        Rich::text(versions.to_string())
    } else {
        Rich::text(debug_text(value))
    }
}

/// The value as a `U`, if that is its type. `T` may hold borrows, which `Any` does not allow.
fn downcast<T: ?Sized, U: 'static>(value: &T) -> Option<&U> {
    // SAFETY: the types are equal, and so `value` points to a `U`; `U` holds no lifetimes that
    // could differ.
    (typeid::of::<T>() == TypeId::of::<U>())
        .then(|| unsafe { &*std::ptr::from_ref(value).cast::<U>() })
}

/// `{:?}`, cut where it gets too long; the rest is not even formatted.
fn debug_text<T: Debug + ?Sized>(value: &T) -> String {
    let mut limited = Limited {
        text: String::new(),
    };
    let complete = write!(limited, "{value:?}").is_ok();
    let mut text = limited.text;
    if !complete {
        let _ = write!(text, " … (cut after {LONGEST_TEXT} bytes)");
    }
    text
}

struct Limited {
    text: String,
}

impl Write for Limited {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = LONGEST_TEXT - self.text.len();
        if piece.len() <= room {
            self.text.push_str(piece);
            return Ok(());
        }
        self.text
            .push_str(&piece[..piece.floor_char_boundary(room)]);
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[track_caller]
    fn check<T: Debug + ?Sized>(value: &T, expected: &str) {
        assert_eq!(rich_form(value).as_text(), expected);
    }

    #[test]
    fn values_are_shown_in_their_debug_form() {
        check(&3, "3");
        check("text", "\"text\"");
        check(&[1.5, 2.0][..], "[1.5, 2.0]");
        check(&(Shape::from((2, 3)), Shape::from((2,))), "((2, 3), (2,))");
    }

    #[test]
    fn a_tensor_is_recognised_also_behind_a_reference() {
        let tensor = Tensor::from_slice(&[1i64, 2]);
        check(&tensor, "Tensor (2,) Int64 on cpu\n[1, 2]");
        // As in a cell that ends with `&tensor`: the trait is found for Tensor itself, not for
        // &Tensor.
        let borrowed = &tensor;
        borrowed.evcxr_display();
    }

    #[test]
    fn borrowing_types_are_no_obstacle() {
        let owned = String::from("ab");
        let parts: Vec<&str> = owned.split("").collect();
        check(&parts, r#"["", "a", "b", ""]"#);
        ().evcxr_display();
    }

    #[test]
    fn very_long_values_are_cut_between_characters() {
        let text = debug_text(&"é".repeat(LONGEST_TEXT));
        assert!(text.len() < LONGEST_TEXT + 50);
        assert!(
            text.ends_with("… (cut after 50000 bytes)"),
            "{}",
            &text[text.len() - 60..]
        );
    }
}

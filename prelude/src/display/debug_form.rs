//! The `Debug` form of a value, cut where it gets too long.

use std::fmt::{self, Debug, Write};

/// Longer texts are cut: a front end stays responsive, and nobody reads a million numbers.
const LONGEST_TEXT: usize = 50_000;

/// `{:?}`, cut where it gets too long; the rest is not even formatted.
pub(super) fn debug_text<T: Debug + ?Sized>(value: &T) -> String {
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

    #[test]
    fn values_are_shown_in_their_debug_form() {
        assert_eq!(debug_text("text"), "\"text\"");
        assert_eq!(debug_text(&[1.5, 2.0][..]), "[1.5, 2.0]");
        let shapes = (Shape::from((2, 3)), Shape::from((2,)));
        assert_eq!(debug_text(&shapes), "((2, 3), (2,))");
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

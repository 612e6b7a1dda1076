//! Positions in code: the protocol counts Unicode code points, Rust bytes.
//! See <https://jupyter-client.readthedocs.io/en/latest/messaging.html#cursor-pos-and-unicode-offsets>.

/// The byte at a position; the end for one beyond it.
pub fn to_byte(code: &str, cursor_pos: usize) -> usize {
    code.char_indices()
        .nth(cursor_pos)
        .map_or(code.len(), |(byte, _)| byte)
}

/// The position of a byte.
pub fn from_byte(code: &str, byte: usize) -> usize {
    code.char_indices()
        .take_while(|(start, _)| *start < byte)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_points_count_once_whatever_they_look_like() {
        // A letter with a combining accent, an emoji of three code points, Korean.
        let code = "e\u{301}👩\u{200d}🔬한a";
        for (position, (byte, _)) in code.char_indices().enumerate() {
            assert_eq!(to_byte(code, position), byte);
            assert_eq!(from_byte(code, byte), position);
        }
        assert_eq!(to_byte(code, 99), code.len());
        assert_eq!(from_byte(code, code.len()), 7);
    }
}

//! Splits the raw bytes of the child's stdout into text, display frames and
//! evcxr's control lines.
//!
//! It only recognises; [`super::reader`] decides what each piece means and where
//! it goes. Markers are found anywhere in the stream, also behind text without a
//! newline, because two buffers of the child (libstd.so's and the binary's) write
//! to the same descriptor.

use std::str;

/// Start of a display frame: an ASCII record separator that text practically never holds.
pub const FRAME_START: &[u8] = b"\x1eTORCHBOOK ";
/// What all of evcxr's own lines start with.
const EVCXR_PREFIX: &[u8] = b"EVCXR_";
const BEGIN_CONTENT: &str = "EVCXR_BEGIN_CONTENT ";
const END_CONTENT: &[u8] = b"EVCXR_END_CONTENT\n";
/// Longest line that can still turn out to be a control line: keeps text that merely
/// starts like one from being held back for ever.
const LONGEST_CONTROL_LINE: usize = 4096;

/// One recognised piece of the child's output, in the order it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Plain output; invalid UTF-8 has become U+FFFD, sequences cut by a read are rejoined.
    Text(String),
    /// The JSON of a display frame, without marker and newline.
    Frame(String),
    /// A block that a third-party crate printed between evcxr's content markers.
    Content { mime: String, data: String },
    /// One of evcxr's control lines, without its newline.
    Control(String),
}

/// Incremental scanner: feed it what was read, take the pieces that are complete.
#[derive(Debug, Default)]
pub struct Scanner {
    pending: Vec<u8>,
    /// MIME type of the content block we are in the middle of.
    content: Option<String>,
}

impl Scanner {
    /// Takes bytes as they were read and returns every piece that is complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.pending.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        while self.step(&mut pieces) {}
        pieces
    }

    /// Everything held back, as text: for a barrier, or when the stream has ended.
    pub fn finish(&mut self) -> Vec<Piece> {
        let rest = std::mem::take(&mut self.pending);
        let mut text = String::from_utf8_lossy(&rest).into_owned();
        if let Some(mime) = self.content.take() {
            text = format!("{BEGIN_CONTENT}{mime}\n{text}");
        }
        if text.is_empty() {
            Vec::new()
        } else {
            vec![Piece::Text(text)]
        }
    }

    /// Recognises one piece; false when more bytes are needed.
    fn step(&mut self, pieces: &mut Vec<Piece>) -> bool {
        if self.content.is_some() {
            return self.content_step(pieces);
        }
        if self.pending.is_empty() {
            return false;
        }
        let Some(start) = find_marker(&self.pending) else {
            let keep = held_back_tail(&self.pending);
            let end = self.pending.len() - keep;
            self.take_text(end, pieces);
            return false;
        };
        if start > 0 {
            self.take_text(start, pieces);
            return true;
        }
        let newline = self.pending.iter().position(|&b| b == b'\n');
        let is_frame = self.pending[0] == FRAME_START[0];
        let Some(newline) = newline else {
            if is_frame {
                let n = self.pending.len().min(FRAME_START.len());
                if self.pending[..n] == FRAME_START[..n] {
                    return false; // a frame of any size may still be on its way
                }
            } else if self.pending.len() < LONGEST_CONTROL_LINE {
                return false;
            }
            self.take_text(1, pieces);
            return true;
        };
        let line: Vec<u8> = self.pending[..newline].to_vec();
        if is_frame {
            if let Some(json) = line.strip_prefix(FRAME_START) {
                self.pending.drain(..=newline);
                pieces.push(Piece::Frame(String::from_utf8_lossy(json).into_owned()));
            } else {
                self.take_text(1, pieces);
            }
            return true;
        }
        match str::from_utf8(&line).ok().filter(|line| is_control(line)) {
            Some(line) => {
                if let Some(mime) = line.strip_prefix(BEGIN_CONTENT) {
                    self.content = Some(mime.trim().to_owned());
                } else {
                    pieces.push(Piece::Control(line.to_owned()));
                }
                self.pending.drain(..=newline);
            }
            None => self.take_text(EVCXR_PREFIX.len(), pieces),
        }
        true
    }

    fn content_step(&mut self, pieces: &mut Vec<Piece>) -> bool {
        let Some(end) = find(&self.pending, END_CONTENT) else {
            return false;
        };
        let data = String::from_utf8_lossy(&self.pending[..end]).into_owned();
        self.pending.drain(..end + END_CONTENT.len());
        let mime = self.content.take().unwrap_or_default();
        let data = data.strip_suffix('\n').unwrap_or(&data).to_owned();
        pieces.push(Piece::Content { mime, data });
        true
    }

    /// Emits `pending[..end]` as text, joined to a text piece just before it; an
    /// incomplete UTF-8 sequence at the very end of what was read waits for its rest.
    fn take_text(&mut self, end: usize, pieces: &mut Vec<Piece>) {
        let mut end = end;
        if end == self.pending.len() {
            end -= incomplete_utf8_tail(&self.pending);
        }
        if end == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&self.pending[..end]).into_owned();
        self.pending.drain(..end);
        if let Some(Piece::Text(previous)) = pieces.last_mut() {
            previous.push_str(&text);
        } else {
            pieces.push(Piece::Text(text));
        }
    }
}

/// evcxr's lines that mean something; anything else that starts alike is the user's text.
fn is_control(line: &str) -> bool {
    matches!(
        line,
        "EVCXR_EXECUTION_COMPLETE" | "EVCXR_PANIC_NOTIFICATION" | "EVCXR_ERROR_OCCURRED"
    ) || line.starts_with("EVCXR_VARIABLE_CHANGED_TYPE:")
        || line.starts_with(BEGIN_CONTENT)
        || line.starts_with(evcxr_input_command())
}

/// Marker of the `evcxr_input` crate (its password variant starts with it too).
fn evcxr_input_command() -> &'static str {
    "EVCXR_INPUT_REQUEST"
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

fn find_marker(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(offset) = bytes[from..]
        .iter()
        .position(|&b| b == FRAME_START[0] || b == b'E')
    {
        let at = from + offset;
        if bytes[at] == FRAME_START[0] || bytes[at..].starts_with(EVCXR_PREFIX) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// Length of a tail that may be the beginning of [`EVCXR_PREFIX`].
fn held_back_tail(bytes: &[u8]) -> usize {
    (1..EVCXR_PREFIX.len())
        .rev()
        .find(|&n| bytes.ends_with(&EVCXR_PREFIX[..n]))
        .unwrap_or(0)
}

/// Length of a UTF-8 sequence at the end whose remaining bytes have not been read yet.
pub fn incomplete_utf8_tail(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let byte = bytes[bytes.len() - back];
        let needed = match byte {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            0x80..=0xBF => continue,
            _ => return 0,
        };
        return if needed > back { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(s: &str) -> Piece {
        Piece::Text(s.to_owned())
    }

    #[test]
    fn control_line_behind_text_without_newline() {
        let pieces = Scanner::default().push(b"no newlineEVCXR_EXECUTION_COMPLETE\n");
        assert_eq!(
            pieces,
            [
                text("no newline"),
                Piece::Control("EVCXR_EXECUTION_COMPLETE".into())
            ]
        );
    }

    #[test]
    fn frame_between_texts() {
        let pieces = Scanner::default().push(b"a\x1eTORCHBOOK {\"x\":1}\nb");
        assert_eq!(
            pieces,
            [text("a"), Piece::Frame("{\"x\":1}".into()), text("b")]
        );
    }

    #[test]
    fn every_cut_of_the_stream_gives_the_same_pieces() {
        let stream = "é E EVCXR EVCXR_mine\n\x1eTORCHBOOK {\"k\":\"🦀\"}\nEVCXR_BEGIN_CONTENT text/html\n<b>\nx</b>\n\
                      EVCXR_END_CONTENT\ntail\x1eEVCXR_PANIC_NOTIFICATION\nEVCXR_EXECUTION_COMPLETE\n"
            .as_bytes();
        let whole = joined(Scanner::default().push(stream));
        assert_eq!(whole.len(), 6, "{whole:?}");
        for cut in 0..stream.len() {
            let mut scanner = Scanner::default();
            let mut pieces = scanner.push(&stream[..cut]);
            pieces.extend(scanner.push(&stream[cut..]));
            assert_eq!(joined(pieces), whole, "cut at {cut}");
        }
    }

    #[test]
    fn partial_line_is_text_at_once() {
        assert_eq!(Scanner::default().push(b"\r50 %"), [text("\r50 %")]);
    }

    #[test]
    fn invalid_utf8_becomes_replacement_and_does_not_stop_the_stream() {
        assert_eq!(Scanner::default().push(b"a\xffb\n"), [text("a\u{fffd}b\n")]);
    }

    #[test]
    fn unfinished_pieces_are_not_lost() {
        let mut scanner = Scanner::default();
        assert_eq!(scanner.push(b"EVCXR_BEGIN_CONTENT a/b\nhalf"), []);
        assert_eq!(scanner.finish(), [text("EVCXR_BEGIN_CONTENT a/b\nhalf")]);
        assert_eq!(scanner.push(b"EVC"), []);
        assert_eq!(scanner.finish(), [text("EVC")]);
    }

    fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
        let mut out: Vec<Piece> = Vec::new();
        for piece in pieces {
            match (out.last_mut(), piece) {
                (Some(Piece::Text(a)), Piece::Text(b)) => a.push_str(&b),
                (_, piece) => out.push(piece),
            }
        }
        out
    }
}

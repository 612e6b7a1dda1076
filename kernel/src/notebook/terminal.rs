//! What a terminal would show after everything that was written to it.
//!
//! Progress displays rewrite their line with `\r`, backspaces and "erase line"; a stored
//! notebook should hold what was left on the screen. Colours are kept. There is only one line
//! to go back to: sequences that move the cursor elsewhere are dropped.

use std::sync::Arc;

/// Text being written to a terminal of endless width.
#[derive(Debug, Clone, Default)]
pub(super) struct Terminal {
    /// Lines that ended with a newline; nothing can change them any more.
    finished: String,
    line: Vec<Glyph>,
    cursor: usize,
    /// An escape sequence whose end has not arrived yet.
    escape: String,
    /// The colour sequences in force at the cursor.
    style: Arc<str>,
    /// The colour sequences in force at the end of `finished`.
    finished_style: Arc<str>,
}

#[derive(Debug, Clone)]
struct Glyph {
    character: char,
    style: Arc<str>,
}

impl Terminal {
    /// Writes text, which may end anywhere, even inside an escape sequence.
    pub(super) fn write(&mut self, text: &str) {
        for character in text.chars() {
            if !self.escape.is_empty() {
                self.continue_escape(character);
                continue;
            }
            match character {
                '\u{1b}' => self.escape.push(character),
                '\n' => self.end_line(),
                '\r' => self.cursor = 0,
                '\u{8}' => self.cursor = self.cursor.saturating_sub(1),
                _ => self.put(character),
            }
        }
    }

    /// Everything that is on the screen.
    pub(super) fn text(&self) -> String {
        let mut text = self.finished.clone();
        self.render_line(&mut text);
        text
    }

    /// The last line with something on it, without colours.
    pub(super) fn latest_line(&self) -> String {
        // Enough for any display, and cheap for a cell that prints megabytes without a newline.
        let glyphs = self.line.iter().take(300);
        let line: String = glyphs.map(|glyph| glyph.character).collect();
        if !line.trim().is_empty() {
            return line.trim().to_owned();
        }
        let line = self
            .finished
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty());
        line.map(|line| without_escapes(line).trim().to_owned())
            .unwrap_or_default()
    }

    fn put(&mut self, character: char) {
        let glyph = Glyph {
            character,
            style: self.style.clone(),
        };
        while self.line.len() < self.cursor {
            self.line.push(Glyph {
                character: ' ',
                style: Arc::default(),
            });
        }
        match self.line.get_mut(self.cursor) {
            Some(place) => *place = glyph,
            None => self.line.push(glyph),
        }
        self.cursor += 1;
    }

    fn end_line(&mut self) {
        let mut text = std::mem::take(&mut self.finished);
        self.render_line(&mut text);
        text.push('\n');
        self.finished = text;
        self.finished_style = self.style.clone();
        self.line.clear();
        self.cursor = 0;
    }

    fn render_line(&self, text: &mut String) {
        let mut style = self.finished_style.clone();
        for glyph in &self.line {
            switch_style(text, &style, &glyph.style);
            style = glyph.style.clone();
            text.push(glyph.character);
        }
        switch_style(text, &style, &self.style);
    }

    fn continue_escape(&mut self, character: char) {
        self.escape.push(character);
        let is_complete = match self.escape.as_bytes().get(1) {
            // Control sequences end with a byte from @ to ~ after the opening bracket.
            Some(b'[') => self.escape.len() > 2 && matches!(character, '@'..='~'),
            // Operating system commands (titles, links) end with BEL or ESC \.
            Some(b']') => character == '\u{7}' || self.escape.ends_with("\u{1b}\\"),
            _ => true,
        };
        if is_complete {
            let sequence = std::mem::take(&mut self.escape);
            self.apply(&sequence);
        }
    }

    fn apply(&mut self, sequence: &str) {
        let Some(body) = sequence.strip_prefix("\u{1b}[") else {
            return;
        };
        if let Some(codes) = body.strip_suffix('m') {
            self.style = match codes {
                "" | "0" => Arc::default(),
                _ => format!("{}{sequence}", self.style).into(),
            };
        } else if let Some(which) = body.strip_suffix('K') {
            match which {
                "" | "0" => self.line.truncate(self.cursor),
                "2" => self.line.clear(),
                "1" => {
                    let blank = Glyph {
                        character: ' ',
                        style: Arc::default(),
                    };
                    let end = self.line.len().min(self.cursor + 1);
                    self.line[..end].fill(blank);
                }
                _ => {}
            }
        }
    }
}

/// Adds the sequences that lead from one style to another.
fn switch_style(text: &mut String, from: &str, to: &str) {
    match to.strip_prefix(from) {
        Some(rest) => text.push_str(rest),
        None => {
            text.push_str("\u{1b}[0m");
            text.push_str(to);
        }
    }
}

/// Text without colours and other escape sequences.
pub(super) fn without_escapes(text: &str) -> String {
    let mut terminal = Terminal::default();
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if terminal.escape.is_empty() && character != '\u{1b}' {
            plain.push(character);
        } else if terminal.escape.is_empty() {
            terminal.escape.push(character);
        } else {
            terminal.continue_escape(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &[&str], shown: &str) {
        let mut terminal = Terminal::default();
        written.iter().for_each(|text| terminal.write(text));
        assert_eq!(terminal.text(), shown);
    }

    #[test]
    fn plain_text_is_unchanged() {
        check(&["a\nb", "c\n\n한글\t"], "a\nbc\n\n한글\t");
    }

    #[test]
    fn a_carriage_return_overwrites_what_was_there() {
        check(&["epoch 1\repoch 2\repoch 3"], "epoch 3");
        check(&["12345\rab"], "ab345");
        check(&["half", "\r", "whole\n", "next"], "whole\nnext");
        check(&["windows\r\nlines\r\n"], "windows\nlines\n");
        check(&["waiting\r"], "waiting");
    }

    #[test]
    fn a_backspace_goes_back_one_column_in_its_line() {
        check(&["abc\u{8}\u{8}X"], "aXc");
        check(&["a\n\u{8}\u{8}b"], "a\nb");
        check(&["9%\u{8} \u{8}"], "9 ");
    }

    #[test]
    fn erasing_a_line_leaves_no_tail() {
        check(&["a long line\r\u{1b}[Kshort"], "short");
        check(&["a long line\u{1b}[2K\rshort"], "short");
        check(&["abc\r\u{1b}[1KX"], "Xbc");
    }

    #[test]
    fn colours_stay_with_their_characters() {
        check(
            &["\u{1b}[31mred\u{1b}[0m plain\n"],
            "\u{1b}[31mred\u{1b}[0m plain\n",
        );
        check(&["\u{1b}[1m\u{1b}[3", "1mred\n", "still\u{1b}[m\n"], {
            "\u{1b}[1m\u{1b}[31mred\nstill\u{1b}[0m\n"
        });
        check(
            &["ok \u{1b}[31mred\u{1b}[0m\rOK"],
            "OK \u{1b}[31mred\u{1b}[0m",
        );
        check(&["\u{1b}[31mred\u{1b}[0m\rgone"], "gone");
    }

    #[test]
    fn other_sequences_are_dropped() {
        check(
            &["\u{1b}[?25la\u{1b}[2Ab\u{1b}]0;title\u{7}c\u{1b}7d"],
            "abcd",
        );
    }

    #[test]
    fn the_latest_line_is_the_last_with_text() {
        let mut terminal = Terminal::default();
        assert_eq!(terminal.latest_line(), "");
        terminal.write("one\n\u{1b}[32mtwo\u{1b}[0m\n\n");
        assert_eq!(terminal.latest_line(), "two");
        terminal.write("three\rTH");
        assert_eq!(terminal.latest_line(), "THree");
    }

    #[test]
    fn escapes_can_be_stripped() {
        assert_eq!(
            without_escapes("\u{1b}[1;31mE0308\u{1b}[0m: x\n"),
            "E0308: x\n"
        );
    }
}

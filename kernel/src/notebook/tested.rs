//! What came of testing one notebook: the cells that ran, and what is wrong.
//!
//! [`super::regression`] finds it out, [`super::junit`] and [`super::report`] write it into files.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use super::ending::CellLabel;
use super::progress::{counted, duration};

/// A notebook's result.
#[derive(Debug, Default)]
pub(super) struct Tested {
    pub(super) path: PathBuf,
    pub(super) took: Duration,
    /// The cells that were executed, the last one perhaps not to its end.
    pub(super) cells: Vec<CellLabel>,
    pub(super) problems: Vec<Problem>,
    pub(super) is_interrupted: bool,
    /// What became of the file, if that is worth saying.
    pub(super) note: &'static str,
}

/// Something that is wrong.
#[derive(Debug, Default)]
pub(super) struct Problem {
    /// The number of the cell, from 1; none if it is the notebook's.
    pub(super) cell: Option<usize>,
    /// What is wrong, perhaps with colours of a terminal.
    pub(super) text: String,
    pub(super) pictures: Vec<PicturePair>,
}

/// A picture of a cell that differs, stored and now, as addresses that contain the data.
#[derive(Debug, PartialEq)]
pub(super) struct PicturePair {
    pub(super) stored: Option<String>,
    pub(super) now: Option<String>,
}

impl Problem {
    /// A problem of no single cell.
    pub(super) fn of_notebook(text: impl Into<String>) -> Self {
        Problem {
            text: text.into(),
            ..Problem::default()
        }
    }
}

impl Tested {
    /// A notebook whose cells were not executed.
    pub(super) fn failed(problems: Vec<Problem>) -> Self {
        Tested {
            problems,
            ..Tested::default()
        }
    }

    pub(super) fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    /// Line and problems, as the command prints them.
    pub(super) fn to_text(&self) -> String {
        let word = if self.is_ok() { "ok    " } else { "FAILED" };
        let (cells, took) = (counted(self.cells.len(), "cell"), duration(self.took));
        let mut text = format!("{word} {}: {cells} in {took}", self.path.display());
        if !self.note.is_empty() {
            let _ = write!(text, ", {}", self.note);
        }
        text.push('\n');
        for problem in &self.problems {
            let lines = problem.text.trim_end().replace('\n', "\n    ");
            let _ = writeln!(text, "  {lines}");
        }
        text
    }
}

/// Text for HTML and XML, in attributes, too; what XML cannot hold is left out.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => {}
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_text_stays_text() {
        assert_eq!(
            escaped("Vec<\"a\"> & \u{1b}\u{0}\n\t한"),
            "Vec&lt;&quot;a&quot;&gt; &amp; \n\t한"
        );
    }
}

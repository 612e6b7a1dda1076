//! How much text one cell may print.
//!
//! A loop that prints without end would fill the notebook, the browser and the history of every
//! client. Text beyond the limit is read and thrown away, so that the cell goes on; the client is
//! told once. Displays are not counted: they replace each other, or are few.

use crate::evaluator::{Output, StreamName};

/// Megabytes of text that a cell may print; 0 for no limit.
const VARIABLE: &str = "TORCHBOOK_OUTPUT_LIMIT_MB";
/// More than anybody reads, and little enough for a notebook to be opened again.
const DEFAULT_MEGABYTES: usize = 32;
const MEGABYTE: usize = 1 << 20;

/// Counts the text of one cell after the other.
#[derive(Debug)]
pub struct OutputLimit {
    bytes: Option<usize>,
    printed: usize,
    is_reached: bool,
}

impl OutputLimit {
    /// The limit that the environment asks for, or else [`DEFAULT_MEGABYTES`].
    pub fn of_environment() -> OutputLimit {
        let asked = std::env::var(VARIABLE).ok();
        let megabytes = match asked.as_deref().map(str::parse) {
            Some(Ok(megabytes)) => megabytes,
            Some(Err(_)) => {
                tracing::warn!("{VARIABLE} is no number of megabytes: {asked:?}");
                DEFAULT_MEGABYTES
            }
            None => DEFAULT_MEGABYTES,
        };
        OutputLimit::of(megabytes.saturating_mul(MEGABYTE))
    }

    fn of(bytes: usize) -> OutputLimit {
        OutputLimit {
            bytes: (bytes > 0).then_some(bytes),
            printed: 0,
            is_reached: false,
        }
    }

    /// A new cell begins.
    pub fn reset(&mut self) {
        self.printed = 0;
        self.is_reached = false;
    }

    /// What of an output is shown: all, nothing, or the beginning with a notice behind it.
    pub fn admit(&mut self, output: Output) -> Vec<Output> {
        let Some(limit) = self.bytes else {
            return vec![output];
        };
        match output {
            Output::Stream { .. } if self.is_reached => Vec::new(),
            Output::Stream { name, text } => {
                let room = limit - self.printed;
                if text.len() <= room {
                    self.printed += text.len();
                    return vec![Output::Stream { name, text }];
                }
                self.is_reached = true;
                let end = text.floor_char_boundary(room);
                let text = text[..end].to_owned();
                vec![Output::Stream { name, text }, notice(limit)]
            }
            other => vec![other],
        }
    }
}

fn notice(limit: usize) -> Output {
    let text = format!(
        "\n[torchbook: the cell has printed more than {} MB; the rest is not shown. \
         {VARIABLE} sets the limit, 0 removes it.]\n",
        limit.div_ceil(MEGABYTE)
    );
    Output::Stream {
        name: StreamName::Stderr,
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(limit: &mut OutputLimit, text: &str) -> Vec<(StreamName, String)> {
        let output = Output::Stream {
            name: StreamName::Stdout,
            text: text.into(),
        };
        let shown = limit.admit(output).into_iter().map(|output| match output {
            Output::Stream { name, text } => (name, text),
            other => panic!("{other:?}"),
        });
        shown.collect()
    }

    #[test]
    fn text_is_cut_between_characters_once_and_the_next_cell_starts_anew() {
        let mut limit = OutputLimit::of(4);
        assert_eq!(print(&mut limit, "ab"), [(StreamName::Stdout, "ab".into())]);
        let cut = print(&mut limit, "cé!");
        assert_eq!(cut[0], (StreamName::Stdout, "c".into()));
        assert_eq!(cut[1].0, StreamName::Stderr);
        assert_eq!(cut.len(), 2);
        assert_eq!(print(&mut limit, "more"), []);
        let display = Output::Clear { wait: false };
        assert_eq!(limit.admit(display.clone()), [display]);
        limit.reset();
        assert_eq!(
            print(&mut limit, "abcd"),
            [(StreamName::Stdout, "abcd".into())]
        );
    }

    #[test]
    fn zero_is_no_limit() {
        let mut limit = OutputLimit::of(0);
        assert_eq!(print(&mut limit, "text").len(), 1);
    }
}

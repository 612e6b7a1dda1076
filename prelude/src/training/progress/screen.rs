//! Where progress is painted: one output of a notebook, one line of a terminal, or a plain file.

use std::io::{IsTerminal, Write};

use crate::display::frames::frames_are_read;
use crate::display::{DisplayHandle, Rich};
use crate::training::history::table;

/// Lines of text that a notebook keeps of one display.
const LINES_KEPT: usize = 200;

/// Columns of a terminal that does not tell.
const COLUMNS: usize = 80;

/// One display, painted again and again.
pub(crate) enum Screen {
    /// Frames for the kernel, which replaces the output.
    Notebook { handle: Option<DisplayHandle> },
    /// The last line is overwritten; what is finished scrolls away.
    Terminal { printed: usize, has_live_line: bool },
    /// Only what is finished.
    File { printed: usize },
}

impl Screen {
    /// What this process has.
    pub(crate) fn new() -> Self {
        if frames_are_read() {
            Screen::Notebook { handle: None }
        } else if std::io::stdout().is_terminal() {
            Screen::Terminal {
                printed: 0,
                has_live_line: false,
            }
        } else {
            Screen::File { printed: 0 }
        }
    }

    /// Whether a line that is not finished can be shown.
    pub(crate) fn is_live(&self) -> bool {
        !matches!(self, Screen::File { .. })
    }

    /// Shows the finished lines, the running one, and in a notebook the same as HTML.
    pub(crate) fn paint(
        &mut self,
        finished: &[String],
        running: Option<&str>,
        html: impl FnOnce() -> Option<String>,
    ) {
        match self {
            Screen::Notebook { handle } => {
                let mut rich = Rich::text(kept_text(finished, running));
                if let Some(html) = html() {
                    rich = rich.with_html(html);
                }
                match handle {
                    Some(handle) => handle.replace(&rich),
                    None => *handle = Some(rich.show_updatable()),
                }
            }
            Screen::Terminal {
                printed,
                has_live_line,
            } => {
                let mut text = String::new();
                if *has_live_line {
                    text.push_str("\r\x1b[2K");
                }
                push_lines(&mut text, finished, printed);
                if let Some(running) = running {
                    text.extend(running.chars().take(terminal_columns() - 1));
                }
                *has_live_line = running.is_some();
                write(&text);
            }
            Screen::File { printed } => {
                let mut text = String::new();
                push_lines(&mut text, finished, printed);
                write(&text);
            }
        }
    }
}

fn push_lines(text: &mut String, lines: &[String], printed: &mut usize) {
    for line in lines.iter().skip(*printed) {
        text.push_str(line);
        text.push('\n');
    }
    *printed = lines.len();
}

/// Nobody can be told that stdout is closed.
fn write(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

/// All lines, or the first and the last of very many.
fn kept_text(finished: &[String], running: Option<&str>) -> String {
    let (first, last) = table::cut(finished.len(), LINES_KEPT);
    let mut lines: Vec<&str> = finished[..first].iter().map(String::as_str).collect();
    let left_out = format!("… {} more lines …", last - first);
    if first < last {
        lines.push(&left_out);
    }
    lines.extend(finished[last..].iter().map(String::as_str));
    lines.extend(running);
    lines.join("\n")
}

/// Columns of the terminal that stdout is.
fn terminal_columns() -> usize {
    // SAFETY: the struct is plain data for which zero is a valid value, and the call only fills it.
    let columns = unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size);
        usize::from(size.ws_col)
    };
    match columns {
        0 => COLUMNS,
        columns => columns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_very_long_fit_is_cut() {
        let lines: Vec<String> = (0..1000).map(|i| format!("line {i}")).collect();
        let text = kept_text(&lines, Some("running"));
        assert_eq!(text.lines().count(), LINES_KEPT + 2);
        assert!(text.starts_with("line 0\nline 1\n"), "{text}");
        assert!(
            text.contains("line 4\n… 800 more lines …\nline 805\n"),
            "{text}"
        );
        assert!(text.ends_with("line 999\nrunning"), "{text}");
        assert_eq!(kept_text(&lines[..2], None), "line 0\nline 1");
    }
}

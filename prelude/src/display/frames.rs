//! Display frames: marked lines of JSON in the stdout stream, which the kernel takes out and turns
//! into messages.
//!
//! Only written when the kernel asks for them; elsewhere (a plain program, a test) the plain text
//! is printed. The kernel's half is in kernel/src/display/.

use std::io::Write;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::Rich;

/// Starts a frame wherever it stands in the stream, also behind text without a newline.
const MARK: &[u8] = b"\x1eTORCHBOOK ";

/// What the kernel can be told.
pub(crate) enum Frame<'a> {
    /// A new output below the cell.
    Display {
        rich: &'a Rich,
        display_id: Option<&'a str>,
    },
    /// Replaces an output.
    Update { rich: &'a Rich, display_id: &'a str },
    /// The value of the cell's last expression.
    Result { rich: &'a Rich },
    /// Removes the outputs so far.
    Clear { wait: bool },
    /// A panic of the cell, which the kernel shows if it ends the cell.
    Panic {
        message: &'a str,
        file: &'a str,
        line: u32,
        backtrace: &'a str,
    },
    /// A failed `?` that ends the cell.
    Error {
        name: &'a str,
        message: &'a str,
        causes: &'a [String],
        file: &'a str,
        line: u32,
    },
    /// Asks the user for a line; the answer comes through `torchbook_input_reply`.
    InputRequest { prompt: &'a str, password: bool },
}

impl Frame<'_> {
    /// Writes the frame, or its plain text where no kernel reads. A closed stream is no error:
    /// nobody is looking.
    pub(crate) fn emit(&self) {
        let bytes = match frames_are_read() {
            true => self.to_bytes(),
            false => self.to_plain().into_bytes(),
        };
        let mut stdout = std::io::stdout().lock();
        let _ = stdout.write_all(&bytes).and_then(|()| stdout.flush());
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MARK.to_vec();
        bytes.extend(self.to_json().to_string().bytes());
        bytes.push(b'\n');
        bytes
    }

    fn to_json(&self) -> Value {
        match self {
            Frame::Display { rich, display_id } => {
                let mut frame = with_data("display_data", rich);
                if let Some(id) = display_id {
                    frame["display_id"] = json!(id);
                }
                frame
            }
            Frame::Update { rich, display_id } => {
                let mut frame = with_data("update_display_data", rich);
                frame["display_id"] = json!(display_id);
                frame
            }
            Frame::Result { rich } => with_data("execute_result", rich),
            Frame::Clear { wait } => json!({"frame": "clear_output", "wait": wait}),
            Frame::Panic {
                message,
                file,
                line,
                backtrace,
            } => {
                json!({"frame": "panic", "message": message, "file": file, "line": line, "backtrace": backtrace})
            }
            Frame::Error {
                name,
                message,
                causes,
                file,
                line,
            } => {
                json!({"frame": "error", "ename": name, "evalue": message, "causes": causes, "file": file, "line": line})
            }
            Frame::InputRequest { prompt, password } => {
                json!({"frame": "input_request", "prompt": prompt, "password": password})
            }
        }
    }

    fn to_plain(&self) -> String {
        match self {
            Frame::Display { rich, .. } | Frame::Update { rich, .. } | Frame::Result { rich } => {
                format!("{}\n", rich.as_text())
            }
            Frame::Clear { .. } => String::new(),
            Frame::Panic { message, .. } | Frame::Error { message, .. } => format!("{message}\n"),
            Frame::InputRequest { prompt, .. } => (*prompt).to_owned(),
        }
    }
}

fn with_data(kind: &str, rich: &Rich) -> Value {
    json!({"frame": kind, "data": rich.data, "metadata": rich.metadata})
}

/// Whether a kernel reads this process's stdout.
pub(crate) fn frames_are_read() -> bool {
    static READ: OnceLock<bool> = OnceLock::new();
    *READ.get_or_init(|| std::env::var_os("TORCHBOOK_FRAMES").is_some_and(|value| value == "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(frame: Frame<'_>, line: &str, plain: &str) {
        let expected = format!("\x1eTORCHBOOK {line}\n");
        assert_eq!(String::from_utf8_lossy(&frame.to_bytes()), expected);
        assert_eq!(frame.to_plain(), plain);
    }

    #[test]
    fn a_frame_is_one_marked_line() {
        let rich = &Rich::text("two\nlines");
        check(
            Frame::Result { rich },
            r#"{"frame":"execute_result","data":{"text/plain":"two\nlines"},"metadata":{}}"#,
            "two\nlines\n",
        );
        check(
            Frame::Display {
                rich,
                display_id: None,
            },
            r#"{"frame":"display_data","data":{"text/plain":"two\nlines"},"metadata":{}}"#,
            "two\nlines\n",
        );
        check(
            Frame::Update {
                rich,
                display_id: "a",
            },
            r#"{"frame":"update_display_data","data":{"text/plain":"two\nlines"},"metadata":{},"display_id":"a"}"#,
            "two\nlines\n",
        );
        check(
            Frame::Clear { wait: true },
            r#"{"frame":"clear_output","wait":true}"#,
            "",
        );
        check(
            Frame::InputRequest {
                prompt: "name? ",
                password: false,
            },
            r#"{"frame":"input_request","prompt":"name? ","password":false}"#,
            "name? ",
        );
    }
}

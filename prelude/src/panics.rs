//! What a panic of a cell tells the kernel: a frame instead of text on stderr.
//!
//! Cells share libstd.so with this library, so one hook sees the panics of all of them. The
//! kernel decides what becomes of the report: the error that ended the cell, if it did.

use std::backtrace::Backtrace;
use std::panic::{self, PanicHookInfo};

use crate::display::frames::{Frame, frames_are_read};
use crate::error::torch_message;

/// How `unwrap` on an error of tch begins: what follows is libtorch's message, with its newlines
/// escaped.
const UNWRAPPED_TORCH: &str = "called `Result::unwrap()` on an `Err` value: Torch(\"";

/// Installs the hook. Panics of the user's own threads are printed as always.
pub(crate) fn install() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if frames_are_read() && is_main_thread() {
            let (file, line) = info
                .location()
                .map_or(("", 0), |place| (place.file(), place.line()));
            Frame::Panic {
                message: &message(info),
                file,
                line,
                backtrace: &Backtrace::force_capture().to_string(),
            }
            .emit();
        } else {
            print(info);
        }
    }));
}

/// Cells run on the process's first thread. Its name is no help: libstd.so did not start it.
fn is_main_thread() -> bool {
    // SAFETY: both calls only return numbers.
    unsafe { libc::gettid() == libc::getpid() }
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let text = info
        .payload_as_str()
        .unwrap_or("a panic with a value that is not text");
    shortened(text)
}

/// The text without libtorch's backtrace, and of an unwrapped error of tch only what libtorch said.
fn shortened(text: &str) -> String {
    match text.strip_prefix(UNWRAPPED_TORCH) {
        Some(escaped) => {
            let said = escaped.strip_suffix("\")").unwrap_or(escaped);
            let said = said.replace("\\n", "\n").replace("\\\"", "\"");
            format!("libtorch: {}", torch_message(&said))
        }
        None if text.contains("Exception raised from") => torch_message(text),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorchs_backtrace_is_cut_off() {
        let tch = r#"called `Result::unwrap()` on an `Err` value: Torch("sizes \"a\" differ\nException raised from f at x.cpp\nframe #0")"#;
        assert_eq!(shortened(tch), "libtorch: sizes \"a\" differ");
        let expected = "no weights: Torch(\"x\")\nException raised from f";
        assert_eq!(shortened(expected), "no weights: Torch(\"x\")");
        assert_eq!(shortened("plain\n"), "plain\n");
    }
}

//! What a panic of a cell tells the kernel: a frame instead of text on stderr.
//!
//! Cells share libstd.so with this library, so one hook sees the panics of all of them. The
//! kernel decides what becomes of the report: the error that ended the cell, if it did.

use std::panic::{self, PanicHookInfo};

use crate::display::frames::{Frame, frames_are_read};

/// Where libtorch's own backtrace begins in the text of its errors: it names functions of libtorch
/// only, and hides the sentence that matters.
const CPP_BACKTRACE: &str = "\nException raised from";

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

/// The text without libtorch's backtrace. tch prints its errors with `{:?}`, which has escaped
/// the newlines in them.
fn shortened(text: &str) -> String {
    let escaped = CPP_BACKTRACE.replace('\n', "\\n");
    let end = text
        .find(CPP_BACKTRACE)
        .or_else(|| text.find(&escaped))
        .unwrap_or(text.len());
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorchs_backtrace_is_cut_off() {
        let tch = r#"called `Result::unwrap()` on an `Err` value: Torch("sizes differ\nException raised from f at x.cpp")"#;
        assert!(shortened(tch).ends_with(r#"Torch("sizes differ"#));
        assert_eq!(shortened("plain"), "plain");
    }
}

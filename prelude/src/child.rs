//! The C interface that the kernel's set-up code in the child process finds with dlsym.
//!
//! All of it is called from the child's control thread, while the main thread may run a cell:
//! nothing here panics, and nothing waits long. The other end is in kernel/src/child/.

use crate::display::{flush, input};
use crate::figures::font;
use crate::training::interrupt;
use crate::{crash, panics};

/// Raised with every change to these functions or to the display frames.
const ABI_VERSION: u32 = 2;

/// Which version of this interface the library has.
#[unsafe(no_mangle)]
pub extern "C" fn torchbook_abi_version() -> u32 {
    ABI_VERSION
}

/// To be called once after dlopen: makes SIGINT set the interrupt flag instead of ending the
/// process, and the bundled font known to drawings that cells make with plotters.
#[unsafe(no_mangle)]
pub extern "C" fn torchbook_child_start() {
    extern "C" fn on_sigint(_signal: libc::c_int) {
        interrupt::request();
    }
    font::register();
    panics::install();
    crash::install();
    let handler: extern "C" fn(libc::c_int) = on_sigint;
    // SAFETY: the struct is plain data for which zero is a valid value (no flags, so no SA_RESTART:
    // a blocking system call returns), and the handler only stores to an atomic.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as libc::sighandler_t;
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(libc::SIGINT, &raw const action, std::ptr::null_mut());
    }
}

/// Sends on what the cell has printed so far without a newline, through Rust's stdout and through
/// C's.
#[unsafe(no_mangle)]
pub extern "C" fn torchbook_flush() {
    flush::flush();
}

/// A cell begins: forgets an interrupt that came too late for the last one.
#[unsafe(no_mangle)]
pub extern "C" fn torchbook_begin_cell() {
    interrupt::clear();
}

/// The answer to an `input_request` frame: `status` is 0 for text, 1 if the client allows no input,
/// 2 if the user interrupted.
///
/// # Safety
/// `ptr` must point to `len` readable bytes, or be null with `len` 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn torchbook_input_reply(ptr: *const u8, len: usize, status: i32) {
    let bytes = match ptr.is_null() {
        true => &[],
        // SAFETY: the caller's promise above.
        false => unsafe { std::slice::from_raw_parts(ptr, len) },
    };
    let reply = match status {
        0 => input::Reply::Text(String::from_utf8_lossy(bytes).into_owned()),
        1 => input::Reply::Refused,
        _ => input::Reply::Interrupted,
    };
    input::deliver(reply);
}

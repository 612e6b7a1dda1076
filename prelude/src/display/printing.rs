//! `println!`, `print!`, `eprintln!` and `eprint!` as cells have them: std's, and behind each of them a
//! safe point, so that a loop of one's own that only prints can be stopped with its variables.
//!
//! The kernel imports them by name before a notebook's first cell. They are not in the list at the end of
//! `lib.rs`: what `use torchbook::*;` brings would be ambiguous beside std's.

use crate::training::interrupt;

/// std's `println!`, and the stop button ends the cell behind it.
#[doc(hidden)]
#[macro_export]
macro_rules! println_in_cell {
    ($($argument:tt)*) => {{
        ::std::println!($($argument)*);
        $crate::cell_support::printed();
    }};
}

/// std's `print!`, and the stop button ends the cell behind it.
#[doc(hidden)]
#[macro_export]
macro_rules! print_in_cell {
    ($($argument:tt)*) => {{
        ::std::print!($($argument)*);
        $crate::cell_support::printed();
    }};
}

/// std's `eprintln!`, and the stop button ends the cell behind it.
#[doc(hidden)]
#[macro_export]
macro_rules! eprintln_in_cell {
    ($($argument:tt)*) => {{
        ::std::eprintln!($($argument)*);
        $crate::cell_support::printed();
    }};
}

/// std's `eprint!`, and the stop button ends the cell behind it.
#[doc(hidden)]
#[macro_export]
macro_rules! eprint_in_cell {
    ($($argument:tt)*) => {{
        ::std::eprint!($($argument)*);
        $crate::cell_support::printed();
    }};
}

/// While it lives, what this thread prints is a safe point: the kernel inserts it where a cell's own code begins,
/// inside of what catches its panics. evcxr's code around it prints, too, and drops variables; a panic there
/// would end the process, and one in another thread would not end the cell.
pub struct OwnCode {
    _safe_points: interrupt::Unbroken,
}

impl OwnCode {
    /// The cell's own code begins.
    #[must_use]
    pub fn begin() -> Self {
        OwnCode {
            _safe_points: interrupt::Unbroken::by_nothing(),
        }
    }
}

/// The safe point behind what was printed. std's lock is free again, and what unwinds is the cell's own code.
///
/// # Panics
/// If the user has pressed the stop button.
#[track_caller]
pub fn printed() {
    // A second panic while one unwinds would end the process.
    if interrupt::requested()
        && !std::thread::panicking()
        && let Err(error) = interrupt::check_printing()
    {
        panic!("{error}");
    }
}

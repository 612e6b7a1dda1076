//! The stop button: a flag that the SIGINT handler sets and that safe points read.
//!
//! Safe points are between two batches of `fit`, `evaluate` and `predict`, and in calls that wait
//! for the user. Installing the handler and clearing the flag at a cell's start is `child.rs`.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Result};

/// Set from a signal handler, so nothing but an atomic will do.
static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Whether the user has asked to stop and no safe point has taken it up yet.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Takes the request up: an `Err` to return with `?` from a loop of one's own.
///
/// # Errors
/// [`Error::Interrupted`] if the user has asked to stop.
///
/// # Example
/// ```
/// for step in 0..1000 {
///     torchbook::interrupt::check()?;
///     // … one step of training …
/// }
/// # Ok::<(), torchbook::Error>(())
/// ```
pub fn check() -> Result<()> {
    match take() {
        true => Err(Error::Interrupted),
        false => Ok(()),
    }
}

/// Whether a request was there; it is taken up, so that code which handles it can go on.
pub(crate) fn take() -> bool {
    requested() && REQUESTED.swap(false, Ordering::Relaxed)
}

/// Called by the signal handler: no locks, no allocation.
pub(crate) fn request() {
    REQUESTED.store(true, Ordering::Relaxed);
}

/// A new cell begins: what was asked of the last one does not count.
pub(crate) fn clear() {
    REQUESTED.store(false, Ordering::Relaxed);
}

//! The stop button: a flag that the SIGINT handler sets and that safe points read.
//!
//! Safe points are between two batches of `fit`, `evaluate` and `predict`, before a step of an
//! optimizer in a loop of one's own, between batches, files and lines that are read, in displays, behind what a
//! cell prints with `println!` and its relatives, and in calls that wait for the user. Code that reaches none of
//! them is ended only by the second press, with its process: [`check`] makes one anywhere. Installing the handler and clearing the flag at a cell's start is `child.rs`.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::{Error, Result};

/// Set from a signal handler, so nothing but an atomic will do.
static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Safe points until the stop button presses itself; 0 if nobody has asked for that.
static SAFE_POINTS_LEFT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static ALLOWED: Cell<Allowed> = const { Cell::new(Allowed::AllButPrinting) };
}

/// Which places are safe points for now.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Allowed {
    All,
    AllButPrinting,
    None,
}

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

/// Presses the stop button in this cell once so many safe points have been passed: the next one
/// takes it up. So a notebook can show an interrupt although nobody is there to stop it.
///
/// What counts: each batch of `fit`, `evaluate` and `predict`, each step of an optimizer in a loop of
/// one's own, each turn of a [`progress`](crate::progress) loop, each [`check`], and each display.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// interrupt::simulate_after(3);
/// let mut passed = 0;
/// while interrupt::check().is_ok() {
///     passed += 1;
/// }
/// assert_eq!(passed, 3);
/// ```
pub fn simulate_after(safe_points: usize) {
    SAFE_POINTS_LEFT.store(safe_points.saturating_add(1), Ordering::Relaxed);
}

/// Whether a request was there; it is taken up, so that code which handles it can go on.
pub(crate) fn take() -> bool {
    if ALLOWED.get() == Allowed::None {
        return false;
    }
    let count_down = |left: usize| left.checked_sub(1);
    if SAFE_POINTS_LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count_down) == Ok(1) {
        request();
    }
    take_request()
}

fn take_request() -> bool {
    requested() && REQUESTED.swap(false, Ordering::Relaxed)
}

/// [`check`] behind what a cell has printed. [`simulate_after`] does not count it: how often something is
/// printed says nothing of how far the work has come.
pub(crate) fn check_printing() -> Result<()> {
    match ALLOWED.get() == Allowed::All && take_request() {
        true => Err(Error::Interrupted),
        false => Ok(()),
    }
}

/// While it lives, this thread has no safe points, or fewer: a request waits for the next one.
pub(crate) struct Unbroken {
    before: Allowed,
}

impl Unbroken {
    /// All are, what is printed included.
    pub(crate) fn by_nothing() -> Self {
        Unbroken {
            before: ALLOWED.replace(Allowed::All),
        }
    }

    /// No place is a safe point.
    pub(crate) fn begin() -> Self {
        Unbroken::with(Allowed::None)
    }

    /// What is printed is no safe point: the code around it has some that keep more.
    pub(crate) fn by_printing() -> Self {
        Unbroken::with(Allowed::AllButPrinting)
    }

    fn with(allowed: Allowed) -> Self {
        let before = ALLOWED.get();
        // What the code around does not allow stays so.
        if allowed > before {
            ALLOWED.set(allowed);
        }
        Unbroken { before }
    }
}

impl Drop for Unbroken {
    fn drop(&mut self) {
        ALLOWED.set(self.before);
    }
}

/// Called by the signal handler: no locks, no allocation.
pub(crate) fn request() {
    REQUESTED.store(true, Ordering::Relaxed);
}

/// A new cell begins: what was asked of the last one does not count.
pub(crate) fn clear() {
    SAFE_POINTS_LEFT.store(0, Ordering::Relaxed);
    REQUESTED.store(false, Ordering::Relaxed);
}

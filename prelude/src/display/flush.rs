//! Sends on what a cell has printed without a newline.
//!
//! A cell can hold stdout's lock for as long as it likes, and std has no `try_lock` for it: so a
//! thread of its own does the flushing, and the one who asked stops waiting after a while.

use std::io::Write;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a flush may take before the caller goes on without it.
const PATIENCE: Duration = Duration::from_millis(200);

struct Flusher {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    thread_started: bool,
    asked: u64,
    begun: u64,
    done: u64,
}

static FLUSHER: Flusher = Flusher {
    state: Mutex::new(State {
        thread_started: false,
        asked: 0,
        begun: 0,
        done: 0,
    }),
    changed: Condvar::new(),
};

/// Flushes Rust's stdout and all of C's streams. Returns when that is done, or when it takes too
/// long.
pub(crate) fn flush() {
    FLUSHER.flush();
}

impl Flusher {
    fn flush(&'static self) {
        let mut state = self.lock();
        if !state.thread_started {
            let thread = std::thread::Builder::new().name("torchbook-flush".to_owned());
            // If the system gives no thread, output waits for its next newline.
            if thread.spawn(move || self.serve()).is_err() {
                return;
            }
            state.thread_started = true;
        }
        if state.begun > state.done && state.asked > state.begun {
            // The thread is stuck behind a lock and the next round is already asked for: no use in
            // waiting again.
            return;
        }
        state.asked += 1;
        let wanted = state.asked;
        self.changed.notify_all();
        let _ = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| state.done < wanted);
    }

    fn serve(&self) {
        let mut state = self.lock();
        loop {
            state = self
                .changed
                .wait_while(state, |state| state.asked == state.begun)
                .unwrap_or_else(PoisonError::into_inner);
            state.begun = state.asked;
            let round = state.begun;
            drop(state);
            flush_now();
            state = self.lock();
            state.done = round;
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn flush_now() {
    // A closed stream is no error: nobody is looking.
    let _ = std::io::stdout().flush();
    // SAFETY: a null stream means all of them; the C library does its own locking.
    unsafe {
        libc::fflush(std::ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flushing_does_not_wait_for_a_cell_that_keeps_stdout_locked() {
        let (locked_tx, locked_rx) = std::sync::mpsc::channel();
        let (release_tx, release_rx) = std::sync::mpsc::channel::<()>();
        let holder = std::thread::spawn(move || {
            let lock = std::io::stdout().lock();
            locked_tx.send(()).expect("the test waits for it");
            let _ = release_rx.recv();
            drop(lock);
        });
        locked_rx.recv().expect("the holder sends once");
        for _ in 0..3 {
            flush();
        }
        drop(release_tx);
        holder.join().expect("the holder does not panic");
        flush();
    }
}

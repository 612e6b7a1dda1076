//! Set-up steps as output of the cell that waits for them.
//!
//! What a step is and how often it is shown is [`crate::setup::progress`]'s.

use super::{CellIo, Output, StreamName};
use crate::setup::progress::{Progress, StepView, plain_line};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Shows set-up steps below the cell that waits for them.
pub struct NotebookProgress {
    io: Arc<dyn CellIo>,
    was_shown: Arc<AtomicBool>,
}

impl NotebookProgress {
    /// A display that has shown nothing yet.
    pub fn new(io: Arc<dyn CellIo>) -> NotebookProgress {
        NotebookProgress {
            io,
            was_shown: Arc::default(),
        }
    }

    /// Becomes true with the first thing that is shown.
    pub fn was_shown(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.was_shown)
    }
}

impl Progress for NotebookProgress {
    fn interval(&self) -> Duration {
        Duration::from_secs(3)
    }

    fn show(&self, view: &StepView) {
        self.note(&plain_line(view));
    }

    fn note(&self, text: &str) {
        let text = format!("{text}\n");
        self.was_shown.store(true, Ordering::SeqCst);
        self.io.publish(Output::Stream {
            name: StreamName::Stderr,
            text,
        });
    }
}

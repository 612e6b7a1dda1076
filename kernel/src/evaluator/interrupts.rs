//! What an interrupt does to a cell of the real evaluator, by how far it has come.
//!
//! While the cell is compiled, everything the evaluator's thread has started ends: cargo, rustc,
//! `!command`; the cell process lives on with its variables. Once the cell runs, its process is
//! asked, and the second time killed ([`Hub`]). The first cell may wait for the set-up, whose
//! build ends as a compilation does.

use super::Interrupter;
use crate::child::hub::Hub;
use crate::processes;
use crate::stand_in::compilation::Compilation;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The stop button of [`super::evcxr::EvcxrEvaluator`].
pub struct CellInterrupter {
    hub: Arc<Hub>,
    compilation: Compilation,
    /// The evaluator's thread; 0 until it has told.
    thread: AtomicU32,
    /// Set-up programs run that can be ended and started again.
    is_preparing: AtomicBool,
}

impl CellInterrupter {
    /// For the evaluator with this cell process and these compilations.
    pub fn new(hub: Arc<Hub>, compilation: Compilation) -> CellInterrupter {
        CellInterrupter {
            hub,
            compilation,
            thread: AtomicU32::new(0),
            is_preparing: AtomicBool::new(false),
        }
    }

    /// Does what the set-up needs; to be called on the evaluator's thread.
    pub fn while_preparing<T>(&self, prepare: impl FnOnce() -> T) -> T {
        self.thread.store(thread_id(), Ordering::SeqCst);
        self.is_preparing.store(true, Ordering::SeqCst);
        let result = prepare();
        self.is_preparing.store(false, Ordering::SeqCst);
        result
    }

    /// A cell begins, on the evaluator's thread.
    pub fn begin_cell(&self) {
        self.thread.store(thread_id(), Ordering::SeqCst);
        self.compilation.begin();
        self.hub.begin_cell();
    }

    /// Ends what the evaluator waits for, all but the cell process.
    fn end_started(&self) {
        let cell_process = self.hub.process();
        let thread = self.thread.load(Ordering::SeqCst);
        let is_known = cell_process.is_some() || self.is_preparing.load(Ordering::SeqCst);
        if thread == 0 || !is_known {
            // What is there may be the cell process, and variables with it.
            return;
        }
        for pid in processes::started_by_thread(thread) {
            if Some(pid) != cell_process {
                processes::end_with_descendants(pid);
            }
        }
    }
}

impl Interrupter for CellInterrupter {
    fn arm(&self) {
        self.hub.arm();
    }

    fn interrupt(&self) {
        if self.compilation.is_complete() && self.hub.cell_is_running() {
            self.hub.interrupt();
            return;
        }
        self.hub.interrupt_compilation();
        if self.hub.cell_is_running() {
            self.compilation.interrupt();
            self.end_started();
            if self.compilation.is_complete() {
                // It was just too late: the cell runs.
                self.hub.interrupt();
            }
        } else if self.is_preparing.load(Ordering::SeqCst) {
            self.end_started();
        }
    }

    fn kill(&self) {
        self.hub.kill();
    }
}

/// As the kernel numbers threads.
fn thread_id() -> u32 {
    // SAFETY: it only returns a number.
    unsafe { libc::gettid() }.unsigned_abs()
}

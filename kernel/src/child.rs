//! The process that runs the cells, seen from both sides.
//!
//! evcxr starts the kernel's own binary as that process. Before evcxr's run loop
//! takes over, [`attach`] puts the process's stdout and stderr on sockets of the
//! kernel; in the kernel, [`hub`] receives those sockets and [`reader`] turns what
//! arrives into outputs. Only evcxr's own control lines go on to evcxr.

pub mod attach;
pub mod death;
pub mod hub;
mod prelude_library;
pub mod reader;
pub mod scanner;

use serde::{Deserialize, Serialize};

/// Environment variable with the number of the inherited rendezvous socket.
pub const RENDEZVOUS_VARIABLE: &str = "TORCHBOOK_RENDEZVOUS_FD";
/// Environment variable with the path of libtorchbook.so, to load when the kernel says so; absent without a prelude.
pub const PRELUDE_LIBRARY_VARIABLE: &str = "TORCHBOOK_PRELUDE_LIBRARY";

/// What the kernel tells the child's control thread, one JSON object a line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum ControlRequest {
    /// Load the prelude, beside whatever else goes on.
    LoadPrelude,
    /// A cell is about to run: forget an old interrupt.
    BeginCell,
    /// Flush everything and write a barrier with this id to both streams.
    Flush {
        id: u64,
        /// Wait until the prelude is loaded, so that its flush is part of it.
        wait_for_prelude: bool,
    },
    /// The user's answer to an input request; see the prelude's `torchbook_input_reply`.
    InputReply { text: String, status: i32 },
}

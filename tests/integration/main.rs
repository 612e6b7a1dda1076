//! The kernel seen from outside: the real binary, five sockets, one test client.
//!
//! | file | what it checks | evaluator |
//! |---|---|---|
//! | `client.rs` | (the client) | |
//! | `execute.rs` | execute requests: outputs, errors, input | scripted |
//! | `execute_options.rs` | what the fields of an execute request change | scripted |
//! | `execute_streams.rs` | printed text: order and limits | scripted |
//! | `requests.rs` | every other request type, control and heartbeat | scripted |
//! | `requests_analysis.rs` | completion, inspection, the pager | scripted |
//! | `requests_history.rs` | history: what is kept, and how it is found | scripted |
//! | `hostile.rs` | what must not be answered | scripted |
//! | `fuzz.rs` | a hundred thousand malformed messages | scripted |
//! | `cells_analysis.rs` | completion and inspection of real code, also while a cell runs | real |
//! | `cells.rs` | cells, the prelude, crashes, two kernels | real |
//! | `cells_display.rs` | values and displays of cells | real |
//! | `cells_errors.rs` | how failing cells are told, and what kills their process | real |
//! | `cells_interrupted.rs` | interrupts while cells and dependencies are compiled | real |
//! | `cells_killed.rs` | cell processes that others kill | real |
//! | `cells_panicked.rs` | what a panic leaves for later cells | real |
//! | `cells_stopped.rs` | the stop button while cells run, and floods of output | real |
//! | `kernels_killed.rs` | kernels and clients that are killed | both |
//! | `notebooks_killed.rs` | `torchbook run` that is killed while it writes | real |
//! | `dependencies.rs` | `:dep` beside the prelude: what is built, refused and shown | real |
//! | `dependencies_common.rs` | common crates, crates of the settings, and a prelude built again | real |
//! | `commands.rs` | evcxr's other commands and `!` lines | real |
//! | `full_disk.rs` | files on a disk without room | scripted |
//! | `prepared_folder.rs` | damaged, deleted, changed: what is built again | real |
//! | `set_up_interrupted.rs` | interrupts while the first cell waits for downloads and builds | real, with scripted tools |
//! | `shortcuts.rs` | what cells mean, however they are compiled | real |
//! | `soak.rs` | several kernels, many cells, restarts | real |
//!
//! The scripted evaluator's instructions are listed in `kernel/src/evaluator/scripted.rs`.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]

mod cells;
mod cells_analysis;
mod cells_display;
mod cells_errors;
mod cells_interrupted;
mod cells_killed;
mod cells_panicked;
mod cells_stopped;
mod client;
mod commands;
mod dependencies;
mod dependencies_common;
mod execute;
mod execute_options;
mod execute_streams;
mod full_disk;
mod fuzz;
mod hostile;
mod kernels_killed;
mod notebooks_killed;
mod prepared_folder;
mod requests;
mod requests_analysis;
mod requests_history;
mod set_up_interrupted;
mod shortcuts;
mod soak;

//! Notebooks without Jupyter and Python: executed through the real kernel (`torchbook run`) and
//! compared with the outputs they have stored (`torchbook test`).
//!
//! This module is a client of the kernel like any other: it speaks to it over ZeroMQ alone and
//! knows nothing of how cells are evaluated.

mod checks;
mod client;
mod compare;
mod discover;
mod document;
mod ending;
mod error;
mod execute;
mod heartbeat;
mod image;
mod interrupts;
mod junit;
mod layout;
mod message;
mod outputs;
mod process;
mod progress;
mod regression;
mod replaced_file;
mod report;
mod run;
#[cfg(test)]
mod scripted_kernel;
mod start;
mod terminal;
mod tested;
mod transcript;
mod upgrade;

pub use document::{CodeCell, Notebook};
pub use error::Error;
pub use process::KernelLaunch;
pub use regression::{TestOptions, test};
pub use run::{Outcome, RunOptions, run};
pub use start::reserve_ports;

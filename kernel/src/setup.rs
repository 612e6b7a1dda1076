//! Makes a machine ready: the Rust toolchain, libtorch, the datasets, the prepared prelude.
//!
//! Everything here may be slow, may need the network and shows its progress. Once it has run,
//! nothing in it needs the network, Python or npm again. It never loads libtorch into this process,
//! and it knows nothing of Jupyter: the kernel and the command line call it alike.

pub mod cache;
pub mod cargo_records;
pub mod clean;
pub mod command;
pub mod datasets;
pub mod environment;
pub mod error;
pub mod idx;
pub mod in_use;
pub mod kernel_folder;
pub mod kernelspec;
pub mod libtorch;
pub mod prepared;
mod prepared_contents;
pub mod progress;
pub mod ready;
mod signatures;
pub mod std_sources;
pub mod toolchain;

#[cfg(test)]
mod fakes;

pub use cache::Cache;
pub use environment::Environment;
pub use error::SetupError;
pub use progress::{Progress, Reporter};
pub use toolchain::Toolchain;

/// What set-up code returns.
pub type Result<T> = std::result::Result<T, SetupError>;

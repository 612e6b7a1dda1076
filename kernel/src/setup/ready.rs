//! Everything a kernel needs, in order: toolchain, libtorch, the prepared prelude.
//!
//! Fast when all is there; otherwise each step shows its progress.

use super::cache::Cache;
use super::clean;
use super::prepared::Prepared;
use super::{Environment, Reporter, Result, Toolchain, libtorch};

/// Makes sure that cells can use the prelude.
///
/// # Errors
/// [`super::SetupError`] that names what is missing and how to get it.
pub fn prelude(environment: &Environment, reporter: &Reporter) -> Result<Prepared> {
    let cache = Cache::of(environment)?;
    let toolchain = Toolchain::ensure(environment, reporter)?;
    let options = libtorch::Options::new(libtorch::Choice::of(environment)?);
    let libtorch = libtorch::ensure(&cache, &options, environment, reporter)?;
    let prepared = Prepared::ensure(&cache, &toolchain, &libtorch, environment, reporter)?;
    for removed in clean::remove_unused(&cache, &clean::Keep::of(environment)) {
        tracing::info!(path = %removed.path.display(), bytes = removed.bytes, "removed as unused");
    }
    Ok(prepared)
}

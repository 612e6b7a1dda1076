//! Questions about code that is not run: may it run, what may stand here, what is this?
//!
//! [`completeness`] needs the parser only.

pub mod commands;
pub mod completeness;

//! Models in files: architecture, weights, and where their training stopped.
//!
//! `config.rs` turns settings into JSON and back.

pub(crate) mod config;

//! How a model learns: `compile`, `fit`, `evaluate`, `predict`.
//!
//! `trainer.rs` is what users call on a model, `fit.rs` the loop, `step.rs` one batch of it, `progress.rs` what is shown meanwhile. Layers,
//! losses and optimizers know nothing of it.

pub(crate) mod arrays;
pub(crate) mod batches;
pub(crate) mod compile;
pub(crate) mod evaluate;
pub(crate) mod fit;
pub(crate) mod history;
pub mod interrupt;
pub(crate) mod progress;
pub(crate) mod step;
pub(crate) mod trainer;

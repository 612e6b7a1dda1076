//! How a model learns: `compile`, `fit`, `evaluate`, `predict`.
//!
//! `trainer.rs` is what users call on a model, `fit.rs` the options of a training, `learn.rs` its
//! loop, `step.rs` one batch of it, `recorded_step.rs` how a GPU does that with one call, `callbacks/` what users hang into it, `progress/` what is shown
//! meanwhile. Layers, losses and optimizers know nothing of it.

pub(crate) mod arrays;
pub(crate) mod batches;
pub(crate) mod callbacks;
mod clock;
pub(crate) mod compile;
mod dataset_batches;
mod epoch;
pub(crate) mod evaluate;
mod feed;
pub(crate) mod fit;
pub(crate) mod history;
pub mod interrupt;
mod learn;
pub(crate) mod logs;
pub(crate) mod lr_find;
mod on_batch;
pub(crate) mod progress;
pub(crate) mod recorded_step;
mod sources;
pub(crate) mod step;
pub(crate) mod trainer;
mod validation;
mod weights;

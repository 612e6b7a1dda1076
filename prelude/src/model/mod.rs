//! Models: [`Sequential`](sequential::Sequential) and [`Model`](functional::Model), the layers they
//! are made of, their summary and
//! their picture.
//!
//! A model knows shapes, weights and the forward pass. How it learns is `training/`.

pub(crate) mod any_layer;
pub(crate) mod diagram;
pub(crate) mod functional;
pub(crate) mod graph;
pub(crate) mod layers;
pub(crate) mod names;
mod nested;
pub(crate) mod network;
mod ordering;
pub(crate) mod sequential;
pub(crate) mod summary;
pub(crate) mod weight;

/// Whether a forward pass belongs to training or not. It is always an argument and never a global
/// state, so that the two cannot be confused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch normalisation uses the batch's statistics and updates its moving ones.
    Train,
    /// Evaluation and prediction: nothing changes.
    Evaluate,
}

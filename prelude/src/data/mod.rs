//! Datasets, and how they become tensors and batches.
//!
//! - [`mnist`], [`fashion_mnist`], [`cifar10`]: what Keras brings; getting files from the network is
//!   not done here but by `torchbook data NAME`, which `folder.rs` starts when the cache is empty
//! - `csv.rs`, `images.rs`, `nested.rs`: a user's own
//! - `split.rs`, `categorical.rs`, `dataset/`: cutting, encoding, batches

pub(crate) mod categorical;
pub mod cifar10;
pub(crate) mod csv;
pub(crate) mod dataset;
pub mod fashion_mnist;
mod folder;
mod idx;
pub(crate) mod images;
pub mod mnist;
pub(crate) mod nested;
pub(crate) mod split;
mod stratified;

use tch::Tensor;

/// Images and labels for training, then images and labels for testing, as `load_data` returns them.
pub type TrainAndTest = ((Tensor, Tensor), (Tensor, Tensor));

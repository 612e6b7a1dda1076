//! Datasets and how they are cut: [`mnist`], [`fashion_mnist`],
//! [`train_test_split`](split::train_test_split).
//!
//! Getting files from the network is not done here but by `torchbook data NAME`, which `folder.rs`
//! starts when the cache is empty.

pub(crate) mod categorical;
pub mod fashion_mnist;
mod folder;
mod idx;
pub mod mnist;
pub(crate) mod split;

use tch::Tensor;

/// Images and labels for training, then images and labels for testing, as `load_data` returns them.
pub type TrainAndTest = ((Tensor, Tensor), (Tensor, Tensor));

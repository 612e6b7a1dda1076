//! Fashion-MNIST: 70,000 grey images of clothes in ten classes, a harder stand-in for MNIST in the
//! same format.

use super::TrainAndTest;
use super::folder::Dataset;
use super::idx;
use crate::Result;

/// Loads the images `(60000, 28, 28)` and `(10000, 28, 28)` and their labels `(60000,)` and
/// `(10000,)`, all as bytes.
///
/// Where the files are looked for: [`mnist::load_data`](super::mnist::load_data), with
/// `TORCHBOOK_FASHION_MNIST_DIR` as the variable's name.
///
/// # Errors
/// As [`mnist::load_data`](super::mnist::load_data).
///
/// # Source
/// Keras, `keras.datasets.fashion_mnist.load_data`.
pub fn load_data() -> Result<TrainAndTest> {
    idx::load(Dataset::FashionMnist, &Dataset::FashionMnist.folder()?)
}

/// What the labels mean, in their order.
///
/// ```
/// assert_eq!(torchbook::fashion_mnist::CLASS_NAMES[9], "Ankle boot");
/// ```
pub const CLASS_NAMES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

//! MNIST: 70,000 grey images of handwritten digits.
//!
//! Finding the files is `folder.rs`, checking and reading them `idx.rs`.

use super::TrainAndTest;
use super::folder::Dataset;
use super::idx;
use crate::Result;

/// Loads the images `(60000, 28, 28)` and `(10000, 28, 28)` and their labels `(60000,)` and
/// `(10000,)`, all as bytes.
///
/// The four IDX files are taken from the folder named by `TORCHBOOK_MNIST_DIR`, else from the
/// cache, else `torchbook data mnist` is run, which fetches them once and shows its progress.
///
/// # Errors
/// [`Error::DatasetUnavailable`](crate::Error::DatasetUnavailable) if they cannot be had, and
/// [`Error::MissingFile`](crate::Error::MissingFile),
/// [`Error::WrongFileLength`](crate::Error::WrongFileLength) or
/// [`Error::WrongFileContent`](crate::Error::WrongFileContent) for a folder whose files are not
/// those of MNIST.
///
/// # Example
/// ```no_run
/// use torchbook::*;
///
/// let ((image_train, label_train), (image_test, label_test)) = mnist::load_data()?;
/// assert_eq!(image_train.shape(), (60000, 28, 28));
/// assert_eq!(label_test.shape(), (10000,));
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras, `keras.datasets.mnist.load_data`.
pub fn load_data() -> Result<TrainAndTest> {
    idx::load(Dataset::Mnist, &Dataset::Mnist.folder()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TensorExt, train_test_split};
    use tch::Tensor;

    fn labels(tensor: &Tensor) -> Vec<i64> {
        Vec::try_from(tensor.to_int64()).expect("labels are one axis")
    }

    /// Needs the real files; elsewhere it says so and passes, except where CI=true.
    #[test]
    fn the_real_mnist_has_kerass_shapes_and_scikit_learns_split() -> Result<()> {
        if Dataset::Mnist.cached().is_none() {
            let reason = "MNIST is not in the cache (`torchbook data mnist` puts it there)";
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
            println!("skipped: {reason}");
            return Ok(());
        }
        let ((x, y), (x_test, y_test)) = load_data()?;
        assert_eq!(
            (x.shape(), y.shape()),
            ((60000, 28, 28).into(), 60000.into())
        );
        assert_eq!(x_test.shape(), (10000, 28, 28));
        assert_eq!(y_test.shape(), (10000,));
        // Made by scikit-learn 1.9.1 on the same files.
        let (_, _, y_train, y_val) = train_test_split(&x, &y, 0.1, 1)?;
        assert_eq!(labels(&y_val)[..10], [3, 2, 7, 8, 2, 3, 5, 2, 8, 9]);
        assert_eq!(labels(&y_train)[..10], [4, 2, 5, 8, 1, 3, 3, 1, 1, 6]);
        let counts = y_val.to_int64().bincount::<Tensor>(None, 10);
        assert_eq!(
            labels(&counts),
            [557, 696, 602, 636, 575, 546, 627, 624, 576, 561]
        );
        Ok(())
    }
}

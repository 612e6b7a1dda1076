//! CIFAR-10: 60,000 small colour images of ten kinds of things, from its binary files.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use tch::Tensor;

use super::TrainAndTest;
use super::folder::cache_root;
use crate::{Error, Result};

/// The variable that names a folder of the user's own.
const VARIABLE: &str = "TORCHBOOK_CIFAR10_DIR";

/// As the archive `cifar-10-binary.tar.gz` has them.
const TRAIN: [&str; 5] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
];
const TEST: [&str; 1] = ["test_batch.bin"];

const SIDE: i64 = 32;
const CHANNELS: i64 = 3;
/// Images in one file.
const IMAGES: i64 = 10_000;
const CLASSES: u8 = 10;

/// What the labels mean, in their order.
///
/// ```
/// assert_eq!(torchbook::cifar10::CLASS_NAMES[3], "cat");
/// ```
pub const CLASS_NAMES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];

/// Loads the images `(50000, 32, 32, 3)` and `(10000, 32, 32, 3)` and their labels `(50000, 1)` and
/// `(10000, 1)`, all as bytes: Keras's shapes.
///
/// The six files `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin` of the archive
/// `cifar-10-binary.tar.gz` are looked for in the folder named by `TORCHBOOK_CIFAR10_DIR`, else in
/// `cifar10` in the cache (`~/.cache/torchbook/data/cifar10`), in both also in the folder
/// `cifar-10-batches-bin` that the archive contains. They are not fetched.
///
/// # Errors
/// [`Error::DatasetUnavailable`] if they are in neither place, [`Error::WrongFileLength`] or
/// [`Error::WrongFileContent`] if they are not those of CIFAR-10.
///
/// # Example
/// ```no_run
/// use torchbook::*;
///
/// let ((x_train, y_train), (x_test, y_test)) = cifar10::load_data()?;
/// assert_eq!((x_train.shape(), y_train.shape()), ((50000, 32, 32, 3).into(), (50000, 1).into()));
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras, `keras.datasets.cifar10.load_data`.
pub fn load_data() -> Result<TrainAndTest> {
    let own = env::var_os(VARIABLE).filter(|folder| !folder.is_empty());
    let cache = || cache_root().map(|root| root.join("data").join("cifar10"));
    load_from(own.map(PathBuf::from).or_else(cache))
}

fn load_from(folder: Option<PathBuf>) -> Result<TrainAndTest> {
    let inner = |folder: &PathBuf| folder.join("cifar-10-batches-bin");
    let places = folder
        .iter()
        .flat_map(|folder| [folder.clone(), inner(folder)]);
    let found = places.clone().find(|folder| folder.join(TEST[0]).is_file());
    let folder = found.ok_or_else(|| Error::DatasetUnavailable {
        dataset: "cifar10",
        reason: format!(
            "{} is not in {}",
            TEST[0],
            places
                .map(|place| place.display().to_string())
                .collect::<Vec<_>>()
                .join(" or ")
        ),
        remedy: format!(
            "unpack cifar-10-binary.tar.gz there, or name the folder of its files in {VARIABLE}"
        ),
    })?;
    Ok((read(&folder, &TRAIN)?, read(&folder, &TEST)?))
}

/// Images and labels of several files.
///
/// # Source
/// The format's own description: for each image a byte for its label, then its 1,024 bytes of red,
/// of green and of blue, row by row.
fn read(folder: &Path, files: &[&str]) -> Result<(Tensor, Tensor)> {
    let row = 1 + CHANNELS * SIDE * SIDE;
    let mut records = Vec::new();
    for file in files {
        let path = folder.join(file);
        let bytes = read_file(&path, (IMAGES * row) as u64)?;
        let wrong = bytes
            .iter()
            .step_by(row as usize)
            .find(|&&label| label >= CLASSES);
        if let Some(label) = wrong {
            return Err(Error::WrongFileContent {
                path,
                expected: format!("labels from 0 to {}", CLASSES - 1),
                received: format!("label {label}"),
                remedy: "unpack cifar-10-binary.tar.gz again".into(),
            });
        }
        records.push(Tensor::f_from_slice(&bytes)?.f_reshape([IMAGES, row])?);
    }
    let records = Tensor::f_cat(&records, 0)?;
    let images = records
        .f_narrow(1, 1, row - 1)?
        .f_reshape([-1, CHANNELS, SIDE, SIDE])?
        .f_permute([0, 2, 3, 1])?
        .f_contiguous()?;
    Ok((images, records.f_narrow(1, 0, 1)?.f_contiguous()?))
}

fn read_file(path: &Path, expected_bytes: u64) -> Result<Vec<u8>> {
    let remedy = "unpack cifar-10-binary.tar.gz again".to_owned();
    let bytes = fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::MissingFile {
            path: path.to_owned(),
            remedy: remedy.clone(),
        },
        _ => Error::File {
            action: "read",
            path: path.to_owned(),
            source,
        },
    })?;
    match bytes.len() as u64 == expected_bytes {
        true => Ok(bytes),
        false => Err(Error::WrongFileLength {
            path: path.to_owned(),
            expected_bytes,
            received_bytes: bytes.len() as u64,
            remedy,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TensorExt;

    /// Files of the right form whose first image has a red corner and a label of its own.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (i, file) in TRAIN.iter().chain(&TEST).enumerate() {
            let mut bytes = vec![0u8; 10_000 * 3073];
            bytes[0] = i as u8;
            bytes[1 + 1] = 200; // Red of the first row, second column.
            bytes[1 + 2048 + 32] = 100; // Blue of the second row, first column.
            fs::write(folder.path().join(file), bytes).expect("disk space");
        }
        folder
    }

    #[test]
    fn planes_become_channels_and_labels_stay_with_their_images() -> Result<()> {
        let folder = folder();
        let ((x, y), (x_test, y_test)) = load_from(Some(folder.path().to_owned()))?;
        assert_eq!(
            (x.shape(), y.shape()),
            ((50_000, 32, 32, 3).into(), (50_000, 1).into())
        );
        assert_eq!(
            (x_test.shape(), y_test.shape()),
            ((10_000, 32, 32, 3).into(), (10_000, 1).into())
        );
        assert_eq!(x.double_value(&[0, 0, 1, 0]), 200.0);
        assert_eq!(x.double_value(&[20_000, 1, 0, 2]), 100.0);
        assert_eq!(
            (y.int64_value(&[20_000, 0]), y_test.int64_value(&[0, 0])),
            (2, 5)
        );

        fs::write(folder.path().join(TRAIN[2]), [0; 10]).expect("disk space");
        let error = load_from(Some(folder.path().to_owned()))
            .expect_err("cut")
            .to_string();
        assert!(
            error.contains("data_batch_3.bin: expected 30730000 bytes, received 10"),
            "{error}"
        );
        Ok(())
    }

    #[test]
    fn a_place_without_files_is_answered_with_what_to_do() {
        let empty = tempfile::tempdir().expect("a folder");
        let error = load_from(Some(empty.path().to_owned()))
            .expect_err("empty")
            .to_string();
        assert!(error.contains("test_batch.bin is not in "), "{error}");
        assert!(
            error.contains("unpack cifar-10-binary.tar.gz there"),
            "{error}"
        );
    }
}

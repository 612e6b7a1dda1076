//! Checks and reads the IDX files of MNIST and its like.
//!
//! The `mnist` crate does the parsing. It panics on files that are missing, cut or something else,
//! so everything it assumes is checked here first.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ::mnist::MnistBuilder;
use tch::Tensor;

use super::TrainAndTest;
use super::folder::{Dataset, FILES};
use crate::training::interrupt;
use crate::{Error, Result};

/// First bytes of a file of bytes with three axes, and with one.
const IMAGES_MAGIC: u32 = 2051;
const LABELS_MAGIC: u32 = 2049;
const SIDE: u32 = 28;
const TRAIN: u32 = 60_000;
const TEST: u32 = 10_000;
const CLASSES: u8 = 10;

/// Reads the four files in `folder`, gzipped or not.
pub(crate) fn load(dataset: Dataset, folder: &Path) -> Result<TrainAndTest> {
    // It takes a moment only, but a loop around it shall stop.
    interrupt::check()?;
    let unpacked = unpack_if_gzipped(dataset, folder)?;
    let folder = unpacked.as_ref().map_or(folder, |folder| folder.path());
    for (file, samples) in FILES.iter().zip([TRAIN, TRAIN, TEST, TEST]) {
        check(&folder.join(file), samples, dataset)?;
    }
    let base_path = folder.to_str().ok_or_else(|| Error::InvalidArgument {
        place: dataset.name().to_owned(),
        expected: "a folder whose path is Unicode".to_owned(),
        received: folder.display().to_string(),
    })?;
    let read = MnistBuilder::new()
        .base_path(base_path)
        .training_images_filename(FILES[0])
        .training_labels_filename(FILES[1])
        .test_images_filename(FILES[2])
        .test_labels_filename(FILES[3])
        .training_set_length(TRAIN)
        .test_set_length(TEST)
        .finalize();
    for (labels, file) in [(&read.trn_lbl, FILES[1]), (&read.tst_lbl, FILES[3])] {
        if let Some(label) = labels.iter().find(|&&label| label >= CLASSES) {
            return Err(Error::WrongFileContent {
                path: folder.join(file),
                expected: format!("labels from 0 to {}", CLASSES - 1),
                received: format!("label {label}"),
                remedy: dataset.remedy(),
            });
        }
    }
    let images = |bytes: &[u8], samples: u32| {
        let shape = [samples, SIDE, SIDE].map(i64::from);
        Tensor::f_from_slice(bytes)?.f_reshape(shape)
    };
    Ok((
        (
            images(&read.trn_img, TRAIN)?,
            Tensor::f_from_slice(&read.trn_lbl)?,
        ),
        (
            images(&read.tst_img, TEST)?,
            Tensor::f_from_slice(&read.tst_lbl)?,
        ),
    ))
}

/// Whether a file's header and length are those of `samples` images or labels, by its name.
fn check(path: &Path, samples: u32, dataset: Dataset) -> Result<()> {
    let is_images = path.to_string_lossy().ends_with("idx3-ubyte");
    let expected: &[u32] = match is_images {
        true => &[IMAGES_MAGIC, samples, SIDE, SIDE],
        false => &[LABELS_MAGIC, samples],
    };
    let expected_bytes = match is_images {
        true => 16 + u64::from(samples) * u64::from(SIDE * SIDE),
        false => 8 + u64::from(samples),
    };
    let cannot = |source: io::Error| cannot_read(path, source, dataset);
    let mut file = File::open(path).map_err(cannot)?;
    let received_bytes = file.metadata().map_err(cannot)?.len();
    let mut header = vec![0; 4 * expected.len()];
    let wrong_length = || Error::WrongFileLength {
        path: path.to_owned(),
        expected_bytes,
        received_bytes,
        remedy: dataset.remedy(),
    };
    match file.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(wrong_length()),
        read => read.map_err(cannot)?,
    }
    let received: Vec<u32> = header
        .chunks_exact(4)
        .map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
        .collect();
    if received != expected {
        return Err(Error::WrongFileContent {
            path: path.to_owned(),
            expected: format!("an IDX file that begins with {expected:?}"),
            received: format!("{received:?}"),
            remedy: dataset.remedy(),
        });
    }
    match received_bytes == expected_bytes {
        true => Ok(()),
        false => Err(wrong_length()),
    }
}

fn cannot_read(path: &Path, source: io::Error, dataset: Dataset) -> Error {
    match source.kind() {
        io::ErrorKind::NotFound => Error::MissingFile {
            path: path.to_owned(),
            remedy: dataset.remedy(),
        },
        _ => Error::File {
            action: "read",
            path: path.to_owned(),
            source,
        },
    }
}

/// A user's folder may hold the files as they are distributed, gzipped: they are unpacked into a
/// temporary one.
fn unpack_if_gzipped(dataset: Dataset, folder: &Path) -> Result<Option<tempfile::TempDir>> {
    let packed = |file: &str| folder.join(format!("{file}.gz"));
    let needed = |file: &&&str| !folder.join(file).exists() && packed(file).exists();
    if FILES.iter().find(needed).is_none() {
        return Ok(None);
    }
    let write_error = |path: PathBuf| {
        move |source| Error::File {
            action: "write",
            path,
            source,
        }
    };
    let unpacked = tempfile::tempdir().map_err(write_error(std::env::temp_dir()))?;
    for file in FILES {
        let target = unpacked.path().join(file);
        let plain = folder.join(file);
        if plain.exists() {
            fs::copy(&plain, &target).map_err(write_error(target))?;
            continue;
        }
        let path = packed(file);
        let reader = File::open(&path).map_err(|source| cannot_read(&path, source, dataset))?;
        let mut out = File::create(&target).map_err(write_error(target.clone()))?;
        io::copy(&mut flate2::read::GzDecoder::new(reader), &mut out).map_err(|error| {
            Error::WrongFileContent {
                path: path.clone(),
                expected: "a gzipped IDX file".to_owned(),
                received: error.to_string(),
                remedy: dataset.remedy(),
            }
        })?;
    }
    Ok(Some(unpacked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TensorExt;
    use std::io::Write;

    /// A folder with four files of the right form, all pixels and labels zero.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (file, samples) in FILES.iter().zip([TRAIN, TRAIN, TEST, TEST]) {
            let images = file.ends_with("idx3-ubyte");
            let header = match images {
                true => vec![IMAGES_MAGIC, samples, SIDE, SIDE],
                false => vec![LABELS_MAGIC, samples],
            };
            let values = u64::from(samples) * if images { 784 } else { 1 };
            write(&folder.path().join(file), &header, values);
        }
        folder
    }

    fn write(path: &Path, header: &[u32], values: u64) {
        let mut file = File::create(path).expect("a temporary file");
        for number in header {
            file.write_all(&number.to_be_bytes()).expect("disk space");
        }
        file.set_len(4 * header.len() as u64 + values)
            .expect("disk space");
    }

    #[track_caller]
    fn check_error(folder: &tempfile::TempDir, parts: &[&str]) {
        let error = load(Dataset::Mnist, folder.path()).expect_err("the folder is damaged");
        let text = error.to_string();
        for part in parts {
            assert!(text.contains(part), "{part:?} is missing in: {text}");
        }
    }

    #[test]
    fn four_good_files_give_bytes_in_kerass_shapes() -> Result<()> {
        let ((x, y), (x_test, y_test)) = load(Dataset::Mnist, folder().path())?;
        assert_eq!(
            (x.shape(), y.shape()),
            ((60000, 28, 28).into(), 60000.into())
        );
        assert_eq!(
            (x_test.shape(), y_test.shape()),
            ((10000, 28, 28).into(), 10000.into())
        );
        assert_eq!(x.kind(), tch::Kind::Uint8);
        Ok(())
    }

    #[test]
    fn gzipped_files_are_read_as_well() -> Result<()> {
        let folder = folder();
        let path = folder.path().join(FILES[3]);
        let packed = File::create(path.with_extension("gz")).expect("a temporary file");
        // `with_extension` appends here, since the classic names have none.
        let mut encoder = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        io::copy(&mut File::open(&path).expect("just written"), &mut encoder).expect("disk space");
        encoder.finish().expect("disk space");
        fs::remove_file(&path).expect("just written");
        let (_, (_, y_test)) = load(Dataset::Mnist, folder.path())?;
        assert_eq!(y_test.shape(), (10000,));
        Ok(())
    }

    #[test]
    fn a_missing_file_is_named_with_the_remedy() {
        let folder = folder();
        fs::remove_file(folder.path().join(FILES[2])).expect("just written");
        check_error(
            &folder,
            &[
                "t10k-images-idx3-ubyte: file not found",
                "torchbook data mnist",
            ],
        );
    }

    #[test]
    fn a_truncated_file_is_named_with_both_lengths() {
        let folder = folder();
        write(
            &folder.path().join(FILES[1]),
            &[LABELS_MAGIC, TRAIN],
            59_000,
        );
        check_error(
            &folder,
            &[
                "train-labels-idx1-ubyte: expected 60008 bytes, received 59008",
                "TORCHBOOK_MNIST_DIR",
            ],
        );
        write(&folder.path().join(FILES[1]), &[], 3);
        check_error(&folder, &["expected 60008 bytes, received 3"]);
    }

    #[test]
    fn a_file_of_another_kind_is_named_with_its_header() {
        let folder = folder();
        write(
            &folder.path().join(FILES[0]),
            &[LABELS_MAGIC, TRAIN, SIDE, SIDE],
            47_040_000,
        );
        check_error(
            &folder,
            &[
                "train-images-idx3-ubyte: expected an IDX file that begins with [2051, 60000, 28, 28]",
            ],
        );
    }

    #[test]
    fn a_label_above_nine_is_refused() {
        let folder = folder();
        let mut bytes = fs::read(folder.path().join(FILES[3])).expect("just written");
        bytes[100] = 10;
        fs::write(folder.path().join(FILES[3]), bytes).expect("disk space");
        check_error(
            &folder,
            &["t10k-labels-idx1-ubyte: expected labels from 0 to 9, received label 10"],
        );
    }
}

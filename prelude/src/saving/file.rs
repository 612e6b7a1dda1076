//! Files of named tensors in the safetensors format, written whole or not at all, with a text of
//! JSON and a checksum in their metadata.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, View};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::keras_file;
use crate::{Error, Result};

/// Names in the metadata.
const TEXT: &str = "torchbook";
const CHECKSUM: &str = "crc32";

/// PyTorch counts batches in a tensor of its own, which has no counterpart.
const NOT_A_WEIGHT: &str = "num_batches_tracked";

/// What is no weight: the state of an optimizer.
pub(super) const OPTIMIZER: &str = "optimizer/";

/// A tensor's bytes on the CPU.
struct Bytes {
    kind: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl View for &Bytes {
    fn dtype(&self) -> Dtype {
        self.kind
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }

    fn data_len(&self) -> usize {
        self.data.len()
    }
}

/// The formats that have a kind in tch and in safetensors.
const KINDS: [(Kind, Dtype); 8] = [
    (Kind::Float, Dtype::F32),
    (Kind::Double, Dtype::F64),
    (Kind::Half, Dtype::F16),
    (Kind::BFloat16, Dtype::BF16),
    (Kind::Int64, Dtype::I64),
    (Kind::Int, Dtype::I32),
    (Kind::Uint8, Dtype::U8),
    (Kind::Bool, Dtype::BOOL),
];

fn bytes(name: &str, tensor: &Tensor) -> Result<Bytes> {
    let known = KINDS.iter().find(|(kind, _)| *kind == tensor.kind());
    let (_, kind) = known.ok_or_else(|| Error::NotSaveable {
        what: format!("`{name}`, a tensor of {:?}", tensor.kind()),
        remedy: "convert it with to_kind(Kind::Float)".into(),
    })?;
    let tensor = tensor
        .f_detach()?
        .f_to_device(Device::Cpu)?
        .f_contiguous()?;
    let count = tensor.numel();
    let mut data = vec![0; count * tensor.kind().elt_size_in_bytes()];
    tensor.f_copy_data_u8(&mut data, count)?;
    Ok(Bytes {
        kind: *kind,
        shape: tensor.size().iter().map(|&axis| axis as usize).collect(),
        data,
    })
}

/// Writes the tensors, and `text` beside them, into a file that appears when it is complete.
pub(super) fn write(path: &Path, tensors: &[(String, Tensor)], text: Option<&Value>) -> Result<()> {
    let mut named: Vec<(&str, Bytes)> = Vec::new();
    for (name, tensor) in tensors {
        if named.iter().any(|(known, _)| known == name) {
            return Err(Error::NotSaveable {
                what: format!("`{name}`, which is the name of two weights,"),
                remedy: "give the layers different names".into(),
            });
        }
        named.push((name, bytes(name, tensor)?));
    }
    named.sort_by_key(|(name, _)| *name);
    let mut metadata = HashMap::from([
        ("format".to_owned(), "pt".to_owned()),
        (
            CHECKSUM.to_owned(),
            checksum(named.iter().map(|(_, bytes)| &*bytes.data)),
        ),
    ]);
    if let Some(text) = text {
        metadata.insert(TEXT.to_owned(), text.to_string());
    }
    let views = named.iter().map(|(name, bytes)| (*name, bytes));
    let whole =
        safetensors::serialize(views, &Some(metadata)).map_err(|error| Error::NotSaveable {
            what: path.display().to_string(),
            remedy: error.to_string(),
        })?;
    write_atomically(path, &whole).map_err(|source| Error::File {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

/// Under another name in the same folder first: nobody finds half a file.
fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    // What the user's umask leaves of it, and not what temporary files get.
    let readable = Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new()
        .prefix(".torchbook-")
        .permissions(readable)
        .tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn checksum<'a>(parts: impl Iterator<Item = &'a [u8]>) -> String {
    let mut crc = flate2::Crc::new();
    for part in parts {
        crc.update(part);
    }
    format!("{:08x}", crc.sum())
}

/// All bytes of a file.
///
/// # Errors
/// [`Error::MissingFile`], [`Error::File`].
pub(super) fn content(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::MissingFile {
            path: path.to_owned(),
            remedy: "check the name, and the folder that the notebook runs in".into(),
        },
        _ => Error::File {
            action: "read",
            path: path.to_owned(),
            source,
        },
    })
}

/// A file that was read and found to be whole.
pub(super) struct TensorFile {
    path: PathBuf,
    content: Vec<u8>,
    names: Vec<String>,
    text: Option<Value>,
}

impl TensorFile {
    /// # Errors
    /// [`Error::MissingFile`], [`Error::File`], [`Error::WrongFileContent`].
    pub(super) fn read(path: &Path) -> Result<Self> {
        TensorFile::parse(path, content(path)?)
    }

    /// # Errors
    /// [`Error::WrongFileContent`].
    pub(super) fn parse(path: &Path, content: Vec<u8>) -> Result<Self> {
        if keras_file::is_keras(&content) {
            return Err(Error::WrongFileContent {
                path: path.to_owned(),
                expected: "tensors in the safetensors format".into(),
                received: "a file of Keras's or another archive".into(),
                remedy: "build the model in code and call load_weights".into(),
            });
        }
        let damaged = |received: String| Error::WrongFileContent {
            path: path.to_owned(),
            expected: "tensors in the safetensors format".into(),
            received,
            remedy: "the file is damaged or of another kind: save it again".into(),
        };
        let unreadable = |error: safetensors::SafeTensorError| damaged(format!("{error:?}"));
        let parsed = SafeTensors::deserialize(&content).map_err(unreadable)?;
        let (_, header) = SafeTensors::read_metadata(&content).map_err(unreadable)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let mut names: Vec<String> = parsed.names().into_iter().cloned().collect();
        names.sort();
        if let Some(expected) = metadata.get(CHECKSUM) {
            let mut views = Vec::new();
            for name in &names {
                views.push(parsed.tensor(name).map_err(unreadable)?);
            }
            let actual = checksum(views.iter().map(|view| view.data()));
            if actual != *expected {
                return Err(damaged(format!(
                    "numbers with checksum {actual} instead of {expected}"
                )));
            }
        }
        let text = match metadata.get(TEXT) {
            Some(text) => {
                let parsed = serde_json::from_str(text);
                Some(parsed.map_err(|error| damaged(format!("a text that is no JSON: {error}")))?)
            }
            None => None,
        };
        Ok(TensorFile {
            path: path.to_owned(),
            names,
            text,
            content,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn text(&self) -> Option<&Value> {
        self.text.as_ref()
    }

    /// Names of tensors that belong to a model.
    pub(super) fn weight_names(&self) -> Vec<&str> {
        let names = self.names.iter().map(String::as_str);
        names
            .filter(|name| !name.starts_with(OPTIMIZER) && !name.ends_with(NOT_A_WEIGHT))
            .collect()
    }

    /// Names of tensors that begin with `prefix`, without it.
    pub(super) fn names_behind(&self, prefix: &str) -> Vec<&str> {
        let names = self.names.iter();
        names.filter_map(|name| name.strip_prefix(prefix)).collect()
    }

    /// A tensor by name, on the CPU.
    pub(super) fn tensor(&self, name: &str) -> Result<Option<Tensor>> {
        let Ok(parsed) = SafeTensors::deserialize(&self.content) else {
            return Ok(None);
        };
        let Ok(view) = parsed.tensor(name) else {
            return Ok(None);
        };
        let known = KINDS.iter().find(|(_, kind)| *kind == view.dtype());
        let (kind, _) = known.ok_or_else(|| Error::WrongFileContent {
            path: self.path.clone(),
            expected: format!("`{name}` as floating point numbers"),
            received: format!("{:?}", view.dtype()),
            remedy: "convert it before saving it".into(),
        })?;
        let shape: Vec<i64> = view.shape().iter().map(|&axis| axis as i64).collect();
        Ok(Some(Tensor::f_from_data_size(view.data(), &shape, *kind)?))
    }
}

//! Models in files: architecture, weights, and where their training stopped.
//!
//! Here is what users call. `file.rs` reads and writes tensors with a text beside them,
//! `architecture.rs` turns models into JSON and back, `training.rs` does so with what `compile`
//! chose and `fit` left, `torch_names.rs` names weights as PyTorch does, `keras_file.rs` reads weights
//! that Keras has written, and `config.rs` has the form of settings.
//!
//! A model's file is in the safetensors format. Its weights have PyTorch's names and layouts, so
//! `safetensors.torch.load_file` reads them; the text under `torchbook` in its metadata holds the
//! rest.

pub(crate) mod architecture;
pub(crate) mod config;
mod file;
mod hdf5;
mod keras_file;
mod torch_names;
mod training;

use std::path::Path;

use serde_json::{Value, json};
use tch::Tensor;

use crate::model::functional::Model;
use crate::model::network::Network;
use crate::model::sequential::Sequential;
use crate::{Error, Result, TensorExt};
use file::TensorFile;
use keras_file::KerasFile;
use torch_names::TorchName;

/// What is written into a file; a later version may write another.
const FORMAT: u64 = 1;

/// Saving, for every model.
pub trait Saving: Network {
    /// Writes the model into one file: its architecture, its weights, and, if it is compiled, loss,
    /// metrics, optimizer with its state, and history, so that [`load_model`] can go on training
    /// where this model stopped.
    ///
    /// The file appears whole or not at all. It is in the safetensors format, which PyTorch's users
    /// can read; any ending will do, `.safetensors` says what it is.
    ///
    /// # Errors
    /// [`Error::NotBuilt`]; [`Error::NotSaveable`] for layers, losses and metrics that are code of
    /// the user's; [`Error::File`].
    ///
    /// # Example
    /// ```
    /// # use torchbook::*;
    /// # let folder = std::env::temp_dir().join(format!("torchbook-doc-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).ok();
    /// # let path = folder.join("cnn.safetensors");
    /// let mut model = Sequential::new([Input::new(4).into(), Dense::new(1).into()])?;
    /// model.compile("mse", "adam", ["mae"])?;
    /// let x = Tensor::rand([64, 4], (Kind::Float, Device::Cpu));
    /// let y = x.sum_dim_intlist(1i64, true, None);
    /// model.fit(&x, &y).epochs(3).verbose(0).run()?;
    /// model.save(&path)?;
    ///
    /// let mut again = load_model(&path)?;
    /// assert_eq!(again.predict(&x)?, model.predict(&x)?);
    /// again.fit(&x, &y).initial_epoch(3).epochs(5).verbose(0).run()?;
    /// assert_eq!(again.history().epochs(), [1, 2, 3, 4, 5]);
    /// # std::fs::remove_dir_all(&folder).ok();
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, `Model.save`.
    fn save(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        save(self, path.as_ref())
    }

    /// Writes architecture and weights only: for a model whose loss, metrics or optimizer cannot be
    /// saved, or that is not to be trained any more.
    ///
    /// # Errors
    /// As [`save`](Saving::save).
    fn save_for_inference(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        let text = json!({ "format": FORMAT, "architecture": self.architecture()? });
        file::write(path.as_ref(), &named_weights(self)?, Some(&text))
    }

    /// Writes the weights under PyTorch's names and in its layouts: `conv2d.weight` of shape
    /// `(out, in, rows, columns)`, `dense.weight` of shape `(out, in)`, `batch_normalization.weight`,
    /// `.bias`, `.running_mean` and `.running_var`, `embedding.weight`. What PyTorch has no layer
    /// for keeps Keras's name.
    ///
    /// A dense layer behind [`Flatten`](crate::Flatten) sees the values of an image in the order
    /// (rows, columns, channels). In PyTorch, put `.permute(0, 2, 3, 1)` before its `Flatten`.
    ///
    /// # Errors
    /// [`Error::NotBuilt`], [`Error::File`].
    ///
    /// # Example
    /// In Python, with a module whose layers have the same names:
    /// ```python
    /// module.load_state_dict(safetensors.torch.load_file("weights.safetensors"))
    /// ```
    fn save_weights(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        save_weights(self, path.as_ref())
    }

    /// Overwrites the weights with those of a file that [`save`](Saving::save),
    /// [`save_weights`](Saving::save_weights) or PyTorch's `safetensors.torch.save_file` has
    /// written. The file's layers must have the names of this model's.
    ///
    /// Keras's own files are read, too: `.weights.h5` and `.keras`. There the layers may be called
    /// otherwise, but must be of the same classes in the same order; architecture and state of the
    /// optimizer are left where they are.
    ///
    /// # Errors
    /// [`Error::NotBuilt`]; [`Error::WrongFileContent`] if names or shapes differ or the file is
    /// damaged; [`Error::File`]. The model is then as it was.
    ///
    /// # Example
    /// ```no_run
    /// # use torchbook::*;
    /// # let mut model = Sequential::new([Input::new(4).into(), Dense::new(1).into()])?;
    /// // Written in Python by model.save_weights("digits.weights.h5") or model.save("digits.keras").
    /// model.load_weights("digits.weights.h5")?;
    /// model.load_weights("digits.keras")?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Keras 3, `Model.load_weights`.
    fn load_weights(&mut self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        self.load_weights_as(path, &[])
    }

    /// The same for a file whose layers have other names: pairs of the file's name and this
    /// model's.
    ///
    /// # Errors
    /// As [`load_weights`](Saving::load_weights); [`Error::InvalidArgument`] for a file of Keras's,
    /// where layers are told apart by their classes.
    ///
    /// # Example
    /// ```no_run
    /// # use torchbook::*;
    /// # let mut model = Sequential::new([Input::new(4).into(), Dense::new(1).into()])?;
    /// // Written by PyTorch for nn.Sequential(nn.Conv2d(…), nn.ReLU(), nn.Flatten(), nn.Linear(…)).
    /// model.load_weights_as("torch.safetensors", &[("0", "conv2d"), ("3", "dense")])?;
    /// # Ok::<(), Error>(())
    /// ```
    fn load_weights_as(&mut self, path: impl AsRef<Path>, names: &[(&str, &str)]) -> Result<()>
    where
        Self: Sized,
    {
        self.check_built("load_weights")?;
        let path = path.as_ref();
        let content = file::content(path)?;
        if !keras_file::is_keras(&content) {
            return fill(self, &TensorFile::parse(path, content)?, names);
        }
        if !names.is_empty() {
            return Err(Error::InvalidArgument {
                place: "load_weights_as: names".into(),
                expected: "none for a file of Keras's, which counts layers by their classes".into(),
                received: format!("{names:?}"),
            });
        }
        KerasFile::parse(path, content)?.fill(self)
    }
}

impl<N: Network> Saving for N {}

/// What [`Saving::save`] does, for callbacks, too.
pub(crate) fn save(network: &dyn Network, path: &Path) -> Result<()> {
    network.check_built("save")?;
    let mut text = json!({ "format": FORMAT, "architecture": network.architecture()? });
    let mut tensors = named_weights(network)?;
    training::describe(network.training(), &mut text, &mut tensors)?;
    file::write(path, &tensors, Some(&text))
}

/// What [`Saving::save_weights`] does, for callbacks, too.
pub(crate) fn save_weights(network: &dyn Network, path: &Path) -> Result<()> {
    network.check_built("save_weights")?;
    file::write(path, &named_weights(network)?, None)
}

/// Writes what a training that is cut off after `epochs` epochs goes on with. Architecture, loss and
/// metrics are the model's own and stay out, so that those of a user's need not be saveable.
pub(crate) fn save_progress(network: &dyn Network, epochs: usize, path: &Path) -> Result<()> {
    let mut text = json!({ "format": FORMAT, "epochs": epochs });
    let mut tensors = named_weights(network)?;
    training::describe_progress(network.training(), &mut text, &mut tensors)?;
    file::write(path, &tensors, Some(&text))
}

/// Brings a compiled model to where [`save_progress`] was; returns how many epochs are done.
pub(crate) fn restore_progress(network: &mut dyn Network, path: &Path) -> Result<usize> {
    let file = TensorFile::read(path)?;
    let epochs = file.text().and_then(|text| text["epochs"].as_u64());
    let (Some(text), Some(epochs)) = (file.text(), epochs) else {
        return Err(Error::WrongFileContent {
            path: path.to_owned(),
            expected: "what BackupAndRestore has written".into(),
            received: "something else".into(),
            remedy: "give each training a folder of its own".into(),
        });
    };
    fill(network, &file, &[])?;
    let device = network.device();
    training::restore_progress(network.training_mut(), text, &file, device)?;
    Ok(epochs as usize)
}

/// Reads a model that [`Saving::save`] has written, compiled and ready to go on.
///
/// `fit` with `initial_epoch` then does the same as if the training had never stopped: the same
/// batches in the same order, to the last bit.
///
/// A [`Sequential`] comes back as a [`Model`] with the same layers; [`Sequential::load`] brings it
/// back as it was.
///
/// # Errors
/// [`Error::MissingFile`], [`Error::WrongFileContent`] if it is damaged or another kind of file,
/// [`Error::UnknownName`] or [`Error::InvalidArgument`] for what this version does not know.
///
/// # Source
/// Keras 3, `keras.models.load_model`.
pub fn load_model(path: impl AsRef<Path>) -> Result<Model> {
    load(path.as_ref(), architecture::model)
}

impl Sequential {
    /// [`load_model`] for a model that was a [`Sequential`], to which layers can be added.
    ///
    /// # Errors
    /// As [`load_model`]; [`Error::InvalidArgument`] if the file holds another kind of model.
    pub fn load(path: impl AsRef<Path>) -> Result<Sequential> {
        load(path.as_ref(), architecture::sequential)
    }
}

fn load<N: Network>(path: &Path, build: impl Fn(&Value) -> Result<N>) -> Result<N> {
    let file = TensorFile::read(path)?;
    let Some(text) = file.text() else {
        return Err(Error::WrongFileContent {
            path: path.to_owned(),
            expected: "a model that save() has written".into(),
            received: "weights without an architecture".into(),
            remedy: "build the model in code and call load_weights".into(),
        });
    };
    if text.get("format").and_then(Value::as_u64) != Some(FORMAT) {
        return Err(Error::WrongFileContent {
            path: path.to_owned(),
            expected: format!("format {FORMAT}"),
            received: format!("format {}", text["format"]),
            remedy: "load it with the version of torchbook that has saved it".into(),
        });
    }
    let mut model = build(&text["architecture"])?;
    fill(&mut model, &file, &[])?;
    let device = model.device();
    training::restore(model.training_mut(), text, &file, device)?;
    Ok(model)
}

/// Every weight under PyTorch's name.
fn named_weights(network: &dyn Network) -> Result<Vec<(String, Tensor)>> {
    let named = |weight: &crate::Weight| {
        let torch = TorchName::of(weight);
        Ok((torch.name(), torch.write(weight)?))
    };
    network.weights().iter().map(named).collect()
}

/// Overwrites all weights, after it was made sure that this is possible.
fn fill(network: &mut dyn Network, file: &TensorFile, names: &[(&str, &str)]) -> Result<()> {
    let weights = network.weights();
    let wrong = |expected: String, received: String, remedy: &str| Error::WrongFileContent {
        path: file.path().to_owned(),
        expected,
        received,
        remedy: remedy.to_owned(),
    };
    let mut unused: Vec<&str> = file.weight_names();
    let mut values = Vec::new();
    for weight in &weights {
        let torch = TorchName::of(weight);
        let name = torch.in_file(names);
        let Some(tensor) = file.tensor(&name)? else {
            let remedy =
                "name the layers as in the file, or call load_weights_as with pairs of names";
            let there = file.weight_names().join(", ");
            return Err(wrong(format!("a tensor `{name}`"), there, remedy));
        };
        let expected = torch.shape(weight)?;
        if tensor.shape() != expected {
            return Err(wrong(
                format!("`{name}` of shape {expected}"),
                tensor.shape().to_string(),
                "build the model with the sizes that the weights were saved from",
            ));
        }
        unused.retain(|known| *known != name);
        values.push(torch.read(tensor)?);
    }
    if let Some(name) = unused.first() {
        return Err(wrong(
            format!("the {} tensors of {}", weights.len(), network.name()),
            format!("`{name}` as well"),
            "build the model with all the layers that the weights were saved from",
        ));
    }
    let _guard = tch::no_grad_guard();
    for (weight, value) in weights.iter().zip(&values) {
        weight.tensor().shallow_clone().f_copy_(value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;

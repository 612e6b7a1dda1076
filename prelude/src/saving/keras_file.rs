//! Weights from the files of Keras 3: `.weights.h5`, and `.keras`, an archive with the former in it.
//!
//! A file has a folder for each layer. It is named after the layer's class and counted, whatever the
//! layer is called (`layers/dense`, `layers/dense_1`); the arrays of a layer are numbered in it
//! (`vars/0`). Which bytes those are, `hdf5.rs` knows. Layouts are Keras's on both sides.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use tch::{Kind, Tensor};

use super::hdf5::{self, Array};
use crate::model::any_layer::AnyLayer;
use crate::model::names::snake_case;
use crate::model::network::Network;
use crate::{Error, Result, Shape, TensorExt, Weight};

const ZIP: &[u8] = b"PK\x03\x04";
/// The file in a `.keras` archive.
const WEIGHTS: &str = "model.weights.h5";

/// Folders inside a layer's own, in the order in which the layer counts its weights.
const PARTS: [&str; 8] = [
    "layer",
    "cell",
    "forward_layer",
    "backward_layer",
    "query_dense",
    "key_dense",
    "value_dense",
    "output_dense",
];
/// State of Keras's random numbers, which are not libtorch's.
const SEED: &str = "/seed_generator/";

/// Whether a file is in one of Keras's formats, whatever its name.
pub(super) fn is_keras(content: &[u8]) -> bool {
    content.starts_with(hdf5::SIGNATURE) || content.starts_with(ZIP)
}

/// A file of Keras's, read and found to be whole.
pub(super) struct KerasFile {
    path: PathBuf,
    content: Vec<u8>,
    arrays: BTreeMap<String, Array>,
}

impl KerasFile {
    /// # Errors
    /// [`Error::WrongFileContent`].
    pub(super) fn parse(path: &Path, content: Vec<u8>) -> Result<Self> {
        let wrong = |received: String| Error::WrongFileContent {
            path: path.to_owned(),
            expected: "weights as Keras 3 saves them".into(),
            received,
            remedy: "in Python, save it again with model.save_weights(\"name.weights.h5\")".into(),
        };
        let content = match content.starts_with(ZIP) {
            true => unpacked(content).map_err(wrong)?,
            false => content,
        };
        Ok(KerasFile {
            path: path.to_owned(),
            arrays: hdf5::arrays(&content).map_err(wrong)?,
            content,
        })
    }

    /// Overwrites all weights, after it was made sure that this is possible.
    pub(super) fn fill(&self, network: &mut dyn Network) -> Result<()> {
        let mut plan = Plan {
            file: self,
            layers: Vec::new(),
            values: Vec::new(),
            used: BTreeSet::new(),
        };
        plan.place(&network.layers(), "layers")?;
        let (weights, placed) = (network.weights().len(), plan.values.len());
        if weights != placed {
            return Err(self.wrong(
                format!("the {weights} weights of {}", network.name()),
                format!("those of its layers, {placed}"),
                "a weight outside of layers is not in Keras's files",
            ));
        }
        let is_left = |path: &&String| !plan.used.contains(path.as_str()) && is_weight(path);
        if let Some(path) = self.arrays.keys().find(is_left) {
            return Err(self.wrong(
                format!("the {weights} arrays of {}", network.name()),
                format!("`{path}` as well"),
                "build the model with all the layers that the weights were saved from",
            ));
        }
        for (weight, values) in &plan.values {
            weight.set_from_keras(values)?;
        }
        Ok(())
    }

    fn tensor(&self, array: &Array) -> Result<Tensor> {
        let bytes = self.content.get(array.bytes.clone()).unwrap_or_default();
        let tensor = Tensor::f_from_data_size(bytes, &array.shape, array.kind)?;
        Ok(tensor.f_to_kind(Kind::Float)?)
    }

    /// The arrays of a layer's folder in the order in which it counts its weights; the path of one
    /// whose place in that order is not known.
    fn arrays_in(&self, folder: &str) -> Result<Vec<(&str, &Array)>, &str> {
        let mut found = Vec::new();
        for (path, array) in &self.arrays {
            let inside = path.strip_prefix(folder);
            let Some(inside) = inside.and_then(|inside| inside.strip_prefix('/')) else {
                continue;
            };
            if path.contains(SEED) {
                continue;
            }
            let place = match inside.rsplit_once("vars/") {
                Some((parts, number)) => place(parts).zip(number.parse::<usize>().ok()),
                None => None,
            };
            found.push((place.ok_or(path.as_str())?, path.as_str(), array));
        }
        found.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        Ok(found
            .into_iter()
            .map(|(_, path, array)| (path, array))
            .collect())
    }

    fn wrong(&self, expected: String, received: String, remedy: &str) -> Error {
        Error::WrongFileContent {
            path: self.path.clone(),
            expected,
            received,
            remedy: remedy.to_owned(),
        }
    }
}

/// The file of weights in a `.keras` archive.
fn unpacked(archive: Vec<u8>) -> Result<Vec<u8>, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).map_err(|e| e.to_string())?;
    let mut content = Vec::new();
    let Ok(mut entry) = archive.by_name(WEIGHTS) else {
        let names: Vec<&str> = archive.file_names().collect();
        return Err(format!(
            "an archive without {WEIGHTS}: {}",
            names.join(", ")
        ));
    };
    entry
        .read_to_end(&mut content)
        .map_err(|error| format!("{WEIGHTS} in the archive: {error}"))?;
    Ok(content)
}

/// What comes first: the places of the folders in [`PARTS`]. `parts` ends with a slash or is empty.
fn place(parts: &str) -> Option<Vec<usize>> {
    let known = |part| PARTS.iter().position(|known| *known == part);
    parts.split_terminator('/').map(known).collect()
}

/// Whether it is an array of a layer: others belong to the optimizer.
fn is_weight(path: &str) -> bool {
    path.starts_with("layers/") && !path.contains(SEED)
}

/// What each weight of a model shall be.
struct Plan<'a> {
    file: &'a KerasFile,
    /// Those that have their weights: a layer that two models share is stored with the first.
    layers: Vec<AnyLayer>,
    values: Vec<(Weight, Tensor)>,
    used: BTreeSet<&'a str>,
}

impl Plan<'_> {
    /// Finds the weights of a model's layers in `folder`.
    fn place(&mut self, layers: &[AnyLayer], folder: &str) -> Result<()> {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for layer in layers {
            let class = snake_case(layer.class_name());
            let count = counts.entry(class.clone()).or_default();
            let folder = match *count {
                0 => format!("{folder}/{class}"),
                n => format!("{folder}/{class}_{n}"),
            };
            *count += 1;
            if self.layers.iter().any(|known| known.is(layer)) {
                continue;
            }
            self.layers.push(layer.clone());
            match layer.layers().as_slice() {
                [] => self.place_weights(layer, &folder)?,
                inner => self.place(inner, &format!("{folder}/layers"))?,
            }
        }
        Ok(())
    }

    fn place_weights(&mut self, layer: &AnyLayer, folder: &str) -> Result<()> {
        let weights = layer.weights();
        if weights.is_empty() {
            return Ok(());
        }
        let (file, remedy) = (
            self.file,
            "build the model with the layers and sizes that the weights were saved from",
        );
        let arrays = file.arrays_in(folder).map_err(|path| {
            let expected = format!("the weights of {layer:?} in an order that is known");
            let remedy = "convert them in Python: see KERAS.md";
            file.wrong(expected, format!("`{path}`"), remedy)
        })?;
        let mut shapes = Vec::new();
        for weight in &weights {
            shapes.push(weight.in_keras_order(weight.tensor())?.shape());
        }
        if arrays.len() != weights.len() {
            let listed = |shapes: Vec<String>| match shapes.is_empty() {
                true => "nothing".to_owned(),
                false => shapes.join(", "),
            };
            let own = weights.iter().zip(&shapes);
            let own = own.map(|(weight, shape)| format!("{} {shape}", weight.path()));
            let theirs = arrays.iter().map(|(_, array)| shape(array).to_string());
            let expected = format!("`{folder}` with {}", listed(own.collect()));
            return Err(file.wrong(expected, listed(theirs.collect()), remedy));
        }
        for ((weight, expected), (path, array)) in weights.iter().zip(shapes).zip(arrays) {
            if shape(array) != expected {
                let expected = format!("`{}` of shape {expected}", weight.path());
                let received = format!("`{path}` of shape {}", shape(array));
                return Err(file.wrong(expected, received, remedy));
            }
            self.used.insert(path);
            self.values.push((weight.clone(), file.tensor(array)?));
        }
        Ok(())
    }
}

fn shape(array: &Array) -> Shape {
    Shape::from(array.shape.clone())
}

#[cfg(test)]
mod tests;

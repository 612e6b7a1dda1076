//! Weights under PyTorch's names and in its layouts.
//!
//! | Keras | PyTorch |
//! |---|---|
//! | `dense/kernel` (in, out) | `dense.weight` (out, in) |
//! | `conv2d/kernel` (rows, columns, in, out) | `conv2d.weight` (out, in, rows, columns) |
//! | `…/bias` | `….bias` |
//! | `batch_normalization/gamma`, `beta` | `….weight`, `….bias` |
//! | `…/moving_mean`, `moving_variance` | `….running_mean`, `….running_var` |
//! | `embedding/embeddings` | `embedding.weight` |
//! | anything else | Keras's name, with dots, and shape |
//!
//! Recurrent layers and attention are among the latter: PyTorch stacks gates and heads otherwise,
//! and has two biases where Keras has one.

use tch::{Kind, Tensor};

use crate::{AxisOrder, Result, Shape, TensorExt, Weight};

/// What the name of the folder ends with in which the weights of a recurrent layer lie.
const RECURRENT: &str = "_cell";

/// What PyTorch calls a weight, and whether its two axes change places.
pub(super) struct TorchName {
    /// The layers it lies in, with dots between.
    layer: String,
    name: String,
    transposed: bool,
}

impl TorchName {
    pub(super) fn of(weight: &Weight) -> Self {
        let path = weight.path();
        let (folder, own) = path.rsplit_once('/').unwrap_or(("", &path));
        let is_matrix = weight.tensor().dim() == 2 && !folder.ends_with(RECURRENT);
        let is_convolution = weight.axes() == AxisOrder::Convolution;
        let name = match own {
            "kernel" if is_matrix || is_convolution => "weight",
            "gamma" | "embeddings" => "weight",
            "beta" => "bias",
            "moving_mean" => "running_mean",
            "moving_variance" => "running_var",
            other => other,
        };
        TorchName {
            layer: folder.replace('/', "."),
            name: name.to_owned(),
            transposed: own == "kernel" && is_matrix,
        }
    }

    pub(super) fn name(&self) -> String {
        self.named(&self.layer)
    }

    /// The name in a file whose layers are called otherwise: pairs of the file's name and ours.
    pub(super) fn in_file(&self, names: &[(&str, &str)]) -> String {
        let pair = names.iter().find(|(_, ours)| *ours == self.layer);
        self.named(pair.map_or(&self.layer, |(theirs, _)| theirs))
    }

    fn named(&self, layer: &str) -> String {
        match layer {
            "" => self.name.clone(),
            layer => format!("{layer}.{}", self.name),
        }
    }

    /// The weight's numbers as PyTorch has them.
    pub(super) fn write(&self, weight: &Weight) -> Result<Tensor> {
        let tensor = weight.tensor().f_detach()?;
        Ok(match self.transposed {
            true => tensor.f_transpose(0, 1)?,
            false => tensor,
        })
    }

    pub(super) fn shape(&self, weight: &Weight) -> Result<Shape> {
        Ok(self.write(weight)?.shape())
    }

    /// PyTorch's numbers as the weight has them.
    pub(super) fn read(&self, tensor: Tensor) -> Result<Tensor> {
        let tensor = tensor.f_to_kind(Kind::Float)?;
        Ok(match self.transposed {
            true => tensor.f_transpose(0, 1)?,
            false => tensor,
        })
    }
}

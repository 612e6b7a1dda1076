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
//! | anything else | its own name, with dots |

use tch::{Kind, Tensor};

use crate::{Result, Shape, TensorExt, Weight};

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
        let name = match own {
            "kernel" | "gamma" | "embeddings" => "weight",
            "beta" => "bias",
            "moving_mean" => "running_mean",
            "moving_variance" => "running_var",
            other => other,
        };
        TorchName {
            layer: folder.replace('/', "."),
            name: name.to_owned(),
            transposed: own == "kernel" && weight.tensor().dim() == 2,
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

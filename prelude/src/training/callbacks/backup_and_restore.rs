//! Going on with a training that was cut off.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Callback, Training};
use crate::training::logs::Logs;
use crate::{Error, Result, saving};

/// Keeps the training's state in a folder, and takes it up from there when the same `fit` is run
/// again after a crash or an interrupt: weights, optimizer, history, and the epoch to go on with.
/// When the training is finished, the file is removed.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// # let folder = tempfile::tempdir().unwrap();
/// let mut model = Sequential::new([Input::new(2).into(), Dense::new(1).into()])?;
/// model.compile("mse", "sgd", ())?;
/// let (x, y) = (Tensor::ones([4, 2], (Kind::Float, Device::Cpu)), Tensor::ones([4], (Kind::Float, Device::Cpu)));
/// let backup = BackupAndRestore::new(folder.path());
/// model.fit(&x, &y).epochs(3).callback(backup).run()?;
/// # assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.callbacks.BackupAndRestore`: `save_freq="epoch"`, `delete_checkpoint=True`.
/// `double_checkpoint` is not needed: a file here is replaced as a whole or not at all.
#[derive(Debug)]
pub struct BackupAndRestore {
    path: PathBuf,
    delete_checkpoint: bool,
}

impl BackupAndRestore {
    /// In this folder, which belongs to one training alone and need not exist.
    pub fn new(backup_dir: impl AsRef<Path>) -> Self {
        BackupAndRestore {
            path: backup_dir.as_ref().join("latest.safetensors"),
            delete_checkpoint: true,
        }
    }

    /// Whether the file is removed at the end; it is without this call.
    pub fn delete_checkpoint(mut self, delete: bool) -> Self {
        self.delete_checkpoint = delete;
        self
    }
}

impl Callback for BackupAndRestore {
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        if self.path.is_file() {
            let epochs = saving::restore_progress(training.model_mut(), &self.path)?;
            training.set_initial_epoch(epochs);
        }
        Ok(())
    }

    /// The epoch before has been kept in the history by now.
    fn on_epoch_begin(&mut self, epoch: usize, training: &mut Training<'_>) -> Result<()> {
        saving::save_progress(training.model(), epoch, &self.path)
    }

    fn on_train_end(&mut self, _: &Logs, training: &mut Training<'_>) -> Result<()> {
        if self.delete_checkpoint {
            // Nothing to go on with may be there: a training of no epochs.
            if self.path.is_file() {
                fs::remove_file(&self.path).map_err(|source| Error::File {
                    action: "remove",
                    path: self.path.clone(),
                    source,
                })?;
            }
            return Ok(());
        }
        saving::save_progress(training.model(), training.epochs(), &self.path)
    }
}

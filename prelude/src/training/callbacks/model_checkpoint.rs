//! Saving a model while it learns.

use std::path::{Path, PathBuf};

use super::file_pattern::filled;
use super::monitor::{Monitor, monitor_options};
use super::{Callback, Training};
use crate::Result;
use crate::saving;
use crate::training::logs::Logs;

/// Saves the model after each epoch, or only when `monitor` has become better.
///
/// The file's name can hold numbers: `{epoch:02d}-{val_loss:.2f}.safetensors`, epochs counted
/// from 1. A file is there as a whole or not at all.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let best = folder.path().join("best.safetensors");
/// let mut model = Sequential::new([Input::new(2).into(), Dense::new(1).into()])?;
/// model.compile("mse", "sgd", ())?;
/// let (x, y) = (Tensor::ones([4, 2], (Kind::Float, Device::Cpu)), Tensor::ones([4], (Kind::Float, Device::Cpu)));
/// let checkpoint = ModelCheckpoint::new(&best).monitor("loss").save_best_only(true);
/// model.fit(&x, &y).epochs(3).callback(checkpoint).run()?;
/// let again = load_model(&best)?;
/// # assert_eq!(again.count_params(), 3);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.callbacks.ModelCheckpoint`: `monitor="val_loss"`, `save_best_only=False`,
/// `save_weights_only=False`, `mode="auto"`, `save_freq="epoch"`, no `initial_value_threshold`.
#[derive(Debug)]
pub struct ModelCheckpoint {
    pattern: String,
    monitor: Monitor,
    verbose: u8,
    save_best_only: bool,
    save_weights_only: bool,
    save_freq: Option<usize>,
    epoch: usize,
    batches: usize,
}

impl ModelCheckpoint {
    /// Into this file, or files of such names.
    pub fn new(path: impl AsRef<Path>) -> Self {
        ModelCheckpoint {
            pattern: path.as_ref().to_string_lossy().into_owned(),
            monitor: Monitor::new("ModelCheckpoint"),
            verbose: 0,
            save_best_only: false,
            save_weights_only: false,
            save_freq: None,
            epoch: 0,
            batches: 0,
        }
    }

    monitor_options!();

    /// 1 to say what it does; 0 without this call.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }

    /// Whether only a better model is saved; each is without this call.
    pub fn save_best_only(mut self, best_only: bool) -> Self {
        self.save_best_only = best_only;
        self
    }

    /// Whether only the weights are saved, for `load_weights`; the whole model is without this
    /// call.
    pub fn save_weights_only(mut self, weights_only: bool) -> Self {
        self.save_weights_only = weights_only;
        self
    }

    /// Saves after every so many batches instead of after each epoch. The name can hold `{batch}`.
    pub fn save_freq(mut self, batches: usize) -> Self {
        self.save_freq = Some(batches.max(1));
        self
    }

    /// What the first model must beat to be saved.
    pub fn initial_value_threshold(mut self, value: f64) -> Self {
        self.monitor.best = Some(value);
        self
    }

    fn save(
        &mut self,
        counts: &[(&str, usize)],
        logs: &Logs,
        training: &mut Training<'_>,
    ) -> Result<()> {
        let path = filled(&self.pattern, counts, logs)?;
        let mut why = format!("saving model to {path}");
        if self.save_best_only {
            match self.monitor.watch(logs, training) {
                // As Keras: what cannot be compared is saved.
                None => (),
                Some(current) => {
                    let (name, best) = (&self.monitor.name, self.monitor.best);
                    let before = best.map_or("None".to_owned(), |best| format!("{best:.5}"));
                    if !self.monitor.is_improvement(current, best) {
                        if self.verbose > 0 {
                            let epoch = self.epoch + 1;
                            training.message(format!(
                                "Epoch {epoch}: {name} did not improve from {before}"
                            ));
                        }
                        return Ok(());
                    }
                    why = format!("{name} improved from {before} to {current:.5}, {why}");
                    self.monitor.best = Some(current);
                }
            }
        }
        let path = PathBuf::from(path);
        match self.save_weights_only {
            true => saving::save_weights(training.model(), &path)?,
            false => saving::save(training.model(), &path)?,
        }
        if self.verbose > 0 {
            training.message(format!("Epoch {}: {why}", self.epoch + 1));
        }
        Ok(())
    }
}

impl Callback for ModelCheckpoint {
    fn on_train_begin(&mut self, _: &mut Training<'_>) -> Result<()> {
        match self.save_best_only {
            true => self.monitor.start(),
            false => Ok(()),
        }
    }

    fn on_epoch_begin(&mut self, epoch: usize, _: &mut Training<'_>) -> Result<()> {
        self.epoch = epoch;
        Ok(())
    }

    fn on_train_batch_end(&mut self, batch: usize, training: &mut Training<'_>) -> Result<()> {
        let Some(save_freq) = self.save_freq else {
            return Ok(());
        };
        self.batches += 1;
        if self.batches < save_freq {
            return Ok(());
        }
        self.batches = 0;
        let logs = training.logs()?;
        let counts = [("epoch", self.epoch + 1), ("batch", batch + 1)];
        self.save(&counts, &logs, training)
    }

    fn on_epoch_end(
        &mut self,
        epoch: usize,
        logs: &mut Logs,
        training: &mut Training<'_>,
    ) -> Result<()> {
        match self.save_freq {
            None => self.save(&[("epoch", epoch + 1)], logs, training),
            Some(_) => Ok(()),
        }
    }
}

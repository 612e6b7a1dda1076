//! Recording a training for TensorBoard.

mod event_file;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tch::{Device, Kind};

use super::{Callback, Training};
use crate::Result;
use crate::training::logs::Logs;
use event_file::EventFile;

/// Writes loss, metrics and learning rate of each epoch to files that `tensorboard --logdir` shows:
/// training in the folder's `train`, validation in its `validation`, under Keras's names
/// (`epoch_loss`, `epoch_learning_rate`), epochs counted from 0.
///
/// Each training adds its own files; for runs side by side take a folder for each.
///
/// Keras's `write_graph`, `write_images`, `profile_batch` and `embeddings_freq` are not there.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let folder = folder.path().join("logs");
/// let mut model = Sequential::new([Input::new(2).into(), Dense::new(1).into()])?;
/// model.compile("mse", "sgd", ())?;
/// let (x, y) = (Tensor::ones([4, 2], (Kind::Float, Device::Cpu)), Tensor::ones([4], (Kind::Float, Device::Cpu)));
/// model.fit(&x, &y).epochs(2).callback(TensorBoard::new(&folder).histogram_freq(1)).run()?;
/// assert_eq!(std::fs::read_dir(folder.join("train")).unwrap().count(), 1);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.callbacks.TensorBoard`: `log_dir="logs"`, `histogram_freq=0`,
/// `write_steps_per_second=False`, `update_freq="epoch"`.
pub struct TensorBoard {
    log_dir: PathBuf,
    histogram_freq: usize,
    write_steps_per_second: bool,
    update_freq: Option<u64>,
    train: Option<EventFile>,
    validation: Option<EventFile>,
    epoch_began: (Duration, u64),
    batch_began: Duration,
}

impl Default for TensorBoard {
    fn default() -> Self {
        TensorBoard::new("logs")
    }
}

impl TensorBoard {
    /// Into this folder, which need not exist.
    pub fn new(log_dir: impl AsRef<Path>) -> Self {
        TensorBoard {
            log_dir: log_dir.as_ref().to_owned(),
            histogram_freq: 0,
            write_steps_per_second: false,
            update_freq: None,
            train: None,
            validation: None,
            epoch_began: (Duration::ZERO, 0),
            batch_began: Duration::ZERO,
        }
    }

    /// Records the distribution of each weight after every so many epochs; 0, never, without this
    /// call.
    pub fn histogram_freq(mut self, epochs: usize) -> Self {
        self.histogram_freq = epochs;
        self
    }

    /// Whether the speed is recorded; it is not without this call.
    pub fn write_steps_per_second(mut self, write: bool) -> Self {
        self.write_steps_per_second = write;
        self
    }

    /// Records loss and metrics also after every so many batches, as `batch_loss`. Reading them
    /// waits for a GPU.
    pub fn update_freq(mut self, batches: u64) -> Self {
        self.update_freq = Some(batches.max(1));
        self
    }

    fn log_weights(&mut self, epoch: usize, training: &Training<'_>) -> Result<()> {
        let Some(file) = &mut self.train else {
            return Ok(());
        };
        for weight in training.model().weights() {
            let values = weight.tensor().f_detach()?.f_to_device(Device::Cpu)?;
            let values = values.f_to_kind(Kind::Double)?.f_reshape([-1])?;
            let tag = format!("{}/histogram", weight.path());
            file.histogram(&tag, &Vec::<f64>::try_from(values)?, epoch as i64)?;
        }
        Ok(())
    }
}

impl Callback for TensorBoard {
    fn on_train_begin(&mut self, _: &mut Training<'_>) -> Result<()> {
        self.train = Some(EventFile::create(&self.log_dir.join("train"))?);
        self.validation = None;
        Ok(())
    }

    fn on_epoch_begin(&mut self, _: usize, training: &mut Training<'_>) -> Result<()> {
        self.epoch_began = (training.elapsed(), training.steps_done());
        Ok(())
    }

    fn on_train_batch_begin(&mut self, _: usize, training: &mut Training<'_>) -> Result<()> {
        self.batch_began = training.elapsed();
        Ok(())
    }

    fn on_train_batch_end(&mut self, _: usize, training: &mut Training<'_>) -> Result<()> {
        let step = training.steps_done();
        let (Some(freq), Some(file)) = (self.update_freq, &mut self.train) else {
            return Ok(());
        };
        if !step.is_multiple_of(freq) {
            return Ok(());
        }
        if self.write_steps_per_second {
            let took = training.elapsed().saturating_sub(self.batch_began);
            let rate = 1.0 / took.as_secs_f64().max(1e-9);
            file.scalar("batch_steps_per_second", rate, step as i64)?;
        }
        for (name, value) in training.logs()?.iter() {
            file.scalar(&format!("batch_{name}"), value, step as i64)?;
        }
        file.flush()
    }

    fn on_test_end(&mut self, logs: &Logs, training: &mut Training<'_>) -> Result<()> {
        if self.validation.is_none() {
            self.validation = Some(EventFile::create(&self.log_dir.join("validation"))?);
        }
        let Some(file) = &mut self.validation else {
            return Ok(());
        };
        for (name, value) in logs.iter() {
            let tag = format!("evaluation_{name}_vs_iterations");
            file.scalar(&tag, value, training.steps_done() as i64)?;
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        epoch: usize,
        logs: &mut Logs,
        training: &mut Training<'_>,
    ) -> Result<()> {
        let mut train: Logs = logs
            .iter()
            .filter(|(name, _)| !name.starts_with("val_"))
            .collect();
        train.insert("learning_rate", training.learning_rate()?);
        if self.write_steps_per_second {
            let (began, steps) = self.epoch_began;
            let took = training.elapsed().saturating_sub(began).as_secs_f64();
            let rate = (training.steps_done() - steps) as f64 / took.max(1e-9);
            train.insert("steps_per_second", rate);
        }
        if let Some(file) = &mut self.train {
            for (name, value) in train.iter() {
                file.scalar(&format!("epoch_{name}"), value, epoch as i64)?;
            }
        }
        if let Some(file) = &mut self.validation {
            for (name, value) in logs.iter() {
                if let Some(name) = name.strip_prefix("val_") {
                    file.scalar(&format!("epoch_{name}"), value, epoch as i64)?;
                }
            }
            file.flush()?;
        }
        if self.histogram_freq > 0 && epoch.is_multiple_of(self.histogram_freq) {
            self.log_weights(epoch, training)?;
        }
        self.train.as_mut().map_or(Ok(()), EventFile::flush)
    }

    fn on_train_end(&mut self, _: &Logs, _: &mut Training<'_>) -> Result<()> {
        for file in [&mut self.train, &mut self.validation] {
            if let Some(mut file) = file.take() {
                file.flush()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! Each epoch's numbers as a line of a file.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Callback, Training};
use crate::training::history::python_number;
use crate::training::logs::Logs;
use crate::{Error, Result};

/// Writes each epoch's loss and metrics to a CSV file as soon as they are there. Epochs count from
/// 0.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("log.csv");
/// let mut model = Sequential::new([Input::new(2).into(), Dense::new(1).into()])?;
/// model.compile("mse", "sgd", ())?;
/// let (x, y) = (Tensor::ones([4, 2], (Kind::Float, Device::Cpu)), Tensor::ones([4], (Kind::Float, Device::Cpu)));
/// model.fit(&x, &y).validation_data(&x, &y).epochs(2).callback(CSVLogger::new(&path)).run()?;
/// let text = std::fs::read_to_string(&path).unwrap();
/// assert!(text.starts_with("epoch,loss,val_loss\r\n0,"));
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.callbacks.CSVLogger`, down to the line ends of Python's `csv`.
#[derive(Debug)]
pub struct CSVLogger {
    path: PathBuf,
    separator: char,
    append: bool,
    file: Option<File>,
    needs_header: bool,
    keys: Option<Vec<String>>,
}

impl CSVLogger {
    /// To this file, which is overwritten.
    pub fn new(path: impl AsRef<Path>) -> Self {
        CSVLogger {
            path: path.as_ref().to_owned(),
            separator: ',',
            append: false,
            file: None,
            needs_header: true,
            keys: None,
        }
    }

    /// What stands between two values; a comma without this call.
    pub fn separator(mut self, separator: char) -> Self {
        self.separator = separator;
        self
    }

    /// Whether a file that is there is continued; it is overwritten without this call.
    pub fn append(mut self, append: bool) -> Self {
        self.append = append;
        self
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::File {
            action: "write",
            path: self.path.clone(),
            source,
        }
    }

    fn line(&self, fields: impl Iterator<Item = String>) -> String {
        let fields: Vec<String> = fields.collect();
        fields.join(&self.separator.to_string()) + "\r\n"
    }
}

impl Callback for CSVLogger {
    fn on_train_begin(&mut self, _: &mut Training<'_>) -> Result<()> {
        let length = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        self.needs_header = !(self.append && length > 0);
        self.keys = None;
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .append(self.append)
            .truncate(!self.append)
            .open(&self.path);
        self.file = Some(file.map_err(|source| self.failed(source))?);
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: usize, logs: &mut Logs, _: &mut Training<'_>) -> Result<()> {
        let keys = self.keys.get_or_insert_with(|| columns(logs)).clone();
        let mut text = String::new();
        if std::mem::take(&mut self.needs_header) {
            let names = std::iter::once("epoch".to_owned()).chain(keys.iter().cloned());
            text += &self.line(names);
        }
        let value = |key: &String| logs.get(key).map_or_else(|| "NA".into(), python_number);
        text += &self.line(std::iter::once(epoch.to_string()).chain(keys.iter().map(value)));
        match &mut self.file {
            Some(file) => file
                .write_all(text.as_bytes())
                .map_err(|source| self.failed(source)),
            None => Ok(()),
        }
    }

    fn on_train_end(&mut self, _: &Logs, _: &mut Training<'_>) -> Result<()> {
        self.file = None;
        Ok(())
    }
}

/// The first epoch decides; validation has its columns even if it comes later.
fn columns(logs: &Logs) -> Vec<String> {
    let mut keys: Vec<String> = logs.iter().map(|(name, _)| name.to_owned()).collect();
    keys.sort();
    if !keys.iter().any(|key| key.starts_with("val_")) {
        let validation: Vec<String> = keys.iter().map(|key| format!("val_{key}")).collect();
        keys.extend(validation);
    }
    keys
}

//! What `fit` has measured, by name and epoch.
//!
//! `table.rs` shows it, also while `fit` still runs.

mod csv;
pub(crate) mod plot;
pub(crate) mod table;

pub(crate) use csv::python_number;

use std::fmt;
use std::ops::Index;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::callbacks::monitor::Direction;
use super::logs::{Logs, listed};
use crate::display::Rich;
use crate::figures::Figure;
use crate::{Error, Result};

/// What every epoch of a `fit` has measured, under Keras's keys: `loss`, each metric, and both
/// again with `val_`.
///
/// As the last expression of a cell it is shown as a table in which the best values are marked.
///
/// ```
/// # use torchbook::*;
/// # let mut model = Sequential::new([Input::new(2).into(), Dense::new(2).into(), Activation::softmax().into()])?;
/// # model.compile("sparse_categorical_crossentropy", "sgd", ["acc"])?;
/// # let (x, y) = (Tensor::zeros([4, 2], (Kind::Float, Device::Cpu)), Tensor::zeros([4], (Kind::Int64, Device::Cpu)));
/// let history = model.fit(&x, &y).epochs(3).run()?;
/// assert_eq!(history.keys(), ["acc", "loss"]);
/// assert_eq!(history["loss"].len(), 3);
/// let last = history.last("acc");
/// # assert!(last.is_some());
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras, `History.history`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    epochs: Vec<EpochRecord>,
    columns: Vec<Column>,
}

/// One epoch, apart from what it has measured.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct EpochRecord {
    /// From 1.
    number: usize,
    took: Duration,
    learning_rate: f64,
}

/// The values of one name. Epochs that did not measure it are left out, as in Keras.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Column {
    name: String,
    epochs: Vec<usize>,
    #[serde(deserialize_with = "numbers")]
    values: Vec<f64>,
}

/// JSON has no NaN and no infinities; what stands for them is read as NaN.
fn numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let values = Vec::<Option<f64>>::deserialize(deserializer)?;
    Ok(values
        .into_iter()
        .map(|value| value.unwrap_or(f64::NAN))
        .collect())
}

impl History {
    pub(crate) fn push(&mut self, epoch: usize, logs: &Logs, took: Duration, learning_rate: f64) {
        self.epochs.push(EpochRecord {
            number: epoch,
            took,
            learning_rate,
        });
        for (name, value) in logs.iter() {
            let known = self.columns.iter().position(|column| column.name == name);
            let place = known.unwrap_or_else(|| {
                self.columns.push(Column {
                    name: name.to_owned(),
                    epochs: Vec::new(),
                    values: Vec::new(),
                });
                self.columns.len() - 1
            });
            self.columns[place].epochs.push(epoch);
            self.columns[place].values.push(value);
        }
    }

    /// The names of what was measured, in Keras's order.
    pub fn keys(&self) -> Vec<&str> {
        self.columns
            .iter()
            .map(|column| column.name.as_str())
            .collect()
    }

    /// Numbers of the epochs, from 1.
    pub fn epochs(&self) -> Vec<usize> {
        self.epochs.iter().map(|epoch| epoch.number).collect()
    }

    /// How long each epoch took, validation included.
    pub fn durations(&self) -> Vec<Duration> {
        self.epochs.iter().map(|epoch| epoch.took).collect()
    }

    /// The optimizer's step size at the end of each epoch.
    pub fn learning_rates(&self) -> Vec<f64> {
        self.epochs
            .iter()
            .map(|epoch| epoch.learning_rate)
            .collect()
    }

    /// All values of one name, in the order of the epochs that measured it.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.column(name).map(|column| column.values.as_slice())
    }

    /// The last value of one name.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.get(name)?.last().copied()
    }

    /// Epochs, counted from 1, and values of one name.
    pub(crate) fn points(&self, name: &str) -> Vec<(f64, f64)> {
        let Some(column) = self.column(name) else {
            return Vec::new();
        };
        let epochs = column.epochs.iter().map(|&epoch| epoch as f64);
        epochs.zip(column.values.iter().copied()).collect()
    }

    /// The value of one name in one epoch, counted from 1.
    ///
    /// # Example
    /// ```
    /// # use torchbook::History;
    /// # let history = History::default();
    /// assert_eq!(history.at("val_loss", 2), None); // nothing has been trained
    /// ```
    pub fn at(&self, name: &str, epoch: usize) -> Option<f64> {
        let column = self.column(name)?;
        let place = column.epochs.iter().position(|&known| known == epoch)?;
        column.values.get(place).copied()
    }

    /// The epoch, counted from 1, with the best value of one name, and that value: the smallest of a
    /// loss, the largest of an accuracy. `None` if the name does not tell which is better.
    pub fn best(&self, name: &str) -> Option<(usize, f64)> {
        let direction = Direction::of_name(name)?;
        let column = self.column(name)?;
        let mut best: Option<(usize, f64)> = None;
        for (&epoch, &value) in column.epochs.iter().zip(&column.values) {
            let is_better = match best {
                Some((_, known)) => direction.is_better(value, known),
                None => !value.is_nan(),
            };
            if is_better {
                best = Some((epoch, value));
            }
        }
        best
    }

    /// Appends what a further `fit` has measured; epochs that both have are taken from `later`.
    ///
    /// [`Trainer::history`](crate::Trainer::history) does so by itself where a `fit` goes on
    /// with `initial_epoch`.
    pub fn extend(&mut self, later: &History) {
        if let Some(first) = later.epochs.iter().map(|epoch| epoch.number).min() {
            self.keep_before(first);
        }
        for record in &later.epochs {
            let logs = later.columns.iter().filter_map(|column| {
                let value = later.at(&column.name, record.number)?;
                Some((column.name.as_str(), value))
            });
            let logs: Logs = logs.collect();
            self.push(record.number, &logs, record.took, record.learning_rate);
        }
    }

    /// Forgets epoch number `epoch` and those after it.
    pub(crate) fn keep_before(&mut self, epoch: usize) {
        self.epochs.retain(|record| record.number < epoch);
        for column in &mut self.columns {
            let kept = column.epochs.partition_point(|&known| known < epoch);
            column.epochs.truncate(kept);
            column.values.truncate(kept);
        }
        self.columns.retain(|column| !column.epochs.is_empty());
    }

    /// The curves: loss and metrics by epoch, training and validation together.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// # let mut model = Sequential::new([Input::new(2).into(), Dense::new(1).into()])?;
    /// # model.compile("mse", "sgd", ())?;
    /// # let (x, y) = (Tensor::zeros([4, 2], (Kind::Float, Device::Cpu)), Tensor::zeros([4], (Kind::Float, Device::Cpu)));
    /// let history = model.fit(&x, &y).epochs(3).run()?;
    /// history.plot().show()?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn plot(&self) -> Figure {
        plot::figure(self)
    }

    /// The table as comma-separated values, with a line of names: `epoch,acc,loss`. Epochs count
    /// from 1; what an epoch did not measure is empty.
    pub fn to_csv(&self) -> String {
        csv::to_csv(self)
    }

    /// Writes [`to_csv`](History::to_csv) to a file.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub fn save_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        std::fs::write(path, self.to_csv()).map_err(|source| Error::File {
            action: "write",
            path: path.to_owned(),
            source,
        })
    }

    pub(crate) fn to_rich(&self) -> Rich {
        Rich::text(self.to_string()).with_html(table::to_html(self, table::ALL_ROWS, None))
    }

    fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Equal if the same epochs have measured the same; how long it took does not count.
impl PartialEq for History {
    fn eq(&self, other: &Self) -> bool {
        self.epochs() == other.epochs() && self.columns == other.columns
    }
}

impl Index<&str> for History {
    type Output = [f64];

    /// # Panics
    /// If there is no such name; [`get`](History::get) asks.
    fn index(&self, name: &str) -> &[f64] {
        match self.get(name) {
            Some(values) => values,
            None => panic!("no `{name}` among {}", listed(self.keys().iter())),
        }
    }
}

/// A table with one line per epoch; the best value of each column has a star.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&table::to_text(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(history: &mut History, epoch: usize, logs: &[(&str, f64)]) {
        let logs: Logs = logs.iter().copied().collect();
        history.push(epoch, &logs, Duration::from_secs(2), 0.001);
    }

    #[test]
    fn values_are_found_by_name_and_epoch() {
        let mut history = History::default();
        push(&mut history, 1, &[("acc", 0.5), ("loss", 1.0)]);
        push(
            &mut history,
            2,
            &[("acc", 0.7), ("loss", 0.6), ("val_acc", 0.6)],
        );
        push(&mut history, 3, &[("acc", 0.6), ("loss", f64::NAN)]);
        assert_eq!(history.keys(), ["acc", "loss", "val_acc"]);
        assert_eq!(history["acc"], [0.5, 0.7, 0.6]);
        assert_eq!(
            (history.last("val_acc"), history.last("lr")),
            (Some(0.6), None)
        );
        assert_eq!(
            (history.at("val_acc", 2), history.at("val_acc", 1)),
            (Some(0.6), None)
        );
        assert_eq!(
            (history.best("acc"), history.best("loss")),
            (Some((2, 0.7)), Some((2, 0.6)))
        );
        assert_eq!(history.durations(), [Duration::from_secs(2); 3]);
        assert_eq!(history.learning_rates(), [0.001; 3]);
    }

    /// Without serde_json's `float_roundtrip` some come back one bit off.
    #[test]
    fn numbers_come_back_from_json_to_the_last_bit() {
        let mut random = crate::random::RandomState::new(3);
        let mut history = History::default();
        for epoch in 1..=2000 {
            let bits = [random.next_u32(), random.next_u32()].map(f64::from);
            push(
                &mut history,
                epoch,
                &[("loss", (bits[0] + bits[1] / 2f64.powi(32)) / 2f64.powi(32))],
            );
        }
        let json = serde_json::to_string(&history).expect("numbers");
        let again: History = serde_json::from_str(&json).expect("a history");
        assert_eq!(again["loss"], history["loss"]);
    }

    #[test]
    fn a_training_that_goes_on_is_one_history() {
        let mut history = History::default();
        push(&mut history, 1, &[("loss", 1.0)]);
        push(&mut history, 2, &[("loss", 0.9), ("val_loss", 0.9)]);
        let mut later = History::default();
        push(&mut later, 2, &[("loss", 0.8)]);
        push(&mut later, 3, &[("loss", 0.7)]);
        history.extend(&later);
        assert_eq!(history.epochs(), [1, 2, 3]);
        assert_eq!(history["loss"], [1.0, 0.8, 0.7]);
        assert_eq!(history.get("val_loss"), None);
    }

    #[test]
    #[should_panic(expected = "no `accuracy` among `acc`, `loss`")]
    fn a_wrong_key_is_answered_with_the_right_ones() {
        let mut history = History::default();
        push(&mut history, 1, &[("acc", 0.5), ("loss", 1.0)]);
        let _ = &history["accuracy"];
    }
}

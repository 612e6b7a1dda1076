//! What `fit` has measured, by name and epoch.

use std::fmt::{self, Write};
use std::ops::Index;

use crate::display::Rich;

/// Named numbers in Keras's order: what one epoch or one evaluation has measured.
///
/// ```
/// # use torchbook::*;
/// # let mut model = Sequential::new([Input::new(2).into(), Dense::new(2).into(), Activation::softmax().into()])?;
/// # model.compile("sparse_categorical_crossentropy", "sgd", ["acc"])?;
/// # let (x, y) = (Tensor::zeros([4, 2], (Kind::Float, Device::Cpu)), Tensor::zeros([4], (Kind::Int64, Device::Cpu)));
/// let test = model.evaluate(&x, &y)?;
/// println!("{test}");                  // acc: 1.0000 - loss: 0.6931
/// assert!(test["acc"] >= 0.5);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs(Vec<(String, f64)>);

impl Logs {
    /// Sorted by name, as Keras 3 does it.
    pub(crate) fn sorted(mut values: Vec<(String, f64)>) -> Self {
        values.sort_by(|(a, _), (b, _)| a.cmp(b));
        Logs(values)
    }

    /// With the values of `other` behind, their names prefixed.
    pub(crate) fn with(mut self, prefix: &str, other: Logs) -> Self {
        let prefixed = other
            .0
            .into_iter()
            .map(|(name, value)| (format!("{prefix}{name}"), value));
        self.0.extend(prefixed);
        self
    }

    /// A value by name, such as `loss`.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| *value)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

impl Index<&str> for Logs {
    type Output = f64;

    /// # Panics
    /// If there is no such name; [`get`](Logs::get) asks.
    fn index(&self, name: &str) -> &f64 {
        match self.0.iter().find(|(known, _)| known == name) {
            Some((_, value)) => value,
            None => panic!(
                "no `{name}` among {}",
                listed(self.0.iter().map(|(known, _)| known))
            ),
        }
    }
}

/// As in Keras's progress line: `acc: 0.9620 - loss: 0.1326`.
impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.iter().enumerate() {
            let separator = if i > 0 { " - " } else { "" };
            write!(f, "{separator}{name}: {}", keras_number(value))?;
        }
        Ok(())
    }
}

/// Four digits after the point, in scientific form where these would say nothing (Keras: `|x| <=
/// 1e-3`).
pub(crate) fn keras_number(value: f64) -> String {
    if value.is_nan() || value.abs() > 1e-3 || value == 0.0 {
        return format!("{value:.4}");
    }
    // Rust writes 1.2e-5 where C, and so Python, write 1.2e-05.
    let text = format!("{value:.4e}");
    match text.split_once("e-") {
        Some((digits, exponent)) => format!("{digits}e-{exponent:0>2}"),
        None => text,
    }
}

/// What every epoch of a `fit` has measured, under Keras's keys: `loss`, each metric, and both
/// again with `val_`.
///
/// As the last expression of a cell it is shown as a table.
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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Numbers of the epochs, from 1.
    epochs: Vec<usize>,
    columns: Vec<(String, Vec<f64>)>,
}

impl History {
    pub(crate) fn push(&mut self, epoch: usize, logs: &Logs) {
        self.epochs.push(epoch);
        for (name, value) in logs.iter() {
            match self.columns.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => values.push(value),
                None => self.columns.push((name.to_owned(), vec![value])),
            }
        }
    }

    /// The names of what was measured, in Keras's order.
    pub fn keys(&self) -> Vec<&str> {
        self.columns.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Numbers of the epochs, from 1.
    pub fn epochs(&self) -> &[usize] {
        &self.epochs
    }

    /// All values of one name, an epoch each.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        let column = self.columns.iter().find(|(known, _)| known == name);
        column.map(|(_, values)| values.as_slice())
    }

    /// The last epoch's value of one name.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.get(name)?.last().copied()
    }

    pub(crate) fn to_rich(&self) -> Rich {
        Rich::text(self.to_string()).with_html(self.to_html())
    }

    fn to_html(&self) -> String {
        let mut html = String::from("<table><thead><tr><th>epoch</th>");
        for name in self.keys() {
            let _ = write!(html, "<th>{name}</th>");
        }
        html.push_str("</tr></thead><tbody>");
        for (i, epoch) in self.epochs.iter().enumerate() {
            let _ = write!(html, "<tr><td>{epoch}</td>");
            for (_, values) in &self.columns {
                let _ = write!(
                    html,
                    "<td>{}</td>",
                    values
                        .get(i)
                        .copied()
                        .map_or_else(String::new, keras_number)
                );
            }
            html.push_str("</tr>");
        }
        html.push_str("</tbody></table>");
        html
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

/// A table with one line per epoch.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch")?;
        let width = |name: &str| name.len().max(10) + 2;
        for name in self.keys() {
            write!(f, "{name:>width$}", width = width(name))?;
        }
        for (i, epoch) in self.epochs.iter().enumerate() {
            write!(f, "\n{epoch:>5}")?;
            for (name, values) in &self.columns {
                let value = values
                    .get(i)
                    .copied()
                    .map_or_else(String::new, keras_number);
                write!(f, "{value:>width$}", width = width(name))?;
            }
        }
        Ok(())
    }
}

fn listed<T: AsRef<str>>(names: impl Iterator<Item = T>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{}`", name.as_ref())).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs() -> Logs {
        let train = Logs::sorted(vec![("loss".into(), 0.13264), ("acc".into(), 0.962)]);
        let validation = Logs::sorted(vec![("loss".into(), 0.00069), ("acc".into(), 0.98)]);
        train.with("val_", validation)
    }

    #[test]
    fn keys_and_numbers_are_kerass() {
        assert_eq!(
            logs().to_string(),
            "acc: 0.9620 - loss: 0.1326 - val_acc: 0.9800 - val_loss: 6.9000e-04"
        );
        assert_eq!(logs()["val_acc"], 0.98);
        assert_eq!(logs().get("accuracy"), None);
        assert_eq!(keras_number(f64::NAN), "NaN");
        assert_eq!(keras_number(0.0), "0.0000");
    }

    #[test]
    fn a_history_is_a_table() {
        let mut history = History::default();
        history.push(1, &logs());
        history.push(2, &logs());
        assert_eq!(history.keys(), ["acc", "loss", "val_acc", "val_loss"]);
        assert_eq!(history["loss"], [0.13264, 0.13264]);
        assert_eq!(
            (history.last("acc"), history.last("lr")),
            (Some(0.962), None)
        );
        assert_eq!(
            history.to_string(),
            "epoch         acc        loss     val_acc    val_loss\n\
             \x20   1      0.9620      0.1326      0.9800  6.9000e-04\n\
             \x20   2      0.9620      0.1326      0.9800  6.9000e-04"
        );
        assert!(history.to_html().contains("<td>1</td><td>0.9620</td>"));
    }

    #[test]
    #[should_panic(expected = "no `accuracy` among `acc`, `loss`")]
    fn a_wrong_key_is_answered_with_the_right_ones() {
        let _ = &logs()["accuracy"];
    }
}

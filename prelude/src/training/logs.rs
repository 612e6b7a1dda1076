//! Named numbers: what one epoch, one batch or one evaluation has measured.

use std::fmt;
use std::ops::Index;

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

    /// Sets a value; a new name goes to the end. What a callback adds at an epoch's end, the
    /// following callbacks see, and `History` keeps.
    pub fn insert(&mut self, name: &str, value: f64) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The names, for messages: `acc, loss`.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.iter().map(|(name, _)| name).collect();
        names.join(", ")
    }
}

/// Named numbers of one's own, kept in this order.
///
/// ```
/// # use torchbook::Logs;
/// let logs: Logs = [("loss", 0.5), ("acc", 0.9)].into_iter().collect();
/// assert_eq!(logs.to_string(), "loss: 0.5000 - acc: 0.9000");
/// ```
impl<S: Into<String>> FromIterator<(S, f64)> for Logs {
    fn from_iter<I: IntoIterator<Item = (S, f64)>>(values: I) -> Self {
        Logs(
            values
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
        )
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
/// 1e-3`, of 32-bit numbers, in which 0.001 is a little more).
pub(crate) fn keras_number(value: f64) -> String {
    let single = f64::from(value as f32);
    if single.is_nan() || single.abs() > 1e-3 || value == 0.0 {
        return format!("{value:.4}");
    }
    // Rust writes 1.2e-5 where C, and so Python, write 1.2e-05.
    let text = format!("{value:.4e}");
    match text.split_once("e-") {
        Some((digits, exponent)) => format!("{digits}e-{exponent:0>2}"),
        None => text,
    }
}

pub(crate) fn listed<T: AsRef<str>>(names: impl Iterator<Item = T>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{}`", name.as_ref())).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_numbers_are_kerass() {
        let train = Logs::sorted(vec![("loss".into(), 0.13264), ("acc".into(), 0.962)]);
        let validation = Logs::sorted(vec![("loss".into(), 0.00069), ("acc".into(), 0.98)]);
        let mut logs = train.with("val_", validation);
        assert_eq!(
            logs.to_string(),
            "acc: 0.9620 - loss: 0.1326 - val_acc: 0.9800 - val_loss: 6.9000e-04"
        );
        assert_eq!(logs["val_acc"], 0.98);
        assert_eq!(logs.get("accuracy"), None);
        logs.insert("learning_rate", 0.01);
        logs.insert("learning_rate", 0.001);
        assert!(logs.to_string().ends_with(" - learning_rate: 0.0010"));
        assert_eq!(keras_number(f64::NAN), "NaN");
        assert_eq!(keras_number(0.0), "0.0000");
        assert_eq!(keras_number(-0.00001), "-1.0000e-05");
    }

    #[test]
    #[should_panic(expected = "no `accuracy` among `acc`, `loss`")]
    fn a_wrong_key_is_answered_with_the_right_ones() {
        let logs: Logs = [("acc", 0.5), ("loss", 1.0)].into_iter().collect();
        let _ = &logs["accuracy"];
    }
}

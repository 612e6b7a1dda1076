//! Cutting a dataset into training and test parts: the same rows as scikit-learn.
//!
//! Here are the calls and the sizes of the parts; how a cut keeps the shares of classes is in
//! `stratified.rs`.

use tch::Tensor;

use super::stratified::stratified_rows;
use crate::random::RandomState;
use crate::{Arrays, Error, Result, TensorExt};

/// Shuffles and splits arrays into a larger and a smaller part; returns `(x_train, x_test, y_train,
/// y_test)`.
///
/// `test_size` is the share of the smaller part, between 0 and 1, or a number of rows, and
/// `random_state` the seed of the shuffle. The rows are the ones that scikit-learn chooses, in its
/// order. [`TrainTestSplit`] has further options.
///
/// # Errors
/// [`Error::LengthMismatch`] if `x` and `y` have different numbers of rows,
/// [`Error::InvalidArgument`] if a part would be empty.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let x = Tensor::arange(22, (Kind::Float, Device::Cpu)).reshape_to((11, 2))?;
/// let y = Tensor::arange(11, (Kind::Int64, Device::Cpu));
/// let (x_train, x_test, y_train, y_test) = train_test_split(&x, &y, 0.1, 1)?;
/// assert_eq!((x_train.shape(), x_test.shape()), ((9, 2).into(), (2, 2).into()));
/// assert_eq!(Vec::<i64>::try_from(&y_train)?, [4, 9, 1, 6, 0, 7, 10, 8, 5]);
/// assert_eq!(Vec::<i64>::try_from(&y_test)?, [2, 3]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// scikit-learn 1.9, `sklearn.model_selection.train_test_split` with `shuffle=True` and
/// `stratify=None`.
pub fn train_test_split(
    x: &Tensor,
    y: &Tensor,
    test_size: impl Into<PartSize>,
    random_state: u32,
) -> Result<(Tensor, Tensor, Tensor, Tensor)> {
    let split = TrainTestSplit::new()
        .test_size(test_size)
        .random_state(random_state);
    split.pair(x, y)
}

/// How large a part is: a share such as `0.1`, or a number of rows such as `1000`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PartSize {
    /// Between 0 and 1.
    Share(f64),
    /// Rows.
    Rows(i64),
}

impl From<f64> for PartSize {
    fn from(share: f64) -> Self {
        PartSize::Share(share)
    }
}

/// The only integer type, so that a literal has no other choice.
impl From<i64> for PartSize {
    fn from(rows: i64) -> Self {
        PartSize::Rows(rows)
    }
}

impl std::fmt::Display for PartSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PartSize::Share(share) => write!(f, "{share}"),
            PartSize::Rows(rows) => write!(f, "{rows}"),
        }
    }
}

/// [`train_test_split`] with all of scikit-learn's options, for any number of arrays.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let images = Tensor::rand([100, 8, 8], (Kind::Float, Device::Cpu));
/// let ages = Tensor::rand([100, 1], (Kind::Float, Device::Cpu));
/// let labels = Tensor::arange(100, (Kind::Int64, Device::Cpu)).fmod(5);
/// let split = TrainTestSplit::new().test_size(20).random_state(1).stratify(&labels);
/// let (train, test) = split.arrays([&images, &ages, &labels])?;
/// assert_eq!((train[0].shape(), test[0].shape()), ((80, 8, 8).into(), (20, 8, 8).into()));
/// // Four of each class.
/// assert_eq!(Vec::<i64>::try_from(test[2].bincount::<Tensor>(None, 5))?, [4; 5]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// scikit-learn 1.9, `sklearn.model_selection.train_test_split`.
#[derive(Debug)]
pub struct TrainTestSplit {
    test_size: Option<PartSize>,
    train_size: Option<PartSize>,
    random_state: Option<u32>,
    shuffle: bool,
    stratify: Option<Tensor>,
}

impl Default for TrainTestSplit {
    fn default() -> Self {
        TrainTestSplit::new()
    }
}

impl TrainTestSplit {
    /// A quarter of the rows for testing, shuffled.
    pub fn new() -> Self {
        TrainTestSplit {
            test_size: None,
            train_size: None,
            random_state: None,
            shuffle: true,
            stratify: None,
        }
    }

    /// Share or number of the rows for testing; what training leaves, or a quarter, without this
    /// call.
    pub fn test_size(mut self, size: impl Into<PartSize>) -> Self {
        self.test_size = Some(size.into());
        self
    }

    /// Share or number of the rows for training; what testing leaves, without this call.
    pub fn train_size(mut self, size: impl Into<PartSize>) -> Self {
        self.train_size = Some(size.into());
        self
    }

    /// The seed. Without it one is drawn from the session
    /// ([`set_random_seed`](crate::set_random_seed)).
    pub fn random_state(mut self, seed: u32) -> Self {
        self.random_state = Some(seed);
        self
    }

    /// Whether rows are shuffled; if not, the last ones are for testing. They are without this
    /// call.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Class numbers whose shares both parts shall have, `(n,)` or `(n, 1)`.
    pub fn stratify(mut self, labels: &Tensor) -> Self {
        self.stratify = Some(labels.shallow_clone());
        self
    }

    /// Splits two arrays: `(x_train, x_test, y_train, y_test)`.
    ///
    /// # Errors
    /// As [`arrays`](TrainTestSplit::arrays).
    pub fn pair(&self, x: &Tensor, y: &Tensor) -> Result<(Tensor, Tensor, Tensor, Tensor)> {
        let (train, test) = self.row_numbers(&[x.shallow_clone(), y.shallow_clone()])?;
        Ok((
            take(x, &train)?,
            take(x, &test)?,
            take(y, &train)?,
            take(y, &test)?,
        ))
    }

    /// Splits any number of arrays: the training parts of all, then their test parts.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] if they have different numbers of rows,
    /// [`Error::InvalidArgument`] if a part would be empty or too small for all classes,
    /// [`Error::EmptyData`] without an array.
    pub fn arrays(&self, arrays: impl Arrays) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
        let arrays = arrays.arrays();
        let (train, test) = self.row_numbers(&arrays)?;
        let part = |rows: &[i64]| -> Result<Vec<Tensor>> {
            arrays.iter().map(|array| take(array, rows)).collect()
        };
        Ok((part(&train)?, part(&test)?))
    }

    fn row_numbers(&self, arrays: &[Tensor]) -> Result<(Vec<i64>, Vec<i64>)> {
        let count = arrays.first().map_or(0, rows);
        if count == 0 {
            return Err(Error::EmptyData {
                place: "train_test_split".into(),
            });
        }
        let names = ["x", "y"];
        let name = |i: usize| match arrays.len() {
            2 => names[i].to_owned(),
            _ => format!("array {i}"),
        };
        let numbered = arrays.iter().enumerate().map(|(i, array)| (name(i), array));
        let labels = self.stratify.iter().map(|y| ("stratify".to_owned(), y));
        for (second, array) in numbered.chain(labels) {
            if rows(array) != count {
                return Err(Error::LengthMismatch {
                    place: "train_test_split".into(),
                    first: name(0),
                    first_length: count,
                    second,
                    second_length: rows(array),
                });
            }
        }
        let (n_train, n_test) = self.sizes(count as usize)?;
        let seed = self.random_state.unwrap_or_else(crate::random::next_seed);
        match (&self.stratify, self.shuffle) {
            (Some(labels), true) => stratified_rows(labels, n_train, n_test, seed),
            (Some(_), false) => Err(Error::InvalidArgument {
                place: "train_test_split: stratify".into(),
                expected: "shuffle(true)".into(),
                received: "shuffle(false)".into(),
            }),
            (None, true) => {
                let order = RandomState::new(seed).permutation(count as usize);
                let (test, rest) = order.split_at(n_test);
                Ok((rest[..n_train].to_vec(), test.to_vec()))
            }
            (None, false) => {
                let all: Vec<i64> = (0..count).collect();
                let (train, rest) = all.split_at(n_train);
                Ok((train.to_vec(), rest[..n_test].to_vec()))
            }
        }
    }

    /// Rows for training and for testing, of `n`.
    fn sizes(&self, n: usize) -> Result<(usize, usize)> {
        let refused = |what: &str, received: String| Error::InvalidArgument {
            place: format!("train_test_split: {what}"),
            expected: format!(
                "a share between 0 and 1, or a number of rows, that leaves rows in both parts of {n}"
            ),
            received,
        };
        let rows = |size: Option<PartSize>, what: &str, round: fn(f64) -> f64| {
            let Some(size) = size else {
                return Ok(None);
            };
            let (rows, fits) = match size {
                PartSize::Share(share) => (round(share * n as f64), share > 0.0 && share < 1.0),
                PartSize::Rows(rows) => (rows as f64, rows > 0 && rows < n as i64),
            };
            match fits {
                true => Ok(Some(rows as usize)),
                false => Err(refused(what, size.to_string())),
            }
        };
        let train = rows(self.train_size, "train_size", f64::floor)?;
        let default =
            (self.test_size.is_none() && train.is_none()).then_some(PartSize::Share(0.25));
        let test = rows(self.test_size.or(default), "test_size", f64::ceil)?;
        let (train, test) = match (train, test) {
            (Some(train), Some(test)) => (train, test),
            (Some(train), None) => (train, n.saturating_sub(train)),
            (None, test) => (n.saturating_sub(test.unwrap_or(0)), test.unwrap_or(0)),
        };
        match train > 0 && test > 0 && train + test <= n {
            true => Ok((train, test)),
            false => Err(refused("test_size", format!("{train} and {test} rows"))),
        }
    }
}

fn rows(tensor: &Tensor) -> i64 {
    tensor.shape().first().copied().unwrap_or(0)
}

fn take(tensor: &Tensor, rows: &[i64]) -> Result<Tensor> {
    let rows = Tensor::f_from_slice(rows)?.f_to_device(tensor.device())?;
    Ok(tensor.f_index_select(0, &rows)?)
}

#[cfg(test)]
mod tests;

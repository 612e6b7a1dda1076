//! The one error type of the prelude, and its `Result`.
//!
//! A message says what was attempted and where, what was expected, what was received, and what to
//! do next: in a notebook it is the only thing the reader sees. The checks themselves stand at the
//! doors of the public calls.

use std::path::PathBuf;

use tch::TchError;

/// `Result` with [`Error`] unless another error type is named, so that it can replace std's in a
/// cell.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong in the prelude.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor does not have the shape that a layer, a loss or a figure needs.
    #[error("{place}: expected {expected}, received {received}: {remedy}")]
    ShapeMismatch {
        /// The layer or function, by name.
        place: String,
        /// The shape that would have fitted, in words.
        expected: String,
        /// The shape that came.
        received: String,
        /// What to do.
        remedy: String,
    },
    /// An argument that is no tensor has a value that makes no sense.
    #[error("{place}: expected {expected}, received {received}")]
    InvalidArgument {
        /// The function and the argument, by name.
        place: String,
        /// What would have fitted.
        expected: String,
        /// What came.
        received: String,
    },
    /// Two arrays that belong together have different numbers of rows.
    #[error(
        "{place}: {first} has {first_length} rows and {second} has {second_length}: \
         pass one label per sample"
    )]
    LengthMismatch {
        /// The function.
        place: String,
        /// The first array, by name.
        first: String,
        /// Its number of rows.
        first_length: i64,
        /// The second array, by name.
        second: String,
        /// Its number of rows.
        second_length: i64,
    },
    /// There is nothing to work on.
    #[error("{place}: received no samples: pass at least one row")]
    EmptyData {
        /// The function.
        place: String,
    },
    /// A label is no index of a class.
    #[error(
        "{place}: expected labels from 0 to {}, the model's {classes} outputs, received {label}: \
         give the last layer one unit per class, or start the labels at 0",
        classes - 1
    )]
    LabelOutOfRange {
        /// The function and the array.
        place: String,
        /// The offending label.
        label: i64,
        /// How many classes there are.
        classes: i64,
    },
    /// A name given as text is not known.
    #[error("unknown {what} `{received}`: expected one of {known}")]
    UnknownName {
        /// Loss, optimizer or metric.
        what: &'static str,
        /// The name that came.
        received: String,
        /// The names that are known.
        known: String,
    },
    /// `fit` or `evaluate` was called on a model without loss and optimizer.
    #[error("{model}: call compile(loss, optimizer, metrics) before {action}")]
    NotCompiled {
        /// The model's name.
        model: String,
        /// What was attempted.
        action: &'static str,
    },
    /// The weights do not exist yet.
    #[error(
        "{model}: its weights do not exist yet, so {action} cannot be done: \
         begin with Input::new(shape), or call build(shape)"
    )]
    NotBuilt {
        /// The model's name.
        model: String,
        /// What was attempted.
        action: &'static str,
    },
    /// The loss became infinite or no number.
    #[error(
        "fit: the loss is {loss} at batch {batch} of epoch {epoch}: the weights are no longer usable; \
         check that the input has no NaN and is scaled (x / 255.0), lower the learning rate, \
         and build the model anew"
    )]
    LossNotFinite {
        /// NaN or an infinity.
        loss: f64,
        /// Counted from 1.
        epoch: usize,
        /// Counted from 1.
        batch: usize,
    },
    /// The user interrupted the cell at a safe point.
    #[error("interrupted")]
    Interrupted,
    /// The user interrupted `fit` between two batches.
    #[error(
        "fit: interrupted in epoch {epoch} of {epochs} after batch {batch} of {batches}: the model keeps its \
         weights and optimizer state, history() has the {} finished; call fit again to continue{}",
        counted(epoch - 1 - initial_epoch, "epoch"),
        if *epoch > 1 { format!(", with .initial_epoch({}) to go on counting", epoch - 1) } else { String::new() }
    )]
    FitInterrupted {
        /// The epoch that was running, counted from 1.
        epoch: usize,
        /// How many were asked for.
        epochs: usize,
        /// The epoch that this `fit` started with, counted from 0.
        initial_epoch: usize,
        /// The last batch that was learned from, counted from 1.
        batch: usize,
        /// Batches per epoch.
        batches: usize,
    },
    /// A file that is needed is not there.
    #[error("{}: file not found: {remedy}", path.display())]
    MissingFile {
        /// The file.
        path: PathBuf,
        /// What to do.
        remedy: String,
    },
    /// A file is shorter or longer than its header says.
    #[error(
        "{}: expected {expected_bytes} bytes, received {received_bytes}: the file is damaged; {remedy}",
        path.display()
    )]
    WrongFileLength {
        /// The file.
        path: PathBuf,
        /// The length that its header implies, in bytes.
        expected_bytes: u64,
        /// Its length, in bytes.
        received_bytes: u64,
        /// What to do.
        remedy: String,
    },
    /// A file is not what its name promises.
    #[error("{}: expected {expected}, received {received}: {remedy}", path.display())]
    WrongFileContent {
        /// The file.
        path: PathBuf,
        /// What its name promises.
        expected: String,
        /// What is in it.
        received: String,
        /// What to do.
        remedy: String,
    },
    /// A dataset is not on this machine and could not be fetched.
    #[error("{dataset}: {reason}: {remedy}")]
    DatasetUnavailable {
        /// `mnist` or `fashion_mnist`.
        dataset: &'static str,
        /// Why not.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// There is no such device, or it cannot compute.
    #[error("{device} cannot be used: {reason}: {remedy}")]
    DeviceUnavailable {
        /// As PyTorch writes it, such as `cuda:0`.
        device: String,
        /// Why not.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The operating system refused a file.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// `read`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// A figure could not be drawn.
    #[error("{place}: cannot draw the figure: {reason}")]
    Drawing {
        /// The function.
        place: &'static str,
        /// Why not.
        reason: String,
    },
    /// A saved model cannot contain this.
    #[error("save: {what} cannot be saved: {remedy}")]
    NotSaveable {
        /// Which part, by name.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// The front end gives cells no keyboard input.
    #[error("input: this front end does not let cells ask for input: put the value into the cell")]
    InputRefused,
    /// libtorch refused an operation.
    #[error("libtorch: {message}")]
    Torch {
        /// libtorch's own words, without its C++ stack.
        message: String,
    },
}

impl Error {
    /// Whether the user's stop button, and no mistake, ended the call.
    ///
    /// ```
    /// assert!(torchbook::Error::Interrupted.is_interrupt());
    /// ```
    pub fn is_interrupt(&self) -> bool {
        matches!(self, Error::Interrupted | Error::FitInterrupted { .. })
    }

    /// [`Error::UnknownName`], which suggests the nearest of the `known` ones.
    pub(crate) fn unknown_name(what: &'static str, received: &str, known: &[&str]) -> Self {
        let nearest = known
            .iter()
            .min_by_key(|name| edits(name, received))
            .filter(|name| edits(name, received) <= received.len().max(3) / 2);
        let list = known.join(", ");
        Error::UnknownName {
            what,
            received: received.to_owned(),
            known: match nearest {
                Some(nearest) => format!("{list}; did you mean `{nearest}`?"),
                None => list,
            },
        }
    }
}

impl From<TchError> for Error {
    fn from(error: TchError) -> Self {
        Error::Torch {
            message: torch_message(&error.to_string()),
        }
    }
}

/// libtorch appends its C++ stack, dozens of lines that say nothing to the user, and tch says before
/// that libtorch speaks, once or twice.
pub(crate) fn torch_message(text: &str) -> String {
    let end = text.find("Exception raised from").unwrap_or(text.len());
    let mut sentence = text[..end].trim();
    while let Some(rest) = sentence.strip_prefix("Internal torch error: ") {
        sentence = rest;
    }
    // What follows is advice for builders of libtorch, and a page of what is registered where.
    match sentence.split_once(" This could be because the operator doesn't exist") {
        Some((what, _)) if what.contains("'CUDA'") => format!(
            "{what} This libtorch has no CUDA: use Device::Cpu or default_device(), \
             which is a GPU where there is one"
        ),
        Some((what, _)) => what.to_owned(),
        None => sentence.to_owned(),
    }
}

/// How many letters must be inserted, removed or replaced to make one name of the other
/// (Levenshtein's distance).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut previous = i;
        let mut left = i + 1;
        for (cell, &to) in row.iter_mut().skip(1).zip(&b) {
            let replaced = previous + usize::from(!from.eq_ignore_ascii_case(&to));
            previous = *cell;
            left = replaced.min(left + 1).min(previous + 1);
            *cell = left;
        }
        row[0] = i + 1;
    }
    row.last().copied().unwrap_or(0)
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    #[test]
    fn messages_say_where_what_was_expected_what_came_and_what_to_do() {
        let error = Error::ShapeMismatch {
            place: "Dense".into(),
            expected: "input of shape (batch, 9216)".into(),
            received: "(batch, 12, 12, 64)".into(),
            remedy: "add Flatten::new() before it".into(),
        };
        assert_eq!(
            error.to_string(),
            "Dense: expected input of shape (batch, 9216), received (batch, 12, 12, 64): add Flatten::new() before it"
        );
        let error = Error::LabelOutOfRange {
            place: "fit: y".into(),
            label: 10,
            classes: 10,
        };
        assert!(
            error
                .to_string()
                .starts_with("fit: y: expected labels from 0 to 9")
        );
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let known = ["mean_squared_error", "mse", "huber"];
        let message = |name: &str| Error::unknown_name("loss", name, &known).to_string();
        assert_eq!(
            message("mean_square_error"),
            "unknown loss `mean_square_error`: expected one of mean_squared_error, mse, huber; \
             did you mean `mean_squared_error`?"
        );
        assert!(message("Hubert").contains("did you mean `huber`?"));
        assert!(message("zzzzzz").ends_with("mse, huber"));
    }

    #[test]
    fn a_message_of_libtorch_comes_without_its_stack() {
        let error: Error = Tensor::from_slice(&[1.0, 2.0, 3.0])
            .f_reshape([2, 2])
            .expect_err("3 is not 4")
            .into();
        let text = error.to_string();
        assert!(text.contains("shape '[2, 2]' is invalid"), "{text}");
        assert!(!text.contains("Exception raised from"), "{text}");
    }
}

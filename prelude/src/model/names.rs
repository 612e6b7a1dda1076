//! Keras's automatic names: `conv2d`, `conv2d_1`, … counted through the whole session.
//!
//! A layer gets its name when it joins a model, which is in the order in which Keras would have
//! named it.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::mixed_precision;

static COUNTS: LazyLock<Mutex<HashMap<String, usize>>> = LazyLock::new(Mutex::default);

/// The next free name for a class: `Conv2D` gives `conv2d`, then `conv2d_1`.
pub(crate) fn next_name(class: &str) -> String {
    let stem = snake_case(class);
    let mut counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    let count = counts.entry(stem.clone()).or_default();
    *count += 1;
    match *count {
        1 => stem,
        n => format!("{stem}_{}", n - 1),
    }
}

/// Starts the numbering of layers and models again, so that a cell that is run again gets the same
/// names, and goes back to 32 bits (see [`mixed_precision`](crate::mixed_precision)).
///
/// ```
/// use torchbook::*;
///
/// clear_session();
/// let first = Sequential::new([Input::new(4).into(), Dense::new(2).into()])?;
/// clear_session();
/// let second = Sequential::new([Input::new(4).into(), Dense::new(2).into()])?;
/// assert_eq!(first.name(), second.name());
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras, `keras.utils.clear_session`.
pub fn clear_session() {
    COUNTS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clear();
    mixed_precision::reset();
}

/// As Keras's `to_snake_case`: `Conv2D` becomes `conv2d`, `BatchNormalization`
/// `batch_normalization`.
pub(crate) fn snake_case(class: &str) -> String {
    let letters: Vec<char> = class.chars().collect();
    let mut name = String::new();
    for (i, letter) in letters.iter().enumerate() {
        let after_small = i > 0 && letters[i - 1].is_ascii_lowercase();
        let before_small = letters.get(i + 1).is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && i > 0 && (after_small || before_small) {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_named_as_by_keras() {
        for (class, name) in [
            ("Conv2D", "conv2d"),
            ("BatchNormalization", "batch_normalization"),
            ("Dense", "dense"),
            ("InputLayer", "input_layer"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
            ("LSTM", "lstm"),
        ] {
            assert_eq!(snake_case(class), name);
        }
    }

    #[test]
    fn names_are_numbered_through_the_session() {
        // A class of its own: other tests name layers at the same time.
        assert_eq!(next_name("NamedOnlyHere"), "named_only_here");
        assert_eq!(next_name("NamedOnlyHere"), "named_only_here_1");
        assert_eq!(next_name("NamedOnlyHere"), "named_only_here_2");
    }
}

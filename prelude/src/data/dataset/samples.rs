//! What a dataset is made of: samples that can be had by their numbers.

use std::sync::{Mutex, PoisonError};

use tch::Tensor;

use crate::{Error, Result, TensorExt};

/// Samples that can be had by their numbers: what a [`Dataset`] is made of. Implement it for a
/// struct of your own to load what does not fit into memory.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// /// Numbers and their squares, made when they are needed.
/// struct Squares;
///
/// impl Samples for Squares {
///     fn count(&self) -> usize {
///         100
///     }
///     fn batch(&self, rows: &[i64]) -> Result<Batch> {
///         let x = Tensor::from_slice(rows).to_float32().unsqueeze(1);
///         Ok(Batch { y: vec![x.square()], x: vec![x] })
///     }
/// }
///
/// let dataset = Dataset::from_samples(Squares).batch(32).shuffle(7);
/// assert_eq!(dataset.epoch(0)?.count(), 4);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.utils.PyDataset`.
pub trait Samples: Send + Sync {
    /// How many samples there are.
    fn count(&self) -> usize;

    /// The samples of these numbers, counted from 0.
    ///
    /// # Errors
    /// Whatever keeps them from being made; it ends the training.
    fn batch(&self, rows: &[i64]) -> Result<Batch>;
}

/// Samples and targets of one batch: a tensor for each input and each output of a model.
#[derive(Debug)]
pub struct Batch {
    /// For the inputs, `(batch, …)`.
    pub x: Vec<Tensor>,
    /// For the outputs; empty for prediction.
    pub y: Vec<Tensor>,
}

/// Tensors, and how many rows they have.
pub(super) struct InMemory {
    count: usize,
    /// tch's tensors may be moved between threads, but not be looked at by two.
    arrays: Mutex<(Vec<Tensor>, Vec<Tensor>)>,
}

impl InMemory {
    /// Arrays that have so many rows.
    pub(super) fn new(count: usize, x: Vec<Tensor>, y: Vec<Tensor>) -> Self {
        InMemory {
            count,
            arrays: Mutex::new((x, y)),
        }
    }
}

impl Samples for InMemory {
    fn count(&self) -> usize {
        self.count
    }

    fn batch(&self, rows: &[i64]) -> Result<Batch> {
        let arrays = self.arrays.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = Tensor::f_from_slice(rows)?;
        let take = |arrays: &[Tensor]| -> Result<Vec<Tensor>> {
            let taken = |array: &Tensor| {
                let rows = rows.f_to_device(array.device())?;
                Ok(array.f_index_select(0, &rows)?)
            };
            arrays.iter().map(taken).collect()
        };
        Ok(Batch {
            x: take(&arrays.0)?,
            y: take(&arrays.1)?,
        })
    }
}

/// Samples of the user's own may give anything.
pub(super) fn check(batch: &Batch, rows: usize) -> Result<()> {
    for tensor in batch.x.iter().chain(&batch.y) {
        if tensor.size().first() != Some(&(rows as i64)) {
            return Err(Error::ShapeMismatch {
                place: "Samples::batch".into(),
                expected: format!("tensors of {rows} rows, one for each number"),
                received: tensor.shape().to_string(),
                remedy: "stack the samples along their first axis".into(),
            });
        }
    }
    Ok(())
}

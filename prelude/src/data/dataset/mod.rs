//! How batches are made of samples: their size and order, and what is changed in them.
//!
//! `samples.rs` is what they are made of, `epoch.rs` makes them; training takes them in
//! `training/dataset_batches.rs`.

mod epoch;
mod samples;

pub use epoch::Epoch;
pub use samples::{Batch, Samples};

use std::sync::Arc;

use tch::Tensor;

use crate::random::RandomState;
use crate::{Arrays, Error, Result};
use samples::InMemory;

type Change = Arc<dyn Fn(Batch) -> Result<Batch> + Send + Sync>;

/// Samples, and how batches are made of them. A clone deals out the same batches.
///
/// Data stay as they are, bytes as bytes; a batch is gathered and changed when its turn comes.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let images = Tensor::zeros([100, 28, 28, 1], (Kind::Uint8, Device::Cpu));
/// let labels = Tensor::zeros([100], (Kind::Int64, Device::Cpu));
/// let dataset = Dataset::new(&images, &labels)?
///     .shuffle(1)
///     .batch(32)
///     .map(|x, y| Ok((x.to_float32() / 255.0, y)))
///     .prefetch(2);
/// for batch in dataset.epoch(0)? {
///     let batch = batch?;
///     assert_eq!(batch.x[0].kind(), Kind::Float);
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// The calls are those of `tf.data.Dataset`. Their order does not matter here: samples are
/// shuffled, then put into batches, then changed, then prepared ahead.
#[derive(Clone)]
pub struct Dataset {
    samples: Arc<dyn Samples>,
    batch_size: usize,
    drop_remainder: bool,
    seed: Option<u32>,
    changes: Vec<Change>,
    prefetch: usize,
}

impl Dataset {
    /// Samples and targets that are in memory: a tensor, or several for a model with several inputs
    /// or outputs; `()` where there are no targets.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`], [`Error::EmptyData`].
    pub fn new(x: impl Arrays, y: impl Arrays) -> Result<Self> {
        let (x, y) = (x.arrays(), y.arrays());
        let rows = |tensor: &Tensor| tensor.size().first().copied().unwrap_or(0);
        let count = x.first().map_or(0, rows);
        for (name, array) in x.iter().map(|a| ("x", a)).chain(y.iter().map(|a| ("y", a))) {
            if rows(array) != count {
                return Err(Error::LengthMismatch {
                    place: "Dataset".into(),
                    first: "x".into(),
                    first_length: count,
                    second: name.into(),
                    second_length: rows(array),
                });
            }
        }
        match count {
            0 => Err(Error::EmptyData {
                place: "Dataset".into(),
            }),
            _ => Ok(Dataset::from_samples(InMemory::new(count as usize, x, y))),
        }
    }

    /// Samples of any kind.
    pub fn from_samples(samples: impl Samples + 'static) -> Self {
        Dataset {
            samples: Arc::new(samples),
            batch_size: 32,
            drop_remainder: false,
            seed: None,
            changes: Vec::new(),
            prefetch: 0,
        }
    }

    /// Samples in a batch; 32 without this call.
    pub fn batch(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Whether a smaller last batch is left out; it is kept without this call.
    pub fn drop_remainder(mut self, drop_remainder: bool) -> Self {
        self.drop_remainder = drop_remainder;
        self
    }

    /// Shuffles all samples, anew in each epoch; the same seed gives the same orders.
    pub fn shuffle(mut self, seed: u32) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Changes samples and targets of each batch; several changes follow one another. Of a model
    /// with several inputs or outputs the first ones are given; see
    /// [`map_batch`](Dataset::map_batch).
    pub fn map(
        self,
        change: impl Fn(Tensor, Tensor) -> Result<(Tensor, Tensor)> + Send + Sync + 'static,
    ) -> Self {
        self.map_batch(move |mut batch| {
            let missing = || Error::EmptyData {
                place: "Dataset::map: x or y of a batch".into(),
            };
            let (x, y) = (batch.x.first_mut(), batch.y.first_mut());
            let (x, y) = x.zip(y).ok_or_else(missing)?;
            (*x, *y) = change(x.shallow_clone(), y.shallow_clone())?;
            Ok(batch)
        })
    }

    /// Changes each batch as a whole.
    pub fn map_batch(
        mut self,
        change: impl Fn(Batch) -> Result<Batch> + Send + Sync + 'static,
    ) -> Self {
        self.changes.push(Arc::new(change));
        self
    }

    /// Prepares so many batches ahead in a thread, while the ones before are learned from; 0, none,
    /// without this call.
    pub fn prefetch(mut self, batches: usize) -> Self {
        self.prefetch = batches;
        self
    }

    /// How many samples there are.
    pub fn count(&self) -> usize {
        self.samples.count()
    }

    /// How many batches an epoch has.
    pub fn batches(&self) -> usize {
        let (count, size) = (self.samples.count(), self.batch_size.max(1));
        match self.drop_remainder {
            true => count / size,
            false => count.div_ceil(size),
        }
    }

    /// The batches of one epoch, counted from 0.
    ///
    /// # Errors
    /// [`Error::EmptyData`] if there is no batch, [`Error::InvalidArgument`] for batches of 0.
    pub fn epoch(&self, epoch: usize) -> Result<Epoch> {
        self.epoch_from(epoch, 0)
    }

    /// The same without its first batches, which are not even made.
    pub(crate) fn epoch_from(&self, epoch: usize, first: usize) -> Result<Epoch> {
        self.check()?;
        Epoch::new(self.clone(), self.order(epoch), first)
    }

    /// Whether there are batches at all.
    pub(crate) fn check(&self) -> Result<()> {
        if self.batch_size == 0 {
            return Err(Error::InvalidArgument {
                place: "Dataset: batch".into(),
                expected: "at least 1".into(),
                received: "0".into(),
            });
        }
        if self.batches() == 0 {
            return Err(Error::EmptyData {
                place: format!("Dataset of {} samples", self.count()),
            });
        }
        Ok(())
    }

    /// A first batch to look at: what its samples are shaped like.
    pub(crate) fn specimen(&self) -> Result<Batch> {
        let none = || Error::EmptyData {
            place: "Dataset".into(),
        };
        self.clone().prefetch(0).epoch(0)?.next().ok_or_else(none)?
    }

    /// Rows in the order of one epoch.
    fn order(&self, epoch: usize) -> Vec<i64> {
        let count = self.samples.count();
        match self.seed {
            // Neighbouring seeds have unrelated orders, so an epoch's may be the seed plus its
            // number.
            Some(seed) => RandomState::new(seed.wrapping_add(epoch as u32)).permutation(count),
            None => (0..count as i64).collect(),
        }
    }
}

#[cfg(test)]
mod tests;

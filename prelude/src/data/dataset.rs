//! Batches that are made when their turn comes: shuffled, changed, and prepared ahead in a thread.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tch::Tensor;

use crate::random::RandomState;
use crate::{Arrays, Error, Result, TensorExt};

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
    /// or outputs.
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
            _ => Ok(Dataset::from_samples(InMemory {
                count: count as usize,
                arrays: Mutex::new((x, y)),
            })),
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
        let making = Making {
            dataset: self.clone(),
            order: self.order(epoch),
            next: 0,
        };
        Ok(Epoch(match self.prefetch {
            0 => Inner::Here(making),
            ahead => Inner::Ahead(prepared_ahead(making, ahead)?),
        }))
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

/// Tensors, and how many rows they have.
struct InMemory {
    count: usize,
    /// tch's tensors may be moved between threads, but not be looked at by two.
    arrays: Mutex<(Vec<Tensor>, Vec<Tensor>)>,
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

/// The batches of one epoch, one after the other.
pub struct Epoch(Inner);

enum Inner {
    Here(Making),
    Ahead(Receiver<Result<Batch>>),
}

impl Iterator for Epoch {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        match &mut self.0 {
            Inner::Here(making) => making.next(),
            // An end of the sender is an end of the batches.
            Inner::Ahead(batches) => batches.recv().ok(),
        }
    }
}

/// Makes batches in the thread that asks.
struct Making {
    dataset: Dataset,
    order: Vec<i64>,
    next: usize,
}

impl Iterator for Making {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        if self.next >= self.dataset.batches() {
            return None;
        }
        let start = self.next * self.dataset.batch_size;
        let end = (start + self.dataset.batch_size).min(self.order.len());
        self.next += 1;
        let rows = self.order.get(start..end).unwrap_or_default();
        let made = self.dataset.samples.batch(rows).and_then(|batch| {
            check(&batch, rows.len())?;
            let changes = self.dataset.changes.iter();
            changes
                .clone()
                .try_fold(batch, |batch, change| change(batch))
        });
        if made.is_err() {
            // Nothing after a mistake.
            self.next = usize::MAX;
        }
        Some(made)
    }
}

/// Samples of the user's own may give anything.
fn check(batch: &Batch, rows: usize) -> Result<()> {
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

/// Makes batches in a thread, which waits when `ahead` of them are ready and ends when nobody wants
/// them any more.
fn prepared_ahead(making: Making, ahead: usize) -> Result<Receiver<Result<Batch>>> {
    let (sender, receiver) = sync_channel(ahead);
    let spawned = thread::Builder::new()
        .name("torchbook-batches".into())
        .spawn(move || {
            // Gradients are not wanted for what happens to data.
            let _guard = tch::no_grad_guard();
            for batch in making {
                if sender.send(batch).is_err() {
                    break;
                }
            }
        });
    match spawned {
        Ok(_) => Ok(receiver),
        Err(error) => Err(Error::InvalidArgument {
            place: "Dataset: prefetch".into(),
            expected: "a thread".into(),
            received: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tch::{Device, Kind};

    fn numbers(count: i64) -> Dataset {
        let x = Tensor::arange(count, (Kind::Uint8, Device::Cpu));
        Dataset::new(&x, &(&x * 2)).expect("as many of both")
    }

    fn seen(dataset: &Dataset, epoch: usize) -> Result<Vec<Vec<i64>>> {
        let batches = dataset.epoch(epoch)?;
        batches
            .map(|batch| {
                let batch = batch?;
                assert_eq!(&batch.x[0] * 2, batch.y[0]);
                batch.x[0].to_vec()
            })
            .collect()
    }

    #[test]
    fn batches_are_cut_as_asked() -> Result<()> {
        let dataset = numbers(7).batch(3);
        assert_eq!(seen(&dataset, 0)?, [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
        let dataset = dataset.drop_remainder(true);
        assert_eq!((dataset.batches(), seen(&dataset, 0)?.len()), (2, 2));
        Ok(())
    }

    #[test]
    fn every_epoch_has_its_order_with_and_without_a_thread() -> Result<()> {
        let here = numbers(50).batch(8).shuffle(3);
        let ahead = here.clone().prefetch(2);
        for epoch in 0..3 {
            assert_eq!(seen(&here, epoch)?, seen(&ahead, epoch)?);
            let mut all = seen(&here, epoch)?.concat();
            all.sort_unstable();
            assert_eq!(all, (0..50).collect::<Vec<_>>());
        }
        assert_ne!(seen(&here, 0)?, seen(&here, 1)?);
        Ok(())
    }

    #[test]
    fn bytes_become_floats_in_the_batch_only() -> Result<()> {
        let dataset = numbers(4).map(|x, y| Ok((x.to_float32() / 2.0, y)));
        let dataset = dataset.map(|x, y| Ok((x + 1.0, y)));
        let batch = dataset.epoch(0)?.next().expect("one")?;
        assert_eq!(batch.x[0].to_vec::<f32>()?, [1.0, 1.5, 2.0, 2.5]);
        assert_eq!(batch.y[0].kind(), Kind::Uint8);
        Ok(())
    }

    #[test]
    fn a_mistake_in_a_change_ends_the_epoch_and_is_told() -> Result<()> {
        for ahead in [0, 2] {
            let calls = Arc::new(AtomicUsize::new(0));
            let counted = calls.clone();
            let dataset = numbers(10).batch(2).prefetch(ahead).map(move |x, y| {
                match counted.fetch_add(1, Ordering::Relaxed) {
                    1 => Err(Error::EmptyData {
                        place: "mine".into(),
                    }),
                    _ => Ok((x, y)),
                }
            });
            let results: Vec<bool> = dataset.epoch(0)?.map(|batch| batch.is_ok()).collect();
            assert_eq!(
                (results, calls.load(Ordering::Relaxed)),
                (vec![true, false], 2)
            );
        }
        Ok(())
    }

    #[test]
    fn an_epoch_that_is_dropped_lets_its_thread_end() -> Result<()> {
        let dataset = numbers(100).batch(1).prefetch(1);
        let samples = Arc::downgrade(&dataset.samples);
        let mut epoch = dataset.epoch(0)?;
        epoch.next().expect("one")?;
        drop((epoch, dataset));
        // The thread holds the samples until it finds that nobody takes batches any more.
        while samples.upgrade().is_some() {
            thread::yield_now();
        }
        Ok(())
    }

    struct Wrong;

    impl Samples for Wrong {
        fn count(&self) -> usize {
            3
        }
        fn batch(&self, _rows: &[i64]) -> Result<Batch> {
            let x = Tensor::zeros([2], (Kind::Float, Device::Cpu));
            Ok(Batch {
                x: vec![x],
                y: Vec::new(),
            })
        }
    }

    #[test]
    fn what_makes_no_batches_is_refused() {
        let x = Tensor::zeros([3], (Kind::Float, Device::Cpu));
        assert!(Dataset::new(&x, &x.narrow(0, 0, 2)).is_err());
        assert!(Dataset::new(&x.narrow(0, 0, 0), &x.narrow(0, 0, 0)).is_err());
        assert!(numbers(3).batch(0).epoch(0).is_err());
        assert!(numbers(3).batch(4).drop_remainder(true).epoch(0).is_err());
        let mut epoch = Dataset::from_samples(Wrong)
            .epoch(0)
            .expect("three samples");
        let error = epoch.next().expect("one").expect_err("two rows of three");
        assert!(error.to_string().contains("tensors of 3 rows"), "{error}");
    }
}

//! The batches of one epoch: made when they are asked for, or ahead in a thread.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use super::Dataset;
use super::samples::{Batch, check};
use crate::training::interrupt;
use crate::{Error, Result};

/// The batches of one epoch, one after the other.
pub struct Epoch(Inner);

enum Inner {
    Here(Making),
    Ahead {
        batches: Receiver<Result<Batch>>,
        /// How many are still to come.
        left: usize,
    },
}

impl Epoch {
    /// The batches of `dataset` with its rows in this order, from batch number `first` on.
    pub(super) fn new(dataset: Dataset, order: Vec<i64>, first: usize) -> Result<Self> {
        let left = dataset.batches().saturating_sub(first);
        let ahead = dataset.prefetch;
        let making = Making {
            dataset,
            order,
            next: first,
        };
        Ok(Epoch(match ahead {
            0 => Inner::Here(making),
            ahead => Inner::Ahead {
                batches: prepared_ahead(making, ahead)?,
                left,
            },
        }))
    }
}

impl Iterator for Epoch {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        if let Err(interrupted) = interrupt::check() {
            return Some(Err(interrupted));
        }
        match &mut self.0 {
            Inner::Here(making) => making.next(),
            Inner::Ahead { left: 0, .. } => None,
            Inner::Ahead { batches, left } => {
                let batch = batches.recv().unwrap_or_else(|_| {
                    Err(Error::InvalidArgument {
                        place: "Dataset: prefetch".into(),
                        expected: "a batch".into(),
                        received: "a panic in the thread that makes them".into(),
                    })
                });
                *left = if batch.is_ok() { *left - 1 } else { 0 };
                Some(batch)
            }
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

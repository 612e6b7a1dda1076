//! Deals out the batches of a training, epoch after epoch.

use tch::Tensor;

use super::batches::{Batch, Batches};
use super::dataset_batches::{CheckTargets, DatasetBatches};
use crate::data::dataset::Epoch;
use crate::random::RandomState;
use crate::{Error, Result};

/// The data of a `fit` and how far it has come in them.
pub(crate) struct Feed {
    source: Source,
    steps_per_epoch: Option<usize>,
    /// The next batch of the running pass.
    next: usize,
}

enum Source {
    Arrays {
        data: Batches,
        /// Makes the order of each pass; none if the rows stay as they lie.
        random: Option<Box<RandomState>>,
        order: Option<Tensor>,
    },
    Dataset {
        data: DatasetBatches,
        /// How many passes have begun: the running one is a dataset's epoch of its own.
        passes: usize,
        /// Where the running pass deals out, if it has begun to.
        running: Option<Epoch>,
    },
}

impl Feed {
    /// `steps_per_epoch` cuts the data into epochs of its own length, which go on where the last
    /// one ended: Keras's meaning.
    pub(crate) fn new(
        data: Batches,
        random: Option<RandomState>,
        steps_per_epoch: Option<usize>,
    ) -> Self {
        let source = Source::Arrays {
            data,
            random: random.map(Box::new),
            order: None,
        };
        Feed::of(source, steps_per_epoch)
    }

    /// The same from a dataset, which has orders of its own.
    pub(crate) fn of_dataset(data: DatasetBatches, steps_per_epoch: Option<usize>) -> Self {
        let source = Source::Dataset {
            data,
            passes: 0,
            running: None,
        };
        Feed::of(source, steps_per_epoch)
    }

    fn of(source: Source, steps_per_epoch: Option<usize>) -> Self {
        let mut feed = Feed {
            source,
            steps_per_epoch,
            next: 0,
        };
        feed.next = feed.count();
        feed
    }

    /// Batches of a pass.
    fn count(&self) -> usize {
        match &self.source {
            Source::Arrays { data, .. } => data.count(),
            Source::Dataset { data, .. } => data.count(),
        }
    }

    /// Batches per epoch.
    pub(crate) fn steps(&self) -> usize {
        self.steps_per_epoch.unwrap_or_else(|| self.count())
    }

    /// An epoch begins: with a pass of its own, unless epochs have a length of their own.
    pub(crate) fn epoch_begins(&mut self) -> Result<()> {
        match self.steps_per_epoch {
            None => self.begin_pass(),
            Some(_) => Ok(()),
        }
    }

    /// Orders as another training did; nothing has been dealt out yet.
    pub(crate) fn reseed(&mut self, seed: u32) {
        if let Source::Arrays {
            random: Some(random),
            ..
        } = &mut self.source
        {
            **random = RandomState::new(seed);
        }
    }

    /// Leaves out the epochs that were learned before, so that a training that goes on deals out
    /// the same batches as one that was never interrupted. Nothing has been dealt out yet.
    pub(crate) fn skip_epochs(&mut self, epochs: usize) -> Result<()> {
        match self.steps_per_epoch {
            None => (0..epochs).try_for_each(|_| self.begin_pass()),
            Some(steps) => (0..epochs * steps).try_for_each(|_| self.advance().map(drop)),
        }
    }

    /// The next batch. `check` looks at targets that could not be looked at before.
    pub(crate) fn next(&mut self, check: CheckTargets<'_>) -> Result<Batch> {
        let index = self.advance()?;
        match &mut self.source {
            Source::Arrays { data, order, .. } => data.get(index, order.as_ref()),
            Source::Dataset {
                data,
                passes,
                running,
            } => {
                let epoch = match running {
                    Some(epoch) => epoch,
                    None => {
                        running.insert(data.dataset.epoch_from(passes.saturating_sub(1), index)?)
                    }
                };
                let ended = || Error::EmptyData {
                    place: format!("{}: batch {}", data.place, index + 1),
                };
                data.ready(epoch.next().ok_or_else(ended)??, check)
            }
        }
    }

    fn advance(&mut self) -> Result<usize> {
        if self.next >= self.count() {
            self.begin_pass()?;
        }
        self.next += 1;
        Ok(self.next - 1)
    }

    fn begin_pass(&mut self) -> Result<()> {
        self.next = 0;
        match &mut self.source {
            Source::Arrays {
                data,
                random: Some(random),
                order,
            } => *order = Some(data.shuffled(random)?),
            Source::Arrays { random: None, .. } => (),
            Source::Dataset {
                passes, running, ..
            } => (*passes, *running) = (*passes + 1, None),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn feed(steps_per_epoch: Option<usize>, seed: Option<u32>) -> Result<Feed> {
        let x = Tensor::arange(7, (Kind::Int64, Device::Cpu));
        let data = Batches::new(&[x.shallow_clone()], &[x], 2, Device::Cpu, "test")?;
        Ok(Feed::new(data, seed.map(RandomState::new), steps_per_epoch))
    }

    /// The same from a dataset: with a thread, and with weights by class.
    fn of_dataset(steps_per_epoch: Option<usize>, seed: Option<u32>) -> Result<Feed> {
        let x = Tensor::arange(7, (Kind::Int64, Device::Cpu));
        let dataset = crate::Dataset::new(&x, &x)?.batch(2).prefetch(2);
        let data = DatasetBatches {
            dataset: seed.map_or(dataset.clone(), |seed| dataset.shuffle(seed)),
            classes: Some(vec![(3, 2.0)]),
            steps: None,
            device: Device::Cpu,
            place: "test",
        };
        Ok(Feed::of_dataset(data, steps_per_epoch))
    }

    fn epoch(feed: &mut Feed) -> Result<Vec<Vec<i64>>> {
        feed.epoch_begins()?;
        let batches = (0..feed.steps()).map(|_| {
            let Batch { x, y, length, .. } = feed.next(&|_| Ok(()))?;
            assert_eq!(x, y);
            assert_eq!(x[0].size(), [length]);
            Ok(Vec::try_from(&x[0])?)
        });
        batches.collect()
    }

    #[test]
    fn an_epoch_is_a_pass() -> Result<()> {
        let rows = [vec![0, 1], vec![2, 3], vec![4, 5], vec![6]];
        for mut feed in [feed(None, None)?, of_dataset(None, None)?] {
            assert_eq!(
                (epoch(&mut feed)?, epoch(&mut feed)?),
                (rows.to_vec(), rows.to_vec())
            );
        }
        Ok(())
    }

    #[test]
    fn a_datasets_targets_are_looked_at_and_weighed_batch_by_batch() -> Result<()> {
        let mut feed = of_dataset(None, None)?;
        feed.epoch_begins()?;
        feed.next(&|_| Ok(()))?;
        let weights = feed.next(&|_| Ok(()))?.weights.expect("by class");
        assert_eq!(Vec::<f64>::try_from(&weights)?, [1.0, 2.0]);
        let refused = |_: &[Tensor]| {
            Err(Error::EmptyData {
                place: "mine".into(),
            })
        };
        assert!(feed.next(&refused).is_err());
        Ok(())
    }

    #[test]
    fn epochs_of_a_length_of_their_own_go_on_through_the_data() -> Result<()> {
        for mut feed in [feed(Some(3), None)?, of_dataset(Some(3), None)?] {
            assert_eq!(epoch(&mut feed)?, [[0, 1], [2, 3], [4, 5]]);
            assert_eq!(epoch(&mut feed)?, [vec![6], vec![0, 1], vec![2, 3]]);
        }
        Ok(())
    }

    #[test]
    fn a_training_that_goes_on_deals_out_the_same_batches() -> Result<()> {
        for (steps, make) in [
            (None, feed as fn(_, _) -> Result<Feed>),
            (Some(3), feed),
            (None, of_dataset),
            (Some(3), of_dataset),
        ] {
            let mut whole = make(steps, Some(5))?;
            let (first, second, third) =
                (epoch(&mut whole)?, epoch(&mut whole)?, epoch(&mut whole)?);
            assert_ne!(first, second);
            let mut rest = make(steps, Some(5))?;
            rest.skip_epochs(2)?;
            assert_eq!(epoch(&mut rest)?, third, "{steps:?}");
        }
        Ok(())
    }
}

//! Deals out the batches of a training, epoch after epoch.

use tch::Tensor;

use super::batches::{Batch, Batches};
use crate::Result;
use crate::random::RandomState;

/// The data of a `fit` and how far it has come in them.
pub(crate) struct Feed {
    data: Batches,
    /// Makes the order of each pass; none if the rows stay as they lie.
    random: Option<RandomState>,
    order: Option<Tensor>,
    steps_per_epoch: Option<usize>,
    /// The next batch of the running pass.
    next: usize,
}

impl Feed {
    /// `steps_per_epoch` cuts the data into epochs of its own length, which go on where the last
    /// one ended: Keras's meaning.
    pub(crate) fn new(
        data: Batches,
        random: Option<RandomState>,
        steps_per_epoch: Option<usize>,
    ) -> Self {
        let next = data.count();
        Feed {
            data,
            random,
            order: None,
            steps_per_epoch,
            next,
        }
    }

    /// Batches per epoch.
    pub(crate) fn steps(&self) -> usize {
        self.steps_per_epoch.unwrap_or_else(|| self.data.count())
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
        if let Some(random) = &mut self.random {
            *random = RandomState::new(seed);
        }
    }

    /// Leaves out the epochs that were learned before, so that a training that goes on deals out
    /// the same batches as one that was never interrupted.
    pub(crate) fn skip_epochs(&mut self, epochs: usize) -> Result<()> {
        match self.steps_per_epoch {
            None => (0..epochs).try_for_each(|_| self.begin_pass()),
            Some(steps) => (0..epochs * steps).try_for_each(|_| self.advance().map(drop)),
        }
    }

    /// The next batch.
    pub(crate) fn next(&mut self) -> Result<Batch> {
        let index = self.advance()?;
        self.data.get(index, self.order.as_ref())
    }

    fn advance(&mut self) -> Result<usize> {
        if self.next >= self.data.count() {
            self.begin_pass()?;
        }
        self.next += 1;
        Ok(self.next - 1)
    }

    fn begin_pass(&mut self) -> Result<()> {
        self.next = 0;
        if let Some(random) = &mut self.random {
            self.order = Some(self.data.shuffled(random)?);
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

    fn epoch(feed: &mut Feed) -> Result<Vec<Vec<i64>>> {
        feed.epoch_begins()?;
        let batches = (0..feed.steps()).map(|_| {
            let Batch { x, y, length, .. } = feed.next()?;
            assert_eq!(x, y);
            assert_eq!(x[0].size(), [length]);
            Ok(Vec::try_from(&x[0])?)
        });
        batches.collect()
    }

    #[test]
    fn an_epoch_is_a_pass() -> Result<()> {
        let mut feed = feed(None, None)?;
        let rows = [vec![0, 1], vec![2, 3], vec![4, 5], vec![6]];
        assert_eq!(
            (epoch(&mut feed)?, epoch(&mut feed)?),
            (rows.to_vec(), rows.to_vec())
        );
        Ok(())
    }

    #[test]
    fn epochs_of_a_length_of_their_own_go_on_through_the_data() -> Result<()> {
        let mut feed = feed(Some(3), None)?;
        assert_eq!(epoch(&mut feed)?, [[0, 1], [2, 3], [4, 5]]);
        assert_eq!(epoch(&mut feed)?, [vec![6], vec![0, 1], vec![2, 3]]);
        Ok(())
    }

    #[test]
    fn a_training_that_goes_on_deals_out_the_same_batches() -> Result<()> {
        for steps in [None, Some(3)] {
            let mut whole = feed(steps, Some(5))?;
            let (first, second, third) =
                (epoch(&mut whole)?, epoch(&mut whole)?, epoch(&mut whole)?);
            assert_ne!(first, second);
            let mut rest = feed(steps, Some(5))?;
            rest.skip_epochs(2)?;
            assert_eq!(epoch(&mut rest)?, third, "{steps:?}");
        }
        Ok(())
    }
}

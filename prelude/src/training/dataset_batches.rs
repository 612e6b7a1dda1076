//! Batches of a [`Dataset`], looked at and moved to a model's device.
//!
//! Arrays are checked as a whole before a loop begins; of a dataset every batch is, when it is made.

use tch::Device;

use super::batches::{Batch, Batches};
use super::weights::by_class;
use crate::data::dataset;
use crate::{Dataset, Result};

/// Looks at the targets of a batch.
pub(crate) type CheckTargets<'a> = &'a dyn Fn(&[tch::Tensor]) -> Result<()>;

/// A dataset, and what is done to its batches before a model sees them.
pub(crate) struct DatasetBatches {
    pub(crate) dataset: Dataset,
    /// How much each class counts, if not all alike.
    pub(crate) classes: Option<Vec<(i64, f64)>>,
    /// How many batches are used, if not all.
    pub(crate) steps: Option<usize>,
    pub(crate) device: Device,
    /// Names the caller's argument in errors.
    pub(crate) place: &'static str,
}

impl DatasetBatches {
    /// How many batches there are.
    pub(crate) fn count(&self) -> usize {
        let batches = self.dataset.batches();
        self.steps.map_or(batches, |steps| steps.min(batches))
    }

    /// All batches of the first epoch, in which the order does not matter.
    pub(crate) fn all<'a>(
        &'a self,
        check: CheckTargets<'a>,
    ) -> Result<impl Iterator<Item = Result<Batch>> + 'a> {
        let epoch = self.dataset.epoch(0)?;
        let used = epoch.take(self.count());
        Ok(used.map(move |batch| self.ready(batch?, check)))
    }

    /// A batch on the device. What changes a batch may have changed its length, but of all its
    /// arrays alike.
    pub(crate) fn ready(&self, batch: dataset::Batch, check: CheckTargets<'_>) -> Result<Batch> {
        check(&batch.y)?;
        let rows = batch
            .x
            .first()
            .map_or(0, |x| x.size().first().copied().unwrap_or(0));
        let weights = match &self.classes {
            Some(classes) => Some(by_class(classes, &batch.y)?),
            None => None,
        };
        let size = usize::try_from(rows).unwrap_or(0).max(1);
        Batches::new(&batch.x, &batch.y, size, self.device, self.place)?
            .weighted(weights)
            .get(0, None)
    }
}

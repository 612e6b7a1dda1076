//! Samples and targets, cut into batches.
//!
//! The data stay as they were given (bytes stay bytes); a batch is gathered, moved and converted
//! when its turn comes.

use tch::{Device, Tensor};

use crate::random::RandomState;
use crate::{Error, Result};

/// Data below this size is moved to a GPU once and as a whole: gathering there is far cheaper than
/// copying batches.
const RESIDENT_BYTES: usize = 2 << 30;

/// Samples `x` and targets `y`, one array for each input and output, with the same number of rows.
pub(crate) struct Batches {
    x: Vec<Tensor>,
    y: Vec<Tensor>,
    /// How much each sample counts, if not all alike.
    weights: Option<Tensor>,
    rows: i64,
    batch_size: i64,
    device: Device,
}

impl Batches {
    /// Checks that all arrays have as many rows. `place` names the caller's arguments in errors.
    pub(crate) fn new(
        x: &[Tensor],
        y: &[Tensor],
        batch_size: usize,
        device: Device,
        place: &str,
    ) -> Result<Self> {
        let rows = x.first().map_or(0, row_count);
        for (list, array) in [("x", x), ("y", y)] {
            for (i, tensor) in array.iter().enumerate() {
                if row_count(tensor) != rows {
                    let numbered = |name: &str, i: usize, count: usize| match count {
                        1 => name.to_owned(),
                        _ => format!("{name}[{i}]"),
                    };
                    return Err(Error::LengthMismatch {
                        place: place.to_owned(),
                        first: numbered("x", 0, x.len()),
                        first_length: rows,
                        second: numbered(list, i, array.len()),
                        second_length: row_count(tensor),
                    });
                }
            }
        }
        if rows == 0 {
            return Err(Error::EmptyData {
                place: place.to_owned(),
            });
        }
        if batch_size == 0 {
            return Err(Error::InvalidArgument {
                place: format!("{place}: batch_size"),
                expected: "at least 1".into(),
                received: "0".into(),
            });
        }
        Ok(Batches {
            x: resident(x, device)?,
            y: resident(y, device)?,
            weights: None,
            rows,
            batch_size: batch_size as i64,
            device,
        })
    }

    /// The same with samples that count differently.
    pub(crate) fn weighted(mut self, weights: Option<Tensor>) -> Self {
        self.weights = weights;
        self
    }

    /// Only so many of the first batches, if there are more.
    pub(crate) fn first(mut self, batches: usize) -> Self {
        let rows = i64::try_from(batches).unwrap_or(i64::MAX);
        self.rows = self.rows.min(rows.saturating_mul(self.batch_size));
        self
    }

    /// How many batches there are; the last one may be smaller, and is not dropped.
    pub(crate) fn count(&self) -> usize {
        (self.rows as u64).div_ceil(self.batch_size as u64) as usize
    }

    /// How many samples batch number `index` has.
    pub(crate) fn length(&self, index: usize) -> i64 {
        let start = index as i64 * self.batch_size;
        self.batch_size.min(self.rows - start)
    }

    /// Row numbers in the order of one epoch, where the first array lies: batches are picked there
    /// without waiting for a copy.
    pub(crate) fn shuffled(&self, random: &mut RandomState) -> Result<Tensor> {
        let order = Tensor::f_from_slice(&random.permutation(self.rows as usize))?;
        let place = self.x.first().map_or(Device::Cpu, Tensor::device);
        Ok(order.f_to_device(place)?)
    }

    /// Batch number `index`, on the device: in the order given, or as the rows lie.
    pub(crate) fn get(&self, index: usize, order: Option<&Tensor>) -> Result<Batch> {
        let (start, length) = (index as i64 * self.batch_size, self.length(index));
        let rows = match order {
            Some(order) => Some(order.f_narrow(0, start, length)?),
            None => None,
        };
        let cut = |tensor: &Tensor| -> Result<Tensor> {
            let batch = match &rows {
                Some(rows) => tensor.f_index_select(0, &rows.f_to_device(tensor.device())?)?,
                None => tensor.f_narrow(0, start, length)?,
            };
            Ok(batch.f_to_device(self.device)?)
        };
        let cut_all = |arrays: &[Tensor]| arrays.iter().map(cut).collect::<Result<Vec<_>>>();
        Ok(Batch {
            x: cut_all(&self.x)?,
            y: cut_all(&self.y)?,
            weights: self.weights.as_ref().map(cut).transpose()?,
            length,
        })
    }
}

/// Some samples, on the model's device.
pub(crate) struct Batch {
    pub(crate) x: Vec<Tensor>,
    pub(crate) y: Vec<Tensor>,
    /// One per sample, if not all count alike.
    pub(crate) weights: Option<Tensor>,
    pub(crate) length: i64,
}

impl Batch {
    /// The same in memory of its own.
    pub(crate) fn copy(&self) -> Result<Batch> {
        let copied = |tensors: &[Tensor]| -> Result<Vec<Tensor>> {
            let copies = tensors.iter().map(Tensor::f_detach_copy);
            Ok(copies.collect::<Result<_, _>>()?)
        };
        Ok(Batch {
            x: copied(&self.x)?,
            y: copied(&self.y)?,
            weights: self
                .weights
                .as_ref()
                .map(Tensor::f_detach_copy)
                .transpose()?,
            length: self.length,
        })
    }

    fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        self.x.iter().chain(&self.y).chain(&self.weights)
    }

    /// Whether another one has as many tensors, of the same shapes, kinds and devices.
    pub(crate) fn is_like(&self, other: &Batch) -> bool {
        let form = |tensor: &Tensor| (tensor.size(), tensor.kind(), tensor.device());
        let counts = |batch: &Batch| (batch.x.len(), batch.y.len(), batch.length);
        counts(self) == counts(other) && self.tensors().map(form).eq(other.tensors().map(form))
    }

    /// Makes the numbers of this one those of another that is like it.
    pub(crate) fn overwrite(&mut self, other: &Batch) -> Result<()> {
        for (tensor, new) in self.tensors().zip(other.tensors()) {
            tensor.shallow_clone().f_copy_(new)?;
        }
        Ok(())
    }
}

fn row_count(tensor: &Tensor) -> i64 {
    tensor.size().first().copied().unwrap_or(0)
}

fn resident(tensors: &[Tensor], device: Device) -> Result<Vec<Tensor>> {
    let moved = |tensor: &Tensor| {
        let bytes = tensor.numel() * tensor.kind().elt_size_in_bytes();
        match bytes <= RESIDENT_BYTES {
            true => Ok(tensor.f_to_device(device)?),
            false => Ok(tensor.shallow_clone()),
        }
    };
    tensors.iter().map(moved).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::arrays::Arrays;
    use tch::Kind;

    fn batches(rows: i64, batch_size: usize) -> Result<Batches> {
        let y = Tensor::arange(rows, (Kind::Int64, Device::Cpu));
        Batches::new(&[&y * 10], &[y], batch_size, Device::Cpu, "test")
    }

    #[test]
    fn the_last_batch_is_smaller_and_kept() -> Result<()> {
        let batches = batches(7, 3)?;
        assert_eq!(batches.count(), 3);
        let Batch { x, y, .. } = batches.get(2, None)?;
        assert_eq!(
            (Vec::<i64>::try_from(&x[0])?, Vec::<i64>::try_from(&y[0])?),
            (vec![60], vec![6])
        );
        assert_eq!(self::batches(54_000, 32)?.count(), 1688);
        Ok(())
    }

    #[test]
    fn shuffled_batches_keep_samples_and_targets_together() -> Result<()> {
        let batches = batches(7, 3)?;
        let order = batches.shuffled(&mut RandomState::new(1))?;
        let mut seen = Vec::new();
        for index in 0..batches.count() {
            let Batch { x, y, .. } = batches.get(index, Some(&order))?;
            assert_eq!(x[0], &y[0] * 10);
            seen.extend(Vec::<i64>::try_from(&y[0])?);
        }
        assert_ne!(seen, [0, 1, 2, 3, 4, 5, 6]);
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6]);
        Ok(())
    }

    #[test]
    fn data_that_cannot_be_learned_from_are_refused() {
        let x = Tensor::zeros([3, 2], (Kind::Float, Device::Cpu));
        let y = Tensor::zeros([2], (Kind::Float, Device::Cpu));
        let refused = |x: &Tensor, y: &Tensor, size| {
            Batches::new(&x.arrays(), &y.arrays(), size, Device::Cpu, "fit").is_err()
        };
        assert!(refused(&x, &y, 1));
        assert!(refused(&x.narrow(0, 0, 0), &y.narrow(0, 0, 0), 1));
        assert!(refused(&x.narrow(0, 0, 2), &y, 0));
        assert!(!refused(&x.narrow(0, 0, 2), &y, 5));
    }
}

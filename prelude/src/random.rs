//! Randomness that does not depend on libtorch: permutations equal to NumPy's, and the session's
//! seed.
//!
//! Initial weights come from libtorch's own generator, which [`set_random_seed`] seeds, too.

use std::hash::{BuildHasher, Hasher};
use std::sync::{Mutex, PoisonError};

use rand_mt::Mt;

/// NumPy's legacy generator, `numpy.random.RandomState(seed)`, which scikit-learn uses.
pub(crate) struct RandomState(Mt);

impl RandomState {
    /// Seeded as NumPy does it for one integer (`init_genrand`, not `init_by_array`).
    pub(crate) fn new(seed: u32) -> Self {
        RandomState(Mt::new(seed))
    }

    /// `RandomState.permutation(n)`: the numbers `0..n` in random order.
    ///
    /// # Source
    /// numpy/random/mtrand.pyx, `permutation` and `_shuffle_raw`: Fisher and Yates from the end.
    pub(crate) fn permutation(&mut self, n: usize) -> Vec<i64> {
        let mut order: Vec<i64> = (0..n as i64).collect();
        for i in (1..n).rev() {
            order.swap(i, self.interval(i));
        }
        order
    }

    /// `RandomState.permutation(rows)`: these in random order.
    pub(crate) fn shuffled(&mut self, rows: &[i64]) -> Vec<i64> {
        let order = self.permutation(rows.len());
        let row = |place: i64| rows.get(place as usize).copied();
        order.into_iter().filter_map(row).collect()
    }

    /// A number from 0 to `max`, both included, by rejection.
    ///
    /// # Source
    /// numpy/random/src/distributions/distributions.c, `random_interval`: 32-bit draws, masked with
    /// the smallest 2^k - 1 that reaches `max`.
    fn interval(&mut self, max: usize) -> usize {
        let mask = usize::MAX >> max.leading_zeros();
        loop {
            let draw = self.next_u32() as usize & mask;
            if draw <= max {
                return draw;
            }
        }
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }
}

/// Where a `fit` without a seed of its own takes one from.
static SESSION: Mutex<Option<RandomState>> = Mutex::new(None);

/// Makes what follows repeatable: initial weights, shuffling, and whatever else draws from
/// libtorch's generator.
///
/// # Example
/// ```
/// use torchbook::{Device, Kind, Tensor, set_random_seed};
///
/// set_random_seed(7);
/// let first = Tensor::rand([3], (Kind::Float, Device::Cpu));
/// set_random_seed(7);
/// assert_eq!(first, Tensor::rand([3], (Kind::Float, Device::Cpu)));
/// ```
///
/// # Source
/// Keras, `keras.utils.set_random_seed`.
pub fn set_random_seed(seed: u32) {
    tch::manual_seed(i64::from(seed));
    *SESSION.lock().unwrap_or_else(PoisonError::into_inner) = Some(RandomState::new(seed));
}

/// A seed for one `fit`: from the session's generator, or from the system if none was set.
pub(crate) fn next_seed() -> u32 {
    let mut session = SESSION.lock().unwrap_or_else(PoisonError::into_inner);
    session
        .get_or_insert_with(|| RandomState::new(system_seed()))
        .next_u32()
}

/// Sets libtorch's generator to where epoch number `epoch` of a training begins: what layers draw
/// (dropout, noise) depends on the training's seed and the epoch, and not on how often the training
/// was stopped before.
pub(crate) fn seed_epoch(seed: u32, epoch: usize) {
    // Neighbouring seeds and epochs shall not meet: the factor is 2^64 divided by the golden ratio.
    let mixed = (u64::from(seed) << 32 | epoch as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    tch::manual_seed((mixed >> 1) as i64);
}

/// The standard library's hash keys are the only entropy it hands out.
fn system_seed() -> u32 {
    std::hash::RandomState::new().build_hasher().finish() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    // Vectors made with numpy 2 by `RandomState(seed).permutation(n)`; see
    // tests/reference/make_reference.py.
    #[test]
    fn permutations_equal_numpys() {
        assert_eq!(
            RandomState::new(1).permutation(10),
            [2, 9, 6, 4, 0, 3, 1, 7, 8, 5]
        );
        assert_eq!(
            RandomState::new(42).permutation(20),
            [
                0, 17, 15, 1, 8, 5, 11, 3, 18, 16, 13, 2, 9, 19, 4, 12, 7, 10, 14, 6
            ]
        );
        assert_eq!(RandomState::new(1).next_u32(), 1_791_095_845);
    }

    #[test]
    fn permutations_of_nothing_and_of_one_are_no_special_case() {
        assert!(RandomState::new(0).permutation(0).is_empty());
        assert_eq!(RandomState::new(0).permutation(1), [0]);
    }
}

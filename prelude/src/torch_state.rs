//! What libtorch remembers for the thread that runs cells, as it was before a cell that panics.
//!
//! `tch::no_grad` and `tch::autocast` set it back after their closure, and a panic passes that by:
//! all later cells would compute without gradients. The kernel inserts the calls into each cell
//! (kernel/src/evaluator/cell_crate.rs).

use torch_sys::{
    at_autocast_clear_cache, at_autocast_decrement_nesting, at_autocast_increment_nesting,
    at_autocast_set_enabled, at_grad_set_enabled,
};

/// libtorch's settings of this thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TorchState {
    gradients: bool,
    /// In how many closures of `tch::autocast` it is. Whether autocast is on is not asked: libtorch
    /// prints a warning each time.
    autocast_nesting: i32,
}

impl TorchState {
    /// The settings now. Guards that live in variables of earlier cells are part of it.
    #[must_use]
    pub fn now() -> TorchState {
        // SAFETY: they read and write numbers of this thread; none of them can fail.
        unsafe {
            let gradients = at_grad_set_enabled(1) != 0;
            at_grad_set_enabled(gradients.into());
            at_autocast_increment_nesting();
            TorchState {
                gradients,
                autocast_nesting: at_autocast_decrement_nesting(),
            }
        }
    }

    /// Makes them what they were.
    pub fn restore(self) {
        let mut nesting = TorchState::now().autocast_nesting;
        // SAFETY: as above.
        unsafe {
            at_grad_set_enabled(self.gradients.into());
            if nesting == self.autocast_nesting {
                return;
            }
            while nesting > self.autocast_nesting {
                nesting = at_autocast_decrement_nesting();
            }
            // A closure has begun it: tch has no guard that could outlive a cell.
            at_autocast_set_enabled((nesting > 0).into());
            if nesting == 0 {
                // Weights that were converted for the closure's use.
                at_autocast_clear_cache();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;
    use tch::{Kind, Tensor};

    fn has_gradients() -> bool {
        let weight = Tensor::from_slice(&[1.0f32]).set_requires_grad(true);
        (weight * 2.0).sum(Kind::Float).requires_grad()
    }

    /// The state after a panic, and after its restoration.
    fn around(panics: fn()) -> (TorchState, TorchState) {
        let before = TorchState::now();
        assert!(catch_unwind(panics).is_err());
        let after = TorchState::now();
        before.restore();
        (after, TorchState::now())
    }

    #[test]
    fn a_panic_in_a_closure_of_tch_changes_nothing_for_later_cells() {
        let before = TorchState::now();
        assert!(has_gradients());
        let (after, restored) = around(|| tch::no_grad(|| panic!("without gradients")));
        assert_ne!(after, before, "tch restores it itself: this module can go");
        assert_eq!(restored, before);
        assert!(has_gradients());
    }

    #[test]
    fn autocast_is_put_back_too() {
        let before = TorchState::now();
        // As tch::autocast leaves it, which does this with a GPU only.
        let (after, restored) = around(|| {
            // SAFETY: they write numbers of this thread.
            unsafe {
                at_autocast_set_enabled(1);
                at_autocast_increment_nesting();
                at_autocast_increment_nesting();
            }
            panic!("in half precision")
        });
        assert_eq!(after.autocast_nesting, 2);
        assert_eq!(restored, before);
        // SAFETY: as above.
        assert_eq!(unsafe { torch_sys::at_autocast_is_enabled() }, 0);
    }

    #[test]
    fn a_guard_of_an_earlier_cell_stays() {
        let guard = tch::no_grad_guard();
        let (_, restored) = around(|| tch::with_grad(|| panic!("with gradients")));
        assert!(!restored.gradients && !has_gradients());
        drop(guard);
        assert!(has_gradients());
    }
}

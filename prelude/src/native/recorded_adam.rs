//! Adam for steps that are replayed, through `native/recorded_adam.cpp`.

use std::ffi::c_char;

use tch::Tensor;

use super::{CTensor, checked};
use crate::Result;

unsafe extern "C" {
    fn torchbook_recorded_adam(
        count: usize,
        parameters: *const *const CTensor,
        gradients: *const *const CTensor,
        means: *const *const CTensor,
        squares: *const *const CTensor,
        largest: *const *const CTensor,
        rate: *const CTensor,
        steps: *const CTensor,
        beta_1: f64,
        beta_2: f64,
        epsilon: f64,
    ) -> *mut c_char;
}

/// The averages that Adam keeps of all parameters.
pub(crate) struct AllAverages<'a> {
    /// Of the gradients.
    pub(crate) means: Vec<&'a Tensor>,
    /// Of their squares.
    pub(crate) squares: Vec<&'a Tensor>,
    /// The largest `squares` so far, for amsgrad; as many as parameters, or none.
    pub(crate) largest: Vec<&'a Tensor>,
}

/// One step of Adam for all parameters, whose size is read from `rate`.
///
/// `rate` contains the corrections for the number of steps, `epsilon` is Keras's, and `steps` is one
/// element with a number of steps after which libtorch's own corrections are 1.
///
/// # Errors
/// [`Error::Torch`](crate::Error::Torch) if shapes, kinds, devices or numbers of tensors differ.
pub(crate) fn recorded_adam(
    parameters: &[Tensor],
    gradients: &[Tensor],
    averages: &AllAverages<'_>,
    (rate, steps): (&Tensor, &Tensor),
    (beta_1, beta_2): (f64, f64),
    epsilon: f64,
) -> Result<()> {
    let count = parameters.len();
    let lengths = [
        gradients.len(),
        averages.means.len(),
        averages.squares.len(),
        averages.largest.len().max(count),
    ];
    if lengths != [count; 4] || ![0, count].contains(&averages.largest.len()) {
        return Err(crate::Error::InvalidArgument {
            place: "adam".into(),
            expected: format!("gradients and averages of {count} parameters"),
            received: format!("{lengths:?}"),
        });
    }
    let pointers = |tensors: &mut dyn Iterator<Item = &Tensor>| -> Vec<*const CTensor> {
        tensors.map(Tensor::as_ptr).collect()
    };
    let parameters = pointers(&mut parameters.iter());
    let gradients = pointers(&mut gradients.iter());
    let means = pointers(&mut averages.means.iter().copied());
    let squares = pointers(&mut averages.squares.iter().copied());
    let largest = pointers(&mut averages.largest.iter().copied());
    // SAFETY: each list has `count` pointers to living tensors, or is null where that is allowed.
    checked(unsafe {
        torchbook_recorded_adam(
            count,
            parameters.as_ptr(),
            gradients.as_ptr(),
            means.as_ptr(),
            squares.as_ptr(),
            match largest.is_empty() {
                true => std::ptr::null(),
                false => largest.as_ptr(),
            },
            rate.as_ptr(),
            steps.as_ptr(),
            beta_1,
            beta_2,
            epsilon,
        )
    })
}

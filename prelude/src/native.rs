//! The calls of libtorch that tch does not bind, through `native/torchbook_native.cpp`.
//!
//! Every `unsafe` call into that file is here; the optimizers call [`fused_adam`].

use std::ffi::{CStr, c_char};

use tch::{TchError, Tensor};

use crate::Result;
use crate::optimizers::Moment;

/// `at::Tensor`, as [`Tensor::as_ptr`] points to it.
type CTensor = torch_sys::C_tensor;

unsafe extern "C" {
    fn torchbook_native_free(text: *mut c_char);
    fn torchbook_native_fused_adam(
        parameter: *const CTensor,
        gradient: *const CTensor,
        mean: *const CTensor,
        square: *const CTensor,
        largest: *const CTensor,
        step: f64,
        learning_rate: f64,
        beta_1: f64,
        beta_2: f64,
        epsilon: f64,
    ) -> *mut c_char;
}

/// The averages that Adam keeps of one parameter.
pub(crate) struct AdamAverages<'a> {
    /// Of the gradient.
    pub(crate) mean: &'a Tensor,
    /// Of its square.
    pub(crate) square: &'a Tensor,
    /// The largest `square` so far, for amsgrad.
    pub(crate) largest: Option<&'a Tensor>,
}

/// Changes `parameter` and its averages by one step of Adam, in one pass over memory.
///
/// `epsilon` is the one of PyTorch, added after the correction of `square` for the number of
/// steps.
///
/// # Errors
/// [`Error::Torch`](crate::Error::Torch) if shapes, kinds or devices differ.
pub(crate) fn fused_adam(
    parameter: &Tensor,
    gradient: &Tensor,
    averages: &AdamAverages<'_>,
    moment: &Moment,
    (beta_1, beta_2): (f64, f64),
    epsilon: f64,
) -> Result<()> {
    // SAFETY: the pointers are those of living tensors, which libtorch changes as tch's own
    // in-place methods do; tch's tensors are used by one thread at a time.
    let error = unsafe {
        torchbook_native_fused_adam(
            parameter.as_ptr(),
            gradient.as_ptr(),
            averages.mean.as_ptr(),
            averages.square.as_ptr(),
            averages.largest.map_or(std::ptr::null(), Tensor::as_ptr),
            f64::from(moment.step),
            moment.learning_rate,
            beta_1,
            beta_2,
            epsilon,
        )
    };
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: a text of strdup's, read once and given back once.
    let message = unsafe {
        let message = CStr::from_ptr(error).to_string_lossy().into_owned();
        torchbook_native_free(error);
        message
    };
    Err(TchError::Torch(message).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn tensors_that_do_not_fit_are_an_error() {
        let zeros = |n: i64| Tensor::zeros([n], (Kind::Float, Device::Cpu));
        let averages = AdamAverages {
            mean: &zeros(3),
            square: &zeros(3),
            largest: None,
        };
        let moment = Moment {
            step: 1,
            learning_rate: 0.1,
        };
        let step = |parameter: &Tensor, gradient: &Tensor| {
            fused_adam(parameter, gradient, &averages, &moment, (0.9, 0.999), 1e-7)
        };
        assert!(step(&zeros(3), &zeros(3)).is_ok());
        assert!(step(&zeros(2), &zeros(2)).is_err());
        assert!(step(&zeros(3), &zeros(2)).is_err());
        assert!(step(&zeros(3), &zeros(3).to_kind(Kind::Double)).is_err());
        assert!(step(&zeros(6).slice(0, 0, 6, 2), &zeros(3)).is_err());
    }

    #[test]
    fn a_gradient_may_have_its_axes_in_another_order() -> Result<()> {
        let options = (Kind::Float, Device::Cpu);
        let gradient = Tensor::arange(6, options).reshape([2, 3]);
        let transposed = gradient.tr().contiguous().tr();
        let step = |gradient: &Tensor| -> Result<Tensor> {
            let parameter = Tensor::zeros([2, 3], options);
            let averages = AdamAverages {
                mean: &parameter.zeros_like(),
                square: &parameter.zeros_like(),
                largest: None,
            };
            let moment = Moment {
                step: 1,
                learning_rate: 0.1,
            };
            fused_adam(&parameter, gradient, &averages, &moment, (0.9, 0.999), 1e-7)?;
            Ok(parameter)
        };
        assert_eq!(step(&gradient)?, step(&transposed)?);
        Ok(())
    }
}

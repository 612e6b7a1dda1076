//! The calls of libtorch that tch does not bind, and loops that are faster than its own, through the
//! C++ of `native/`.
//!
//! Every `unsafe` call into `torchbook_native.cpp` is here; the optimizers call [`fused_adam`],
//! `mixed_precision.rs` [`Autocast`]. The modules below are the other sides of the other files.

pub(crate) mod batch_norm;
pub(crate) mod convolution;
pub(crate) mod device;
pub(crate) mod graph;
pub(crate) mod recorded_adam;

use std::ffi::{CStr, c_char};

use tch::{Device, TchError, Tensor};

use crate::Result;
use crate::optimizers::Moment;

/// `at::Tensor`, as [`Tensor::as_ptr`] points to it.
type CTensor = torch_sys::C_tensor;

unsafe extern "C" {
    fn torchbook_native_free(text: *mut c_char);
    fn torchbook_native_autocast_begin(cuda: bool, nested: *mut bool) -> *mut c_char;
    fn torchbook_native_autocast_end(cuda: bool, nested: bool) -> *mut c_char;
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

/// Matrix products and convolutions of this thread in bfloat16, until it is dropped.
pub(crate) struct Autocast {
    cuda: bool,
    /// Whether it was in force before.
    nested: bool,
}

impl Autocast {
    /// On this device.
    ///
    /// # Errors
    /// [`Error::Torch`](crate::Error::Torch), never in practice.
    pub(crate) fn to_bfloat16(device: Device) -> Result<Self> {
        let cuda = matches!(device, Device::Cuda(_));
        let mut nested = false;
        // SAFETY: changes settings of this thread; `nested` lives through the call.
        checked(unsafe { torchbook_native_autocast_begin(cuda, &mut nested) })?;
        Ok(Autocast { cuda, nested })
    }
}

impl Drop for Autocast {
    fn drop(&mut self) {
        // SAFETY: as above. An error here could only be one of the beginning.
        let _ = checked(unsafe { torchbook_native_autocast_end(self.cuda, self.nested) });
    }
}

/// The error that a call has returned, if any.
fn checked(error: *mut c_char) -> Result<()> {
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
    checked(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    unsafe extern "C" {
        fn torchbook_native_mkl_has_asked() -> bool;
    }

    #[test]
    fn mkl_asks_us_about_the_processor() {
        let matrix = Tensor::rand([64, 64], (Kind::Float, Device::Cpu));
        let _ = matrix.matmul(&matrix);
        // SAFETY: reads a flag.
        assert!(unsafe { torchbook_native_mkl_has_asked() });
    }

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

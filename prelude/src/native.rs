//! The calls of libtorch that tch does not bind, and loops that are faster than its own, through the
//! C++ of `native/`.
//!
//! Every `unsafe` call into `torchbook_native.cpp` is here; the optimizers call [`fused_adam`],
//! `mixed_precision.rs` [`Autocast`]. The modules below are the other sides of the other files.

pub(crate) mod batch_norm;
pub(crate) mod convolution;
pub(crate) mod dense;
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
        count: usize,
        parameters: *const *const CTensor,
        gradients: *const *const CTensor,
        means: *const *const CTensor,
        squares: *const *const CTensor,
        largest: *const *const CTensor,
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

/// Changes `parameters` by one step of Adam, in one pass over memory. `slots` are what it keeps of each
/// of them: the average of the gradient, that of its square, and with amsgrad the largest of these.
///
/// `epsilon` is the one of PyTorch, added after the correction of the squares for the number of
/// steps.
///
/// # Errors
/// [`Error::Torch`](crate::Error::Torch) if shapes, kinds or devices differ, or lists are too short;
/// nothing has changed then.
pub(crate) fn fused_adam(
    parameters: &[Tensor],
    gradients: &[Tensor],
    slots: &[Vec<Tensor>],
    moment: &Moment,
    (beta_1, beta_2): (f64, f64),
    epsilon: f64,
) -> Result<()> {
    let pointers = |tensors: &mut dyn Iterator<Item = &Tensor>| -> Vec<*const CTensor> {
        tensors.map(Tensor::as_ptr).collect()
    };
    let slot = |index: usize| pointers(&mut slots.iter().filter_map(|kept| kept.get(index)));
    let (means, squares, largest) = (slot(0), slot(1), slot(2));
    let lists = [gradients.len(), means.len(), squares.len()];
    let amsgrad = !largest.is_empty();
    if lists != [parameters.len(); 3] || (amsgrad && largest.len() != parameters.len()) {
        let message = format!(
            "Adam: expected a gradient and averages for each of {} parameters, received {lists:?} and {} of the largest",
            parameters.len(),
            largest.len()
        );
        return Err(TchError::Torch(message).into());
    }
    // SAFETY: the pointers are those of living tensors, as many in each list as is said, which
    // libtorch changes as tch's own in-place methods do; tch's tensors are used by one thread at a
    // time.
    checked(unsafe {
        torchbook_native_fused_adam(
            parameters.len(),
            pointers(&mut parameters.iter()).as_ptr(),
            pointers(&mut gradients.iter()).as_ptr(),
            means.as_ptr(),
            squares.as_ptr(),
            match amsgrad {
                true => largest.as_ptr(),
                false => std::ptr::null(),
            },
            f64::from(moment.step),
            moment.learning_rate,
            beta_1,
            beta_2,
            epsilon,
        )
    })
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

    const MOMENT: Moment = Moment {
        step: 1,
        learning_rate: 0.1,
    };

    fn step(parameters: &[Tensor], gradients: &[Tensor], slots: &[Vec<Tensor>]) -> Result<()> {
        fused_adam(parameters, gradients, slots, &MOMENT, (0.9, 0.999), 1e-7)
    }

    #[test]
    fn tensors_that_do_not_fit_are_an_error_and_nothing_changes() {
        let zeros = |n: i64| Tensor::zeros([n], (Kind::Float, Device::Cpu));
        let ones = |n: i64| Tensor::ones([n], (Kind::Float, Device::Cpu));
        let slots = [vec![zeros(3), zeros(3)], vec![zeros(3), zeros(3)]];
        let first = zeros(3);
        let with = |parameter: Tensor, gradient: Tensor| {
            step(
                &[first.shallow_clone(), parameter],
                &[ones(3), gradient],
                &slots,
            )
        };
        assert!(with(zeros(2), zeros(2)).is_err());
        assert!(with(zeros(3), zeros(2)).is_err());
        assert!(with(zeros(3), zeros(3).to_kind(Kind::Double)).is_err());
        assert!(with(zeros(6).slice(0, 0, 6, 2), zeros(3)).is_err());
        assert!(step(&[zeros(3), zeros(3)], &[zeros(3)], &slots).is_err());
        assert!(step(&[zeros(3)], &[zeros(3)], &slots).is_err());
        assert_eq!(first, zeros(3));
        assert!(with(zeros(3), ones(3)).is_ok());
        assert_ne!(first, zeros(3));
    }

    #[test]
    fn a_gradient_may_have_its_axes_in_another_order() -> Result<()> {
        let options = (Kind::Float, Device::Cpu);
        let gradient = Tensor::arange(6, options).reshape([2, 3]);
        let transposed = gradient.tr().contiguous().tr();
        let stepped = |gradient: &Tensor| -> Result<Tensor> {
            let parameter = Tensor::zeros([2, 3], options);
            let slots = [vec![parameter.zeros_like(), parameter.zeros_like()]];
            step(
                &[parameter.shallow_clone()],
                &[gradient.shallow_clone()],
                &slots,
            )?;
            Ok(parameter)
        };
        assert_eq!(stepped(&gradient)?, stepped(&transposed)?);
        Ok(())
    }
}

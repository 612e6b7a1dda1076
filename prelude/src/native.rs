//! The calls of libtorch that tch does not bind, and loops that are faster than its own, through the
//! C++ of `native/`.
//!
//! Every `unsafe` call into `torchbook_native.cpp` is here; `mixed_precision.rs`
//! uses [`Autocast`]. The modules below are the other sides of the other files.

pub(crate) mod adam;
pub(crate) mod batch_norm;
pub(crate) mod class_numbers;
pub(crate) mod convolution;
pub(crate) mod dense;
pub(crate) mod device;
pub(crate) mod factors;
pub(crate) mod graph;
pub(crate) mod recorded_adam;
pub(crate) mod winograd;

use std::ffi::{CStr, c_char};

use tch::{Device, TchError};

use crate::Result;

/// `at::Tensor`, as [`Tensor::as_ptr`] points to it.
type CTensor = torch_sys::C_tensor;

unsafe extern "C" {
    fn torchbook_native_free(text: *mut c_char);
    fn torchbook_native_autocast_begin(cuda: bool, nested: *mut bool) -> *mut c_char;
    fn torchbook_native_autocast_end(cuda: bool, nested: bool) -> *mut c_char;
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

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Kind, Tensor};

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
}

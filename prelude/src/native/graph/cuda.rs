//! The recorder of a GPU.

use std::ffi::c_char;

use tch::Device;

use crate::native::checked;
use crate::training::recorded_step::{Compute, Recorder};
use crate::training::step::Step;
use crate::{Error, Result};

unsafe extern "C" {
    fn torchbook_cuda_recorder_new(index: i8, recorder: *mut *mut Opaque) -> *mut c_char;
    fn torchbook_cuda_recorder_free(recorder: *mut Opaque);
    fn torchbook_cuda_recorder_enter(recorder: *mut Opaque) -> *mut c_char;
    fn torchbook_cuda_recorder_leave(recorder: *mut Opaque) -> *mut c_char;
    fn torchbook_cuda_recorder_begin(recorder: *mut Opaque) -> *mut c_char;
    fn torchbook_cuda_recorder_end(recorder: *mut Opaque) -> *mut c_char;
    fn torchbook_cuda_recorder_replay(recorder: *mut Opaque) -> *mut c_char;
}

/// The other side's `Recorder`.
#[repr(C)]
struct Opaque {
    _private: [u8; 0],
}

/// A side stream of a GPU with what was recorded there.
struct CudaRecorder {
    /// Owned. All calls are made by the thread that trains: a pointer cannot be sent to another.
    native: *mut Opaque,
    /// What the recorded step leaves behind, at the places that each replay fills.
    step: Option<Step>,
}

/// The recorder of a GPU.
///
/// # Errors
/// Why this device has none.
pub(crate) fn recorder(device: Device) -> Result<Box<dyn Recorder>> {
    let index = match device {
        Device::Cuda(index) => i8::try_from(index).ok(),
        _ => None,
    };
    let index = index.ok_or_else(|| Error::Torch {
        message: format!("only GPUs record steps, not {device:?}"),
    })?;
    let mut native = std::ptr::null_mut();
    // SAFETY: `native` lives through the call, and is set where it succeeds.
    checked(unsafe { torchbook_cuda_recorder_new(index, &mut native) })?;
    Ok(Box::new(CudaRecorder { native, step: None }))
}

impl Recorder for CudaRecorder {
    fn aside(&mut self, compute: Compute<'_>) -> Result<Step> {
        // SAFETY of this and all calls below: the pointer is the one that `recorder` was given, and
        // alive; the other side checks the order of calls.
        checked(unsafe { torchbook_cuda_recorder_enter(self.native) })?;
        let step = compute();
        checked(unsafe { torchbook_cuda_recorder_leave(self.native) })?;
        step
    }

    fn record(&mut self, compute: Compute<'_>) -> Result<()> {
        checked(unsafe { torchbook_cuda_recorder_enter(self.native) })?;
        let begun = checked(unsafe { torchbook_cuda_recorder_begin(self.native) });
        let step = begun.and_then(|()| compute());
        // Both also where the step has failed, of which the first error says most.
        let ended = checked(unsafe { torchbook_cuda_recorder_end(self.native) });
        let left = checked(unsafe { torchbook_cuda_recorder_leave(self.native) });
        let step = step?;
        ended.and(left)?;
        self.step = Some(step);
        Ok(())
    }

    fn replay(&mut self, _compute: Compute<'_>) -> Result<Step> {
        checked(unsafe { torchbook_cuda_recorder_replay(self.native) })?;
        let step = self.step.as_ref().ok_or_else(|| Error::Torch {
            message: "no step was recorded".into(),
        })?;
        step.copy()
    }
}

impl Drop for CudaRecorder {
    fn drop(&mut self) {
        // What lies in the recording's memory goes before it.
        self.step = None;
        // SAFETY: given back once.
        unsafe { torchbook_cuda_recorder_free(self.native) }
    }
}

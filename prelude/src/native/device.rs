//! Devices, through `native/torchbook_device.cpp`, and the name of one through
//! `native/torchbook_cuda.cpp`; what users call is in `crate::device`.

#[cfg(cuda_graphs)]
use std::ffi::CStr;
use std::ffi::{CString, c_char, c_int};

use super::checked;
use crate::Result;

unsafe extern "C" {
    fn torchbook_device_has_cuda() -> bool;
    fn torchbook_device_begin_cuda() -> *mut c_char;
    fn torchbook_device_memory(index: i8, bytes: *mut [i64; 6]) -> *mut c_char;
    fn torchbook_device_reset_peaks(index: i8) -> *mut c_char;
    fn torchbook_device_empty_cache() -> *mut c_char;
    fn torchbook_device_set_matmul_precision(name: *const c_char) -> *mut c_char;
    fn torchbook_device_matmul_precision() -> c_int;
}

/// Whether libtorch was built with CUDA, whatever this machine has.
pub(crate) fn has_cuda() -> bool {
    // SAFETY: reads what libtorch was built with.
    unsafe { torchbook_device_has_cuda() }
}

/// Prepares CUDA, which the first tensor there would do otherwise.
///
/// # Errors
/// Why no GPU can be used, in CUDA's words.
pub(crate) fn begin_cuda() -> Result<()> {
    // SAFETY: no arguments; libtorch does it once, whatever the threads.
    checked(unsafe { torchbook_device_begin_cuda() })
}

#[cfg(cuda_graphs)]
unsafe extern "C" {
    fn torchbook_cuda_device_name(index: i8, name: *mut c_char, size: usize) -> *mut c_char;
}

/// What the driver calls a GPU, such as `NVIDIA H100 80GB HBM3`.
///
/// # Errors
/// If CUDA cannot be used.
#[cfg(cuda_graphs)]
pub(crate) fn gpu_name(index: i8) -> Result<String> {
    // As long as CUDA's own.
    let mut name: [c_char; 256] = [0; 256];
    // SAFETY: `name` lives through the call, and its length is told.
    checked(unsafe { torchbook_cuda_device_name(index, name.as_mut_ptr(), name.len()) })?;
    // SAFETY: the call ends what it writes with a 0, and all of it was 0 before.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) };
    Ok(name.to_string_lossy().into_owned())
}

/// Not known to a prelude that was built without CUDA.
///
/// # Errors
/// Always.
#[cfg(not(cuda_graphs))]
pub(crate) fn gpu_name(_index: i8) -> Result<String> {
    Err(crate::Error::Torch {
        message: "this prelude was built without CUDA".into(),
    })
}

/// Bytes on a GPU: allocated, its peak, reserved, its peak, free, total.
pub(crate) fn memory(index: i8) -> Result<[i64; 6]> {
    let mut bytes = [0; 6];
    // SAFETY: `bytes` lives through the call.
    checked(unsafe { torchbook_device_memory(index, &mut bytes) })?;
    Ok(bytes)
}

/// Measures peaks anew from here.
pub(crate) fn reset_peaks(index: i8) -> Result<()> {
    // SAFETY: changes counters of libtorch's allocator, which has a lock.
    checked(unsafe { torchbook_device_reset_peaks(index) })
}

/// Gives memory that no tensor uses back to the system.
pub(crate) fn empty_cache() -> Result<()> {
    // SAFETY: as above.
    checked(unsafe { torchbook_device_empty_cache() })
}

/// `highest`, `high` or `medium`.
pub(crate) fn set_matmul_precision(name: &str) -> Result<()> {
    let name = CString::new(name).unwrap_or_default();
    // SAFETY: a text that lives through the call.
    checked(unsafe { torchbook_device_set_matmul_precision(name.as_ptr()) })
}

/// Which of these names holds, by number.
pub(crate) fn matmul_precision() -> usize {
    // SAFETY: reads a setting of libtorch.
    usize::try_from(unsafe { torchbook_device_matmul_precision() }).unwrap_or(0)
}

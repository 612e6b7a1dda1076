//! Removes from an unpacked torch wheel what libtorch does not need.

use std::fs;
use std::io;
use std::path::Path;

use crate::setup::{Result, SetupError};

/// What of the package `torch` is libtorch, and the file that tells its version.
const LIBTORCH_PARTS: [&str; 4] = ["lib", "include", "share", "version.py"];

/// Libraries that need CUDA. `libtorch_global_deps` only exists to load CUDA for Python.
const CUDA_LIBRARIES: [&str; 5] = [
    "libtorch_cuda",
    "libc10_cuda",
    "libtorch_nvshmem",
    "libcaffe2_nvrtc",
    "libtorch_global_deps",
];

/// Parts of CUPTI that only a profiler loads.
const PROFILER_LIBRARIES: [&str; 3] = ["libnvperf", "libcheckpoint", "libpcsampling"];

/// Removes everything that is for Python. Licences stay.
///
/// # Errors
/// [`SetupError::Io`].
pub fn remove_python(folder: &Path) -> Result<()> {
    remove_where(folder, |name| {
        !matches!(name, "torch" | "nvidia") && !name.ends_with(".dist-info")
    })?;
    remove_where(&folder.join("torch"), |name| {
        !LIBTORCH_PARTS.contains(&name)
    })?;
    remove_where(&folder.join("torch/lib"), |name| {
        name.starts_with("libtorch_python")
    })
}

/// Removes CUDA.
///
/// # Errors
/// [`SetupError::Io`].
pub fn remove_cuda(folder: &Path) -> Result<()> {
    let lib = folder.join("torch/lib");
    remove_where(&lib, |name| {
        CUDA_LIBRARIES
            .iter()
            .any(|library| name.starts_with(library))
    })?;
    remove_where(&folder.join("nvidia/cu13/lib"), |name| {
        PROFILER_LIBRARIES
            .iter()
            .any(|library| name.starts_with(library))
    })?;
    // libtorch.so is an empty library that links the others, CUDA included. To the linker, which is
    // all that asks for it, a script of one line is the same without CUDA.
    let script = lib.join("libtorch.so");
    fs::write(&script, "INPUT(libtorch_cpu.so)\n")
        .map_err(|source| SetupError::io("write", &script, source))
}

fn remove_where(folder: &Path, unwanted: impl Fn(&str) -> bool) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(SetupError::io("list", folder, source)),
    };
    for entry in entries.flatten() {
        if !unwanted(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = if is_folder {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(|source| SetupError::io("remove", &path, source))?;
    }
    Ok(())
}

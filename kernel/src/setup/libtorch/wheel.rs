//! Makes a libtorch from the Python wheel of torch, with pip.
//!
//! pip is the one client that reaches the wheel everywhere: it knows the user's proxy, mirror and
//! cache. The wheel is a CUDA build; [`slim`] takes out what a machine without a GPU does not need.
//! Python itself only runs pip, so its version does not matter.

mod pip;
mod slim;

use std::fs;
use std::path::Path;

use super::{Checker, Libtorch, VERSION, in_cache};
use crate::setup::cache::{Cache, Lock, Marker};
use crate::setup::error::free_space;
use crate::setup::{Environment, Reporter, Result, SetupError};
use pip::Pip;

/// What of the wheel is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Without CUDA.
    Cpu,
    /// With CUDA and all its libraries.
    Cuda,
}

impl Layout {
    /// The name of its folder in the cache. A change of what is kept needs another name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "2.11.0-cpu",
            Self::Cuda => "2.11.0-cuda",
        }
    }

    fn title(self) -> String {
        let suffix = if self == Self::Cpu {
            "for the CPU"
        } else {
            "with CUDA"
        };
        format!("libtorch {VERSION} {suffix}")
    }

    /// The most that its folder holds while it is made: the wheels and everything in them. Measured:
    /// 1.72 GB of which 0.51 GB stay, and 5.87 GB of which 3.7 GB stay.
    fn peak_bytes(self) -> u64 {
        match self {
            Self::Cpu => 1_800_000_000,
            Self::Cuda => 6_000_000_000,
        }
    }
}

/// libtorch_cpu.so of this wheel links these two even where there is no GPU.
const CPU_PACKAGES: [&str; 2] = ["nvidia-cuda-runtime==13.0.96", "nvidia-cuda-cupti==13.0.85"];

/// Headers that CUDA's own headers include since CUDA 13, and that torch does not ask for: the prelude
/// is compiled with them.
const CUDA_HEADERS: &str = "nvidia-cuda-crt==13.0.88";

/// Bytes written for the wheel of torch alone.
const TORCH_BYTES: u64 = 1_700_000_000;

const REMEDY: &str =
    "Run it again. If it fails again, name a libtorch 2.11.0 of your own with LIBTORCH.";

const OFFLINE_REMEDY: &str = "Run `torchbook install` once with the network, or name a libtorch 2.11.0 of your own with LIBTORCH.";

/// Installs a libtorch of this layout into the cache.
///
/// # Errors
/// [`SetupError`]; the cache is then as it was before.
pub fn install(
    cache: &Cache,
    layout: Layout,
    checker: &Checker,
    environment: &Environment,
    reporter: &Reporter,
) -> Result<Libtorch> {
    install_where(cache, layout, checker, environment, reporter, free_space)
}

fn install_where(
    cache: &Cache,
    layout: Layout,
    checker: &Checker,
    environment: &Environment,
    reporter: &Reporter,
    free_space: fn(&Path) -> Option<u64>,
) -> Result<Libtorch> {
    let target = cache.libtorch(layout.name());
    let title = layout.title();
    SetupError::unless_online(environment, &title, OFFLINE_REMEDY)?;
    // Before the lock: a machine without pip should say so, not wait.
    let pip = Pip::find(environment)?;
    let lock = Lock::acquire(&target, &title, reporter)?;
    if let Some(made_by_another) = in_cache(cache, layout) {
        return Ok(made_by_another);
    }
    let staging = lock.stage()?;
    let folder = staging.path();
    check_space(folder, layout.peak_bytes(), free_space(folder))?;
    unpack(layout, &pip, folder, &title, reporter)?;
    slim::remove_python(folder)?;
    if layout == Layout::Cpu {
        slim::remove_cuda(folder)?;
    }
    let marker = inspect(layout, folder, &title, checker, environment)?;
    staging.publish(&marker)?;
    in_cache(cache, layout).ok_or_else(|| incomplete(&target, "torchbook.json"))
}

/// Better to say so now than after ten minutes of download.
fn check_space(folder: &Path, needed: u64, free: Option<u64>) -> Result<()> {
    match free {
        Some(bytes) if bytes < needed => Err(disk_full(folder, needed, free)),
        _ => Ok(()),
    }
}

/// Names the folder above: this one goes away.
fn disk_full(folder: &Path, needed: u64, free: Option<u64>) -> SetupError {
    SetupError::DiskFull {
        path: folder.parent().unwrap_or(folder).to_path_buf(),
        needed: Some(needed),
        free,
    }
}

fn unpack(
    layout: Layout,
    pip: &Pip,
    folder: &Path,
    title: &str,
    reporter: &Reporter,
) -> Result<()> {
    let torch = format!("torch=={VERSION}");
    let bytes = layout.peak_bytes();
    match layout {
        Layout::Cpu => {
            let packages = [&[torch.as_str()], &CPU_PACKAGES[..]].concat();
            pip.install(&packages, folder, title, bytes, reporter)
        }
        Layout::Cuda => {
            pip.install(&[&torch], folder, title, TORCH_BYTES, reporter)?;
            let libraries = pip::cuda_requirements(folder)?;
            let mut libraries: Vec<_> = libraries.iter().map(String::as_str).collect();
            libraries.push(CUDA_HEADERS);
            let title = format!("{title}: NVIDIA's libraries");
            pip.install_with_dependencies(&libraries, folder, &title, bytes, reporter)
        }
    }
}

/// Loads what was made, and describes it.
fn inspect(
    layout: Layout,
    folder: &Path,
    title: &str,
    checker: &Checker,
    environment: &Environment,
) -> Result<Marker> {
    let mut files = vec![
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libc10.so",
        "torch/include/ATen/ATen.h",
        "torch/version.py",
    ];
    if layout == Layout::Cuda {
        // An index of builds without CUDA serves a torch of the same version.
        files.push("torch/lib/libtorch_cuda.so");
    }
    if let Some(missing) = files.iter().find(|name| !folder.join(name).exists()) {
        return Err(incomplete(folder, missing));
    }
    checker.check(&folder.join("torch/lib"), environment, REMEDY)?;
    let mut marker = Marker::of(folder, title, &files)?;
    if let Some(version) = super::version::of_folder(&folder.join("torch")) {
        marker.details.insert("version".to_owned(), version);
    }
    Ok(marker)
}

fn incomplete(folder: &Path, missing: &str) -> SetupError {
    SetupError::IncompleteLibtorch {
        dir: folder.to_path_buf(),
        origin: "pip's wheel",
        missing: missing.to_owned(),
        remedy: REMEDY.to_owned(),
    }
}

/// Bytes of all files below `folder`. Files that vanish meanwhile do not count.
fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests;

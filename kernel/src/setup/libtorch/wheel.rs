//! Makes a libtorch from the Python wheel of torch, with pip.
//!
//! pip is the one client that reaches the wheel everywhere: it knows the user's proxy, mirror and
//! cache. The wheel is a CUDA build; [`slim`] takes out what a machine without a GPU does not need.
//! Python itself only runs pip, so its version does not matter.

mod pip;
mod slim;

use std::fs;
use std::path::Path;

use super::{Checker, Libtorch, VERSION, describe, in_cache};
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

    /// Bytes written while it is made: the wheels, and everything in them beside each other.
    fn bytes_written(self) -> u64 {
        match self {
            Self::Cpu => 1_800_000_000,
            Self::Cuda => 7_000_000_000,
        }
    }
}

/// libtorch_cpu.so of this wheel links these two even where there is no GPU.
const CPU_PACKAGES: [&str; 2] = ["nvidia-cuda-runtime==13.0.96", "nvidia-cuda-cupti==13.0.85"];

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
    // Before the lock: a machine without pip should say so, not wait.
    let pip = Pip::find(environment)?;
    let lock = Lock::acquire(&target, &title, reporter)?;
    if let Some(made_by_another) = in_cache(cache, layout) {
        return Ok(made_by_another);
    }
    let staging = lock.stage()?;
    let folder = staging.path();
    let needed = layout.bytes_written();
    if let Some(free) = free_space(folder).filter(|free| *free < needed) {
        // Better to say so now than after ten minutes of download.
        let path = folder.to_path_buf();
        return Err(SetupError::DiskFull {
            path,
            needed: Some(needed),
            free: Some(free),
        });
    }

    let torch = format!("torch=={VERSION}");
    match layout {
        Layout::Cpu => {
            let packages = [&[torch.as_str()], &CPU_PACKAGES[..]].concat();
            pip.install(&packages, folder, &title, layout.bytes_written(), reporter)?;
        }
        Layout::Cuda => {
            pip.install(&[&torch], folder, &title, 1_700_000_000, reporter)?;
            let needed = pip::cuda_requirements(folder)?;
            let needed: Vec<_> = needed.iter().map(String::as_str).collect();
            let title = format!("CUDA libraries of {title}");
            pip.install_with_dependencies(
                &needed,
                folder,
                &title,
                layout.bytes_written(),
                reporter,
            )?;
        }
    }

    slim::remove_python(folder)?;
    if layout == Layout::Cpu {
        slim::remove_cuda(folder)?;
    }
    let dir = folder.join("torch");
    let remedy = format!(
        "Run it again; if it fails again, name a libtorch {VERSION} of your own with LIBTORCH."
    );
    if layout == Layout::Cuda && !dir.join("lib/libtorch_cuda.so").exists() {
        let (origin, missing) = ("pip".to_owned(), "lib/libtorch_cuda.so".to_owned());
        return Err(SetupError::IncompleteLibtorch {
            dir,
            origin,
            missing,
            remedy,
        });
    }
    checker.check(&dir.join("lib"), environment, &remedy)?;
    let mut marker = Marker::of(
        folder,
        &title,
        &[
            "torch/lib/libtorch_cpu.so",
            "torch/lib/libc10.so",
            "torch/include/ATen/ATen.h",
            "torch/version.py",
        ],
    )?;
    if let Some(libtorch) = describe(&dir) {
        marker.details.insert("version".into(), libtorch.version);
    }
    staging.publish(&marker)?;
    describe(&target.join("torch")).ok_or_else(|| SetupError::IncompleteLibtorch {
        dir: target,
        origin: "the cache".into(),
        missing: "torch/version.py".into(),
        remedy,
    })
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

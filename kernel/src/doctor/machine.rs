//! What the system provides: processor, C library, Rust, a C++ compiler, a GPU, Jupyter.

use super::Finding;
use crate::settings::Settings;
use crate::setup::libtorch::gpu;
use crate::setup::toolchain::{check_cxx, check_host};
use crate::setup::{self, Environment, Toolchain};
use std::ffi::CStr;
use std::path::Path;

/// libtorch's wheel is a `manylinux_2_28` one.
const OLDEST_GLIBC: (u32, u32) = (2, 28);

pub fn host() -> Finding {
    let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    match check_host(os, architecture) {
        Ok(()) => Finding::good("machine", format!("{os} on {architecture}")),
        Err(error) => Finding::of_error("machine", &error),
    }
}

pub fn glibc() -> Finding {
    // SAFETY: returns a pointer to a constant text.
    let version = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
    glibc_of(&version.to_string_lossy())
}

fn glibc_of(version: &str) -> Finding {
    let mut parts = version
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let (major, minor) = OLDEST_GLIBC;
    if found >= OLDEST_GLIBC {
        return Finding::good("glibc", version);
    }
    Finding::bad(
        "glibc",
        format!("{version}, expected {major}.{minor} or newer: libtorch does not load"),
        "use a newer system (Debian 10, Ubuntu 20.04, RHEL 8 or later), or a container",
    )
}

pub fn rust(toolchain: &setup::Result<Toolchain>) -> Vec<Finding> {
    let toolchain = match toolchain {
        Ok(toolchain) => toolchain,
        Err(error) => return vec![Finding::of_error("rust", error)],
    };
    let sources = if toolchain.has_std_sources() {
        Finding::good("rust-src", "there")
    } else {
        Finding::bad(
            "rust-src",
            "the sources of std are missing: types of variables cannot be inferred",
            "rustup component add rust-src",
        )
    };
    let found = format!("{} in {}", toolchain.version, toolchain.sysroot.display());
    vec![Finding::good("rust", found), sources]
}

pub fn cxx(environment: &Environment) -> Finding {
    match check_cxx(environment) {
        Ok(()) => Finding::good("c++", "a compiler and linker are there"),
        Err(error) => Finding::of_error("c++", &error),
    }
}

pub fn gpu(settings: &Settings) -> Finding {
    let is_present = gpu::is_present(Path::new("/"));
    let wants = settings
        .get("device")
        .is_some_and(|device| device.starts_with("cuda"));
    match (is_present, wants) {
        (true, _) => Finding::good("gpu", "an NVIDIA GPU with its driver"),
        (false, false) => Finding::good("gpu", "none: models learn on the processor"),
        (false, true) => Finding::warning(
            "gpu",
            "the setting `device` asks for CUDA, and there is no NVIDIA GPU with a driver",
            "install NVIDIA's driver; in a container, pass the GPU on (`--gpus all`)",
        ),
    }
}

pub fn jupyter(environment: &Environment) -> Finding {
    match environment.find_program("jupyter") {
        Some(jupyter) => Finding::good("jupyter", jupyter.display().to_string()),
        None => Finding::warning(
            "jupyter",
            "not on PATH; `torchbook run` needs none",
            "torchbook lab (brings its own), or `pip install jupyterlab`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn an_old_c_library_is_bad_and_a_new_one_is_good() {
        assert_eq!(glibc_of("2.28").status, Status::Good);
        assert_eq!(glibc_of("2.100").status, Status::Good);
        let old = glibc_of("2.17");
        assert_eq!(old.status, Status::Bad);
        assert!(old.found.contains("expected 2.28"), "{}", old.found);
    }
}

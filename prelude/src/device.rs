//! Where tensors are computed, and what this machine offers: the answer to a notebook's first cell.

use std::fmt;

use tch::{Cuda, Device};

/// The CUDA GPU if there is one, else the CPU: where models are built and where `fit` computes.
///
/// ```
/// let device = torchbook::default_device();
/// println!("{device:?}");
/// ```
pub fn default_device() -> Device {
    Device::cuda_if_available()
}

/// `cpu` or `cuda:0`, as PyTorch writes it.
pub(crate) fn name(device: Device) -> String {
    match device {
        Device::Cpu => "cpu".to_owned(),
        Device::Cuda(index) => format!("cuda:{index}"),
        Device::Mps => "mps".to_owned(),
        Device::Vulkan => "vulkan".to_owned(),
    }
}

/// What a notebook runs on. Made by [`versions`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Versions {
    /// Of this prelude.
    pub torchbook: &'static str,
    /// Of the Rust binding.
    pub tch: &'static str,
    /// Of the library that computes.
    pub libtorch: &'static str,
    /// Where models are built.
    pub device: Device,
    /// CUDA GPUs that libtorch sees.
    pub cuda_devices: i64,
    /// Threads that one operation uses on the CPU.
    pub threads: i32,
}

/// Versions, device and threads: put it into the first cell.
///
/// ```
/// println!("{}", torchbook::versions());
/// // torchbook 0.1.0, tch 0.24, libtorch 2.11.0, device cpu, 2 threads
/// ```
pub fn versions() -> Versions {
    Versions {
        torchbook: env!("CARGO_PKG_VERSION"),
        tch: "0.24",
        libtorch: option_env!("TORCHBOOK_LIBTORCH_VERSION").unwrap_or("unknown"),
        device: default_device(),
        cuda_devices: Cuda::device_count(),
        threads: tch::get_num_threads(),
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "torchbook {}, tch {}, libtorch {}, device {}, {} thread{}",
            self.torchbook,
            self.tch,
            self.libtorch,
            name(self.device),
            self.threads,
            if self.threads == 1 { "" } else { "s" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cell_names_versions_device_and_threads() {
        let text = versions().to_string();
        assert!(text.starts_with("torchbook 0."), "{text}");
        assert!(text.contains("libtorch 2.11.0, device c"), "{text}");
        assert!(text.contains(" thread"), "{text}");
    }
}

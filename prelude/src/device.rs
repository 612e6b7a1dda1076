//! Where tensors are computed, and what this machine offers: the answer to a notebook's first cell.
//!
//! `memory.rs` says what of a device is in use, `precision.rs` how exactly it multiplies.

mod memory;
mod precision;

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tch::{Cuda, Device};

pub use memory::{DeviceMemory, device_memory, empty_device_cache, reset_peak_memory};
pub use precision::{float32_matmul_precision, set_float32_matmul_precision};

use crate::native::device as native;
use crate::{Error, Result};

/// What [`set_default_device`] has chosen.
static CHOSEN: Mutex<Option<Device>> = Mutex::new(None);

/// The CUDA GPU if there is one, else the CPU, unless [`set_default_device`] has chosen: where models
/// are built and where `fit` computes.
///
/// ```
/// let device = torchbook::default_device();
/// println!("{device:?}");
/// ```
pub fn default_device() -> Device {
    let chosen = *CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
    chosen.unwrap_or_else(Device::cuda_if_available)
}

/// Chooses where models are built from now on. Those that are there stay where they are.
///
/// The setting `device`, which `torchbook config` shows, chooses for all notebooks, and hides other GPUs.
///
/// # Errors
/// [`Error::DeviceUnavailable`] if there is no such device, with the reason: nothing has changed
/// then.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// set_default_device(Device::Cpu)?;
/// assert_eq!(default_device(), Device::Cpu);
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// PyTorch, `torch.set_default_device`.
pub fn set_default_device(device: Device) -> Result<()> {
    let device = available(device)?;
    *CHOSEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(device);
    Ok(())
}

/// The device, if tensors can be on it.
fn available(device: Device) -> Result<Device> {
    match device {
        Device::Cpu => Ok(device),
        Device::Cuda(index) => {
            if let Some(reason) = why_no_gpu() {
                return Err(unavailable(device, &reason));
            }
            match usize::try_from(Cuda::device_count()) {
                Ok(count) if index < count => Ok(device),
                Ok(1) => Err(unavailable(device, "this process sees one GPU, cuda:0")),
                other => Err(unavailable(
                    device,
                    &format!("this process sees {} GPUs", other.unwrap_or(0)),
                )),
            }
        }
        _ => Err(unavailable(device, "the prelude knows the CPU and CUDA")),
    }
}

/// Why no GPU can be used; `None` if one can.
fn why_no_gpu() -> Option<String> {
    if Cuda::is_available() {
        return None;
    }
    if !native::has_cuda() {
        return Some("this libtorch was built without CUDA".to_owned());
    }
    let reason = match native::begin_cuda() {
        // Then CUDA works, but shows nothing.
        Ok(()) => "CUDA_VISIBLE_DEVICES hides all GPUs".to_owned(),
        Err(Error::Torch { message }) => message,
        Err(other) => other.to_string(),
    };
    Some(reason)
}

fn unavailable(device: Device, reason: &str) -> Error {
    let remedy = match (native::has_cuda(), std::env::var_os("CUDA_VISIBLE_DEVICES")) {
        (false, _) => {
            "on a machine with a GPU, set `libtorch` to `cuda` (`torchbook config` says where) and restart the kernel"
        }
        (true, Some(_)) => {
            "look at CUDA_VISIBLE_DEVICES and the setting `device`, and run `torchbook doctor`"
        }
        (true, None) => "run `nvidia-smi` and `torchbook doctor`",
    };
    Error::DeviceUnavailable {
        device: name(device),
        reason: reason.trim_end_matches('.').to_owned(),
        remedy: remedy.to_owned(),
    }
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
    /// What the driver calls that device, if it is a GPU and the prelude was built with CUDA.
    pub gpu: Option<String>,
    /// CUDA GPUs that libtorch sees.
    pub cuda_devices: i64,
    /// Why models are built on the CPU, where a GPU was to be expected: libtorch has CUDA, or the
    /// setting `device` asks for it.
    pub no_gpu_because: Option<String>,
    /// Threads that one operation uses on the CPU.
    pub threads: i32,
}

/// Versions, device and threads: put it into the first cell.
///
/// ```
/// println!("{}", torchbook::versions());
/// // torchbook 0.1.0, tch 0.24, libtorch 2.11.0, device cpu, 2 threads
/// // torchbook 0.1.0, tch 0.24, libtorch 2.11.0, device cuda:0 (NVIDIA H100 80GB HBM3), 8 threads
/// ```
pub fn versions() -> Versions {
    let device = default_device();
    let gpu = match device {
        Device::Cuda(index) => i8::try_from(index)
            .ok()
            .and_then(|index| native::gpu_name(index).ok()),
        _ => None,
    };
    Versions {
        torchbook: env!("CARGO_PKG_VERSION"),
        tch: "0.24",
        libtorch: option_env!("TORCHBOOK_LIBTORCH_VERSION").unwrap_or("unknown"),
        device,
        gpu,
        cuda_devices: Cuda::device_count(),
        no_gpu_because: why_no_gpu().filter(|_| native::has_cuda() || asks_for_cuda()),
        threads: tch::get_num_threads(),
    }
}

/// Whether the setting `device` is `cuda` or `cuda:N`.
fn asks_for_cuda() -> bool {
    std::env::var("TORCHBOOK_DEVICE").is_ok_and(|device| device.starts_with("cuda"))
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "torchbook {}, tch {}, libtorch {}, device {}",
            self.torchbook,
            self.tch,
            self.libtorch,
            name(self.device)
        )?;
        if let Some(gpu) = &self.gpu {
            write!(f, " ({gpu})")?;
        }
        let plural = if self.threads == 1 { "" } else { "s" };
        write!(f, ", {} thread{plural}", self.threads)?;
        match &self.no_gpu_because {
            Some(reason) => write!(f, "; no GPU: {reason}"),
            None => Ok(()),
        }
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

    #[test]
    fn a_gpu_is_called_what_its_driver_calls_it() {
        let versions = Versions {
            device: Device::Cuda(1),
            gpu: Some("NVIDIA H100 80GB HBM3".into()),
            threads: 8,
            ..versions()
        };
        let text = versions.to_string();
        assert!(
            text.ends_with("device cuda:1 (NVIDIA H100 80GB HBM3), 8 threads"),
            "{text}"
        );
        assert!(native::gpu_name(0).is_err() || Cuda::is_available());
    }

    #[test]
    fn a_missing_gpu_is_explained_where_one_was_asked_for() {
        let versions = Versions {
            no_gpu_because: Some("the driver is too old".into()),
            ..versions()
        };
        let text = versions.to_string();
        assert!(text.ends_with("; no GPU: the driver is too old"), "{text}");
    }

    #[test]
    fn a_device_that_is_not_there_cannot_be_chosen() {
        let before = default_device();
        let text = |device| {
            set_default_device(device)
                .expect_err("not here")
                .to_string()
        };
        let absent = text(Device::Cuda(99));
        assert!(absent.starts_with("cuda:99 cannot be used: "), "{absent}");
        assert!(absent.contains("torchbook "), "{absent}");
        if !native::has_cuda() {
            assert!(absent.contains("built without CUDA"), "{absent}");
        }
        assert!(text(Device::Mps).contains("knows the CPU and CUDA"));
        assert_eq!(default_device(), before);
    }
}

//! How much memory a device has and what of it is in use.

use std::fmt;

use tch::Device;

use super::{available, name};
use crate::native::device as native;
use crate::{Error, Result};

/// Bytes of a device. Made by [`device_memory`]; shown as a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceMemory {
    /// Which one.
    pub device: Device,
    /// In tensors. On the CPU: what this process has in memory, its code included.
    pub allocated: i64,
    /// The most that was allocated at a time.
    pub peak: i64,
    /// What libtorch has taken from the device and keeps for the next tensors; `allocated` is a part
    /// of it. On the CPU it is the same as `allocated`.
    pub reserved: i64,
    /// What no process uses.
    pub free: i64,
    /// All that the device has.
    pub total: i64,
}

/// What of a device's memory is in use.
///
/// # Errors
/// [`Error::DeviceUnavailable`] for a device that this machine or libtorch does not have.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// println!("{}", device_memory(default_device())?);
/// // cpu: 0.19 GiB allocated (peak 0.21), 0.19 reserved, 17.40 of 23.00 GiB free
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// PyTorch, `torch.cuda.memory_allocated`, `max_memory_allocated`, `memory_reserved`,
/// `mem_get_info`.
pub fn device_memory(device: Device) -> Result<DeviceMemory> {
    match available(device)? {
        Device::Cuda(index) => {
            let [allocated, peak, reserved, _, free, total] = native::memory(gpu(index)?)?;
            Ok(DeviceMemory {
                device,
                allocated,
                peak,
                reserved,
                free,
                total,
            })
        }
        _ => of_the_process(device),
    }
}

/// Begins to measure [`peak`](DeviceMemory::peak) anew, before something whose need is to be known.
/// The CPU's peak, which the system measures, stays.
///
/// # Errors
/// As [`device_memory`].
pub fn reset_peak_memory(device: Device) -> Result<()> {
    match available(device)? {
        Device::Cuda(index) => native::reset_peaks(gpu(index)?),
        _ => Ok(()),
    }
}

/// Gives memory that libtorch has reserved on GPUs and no tensor uses back, so that other programs
/// can have it. Without a GPU there is nothing to do.
///
/// # Errors
/// [`Error::Torch`] if the device has failed.
pub fn empty_device_cache() -> Result<()> {
    match tch::Cuda::is_available() {
        true => native::empty_cache(),
        false => Ok(()),
    }
}

fn gpu(index: usize) -> Result<i8> {
    i8::try_from(index)
        .map_err(|_| super::unavailable(Device::Cuda(index), "there are not so many"))
}

/// From the system's own records, in kB there.
fn of_the_process(device: Device) -> Result<DeviceMemory> {
    let read = |path: &str| {
        std::fs::read_to_string(path).map_err(|source| Error::File {
            action: "read",
            path: path.into(),
            source,
        })
    };
    let (process, machine) = (read("/proc/self/status")?, read("/proc/meminfo")?);
    let allocated = kilobytes(&process, "VmRSS:");
    Ok(DeviceMemory {
        device,
        allocated,
        peak: kilobytes(&process, "VmHWM:"),
        reserved: allocated,
        free: kilobytes(&machine, "MemAvailable:"),
        total: kilobytes(&machine, "MemTotal:"),
    })
}

/// What a line such as `VmRSS:   123456 kB` says, in bytes; 0 where there is none.
fn kilobytes(text: &str, key: &str) -> i64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|n| n.parse().ok()).unwrap_or(0) * 1024
}

impl fmt::Display for DeviceMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = |bytes: i64| bytes as f64 / f64::from(1 << 30);
        write!(
            f,
            "{}: {:.2} GiB allocated (peak {:.2}), {:.2} reserved, {:.2} of {:.2} GiB free",
            name(self.device),
            gib(self.allocated),
            gib(self.peak),
            gib(self.reserved),
            gib(self.free),
            gib(self.total),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Kind, Tensor};

    #[test]
    fn a_tensor_on_the_cpu_is_seen_in_the_process() -> Result<()> {
        // Larger than what tests that run beside this one free meanwhile.
        let bytes = 256 << 20;
        let before = device_memory(Device::Cpu)?;
        let tensor = Tensor::ones([bytes / 4], (Kind::Float, Device::Cpu));
        let with = device_memory(Device::Cpu)?;
        assert!(
            with.allocated - before.allocated > bytes / 2,
            "{before} {with}"
        );
        assert!(with.peak >= with.allocated && with.total > with.free);
        drop(tensor);
        reset_peak_memory(Device::Cpu)?;
        empty_device_cache()
    }

    #[test]
    fn a_report_is_one_line() {
        let memory = DeviceMemory {
            device: Device::Cuda(1),
            allocated: 3 << 29,
            peak: 1 << 31,
            reserved: 5 << 29,
            free: 70 << 30,
            total: 80 << 30,
        };
        assert_eq!(
            memory.to_string(),
            "cuda:1: 1.50 GiB allocated (peak 2.00), 2.50 reserved, 70.00 of 80.00 GiB free"
        );
    }

    #[test]
    fn a_device_that_is_not_there_has_no_memory() {
        let error = device_memory(Device::Cuda(99)).expect_err("nobody has 100 GPUs");
        assert!(
            error.to_string().starts_with("cuda:99 cannot be used: "),
            "{error}"
        );
    }
}

//! CUDA graphs, through `native/torchbook_cuda.cpp`: what is computed on a GPU is recorded once, and
//! computed again with one call.
//!
//! Here are the calls; which step is recorded, and when a recording ends, is
//! `training/recorded_step.rs`'s.

#[cfg(cuda_graphs)]
mod cuda;

#[cfg(cuda_graphs)]
pub(crate) use cuda::recorder;

/// A prelude that was built without CUDA, or without the headers that this needs.
///
/// # Errors
/// Always.
#[cfg(not(cuda_graphs))]
pub(crate) fn recorder(
    _device: tch::Device,
) -> crate::Result<Box<dyn crate::training::recorded_step::Recorder>> {
    Err(crate::Error::Torch {
        message: "this prelude was built without CUDA graphs, which take a libtorch with CUDA and \
            the package nvidia-cuda-crt beside it"
            .into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Cuda, Device};

    #[test]
    fn without_a_gpu_there_is_no_recorder_but_a_reason() {
        let reason = |device| recorder(device).map(drop).expect_err("no GPU").to_string();
        let of_the_cpu = reason(Device::Cpu);
        assert!(
            of_the_cpu.contains("GPU") || of_the_cpu.contains("CUDA"),
            "{of_the_cpu}"
        );
        if !Cuda::is_available() {
            let of_a_gpu = reason(Device::Cuda(0));
            let words = ["built without", "NVIDIA", "CUDA"];
            assert!(
                words.iter().any(|word| of_a_gpu.contains(word)),
                "{of_a_gpu}"
            );
        }
    }
}

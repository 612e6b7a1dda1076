//! How exactly 32-bit matrix products are computed, under PyTorch's name.
//!
//! This is for the whole process and leaves all tensors in 32 bits;
//! [`mixed_precision`](crate::mixed_precision) chooses 16-bit numbers for one model.

use crate::native::device as native;
use crate::{Error, Result};

/// PyTorch's names, in libtorch's order.
const NAMES: [&str; 3] = ["highest", "high", "medium"];

/// Chooses how exactly this process multiplies matrices of 32-bit numbers from now on:
///
/// - `"highest"`, as without this call: with all 24 bits of each factor;
/// - `"high"`: on GPUs since Ampere with 11 bits (TF32), several times faster; the same on
///   processors with instructions for it (AMX);
/// - `"medium"`: on processors with AMX with the 8 bits of bfloat16, on GPUs as `"high"`.
///
/// Other processors, those with AVX-512 BF16 included, go on with 24 bits: there,
/// [`mixed_precision`](crate::mixed_precision) is what makes a model faster.
///
/// Sums are of 32 bits in all three, and so are all tensors. Convolutions on a GPU have a switch of
/// their own, which is on.
///
/// # Errors
/// [`Error::UnknownName`] for another name.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// set_float32_matmul_precision("high")?;
/// assert_eq!(float32_matmul_precision(), "high");
/// set_float32_matmul_precision("highest")?;
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// PyTorch, `torch.set_float32_matmul_precision`; Keras has no such switch.
pub fn set_float32_matmul_precision(precision: &str) -> Result<()> {
    match NAMES.contains(&precision) {
        true => native::set_matmul_precision(precision),
        false => Err(Error::unknown_name(
            "precision of matrix products",
            precision,
            &NAMES,
        )),
    }
}

/// The name of what holds now.
pub fn float32_matmul_precision() -> &'static str {
    NAMES[native::matmul_precision().min(NAMES.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    // One test: the setting is the process's, and tests run side by side.
    #[test]
    fn products_are_as_exact_as_was_chosen() -> Result<()> {
        let error = set_float32_matmul_precision("hihg").expect_err("no such name");
        assert!(error.to_string().contains("`high`"), "{error}");
        assert_eq!(float32_matmul_precision(), "highest");

        let factor = Tensor::rand([256, 256], (Kind::Float, Device::Cpu));
        let exact = factor
            .to_kind(Kind::Double)
            .matmul(&factor.to_kind(Kind::Double));
        let error_of = |precision: &str| -> Result<f64> {
            set_float32_matmul_precision(precision)?;
            let product = factor.f_matmul(&factor);
            set_float32_matmul_precision("highest")?;
            let difference = (product? - &exact).abs().max() / exact.abs().max();
            Ok(f64::try_from(difference)?)
        };
        let (highest, medium) = (error_of("highest")?, error_of("medium")?);
        // 1.2e-6 was seen; 16 bits miss by a thousandth.
        assert!(highest < 1e-5, "{highest}");
        assert!(medium < 1e-2, "{medium}");
        let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        match processor.contains("amx_bf16") {
            true => assert!(medium > 100.0 * highest, "{medium}: no effect"),
            false => eprintln!("not checked that `medium` has an effect: no AMX here"),
        }
        Ok(())
    }
}

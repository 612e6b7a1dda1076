//! Convolutions with windows of 3 x 3 in evaluation, by Winograd's products; `native/winograd.cpp`
//! is the other side, `model/layers/convolution/mod.rs` decides when.

use std::ffi::c_char;

use tch::Tensor;

use super::{CTensor, checked};
use crate::Result;

unsafe extern "C" {
    fn torchbook_native_winograd(
        images: *const CTensor,
        kernel: *const CTensor,
        bias: *const CTensor,
        zeros: *const i64,
        relu: bool,
        output: *mut *mut CTensor,
    ) -> *mut c_char;
}

/// The convolution of `images` (batch, rows, columns, channels), with `zeros` above and below, left
/// and right of them, with `kernel` (filters, channels, 3, 3), window by window; with a ReLU behind
/// it if `relu`. `None` where libtorch's convolutions are needed or as fast: with gradients, in half
/// precision, for other windows, few or very many channels, and processors with narrow registers.
///
/// # Errors
/// [`Error::Torch`](crate::Error::Torch) if the memory cannot be had.
pub(crate) fn winograd(
    images: &Tensor,
    kernel: &Tensor,
    bias: Option<&Tensor>,
    zeros: [i64; 2],
    relu: bool,
) -> Result<Option<Tensor>> {
    let mut output = std::ptr::null_mut();
    // SAFETY: the pointers are those of living tensors and arrays; `output` lives through the call.
    checked(unsafe {
        torchbook_native_winograd(
            images.as_ptr(),
            kernel.as_ptr(),
            bias.map_or(std::ptr::null(), |bias| bias.as_ptr()),
            zeros.as_ptr(),
            relu,
            &mut output,
        )
    })?;
    // SAFETY: a tensor that the call has made and given away.
    Ok((!output.is_null()).then(|| unsafe { Tensor::from_ptr(output) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

    /// Images (batch, rows, columns, channels), kernel and bias.
    fn case(images: [i64; 4], filters: i64) -> [Tensor; 3] {
        [
            Tensor::randn(images, FLOAT),
            Tensor::randn([filters, images[3], 3, 3], FLOAT),
            Tensor::randn([filters], FLOAT),
        ]
    }

    fn plainly([images, kernel, bias]: &[Tensor; 3], zeros: [i64; 2], relu: bool) -> Tensor {
        let [images, kernel, bias] = [images, kernel, bias].map(|x| x.to_kind(Kind::Double));
        let images = images.permute([0, 3, 1, 2]);
        let output = images.conv2d(&kernel, Some(&bias), [1i64, 1], zeros, [1i64, 1], 1);
        let output = output.permute([0, 2, 3, 1]);
        if relu { output.relu() } else { output }
    }

    /// Whether this processor is one of those it is for.
    fn is_for_this_processor() -> bool {
        #[cfg(target_arch = "x86_64")]
        return is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    #[test]
    fn outputs_are_the_plain_sums() -> Result<()> {
        let _guard = tch::no_grad_guard();
        // Even and odd sizes, whole blocks of tiles and such that are not, for one thread and
        // several, with zeros around and without.
        for (images, filters, zeros) in [
            ([2, 28, 28, 32], 32, [1, 1]),
            ([5, 14, 14, 32], 64, [1, 1]),
            ([3, 13, 14, 64], 64, [1, 1]),
            ([4, 11, 9, 16], 32, [0, 0]),
            ([1, 30, 17, 48], 64, [0, 2]),
            ([60, 3, 3, 16], 96, [0, 0]),
        ] {
            for relu in [false, true] {
                let tensors = case(images, filters);
                let [x, kernel, bias] = &tensors;
                let ours = winograd(x, kernel, Some(bias), zeros, relu)?;
                assert_eq!(ours.is_some(), is_for_this_processor());
                let Some(ours) = ours else { continue };
                let exact = plainly(&tensors, zeros, relu);
                assert_eq!(ours.size(), exact.size());
                let difference = (ours.to_kind(Kind::Double) - &exact).abs().max();
                let relative = f64::try_from(difference / exact.abs().max())?;
                assert!(relative < 2e-6, "{images:?}, relu {relu}: {relative}");
            }
        }
        Ok(())
    }

    #[test]
    fn without_a_bias_and_with_what_is_no_number() -> Result<()> {
        let _guard = tch::no_grad_guard();
        let [x, kernel, _] = case([2, 16, 16, 16], 32);
        let with_nan = x.copy();
        let _ = with_nan.get(1).get(0).get(0).get(3).fill_(f64::NAN);
        let Some(ours) = winograd(&x, &kernel, None, [1, 1], true)? else {
            return Ok(());
        };
        let zero = Tensor::zeros([32], FLOAT);
        let exact = plainly(&[x, kernel.shallow_clone(), zero], [1, 1], true);
        let difference = (ours.to_kind(Kind::Double) - &exact).abs().max();
        assert!(f64::try_from(difference / exact.abs().max())? < 2e-6);
        let ours = winograd(&with_nan, &kernel, None, [1, 1], true)?.expect("as before");
        let of_images = ours
            .isnan()
            .sum_dim_intlist(&[1i64, 2, 3][..], false, Kind::Int64);
        let counts = Vec::<i64>::try_from(of_images)?;
        assert!(counts[0] == 0 && counts[1] >= 4 * 32, "{counts:?}");
        Ok(())
    }

    #[test]
    fn what_it_is_not_for_is_left_to_libtorch() -> Result<()> {
        let [x, kernel, bias] = case([2, 28, 28, 32], 32);
        assert!(
            winograd(&x, &kernel, Some(&bias), [1, 1], false)?.is_none(),
            "gradients"
        );
        let _guard = tch::no_grad_guard();
        {
            let _autocast = crate::native::Autocast::to_bfloat16(Device::Cpu)?;
            assert!(winograd(&x, &kernel, None, [1, 1], false)?.is_none());
        }
        let others = [
            case([2, 28, 28, 8], 32),
            case([2, 28, 28, 32], 33),
            case([2, 28, 28, 128], 128),
            case([1, 5, 5, 32], 32),
        ];
        for [x, kernel, bias] in others {
            assert!(winograd(&x, &kernel, Some(&bias), [1, 1], false)?.is_none());
        }
        let transposed = x.transpose(1, 2);
        assert!(winograd(&transposed, &kernel, None, [1, 1], false)?.is_none());
        let wide = Tensor::randn([32, 32, 5, 5], FLOAT);
        assert!(winograd(&x, &wide, None, [1, 1], false)?.is_none());
        let double = x.to_kind(Kind::Double);
        assert!(winograd(&double, &kernel, None, [1, 1], false)?.is_none());
        Ok(())
    }
}

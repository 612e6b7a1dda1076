//! Convolutions of images with few channels as one matrix product; `native/convolution.cpp` is the
//! other side, `model/layers/convolution` decides when.

use std::ffi::c_char;

use tch::Tensor;

use super::{CTensor, checked};
use crate::Result;

unsafe extern "C" {
    fn torchbook_native_convolution(
        images: *const CTensor,
        kernel: *const CTensor,
        bias: *const CTensor,
        strides: *const i64,
        zeros: *const i64,
        output: *mut *mut CTensor,
    ) -> *mut c_char;
}

/// The convolution of `images` (batch, rows, columns, channels), with `zeros` at each side, with
/// `kernel` (filters, channels, rows, columns): (batch, rows, columns, filters). `None`, and nothing
/// has happened, where libtorch's convolution is needed or faster: on other devices than the CPU, for
/// windows of more than 64 numbers, and for gradients of the images.
///
/// # Errors
/// [`Error::Torch`](crate::Error::Torch) if the memory cannot be had.
pub(crate) fn convolution(
    images: &Tensor,
    kernel: &Tensor,
    bias: Option<&Tensor>,
    strides: [i64; 2],
    zeros: [i64; 2],
) -> Result<Option<Tensor>> {
    let mut output = std::ptr::null_mut();
    // SAFETY: the pointers are those of living tensors and arrays of two; `output` lives through the
    // call.
    checked(unsafe {
        torchbook_native_convolution(
            images.as_ptr(),
            kernel.as_ptr(),
            bias.map_or(std::ptr::null(), |bias| bias.as_ptr()),
            strides.as_ptr(),
            zeros.as_ptr(),
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

    /// Images, kernel and bias, and what a convolution does with them.
    struct Case {
        images: Tensor,
        weights: [Tensor; 2],
        strides: [i64; 2],
        zeros: [i64; 2],
    }

    impl Case {
        fn of(images: [i64; 4], kernel: [i64; 4], strides: [i64; 2], zeros: [i64; 2]) -> Self {
            let weight = |shape: &[i64]| Tensor::randn(shape, FLOAT).set_requires_grad(true);
            Case {
                images: Tensor::randn(images, FLOAT),
                weights: [weight(&kernel), weight(&kernel[..1])],
                strides,
                zeros,
            }
        }

        fn as_product(&self) -> Result<Option<Tensor>> {
            let [kernel, bias] = &self.weights;
            convolution(&self.images, kernel, Some(bias), self.strides, self.zeros)
        }

        fn by_libtorch(&self) -> Tensor {
            let [kernel, bias] = self.weights.each_ref().map(|w| w.to_kind(Kind::Double));
            let images = self.images.to_kind(Kind::Double).permute([0, 3, 1, 2]);
            let output =
                images.conv2d(&kernel, Some(&bias), self.strides, self.zeros, [1i64, 1], 1);
            output.permute([0, 2, 3, 1])
        }

        fn gradients(&self, output: &Tensor) -> Vec<Tensor> {
            let loss = output.square().sum(Kind::Double);
            Tensor::run_backward(&[&loss], &self.weights, false, false)
        }
    }

    fn difference(ours: &Tensor, exact: &Tensor) -> f64 {
        let exact = exact.to_kind(Kind::Double);
        let scale = exact.abs().max().double_value(&[]);
        (ours.to_kind(Kind::Double) - exact)
            .abs()
            .max()
            .double_value(&[])
            / scale
    }

    fn cases() -> Vec<Case> {
        vec![
            Case::of([32, 28, 28, 1], [64, 1, 5, 5], [2, 2], [0, 0]),
            Case::of([3, 9, 7, 3], [4, 3, 3, 2], [1, 2], [1, 1]),
            Case::of([1, 5, 5, 1], [2, 1, 5, 5], [1, 1], [2, 3]),
            // Pieces of more than 64 bytes, and a window that is only rows.
            Case::of([2, 4, 40, 1], [3, 1, 1, 33], [1, 1], [0, 1]),
            Case::of([5, 8, 6, 2], [3, 2, 8, 1], [3, 1], [0, 0]),
            // Images and rows of the matrix of less than 64 bytes.
            Case::of([700, 2, 2, 1], [1, 1, 2, 2], [1, 1], [0, 0]),
            Case::of([90, 5, 5, 1], [2, 1, 2, 1], [1, 5], [0, 0]),
        ]
    }

    #[test]
    fn outputs_and_gradients_are_libtorchs() -> Result<()> {
        for case in cases() {
            let what = format!("{:?} {:?}", case.images.size(), case.weights[0].size());
            let (ours, exact) = (
                case.as_product()?.expect("a small window"),
                case.by_libtorch(),
            );
            assert_eq!(ours.size(), exact.size(), "{what}");
            assert!(difference(&ours, &exact) < 1e-5, "{what}");
            let exact = case.gradients(&exact);
            for (ours, exact) in case.gradients(&ours).iter().zip(&exact) {
                assert!(ours.is_contiguous() && ours.kind() == Kind::Float, "{what}");
                assert!(difference(ours, exact) < 1e-5, "{what}");
            }
        }
        Ok(())
    }

    #[test]
    fn half_precision_is_right_to_the_second_digit() -> Result<()> {
        // Gradients that are one sum of 700 numbers may come out near 0 by chance, where no digit is right.
        tch::manual_seed(0);
        for case in cases() {
            let ours = {
                let _autocast = crate::native::Autocast::to_bfloat16(Device::Cpu)?;
                case.as_product()?.expect("a small window")
            };
            assert_eq!(ours.kind(), Kind::BFloat16);
            let exact = case.by_libtorch();
            assert!(difference(&ours, &exact) < 2e-2);
            let exact = case.gradients(&exact);
            for (ours, exact) in case.gradients(&ours).iter().zip(&exact) {
                assert!(ours.kind() == Kind::Float && difference(ours, exact) < 2e-2);
            }
        }
        Ok(())
    }

    #[test]
    fn what_libtorch_does_better_is_left_to_it() -> Result<()> {
        let large = Case::of([2, 9, 9, 8], [4, 8, 3, 3], [1, 1], [0, 0]);
        let mut learning = Case::of([2, 9, 9, 1], [4, 1, 3, 3], [1, 1], [0, 0]);
        learning.images = learning.images.set_requires_grad(true);
        let mut transposed = Case::of([2, 9, 8, 1], [4, 1, 3, 3], [1, 1], [0, 0]);
        transposed.images = transposed.images.transpose(1, 2);
        let missing = Case::of([2, 2, 2, 1], [4, 1, 3, 3], [1, 1], [0, 0]);
        for case in [large, learning, transposed, missing] {
            assert!(case.as_product()?.is_none());
        }
        Ok(())
    }
}

//! Dense layers that are small, or have many features for small batches; `native/dense.cpp` is the other side, the layer
//! in `model/layers/dense.rs`.

use std::ffi::c_char;

use tch::Tensor;

use super::{CTensor, checked};
use crate::Result;

unsafe extern "C" {
    fn torchbook_native_dense(
        x: *const CTensor,
        kernel: *const CTensor,
        bias: *const CTensor,
        output: *mut *mut CTensor,
    ) -> *mut c_char;
}

/// `x` (batch, features) · `kernel` (features, units) + `bias`. `None` where libtorch's own way is as
/// fast: on other devices than the CPU, for larger batches, fewer features of layers that are not small, and
/// without gradients.
///
/// # Errors
/// [`Error::Torch`](crate::Error::Torch) if the memory cannot be had.
pub(crate) fn dense(x: &Tensor, kernel: &Tensor, bias: Option<&Tensor>) -> Result<Option<Tensor>> {
    let mut output = std::ptr::null_mut();
    // SAFETY: the pointers are those of living tensors; `output` lives through the call.
    checked(unsafe {
        torchbook_native_dense(
            x.as_ptr(),
            kernel.as_ptr(),
            bias.map_or(std::ptr::null(), |bias| bias.as_ptr()),
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

    /// Input, kernel and bias.
    fn case(rows: i64, features: i64, units: i64) -> [Tensor; 3] {
        let random = |shape: &[i64]| Tensor::randn(shape, FLOAT).set_requires_grad(true);
        [
            random(&[rows, features]),
            random(&[features, units]),
            random(&[units]),
        ]
    }

    fn plainly([x, kernel, bias]: &[Tensor; 3]) -> Tensor {
        let [x, kernel, bias] = [x, kernel, bias].map(|tensor| tensor.to_kind(Kind::Double));
        x.matmul(&kernel) + bias
    }

    fn gradients(output: &Tensor, inputs: &[Tensor; 3], twice: bool) -> Vec<Tensor> {
        let loss = output
            .to_kind(Kind::Double)
            .pow_tensor_scalar(3)
            .sum(Kind::Double);
        let first = Tensor::run_backward(&[&loss], inputs, true, twice);
        match twice {
            false => first,
            true => {
                let length: Tensor = first.iter().map(|g| g.square().sum(Kind::Double)).sum();
                Tensor::run_backward(&[&length], inputs, false, false)
            }
        }
    }

    fn difference(ours: &Tensor, exact: &Tensor) -> f64 {
        let (ours, exact) = (ours.to_kind(Kind::Double), exact.to_kind(Kind::Double));
        let scale = exact.abs().max().double_value(&[]);
        (ours - exact).abs().max().double_value(&[]) / scale
    }

    #[test]
    fn outputs_and_gradients_are_the_formulas() -> Result<()> {
        // Rows and features that fill registers and such that do not.
        // The last ones are for loops of our own, where the processor has them.
        for (rows, features, units) in [
            (32, 9216, 5),
            (1, 1024, 5),
            (17, 1030, 5),
            (48, 2047, 5),
            (32, 9216, 128),
            (1, 1024, 64),
            (33, 1056, 192),
        ] {
            let inputs = case(rows, features, units);
            let [x, kernel, bias] = &inputs;
            for twice in [false, true] {
                let ours = dense(x, kernel, Some(bias))?.expect("many features");
                let exact = plainly(&inputs);
                assert!(difference(&ours, &exact) < 1e-5);
                let exact = gradients(&exact, &inputs, twice);
                for (ours, exact) in gradients(&ours, &inputs, twice).iter().zip(&exact) {
                    let difference = difference(ours, exact);
                    assert!(
                        difference < 1e-4,
                        "{rows}, {features}, {units}, {twice}: {difference}"
                    );
                }
            }
        }
        Ok(())
    }

    #[test]
    fn half_precision_is_right_to_the_second_digit() -> Result<()> {
        for (rows, units) in [(33, 7), (33, 64), (32, 128), (5, 128)] {
            let inputs = case(rows, 1056, units);
            let [x, kernel, bias] = &inputs;
            let ours = {
                let _autocast = crate::native::Autocast::to_bfloat16(Device::Cpu)?;
                dense(x, kernel, Some(bias))?.expect("many features")
            };
            assert_eq!(ours.kind(), Kind::BFloat16);
            let exact = plainly(&inputs);
            assert!(difference(&ours, &exact) < 2e-2);
            let exact = gradients(&exact, &inputs, false);
            for (ours, exact) in gradients(&ours, &inputs, false).iter().zip(&exact) {
                assert!(ours.kind() == Kind::Float && difference(ours, exact) < 4e-2);
            }
        }
        Ok(())
    }

    #[test]
    fn small_layers_are_computed_in_full() -> Result<()> {
        for (rows, features, units) in [(32, 128, 10), (1, 1, 1), (7, 17, 33), (5, 3, 16)] {
            for halves in [false, true] {
                let inputs = case(rows, features, units);
                let [x, kernel, bias] = &inputs;
                let kind = if halves { Kind::BFloat16 } else { Kind::Float };
                let ours = {
                    let _autocast = halves
                        .then(|| crate::native::Autocast::to_bfloat16(Device::Cpu))
                        .transpose()?;
                    dense(&x.to_kind(kind), kernel, Some(bias))?.expect("small")
                };
                assert_eq!(ours.kind(), Kind::Float);
                let exact = plainly(&[
                    x.to_kind(kind),
                    kernel.shallow_clone(),
                    bias.shallow_clone(),
                ]);
                assert!(difference(&ours, &exact) < 1e-5);
                for twice in [false, true] {
                    let exact = gradients(&exact, &inputs, twice);
                    // The gradient of x is rounded to its kind.
                    let tolerance = if halves { 2e-2 } else { 1e-4 };
                    for (ours, exact) in gradients(&ours, &inputs, twice).iter().zip(&exact) {
                        let difference = difference(ours, exact);
                        assert!(
                            difference < tolerance,
                            "{rows}, {features}, {units}: {difference}"
                        );
                    }
                }
            }
        }
        Ok(())
    }

    #[test]
    fn what_libtorch_does_as_fast_is_left_to_it() -> Result<()> {
        for (rows, features) in [(49, 2048), (32, 1000)] {
            let [x, kernel, _] = case(rows, features, 3);
            assert!(dense(&x, &kernel, None)?.is_none());
        }
        let [x, kernel, _] = case(8, 2048, 3);
        assert!(tch::no_grad(|| dense(&x, &kernel, None))?.is_none());
        let wide = x.detach().to_kind(Kind::Double);
        assert!(dense(&wide, &kernel, None)?.is_none());
        assert!(dense(&x, &kernel, None)?.is_some());
        Ok(())
    }
}

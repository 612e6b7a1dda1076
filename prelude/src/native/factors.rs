//! Gradients that are kept as two factors instead of their product; `native/factors.h` says how.
//!
//! Here is who asks for them: `training/step.rs`, for an optimizer that can step along them
//! ([`Optimizer::takes_factors`](crate::Optimizer::takes_factors)).

use std::marker::PhantomData;

use tch::Tensor;

use super::CTensor;

unsafe extern "C" {
    fn torchbook_factors_begin(parameters: *const *const CTensor, count: usize);
    fn torchbook_factors_end();
}

/// While it lives, backward passes of this thread may leave factors behind for the optimizer, and zeros
/// in the place of gradients.
pub(crate) struct Factors {
    /// Not for another thread to end.
    of_thread: PhantomData<*const ()>,
}

impl Factors {
    /// For a step that changes these parameters.
    pub(crate) fn begin(parameters: &[Tensor]) -> Self {
        let pointers: Vec<*const CTensor> = parameters
            .iter()
            .map(|parameter| parameter.as_ptr())
            .collect();
        // SAFETY: the pointers are those of living tensors, which the list of this thread, which
        // changes, holds on to.
        unsafe { torchbook_factors_begin(pointers.as_ptr(), pointers.len()) };
        Factors {
            of_thread: PhantomData,
        }
    }
}

impl Drop for Factors {
    fn drop(&mut self) {
        let _ = self.of_thread;
        // SAFETY: ends what `begin` has begun on this thread.
        unsafe { torchbook_factors_end() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Result;
    use crate::native::Autocast;
    use crate::native::adam::fused_adam;
    use crate::native::dense::dense;
    use crate::optimizers::Moment;
    use tch::{Device, Kind};

    const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

    fn has_narrow_products(halves: bool) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let wide = is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512dq");
            wide && (!halves || is_x86_feature_detected!("avx512bf16"))
        }
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// The weights after three steps of Adam, and whether the last gradient took no memory.
    fn trained(
        kernel: &Tensor,
        factors: bool,
        halves: bool,
        loss: &dyn Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<(Tensor, bool)> {
        let kernel = kernel.detach_copy().set_requires_grad(true);
        let slots = [vec![
            kernel.detach().zeros_like(),
            kernel.detach().zeros_like(),
        ]];
        let mut took_none = false;
        for step in 1..=3 {
            let loss = {
                let _autocast = halves
                    .then(|| Autocast::to_bfloat16(Device::Cpu))
                    .transpose()?;
                loss(&kernel)?
            };
            let _factors = factors.then(|| Factors::begin(std::slice::from_ref(&kernel)));
            let gradients = Tensor::run_backward(&[&loss], &[&kernel], false, false);
            took_none = gradients[0].stride() == [0, 0];
            let moment = Moment {
                step,
                learning_rate: 0.01,
            };
            let all = [kernel.shallow_clone()];
            fused_adam(&all, &gradients, &slots, &moment, (0.9, 0.999), 1e-7)?;
        }
        Ok((kernel.detach(), took_none))
    }

    fn assert_alike(
        halves: bool,
        alone: bool,
        rows: i64,
        loss: &dyn Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<()> {
        let kernel = Tensor::randn([1056, 128], FLOAT) * 0.1;
        let (whole, _) = trained(&kernel, false, halves, loss)?;
        let (ours, took_none) = trained(&kernel, true, halves, loss)?;
        assert_eq!(
            took_none,
            alone && has_narrow_products(halves),
            "{rows} rows"
        );
        let moved = (&ours - &kernel).abs().max().double_value(&[]);
        assert!(moved > 0.005, "{rows} rows, halves {halves}: {moved}");
        // Sums are the same numbers in the same order; the steps are rounded otherwise.
        let difference = (ours - whole).abs().max().double_value(&[]);
        assert!(
            difference < 2e-6,
            "{rows} rows, halves {halves}: {difference}"
        );
        Ok(())
    }

    #[test]
    fn steps_along_factors_are_those_along_the_whole() -> Result<()> {
        for halves in [false, true] {
            // Words that fill the loop, that do not, and rows without a neighbour.
            for rows in [32, 1, 7, 48] {
                let x = Tensor::randn([rows, 1056], FLOAT);
                assert_alike(halves, true, rows, &|kernel| {
                    let y = dense(&x, kernel, None)?.expect("many features");
                    Ok(y.to_kind(Kind::Float).square().sum(Kind::Float))
                })?;
            }
        }
        Ok(())
    }

    #[test]
    fn what_else_adds_to_the_gradient_counts() -> Result<()> {
        for halves in [false, true] {
            let [first, second] = [(); 2].map(|()| Tensor::randn([32, 1056], FLOAT));
            assert_alike(halves, false, 32, &|kernel| {
                let y = dense(&first, kernel, None)?.expect("many features");
                Ok(
                    y.square().sum(Kind::Float)
                        + kernel.pow_tensor_scalar(3).sum(Kind::Float) * 0.3,
                )
            })?;
            assert_alike(halves, false, 32, &|kernel| {
                let both = [&first, &second].map(|x| dense(x, kernel, None));
                let [first, second] = both.map(|y| y.map(|y| y.expect("many features")));
                Ok((first?.square() - second?.square() * 0.5).sum(Kind::Float))
            })?;
        }
        Ok(())
    }

    #[test]
    fn a_weight_as_input_is_multiplied_before_it_moves() -> Result<()> {
        let adam = |factors: bool| -> Result<[Tensor; 2]> {
            // Of latents that are zero the kernel learns nothing.
            let latents = Tensor::zeros([32, 1056], FLOAT).set_requires_grad(true);
            let kernel = Tensor::ones([1056, 128], FLOAT).set_requires_grad(true);
            let all = [latents, kernel];
            let slots = all
                .each_ref()
                .map(|weight| vec![weight.detach().zeros_like(), weight.detach().zeros_like()]);
            let y = dense(&all[0], &all[1], None)?.expect("many features");
            let _factors = factors.then(|| Factors::begin(&all));
            let loss = (y - 1.0).square().sum(Kind::Float);
            let gradients = Tensor::run_backward(&[&loss], &[&all[0], &all[1]], false, false);
            let moment = Moment {
                step: 1,
                learning_rate: 0.01,
            };
            fused_adam(&all, &gradients, &slots, &moment, (0.9, 0.999), 1e-7)?;
            Ok(all.map(|weight| weight.detach()))
        };
        let [latents, kernel] = adam(true)?;
        assert!(latents.abs().min().double_value(&[]) > 0.009);
        assert_eq!(kernel, Tensor::ones([1056, 128], FLOAT));
        assert_eq!(adam(false)?, [latents, kernel]);
        Ok(())
    }
}

//! Batch normalisation, and a ReLU behind it, as one operation; `native/batch_norm.cpp` is the
//! other side, the layer in `model/layers/batch_normalization.rs` decides when.

use std::ffi::c_char;

use tch::Tensor;

use super::{CTensor, checked};
use crate::{Mode, Result};

unsafe extern "C" {
    fn torchbook_native_batch_norm(
        x: *const CTensor,
        gamma: *const CTensor,
        beta: *const CTensor,
        moving_mean: *const CTensor,
        moving_variance: *const CTensor,
        training: bool,
        step: f64,
        epsilon: f64,
        relu: bool,
        output: *mut *mut CTensor,
    ) -> *mut c_char;
}

/// What normalises the last axis of a batch.
pub(crate) struct BatchNorm<'a> {
    pub(crate) gamma: Option<&'a Tensor>,
    pub(crate) beta: Option<&'a Tensor>,
    pub(crate) moving_mean: &'a Tensor,
    pub(crate) moving_variance: &'a Tensor,
    pub(crate) momentum: f64,
    pub(crate) epsilon: f64,
    /// Whether a ReLU follows.
    pub(crate) relu: bool,
}

impl BatchNorm<'_> {
    /// The output for `x`, of its shape and kind; in training the moving averages follow. `None`,
    /// and nothing has happened, where libtorch's operations are needed: on other devices than the
    /// CPU, for numbers of 64 bits, for channels that do not lie side by side, and for gradients of a
    /// layer that does not learn.
    ///
    /// # Errors
    /// [`Error::Torch`](crate::Error::Torch) if the memory cannot be had.
    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Option<Tensor>> {
        let pointer =
            |tensor: Option<&Tensor>| tensor.map_or(std::ptr::null(), |tensor| tensor.as_ptr());
        let mut output = std::ptr::null_mut();
        // SAFETY: the pointers are those of living tensors, of which the moving averages are
        // changed as tch's own in-place methods do; `output` lives through the call.
        checked(unsafe {
            torchbook_native_batch_norm(
                x.as_ptr(),
                pointer(self.gamma),
                pointer(self.beta),
                self.moving_mean.as_ptr(),
                self.moving_variance.as_ptr(),
                mode == Mode::Train,
                1.0 - self.momentum,
                self.epsilon,
                self.relu,
                &mut output,
            )
        })?;
        // SAFETY: a tensor that the call has made and given away.
        Ok((!output.is_null()).then(|| unsafe { Tensor::from_ptr(output) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

    /// Weights that are not what they begin with, and a batch far from 0.
    struct Case {
        x: Tensor,
        gamma: Tensor,
        beta: Tensor,
        averages: [Tensor; 2],
    }

    impl Case {
        fn of(shape: &[i64]) -> Self {
            let channels = shape[shape.len() - 1];
            let number = |low, high| Tensor::empty([channels], FLOAT).uniform_(low, high);
            Case {
                x: (Tensor::randn(shape, FLOAT) * 3.0 + number(-50.0, 50.0))
                    .set_requires_grad(true),
                gamma: number(0.5, 2.0).set_requires_grad(true),
                beta: number(-1.0, 1.0).set_requires_grad(true),
                averages: [number(-1.0, 1.0), number(0.5, 2.0)],
            }
        }

        fn at_once(&self, relu: bool, mode: Mode) -> Result<Option<Tensor>> {
            let layer = BatchNorm {
                gamma: Some(&self.gamma),
                beta: Some(&self.beta),
                moving_mean: &self.averages[0],
                moving_variance: &self.averages[1],
                momentum: 0.9,
                epsilon: 1e-3,
                relu,
            };
            layer.forward(&self.x, mode)
        }

        /// The formula, with 64 bits: output, then moving averages.
        fn plainly(&self, relu: bool, mode: Mode) -> (Tensor, [Tensor; 2]) {
            let x = self.x.to_kind(Kind::Double);
            let outer: Vec<i64> = (0..x.dim() as i64 - 1).collect();
            let averages = self.averages.each_ref().map(|a| a.to_kind(Kind::Double));
            let mean = x.mean_dim(&outer[..], false, None::<Kind>);
            let variance = (&x - &mean)
                .square()
                .mean_dim(&outer[..], false, None::<Kind>);
            let [by_mean, by_variance] = match mode {
                Mode::Train => [mean.shallow_clone(), variance.shallow_clone()],
                Mode::Evaluate => averages.each_ref().map(Tensor::shallow_clone),
            };
            let y = (&x - by_mean) / (by_variance + 1e-3).sqrt() * &self.gamma + &self.beta;
            let follow = |old: &Tensor, new: &Tensor| match mode {
                Mode::Train => old * 0.9 + new * 0.1,
                Mode::Evaluate => old.shallow_clone(),
            };
            let followed = [follow(&averages[0], &mean), follow(&averages[1], &variance)];
            (if relu { y.relu() } else { y }, followed)
        }

        fn gradients(&self, y: &Tensor, weights: &Tensor, twice: bool) -> Vec<Tensor> {
            let loss = (y * weights).sum(Kind::Double);
            let inputs = [&self.x, &self.gamma, &self.beta];
            let first = Tensor::run_backward(&[&loss], &inputs, true, twice);
            match twice {
                false => first,
                true => {
                    let length = first.iter().map(|g| g.square().sum(Kind::Double));
                    let length: Tensor = length.sum();
                    Tensor::run_backward(&[&length], &[&self.x, &self.gamma], false, false)
                }
            }
        }
    }

    fn assert_close(ours: &Tensor, exact: &Tensor, tolerance: f64, what: &str) {
        let (ours, exact) = (ours.to_kind(Kind::Double), exact.to_kind(Kind::Double));
        let scale = exact.abs().max().double_value(&[]).max(1.0);
        let difference = (ours - exact).abs().max().double_value(&[]) / scale;
        assert!(difference < tolerance, "{what}: {difference}");
    }

    /// Channels below, at, and beyond a register; rows for one thread and for several.
    const SHAPES: [&[i64]; 5] = [
        &[7, 3],
        &[32, 128],
        &[4, 5, 6, 17],
        &[40, 12, 12, 64],
        &[1, 16],
    ];

    #[test]
    fn outputs_gradients_and_averages_are_the_formulas() -> Result<()> {
        for shape in SHAPES {
            for relu in [false, true] {
                let what = format!("{shape:?}, relu {relu}");
                let case = Case::of(shape);
                let (exact, followed) = case.plainly(relu, Mode::Train);
                let y = case.at_once(relu, Mode::Train)?.expect("for the CPU");
                assert_close(&y, &exact, 1e-5, &what);
                for (ours, exact) in case.averages.iter().zip(&followed) {
                    assert_close(ours, exact, 2e-6, &what);
                }
                let weights = Tensor::randn(shape, (Kind::Double, Device::Cpu));
                let exact = case.gradients(&exact, &weights, false);
                for (ours, exact) in case.gradients(&y, &weights, false).iter().zip(&exact) {
                    assert_close(ours, exact, 1e-4, &what);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn gamma_and_beta_may_be_absent() -> Result<()> {
        let case = Case::of(&[6, 3]);
        let layer = BatchNorm {
            gamma: None,
            beta: None,
            moving_mean: &case.averages[0],
            moving_variance: &case.averages[1],
            momentum: 0.9,
            epsilon: 1e-3,
            relu: false,
        };
        let y = layer.forward(&case.x, Mode::Train)?.expect("for the CPU");
        let means = y.mean_dim(&[0i64][..], false, Kind::Float);
        assert!(f64::try_from(means.abs().max())? < 1e-5);
        let gradient =
            Tensor::run_backward(&[&y.square().sum(Kind::Float)], &[&case.x], false, false);
        assert_eq!(gradient[0].size(), [6, 3]);
        Ok(())
    }

    #[test]
    fn gradients_of_gradients_are_exact() -> Result<()> {
        let case = Case::of(&[6, 5, 3]);
        let weights = Tensor::randn([6, 5, 3], (Kind::Double, Device::Cpu));
        let (exact, _) = case.plainly(true, Mode::Train);
        let exact = case.gradients(&exact, &weights, true);
        let y = case.at_once(true, Mode::Train)?.expect("for the CPU");
        for (ours, exact) in case.gradients(&y, &weights, true).iter().zip(&exact) {
            assert_close(ours, exact, 1e-4, "second derivative");
        }
        Ok(())
    }

    #[test]
    fn evaluation_uses_the_averages_and_leaves_them() -> Result<()> {
        let case = Case::of(&[9, 17]);
        let (exact, followed) = case.plainly(true, Mode::Evaluate);
        assert!(
            case.at_once(true, Mode::Evaluate)?.is_none(),
            "gradients of a layer that does not learn"
        );
        let y = tch::no_grad(|| case.at_once(true, Mode::Evaluate))?.expect("for the CPU");
        assert_close(&y, &exact, 1e-5, "evaluation");
        assert_close(&case.averages[1], &followed[1], 1e-9, "averages");
        Ok(())
    }

    #[test]
    fn sixteen_bits_are_rounded_to_the_nearest() -> Result<()> {
        let mut case = Case::of(&[33, 20]);
        case.x = case
            .x
            .detach()
            .to_kind(Kind::BFloat16)
            .set_requires_grad(true);
        let (exact, _) = case.plainly(true, Mode::Train);
        let y = case.at_once(true, Mode::Train)?.expect("for the CPU");
        assert_eq!(y.kind(), Kind::BFloat16);
        // Rounding once is the exact result's own rounding, but where the two meet at a half.
        let differ = y.ne_tensor(&exact.to_kind(Kind::BFloat16)).sum(Kind::Int64);
        assert!(differ.int64_value(&[]) < 5, "{differ:?}");
        Ok(())
    }

    #[test]
    fn what_is_not_a_number_stays_so_and_what_does_not_fit_is_left() -> Result<()> {
        let case = Case::of(&[2, 4]);
        let _ = case
            .x
            .detach()
            .narrow(0, 0, 1)
            .narrow(1, 0, 1)
            .fill_(f64::NAN);
        let y = case.at_once(true, Mode::Train)?.expect("for the CPU");
        assert!(y.double_value(&[0, 0]).is_nan() && !y.double_value(&[0, 1]).is_nan());
        for x in [
            Tensor::zeros([2, 4], (Kind::Double, Device::Cpu)),
            Tensor::zeros([4, 2], FLOAT).tr(),
        ] {
            let case = Case {
                x,
                ..Case::of(&[2, 4])
            };
            assert!(case.at_once(false, Mode::Train)?.is_none());
        }
        Ok(())
    }
}

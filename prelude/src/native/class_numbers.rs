//! Loss and accuracy for class numbers in one operation each; `native/class_numbers.cpp` is the other
//! side, `losses/crossentropy.rs` and `metrics/accuracy.rs` decide when.

use std::ffi::c_char;

use tch::Tensor;

use super::{CTensor, checked};
use crate::Result;

unsafe extern "C" {
    fn torchbook_native_crossentropy(
        logits: *const CTensor,
        labels: *const CTensor,
        output: *mut *mut CTensor,
    ) -> *mut c_char;
    fn torchbook_native_hits(
        outputs: *const CTensor,
        labels: *const CTensor,
        count: *mut i64,
    ) -> *mut c_char;
}

/// The mean of `-ln p(label)` for logits `(rows, classes)`. `None` where libtorch's operations are needed
/// or as fast: on other devices than the CPU, for many numbers, for labels that are no whole numbers.
///
/// # Errors
/// [`Error::Torch`](crate::Error::Torch) if there is no such class.
pub(crate) fn crossentropy(logits: &Tensor, labels: &Tensor) -> Result<Option<Tensor>> {
    let mut output = std::ptr::null_mut();
    // SAFETY: the pointers are those of living tensors; `output` lives through the call.
    checked(unsafe {
        torchbook_native_crossentropy(logits.as_ptr(), labels.as_ptr(), &mut output)
    })?;
    // SAFETY: a tensor that the call has made and given away.
    Ok((!output.is_null()).then(|| unsafe { Tensor::from_ptr(output) }))
}

/// How many rows of `outputs`, `(rows, classes)`, are largest where their label says. `None` as above.
///
/// # Errors
/// [`Error::Torch`](crate::Error::Torch), never in practice.
pub(crate) fn hits(outputs: &Tensor, labels: &Tensor) -> Result<Option<i64>> {
    let mut count = -1;
    // SAFETY: the pointers are those of living tensors; `count` lives through the call.
    checked(unsafe { torchbook_native_hits(outputs.as_ptr(), labels.as_ptr(), &mut count) })?;
    Ok((count >= 0).then_some(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn case(rows: i64, classes: i64) -> (Tensor, Tensor) {
        let logits = Tensor::randn([rows, classes], (Kind::Float, Device::Cpu)) * 20.0;
        let labels = Tensor::randint(classes, [rows], (Kind::Int64, Device::Cpu));
        (logits.set_requires_grad(true), labels)
    }

    /// By libtorch, in 64 bits.
    fn plainly(logits: &Tensor, labels: &Tensor) -> Tensor {
        let logs = logits.to_kind(Kind::Double).log_softmax(-1, Kind::Double);
        logs.nll_loss(labels)
    }

    /// Of three times the loss; then those of their squares.
    fn gradients(loss: &Tensor, logits: &Tensor) -> [Tensor; 2] {
        let loss = loss * 3.0;
        let first = Tensor::run_backward(&[&loss], &[logits], true, true).remove(0);
        let length = first.square().sum(Kind::Double);
        let second = Tensor::run_backward(&[&length], &[logits], true, false).remove(0);
        let plain = Tensor::run_backward(&[&loss], &[logits], true, false).remove(0);
        assert!((&plain - first).abs().max().double_value(&[]) < 1e-6);
        [plain, second]
    }

    #[test]
    fn losses_and_gradients_are_the_formulas() -> Result<()> {
        for (rows, classes) in [(32, 10), (1, 2), (7, 1), (5, 1000)] {
            let (logits, labels) = case(rows, classes);
            let exact = plainly(&logits, &labels);
            for labels in [
                labels.shallow_clone(),
                labels.reshape([rows, 1]).to_kind(Kind::Int),
            ] {
                let ours = crossentropy(&logits, &labels)?.expect("few numbers");
                let difference = f64::try_from(&ours - &exact)?;
                assert!(difference.abs() < 1e-5, "{rows}, {classes}: {difference}");
                let pairs = gradients(&ours, &logits)
                    .into_iter()
                    .zip(gradients(&exact, &logits));
                for (ours, exact) in pairs {
                    let difference = (ours - exact).abs().max().double_value(&[]);
                    assert!(difference < 1e-5, "{rows}, {classes}: {difference}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn what_is_no_number_stays_visible() -> Result<()> {
        let (logits, labels) = case(3, 4);
        let _ = logits.detach().get(1).get(2).fill_(f64::NAN);
        let loss = crossentropy(&logits, &labels)?.expect("few numbers");
        assert!(f64::try_from(loss)?.is_nan());
        Ok(())
    }

    #[test]
    fn hits_are_those_of_argmax() -> Result<()> {
        let (outputs, labels) = case(500, 3);
        // Two that are alike, and one that is no number.
        let _ = outputs.detach().get(0).fill_(1.0);
        let _ = outputs.detach().get(1).get(1).fill_(f64::NAN);
        let expected = outputs
            .argmax(-1, false)
            .eq_tensor(&labels)
            .sum(Kind::Int64);
        assert_eq!(hits(&outputs, &labels)?, Some(i64::try_from(expected)?));
        Ok(())
    }

    #[test]
    fn what_is_not_meant_is_left_alone() -> Result<()> {
        let (logits, labels) = case(4, 3);
        assert!(crossentropy(&logits, &(&labels + 3)).is_err());
        for labels in [labels.to_kind(Kind::Float), labels.narrow(0, 0, 3)] {
            assert!(crossentropy(&logits, &labels)?.is_none());
            assert!(hits(&logits, &labels)?.is_none());
        }
        let (many, labels) = case(40_000, 2);
        assert!(crossentropy(&many, &labels)?.is_none());
        Ok(())
    }
}

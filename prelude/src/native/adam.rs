//! A step of Adam for all parameters at once; `native/adam.cpp` is the other side, the formula and its
//! settings are in `optimizers/adam.rs`.

use std::ffi::c_char;

use tch::{TchError, Tensor};

use super::{CTensor, checked};
use crate::Result;
use crate::optimizers::Moment;

unsafe extern "C" {
    fn torchbook_native_fused_adam(
        count: usize,
        parameters: *const *const CTensor,
        gradients: *const *const CTensor,
        means: *const *const CTensor,
        squares: *const *const CTensor,
        largest: *const *const CTensor,
        step: f64,
        learning_rate: f64,
        beta_1: f64,
        beta_2: f64,
        epsilon: f64,
    ) -> *mut c_char;
}

/// Changes `parameters` by one step of Adam, in one pass over memory; along
/// [factors](super::factors::Factors) where the step has kept gradients as such. `slots` are what it keeps of each
/// of them: the average of the gradient, that of its square, and with amsgrad the largest of these.
///
/// `epsilon` is Keras's, added before the correction of the squares for the number of steps.
///
/// # Errors
/// [`Error::Torch`](crate::Error::Torch) if shapes, kinds or devices differ, or lists are too short;
/// nothing has changed then.
pub(crate) fn fused_adam(
    parameters: &[Tensor],
    gradients: &[Tensor],
    slots: &[Vec<Tensor>],
    moment: &Moment,
    (beta_1, beta_2): (f64, f64),
    epsilon: f64,
) -> Result<()> {
    let pointers = |tensors: &mut dyn Iterator<Item = &Tensor>| -> Vec<*const CTensor> {
        tensors.map(Tensor::as_ptr).collect()
    };
    let slot = |index: usize| pointers(&mut slots.iter().filter_map(|kept| kept.get(index)));
    let (means, squares, largest) = (slot(0), slot(1), slot(2));
    let lists = [gradients.len(), means.len(), squares.len()];
    let amsgrad = !largest.is_empty();
    if lists != [parameters.len(); 3] || (amsgrad && largest.len() != parameters.len()) {
        let message = format!(
            "Adam: expected a gradient and averages for each of {} parameters, received {lists:?} and {} of the largest",
            parameters.len(),
            largest.len()
        );
        return Err(TchError::Torch(message).into());
    }
    // SAFETY: the pointers are those of living tensors, as many in each list as is said, which
    // libtorch changes as tch's own in-place methods do; tch's tensors are used by one thread at a
    // time.
    checked(unsafe {
        torchbook_native_fused_adam(
            parameters.len(),
            pointers(&mut parameters.iter()).as_ptr(),
            pointers(&mut gradients.iter()).as_ptr(),
            means.as_ptr(),
            squares.as_ptr(),
            match amsgrad {
                true => largest.as_ptr(),
                false => std::ptr::null(),
            },
            f64::from(moment.step),
            moment.learning_rate,
            beta_1,
            beta_2,
            epsilon,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    const MOMENT: Moment = Moment {
        step: 1,
        learning_rate: 0.1,
    };

    fn step(parameters: &[Tensor], gradients: &[Tensor], slots: &[Vec<Tensor>]) -> Result<()> {
        fused_adam(parameters, gradients, slots, &MOMENT, (0.9, 0.999), 1e-7)
    }

    #[test]
    fn tensors_that_do_not_fit_are_an_error_and_nothing_changes() {
        let zeros = |n: i64| Tensor::zeros([n], (Kind::Float, Device::Cpu));
        let ones = |n: i64| Tensor::ones([n], (Kind::Float, Device::Cpu));
        let slots = [vec![zeros(3), zeros(3)], vec![zeros(3), zeros(3)]];
        let first = zeros(3);
        let with = |parameter: Tensor, gradient: Tensor| {
            step(
                &[first.shallow_clone(), parameter],
                &[ones(3), gradient],
                &slots,
            )
        };
        assert!(with(zeros(2), zeros(2)).is_err());
        assert!(with(zeros(3), zeros(2)).is_err());
        assert!(with(zeros(3), zeros(3).to_kind(Kind::Double)).is_err());
        assert!(with(zeros(6).slice(0, 0, 6, 2), zeros(3)).is_err());
        assert!(step(&[zeros(3), zeros(3)], &[zeros(3)], &slots).is_err());
        assert!(step(&[zeros(3)], &[zeros(3)], &slots).is_err());
        assert_eq!(first, zeros(3));
        assert!(with(zeros(3), ones(3)).is_ok());
        assert_ne!(first, zeros(3));
    }

    #[test]
    fn a_gradient_may_have_its_axes_in_another_order() -> Result<()> {
        let options = (Kind::Float, Device::Cpu);
        let gradient = Tensor::arange(6, options).reshape([2, 3]);
        let transposed = gradient.tr().contiguous().tr();
        let stepped = |gradient: &Tensor| -> Result<Tensor> {
            let parameter = Tensor::zeros([2, 3], options);
            let slots = [vec![parameter.zeros_like(), parameter.zeros_like()]];
            step(
                &[parameter.shallow_clone()],
                &[gradient.shallow_clone()],
                &slots,
            )?;
            Ok(parameter)
        };
        assert_eq!(stepped(&gradient)?, stepped(&transposed)?);
        Ok(())
    }

    /// What Keras's formula makes of the weight, in 64 bits.
    fn by_formula(weight: &Tensor, gradients: &[Tensor]) -> Tensor {
        let (mut weight, mut mean) = (weight.to_kind(Kind::Double), weight.zeros_like());
        let mut square = mean.to_kind(Kind::Double);
        mean = mean.to_kind(Kind::Double);
        for (done, gradient) in gradients.iter().enumerate() {
            let gradient = gradient.to_kind(Kind::Double);
            mean = &mean * 0.9 + &gradient * (1.0 - 0.9);
            square = &square * 0.999 + gradient.square() * (1.0 - 0.999);
            let steps = done as i32 + 1;
            let rate = 0.1 * (1.0 - 0.999f64.powi(steps)).sqrt() / (1.0 - 0.9f64.powi(steps));
            weight -= &mean * rate / (square.sqrt() + 1e-7);
        }
        weight
    }

    #[test]
    fn steps_are_kerass_formula() -> Result<()> {
        let options = (Kind::Float, Device::Cpu);
        // For a part of a register, for one thread and for two.
        for count in [3i64, 1000, 70_001] {
            let weight = Tensor::randn([count], options);
            let gradients: Vec<Tensor> = [1.0, 1e-3, 1e-8]
                .map(|size| Tensor::randn([count], options) * size)
                .into();
            let exact = by_formula(&weight, &gradients);
            let slots = [vec![weight.zeros_like(), weight.zeros_like()]];
            for (done, gradient) in gradients.iter().enumerate() {
                let moment = Moment {
                    step: done as i32 + 1,
                    ..MOMENT
                };
                let all = std::slice::from_ref(&weight);
                let along = std::slice::from_ref(gradient);
                fused_adam(all, along, &slots, &moment, (0.9, 0.999), 1e-7)?;
            }
            let difference = (weight.to_kind(Kind::Double) - exact).abs().max();
            assert!(difference.double_value(&[]) < 1e-6, "{difference:?}");
        }
        Ok(())
    }
}

//! Computing in half precision while weights stay in full precision, under Keras's name.
//!
//! Here is the choice and where it takes effect; the calls of libtorch are in `native.rs`.

use std::cell::Cell;

use tch::{Kind, Tensor};

use crate::model::layers::ModelOutput;
use crate::model::network::Network;
use crate::native::Autocast;
use crate::{Error, Mode, Result};

thread_local! {
    /// Whether models that are made from now on compute in bfloat16; of the thread, as in Keras.
    static BFLOAT16: Cell<bool> = const { Cell::new(false) };
}

/// Keras's names.
const NAMES: [&str; 2] = ["float32", "mixed_bfloat16"];

/// Chooses what models that this thread makes from now on compute with, until
/// [`clear_session`](crate::clear_session):
///
/// - `"float32"`, as without this call;
/// - `"mixed_bfloat16"`: matrix products and convolutions on 16-bit numbers with the range of
///   32-bit ones, weights, their updates, losses and outputs in 32 bits. It is faster where the
///   processor knows such numbers (AVX-512 BF16, AMX, GPUs since Ampere), most of all for batches of
///   128 and more, and slower elsewhere; results differ in the third digit.
///
/// Keras's `"mixed_float16"` is not here: its range is so small that the loss must be scaled.
///
/// # Errors
/// [`Error::UnknownName`] for another name.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// mixed_precision::set_global_policy("mixed_bfloat16")?;
/// let model = Sequential::new([Input::new(4).into(), Dense::new(2).into()])?;
/// assert_eq!(mixed_precision::global_policy(), "mixed_bfloat16");
/// mixed_precision::set_global_policy("float32")?; // `model` keeps its own.
/// # Ok::<(), Error>(())
/// ```
///
/// # Source
/// Keras 3, `keras.mixed_precision.set_global_policy`; which operations use 16 bits is PyTorch's
/// choice (`torch.autocast`).
pub fn set_global_policy(name: &str) -> Result<()> {
    match NAMES.iter().position(|known| *known == name) {
        Some(position) => {
            BFLOAT16.set(position == 1);
            Ok(())
        }
        None => Err(Error::unknown_name("dtype policy", name, &NAMES)),
    }
}

/// The name of what models that are made now compute with.
pub fn global_policy() -> &'static str {
    NAMES[usize::from(BFLOAT16.get())]
}

/// Back to 32 bits.
pub(crate) fn reset() {
    BFLOAT16.set(false);
}

/// What one model computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    bfloat16: bool,
}

/// The one in force when the model is made.
impl Default for Policy {
    fn default() -> Self {
        Policy {
            bfloat16: BFLOAT16.get(),
        }
    }
}

/// The forward pass of a whole model under its policy. Outputs have 32 bits.
pub(crate) fn forward(
    model: &(impl Network + ?Sized),
    inputs: &[Tensor],
    mode: Mode,
) -> Result<Vec<ModelOutput>> {
    if !model.training().policy.bfloat16 {
        return model.forward_to_logits(inputs, mode);
    }
    let outputs = {
        let _autocast = Autocast::to_bfloat16(model.device())?;
        model.forward_to_logits(inputs, mode)?
    };
    let in_full = |output: ModelOutput| -> Result<ModelOutput> {
        Ok(ModelOutput {
            values: output.values.f_to_kind(Kind::Float)?,
            ..output
        })
    };
    outputs.into_iter().map(in_full).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Activation, BatchNormalization, Conv2D, Dense, Flatten, Input, Sequential, Trainer,
        clear_session,
    };
    use tch::Device;

    fn model() -> Result<Sequential> {
        let mut model = Sequential::new([
            Input::new((8, 8, 1)).into(),
            Conv2D::new(8, 3).into(),
            BatchNormalization::new().into(),
            Activation::relu().into(),
            Flatten::new().into(),
            Dense::new(4).into(),
            Activation::softmax().into(),
        ])?;
        model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
        Ok(model)
    }

    #[test]
    fn mixed_precision_learns_what_full_precision_learns_up_to_the_third_digit() -> Result<()> {
        let x = Tensor::rand([64, 8, 8, 1], (Kind::Float, Device::Cpu));
        let y = Tensor::randint(4, [64], (Kind::Int64, Device::Cpu));
        let mut full = model()?;
        set_global_policy("mixed_bfloat16")?;
        let mut mixed = model()?;
        mixed.set_weights(&full.get_weights()?)?;
        clear_session();
        assert_eq!(global_policy(), "float32");

        let (exact, rough) = (full.predict(&x)?, mixed.predict(&x)?);
        assert_eq!(rough.kind(), Kind::Float);
        let difference = f64::try_from((&exact - &rough).abs().max())?;
        assert!(difference > 0.0, "the policy had no effect");
        assert!(difference < 2e-2, "{difference}");

        let last_loss = |model: &mut Sequential| -> Result<f64> {
            let history = model.fit(&x, &y).epochs(5).seed(1).verbose(0).run()?;
            Ok(*history["loss"].last().expect("five epochs"))
        };
        let (exact, rough) = (last_loss(&mut full)?, last_loss(&mut mixed)?);
        assert!((exact - rough).abs() < 2e-2, "{exact} and {rough}");
        let kinds = mixed
            .weights()
            .into_iter()
            .map(|weight| weight.tensor().kind());
        assert!(kinds.into_iter().all(|kind| kind == Kind::Float));
        Ok(())
    }

    #[test]
    fn a_name_that_is_not_known_lists_those_that_are() {
        let error = set_global_policy("mixed_bfloat").expect_err("16 is missing");
        assert!(error.to_string().contains("mixed_bfloat16"), "{error}");
    }
}

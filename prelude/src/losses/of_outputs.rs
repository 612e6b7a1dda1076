//! One loss for each output of a model, and how much each counts: Keras's `loss=[…]` and
//! `loss_weights=[…]`. How they are added up is in `training/compile.rs`.

use serde_json::{Value, json};
use tch::Tensor;

use super::{IntoLoss, Loss, from_config};
use crate::model::layers::ModelOutput;
use crate::{Error, Result, Shape};

/// A loss that counts more or less than those of other outputs. Made by [`IntoLoss::weighted`].
pub(super) struct Weighted {
    pub(super) loss: Box<dyn Loss>,
    pub(super) weight: f64,
}

impl Loss for Weighted {
    fn name(&self) -> &str {
        self.loss.name()
    }

    fn weight(&self) -> f64 {
        self.weight
    }

    fn values(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        self.loss.values(y, output)
    }

    fn mean(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        self.loss.mean(y, output)
    }

    fn weighted_mean(
        &self,
        y: &Tensor,
        output: &ModelOutput,
        sample_weight: Option<&Tensor>,
    ) -> Result<Tensor> {
        self.loss.weighted_mean(y, output, sample_weight)
    }

    fn check_targets(&self, y: &Tensor, output: &Shape, place: &str) -> Result<()> {
        self.loss.check_targets(y, output, place)
    }

    fn config(&self) -> Result<Value> {
        let mut config = self.loss.config()?;
        config["weight"] = json!(self.weight);
        Ok(config)
    }
}

/// The loss that a config describes, with its weight, if it has one.
pub(crate) fn from_weighted_config(config: &Value) -> Result<Box<dyn Loss>> {
    let loss = from_config(config)?;
    match config.get("weight").and_then(Value::as_f64) {
        Some(weight) => loss.weighted(weight),
        None => Ok(loss),
    }
}

/// What `compile` accepts as losses: one for all outputs of a model, or one for each, in their
/// order, as an array, or as a tuple if they are of several types.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let image = Input::new(8);
/// let kind = Dense::new(3).activation("softmax").name("kind").call(&image)?;
/// let price = Dense::new(1).name("price").call(&image)?;
/// let mut model = Model::new(&image, (&kind, &price))?;
///
/// model.compile(["sparse_categorical_crossentropy", "mse"], "adam", ())?;
/// // Keras's loss_weights and metrics for single outputs.
/// let price_loss = Huber::new().weighted(0.5)?;
/// let metrics = (Accuracy.of_output("kind"), MeanAbsoluteError::new().of_output("price"));
/// model.compile((SparseCategoricalCrossentropy::new(), price_loss), "adam", metrics)?;
///
/// let x = Tensor::rand([20, 8], (Kind::Float, Device::Cpu));
/// let kinds = x.narrow(1, 0, 3).argmax(1, false);
/// let history = model.fit(&x, (&kinds, &x.narrow(1, 0, 1))).run()?;
/// let keys = ["kind_accuracy", "kind_loss", "loss", "price_loss", "price_mean_absolute_error"];
/// assert_eq!(history.keys(), keys);
/// # Ok::<(), Error>(())
/// ```
pub trait IntoLosses {
    /// The losses themselves.
    ///
    /// # Errors
    /// [`Error::UnknownName`] lists the names that are known.
    fn into_losses(self) -> Result<Vec<Box<dyn Loss>>>;
}

impl<L: IntoLoss> IntoLosses for L {
    fn into_losses(self) -> Result<Vec<Box<dyn Loss>>> {
        Ok(vec![self.into_loss()?])
    }
}

impl<L: IntoLoss, const N: usize> IntoLosses for [L; N] {
    fn into_losses(self) -> Result<Vec<Box<dyn Loss>>> {
        self.into_iter().map(IntoLoss::into_loss).collect()
    }
}

impl<L: IntoLoss> IntoLosses for Vec<L> {
    fn into_losses(self) -> Result<Vec<Box<dyn Loss>>> {
        self.into_iter().map(IntoLoss::into_loss).collect()
    }
}

macro_rules! tuple_of_losses {
    ($($loss:ident),+) => {
        impl<$($loss: IntoLoss),+> IntoLosses for ($($loss,)+) {
            #[expect(non_snake_case, reason = "type parameters name the bindings, too")]
            fn into_losses(self) -> Result<Vec<Box<dyn Loss>>> {
                let ($($loss,)+) = self;
                Ok(vec![$($loss.into_loss()?),+])
            }
        }
    };
}
tuple_of_losses!(A, B);
tuple_of_losses!(A, B, C);
tuple_of_losses!(A, B, C, D);

/// A weight that can be multiplied with.
pub(super) fn check_weight(loss: &dyn Loss, weight: f64) -> Result<()> {
    match weight.is_finite() && weight >= 0.0 {
        true => Ok(()),
        false => Err(Error::InvalidArgument {
            place: format!("{}: weighted", loss.name()),
            expected: "a number from 0".into(),
            received: weight.to_string(),
        }),
    }
}

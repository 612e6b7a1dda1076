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

/// What `compile` accepts as losses: one for all outputs of a model, or one for each: in their
/// order, or with their names before them, as in Keras's `loss={"kind": …}`. Several are an array, or a
/// tuple if they are of several types.
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
///
/// // By name, in any order.
/// let price_loss = ("price", Huber::new().weighted(0.5)?);
/// let kind_loss = ("kind", SparseCategoricalCrossentropy::new());
/// model.compile((price_loss, kind_loss), "adam", [("kind", "acc"), ("price", "mae")])?;
/// # Ok::<(), Error>(())
/// ```
pub trait IntoLosses {
    /// The losses themselves: one for all outputs, or one for each in the order of their names,
    /// `outputs`.
    ///
    /// # Errors
    /// [`Error::UnknownName`] lists the names that are known, [`Error::InvalidArgument`] if names
    /// are given and an output is not among them.
    fn into_losses(self, outputs: &[String]) -> Result<Vec<Box<dyn Loss>>>;
}

impl<L: IntoLoss> IntoLosses for L {
    fn into_losses(self, _outputs: &[String]) -> Result<Vec<Box<dyn Loss>>> {
        Ok(vec![self.into_loss()?])
    }
}

impl<L: IntoLoss, const N: usize> IntoLosses for [L; N] {
    fn into_losses(self, _outputs: &[String]) -> Result<Vec<Box<dyn Loss>>> {
        self.into_iter().map(IntoLoss::into_loss).collect()
    }
}

impl<L: IntoLoss> IntoLosses for Vec<L> {
    fn into_losses(self, _outputs: &[String]) -> Result<Vec<Box<dyn Loss>>> {
        self.into_iter().map(IntoLoss::into_loss).collect()
    }
}

impl<L: IntoLoss, const N: usize> IntoLosses for [(&str, L); N] {
    fn into_losses(self, outputs: &[String]) -> Result<Vec<Box<dyn Loss>>> {
        Vec::from(self).into_losses(outputs)
    }
}

impl<L: IntoLoss> IntoLosses for Vec<(&str, L)> {
    fn into_losses(self, outputs: &[String]) -> Result<Vec<Box<dyn Loss>>> {
        let named = self.into_iter();
        let named = named.map(|(output, loss)| Ok((output, loss.into_loss()?)));
        in_order(named.collect::<Result<_>>()?, outputs)
    }
}

macro_rules! tuple_of_losses {
    ($($loss:ident),+) => {
        impl<$($loss: IntoLoss),+> IntoLosses for ($($loss,)+) {
            #[expect(non_snake_case, reason = "type parameters name the bindings, too")]
            fn into_losses(self, _outputs: &[String]) -> Result<Vec<Box<dyn Loss>>> {
                let ($($loss,)+) = self;
                Ok(vec![$($loss.into_loss()?),+])
            }
        }

        impl<$($loss: IntoLoss),+> IntoLosses for ($((&str, $loss),)+) {
            #[expect(non_snake_case, reason = "type parameters name the bindings, too")]
            fn into_losses(self, outputs: &[String]) -> Result<Vec<Box<dyn Loss>>> {
                let ($($loss,)+) = self;
                in_order(vec![$(($loss.0, $loss.1.into_loss()?)),+], outputs)
            }
        }
    };
}
tuple_of_losses!(A, B);
tuple_of_losses!(A, B, C);
tuple_of_losses!(A, B, C, D);

/// Losses of named outputs in the outputs' order; each output has one, as in Keras.
fn in_order(
    mut named: Vec<(&str, Box<dyn Loss>)>,
    outputs: &[String],
) -> Result<Vec<Box<dyn Loss>>> {
    let known: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let mut losses = Vec::new();
    for output in &known {
        let place = named.iter().position(|(name, _)| name == output);
        losses.extend(place.map(|place| named.remove(place).1));
    }
    if let Some((name, _)) = named.iter().find(|(name, _)| !known.contains(name)) {
        return Err(Error::unknown_name("output", name, &known));
    }
    if losses.len() != known.len() || !named.is_empty() {
        return Err(Error::InvalidArgument {
            place: "compile: loss".into(),
            expected: format!("one for each of the outputs {}", known.join(", ")),
            received: (losses.len() + named.len()).to_string(),
        });
    }
    Ok(losses)
}

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

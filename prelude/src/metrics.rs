//! What is measured beside the loss, with Keras's names.
//!
//! A metric describes what to measure; [`MetricState`] adds it up over an epoch, on the device, so
//! that no batch waits for a number to be read.

use tch::{Kind, Tensor};

use crate::model::layers::{ModelOutput, OutputForm};
use crate::{Error, Result, TensorExt};

/// Something to measure while training and evaluating.
pub trait Metric: Send {
    /// The key in `History`, which gets `val_` in front for validation data.
    fn name(&self) -> String;

    /// Begins to measure: at each epoch's start, and for each evaluation.
    fn start(&self) -> Box<dyn MetricState>;

    /// The same under another key.
    ///
    /// ```
    /// use torchbook::*;
    /// // As in Keras's `metrics=['acc']`:
    /// let metric = Accuracy.named("acc");
    /// ```
    fn named(self, name: &str) -> Named
    where
        Self: Sized + 'static,
    {
        Named {
            name: name.to_owned(),
            metric: Box::new(self),
        }
    }
}

/// A measurement in progress.
pub trait MetricState: Send {
    /// Adds a batch of targets `y` and outputs.
    ///
    /// # Errors
    /// [`Error::Torch`] if the two do not fit together.
    fn update(&mut self, y: &Tensor, output: &ModelOutput) -> Result<()>;

    /// The value over all batches so far. Reading it waits for the device.
    ///
    /// # Errors
    /// [`Error::Torch`] if the device has failed.
    fn result(&self) -> Result<f64>;
}

/// A metric under a name of the user's choice. Made by [`Metric::named`].
pub struct Named {
    name: String,
    metric: Box<dyn Metric>,
}

impl Metric for Named {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn start(&self) -> Box<dyn MetricState> {
        self.metric.start()
    }
}

/// What `compile` accepts as metrics: `[Accuracy]`, a tuple of different ones, Keras's names as
/// text (`["acc"]`), or `()` for none.
pub trait IntoMetrics {
    /// The metrics themselves.
    ///
    /// # Errors
    /// [`Error::UnknownName`] lists the names that are known.
    fn into_metrics(self) -> Result<Vec<Box<dyn Metric>>>;
}

impl<M: Metric + 'static, const N: usize> IntoMetrics for [M; N] {
    fn into_metrics(self) -> Result<Vec<Box<dyn Metric>>> {
        Ok(self
            .into_iter()
            .map(|metric| Box::new(metric) as Box<dyn Metric>)
            .collect())
    }
}

impl<const N: usize> IntoMetrics for [&str; N] {
    fn into_metrics(self) -> Result<Vec<Box<dyn Metric>>> {
        self.into_iter().map(by_name).collect()
    }
}

impl IntoMetrics for () {
    fn into_metrics(self) -> Result<Vec<Box<dyn Metric>>> {
        Ok(Vec::new())
    }
}

impl IntoMetrics for Vec<Box<dyn Metric>> {
    fn into_metrics(self) -> Result<Vec<Box<dyn Metric>>> {
        Ok(self)
    }
}

macro_rules! tuple_of_metrics {
    ($($metric:ident),+) => {
        impl<$($metric: Metric + 'static),+> IntoMetrics for ($($metric,)+) {
            #[expect(non_snake_case, reason = "type parameters name the bindings, too")]
            fn into_metrics(self) -> Result<Vec<Box<dyn Metric>>> {
                let ($($metric,)+) = self;
                Ok(vec![$(Box::new($metric)),+])
            }
        }
    };
}
tuple_of_metrics!(A);
tuple_of_metrics!(A, B);
tuple_of_metrics!(A, B, C);
tuple_of_metrics!(A, B, C, D);

fn by_name(name: &str) -> Result<Box<dyn Metric>> {
    match name {
        "acc" | "accuracy" => Ok(Box::new(Accuracy.named(name))),
        _ => Err(Error::UnknownName {
            what: "metric",
            received: name.to_owned(),
            known: "acc, accuracy".into(),
        }),
    }
}

/// The share of samples whose class is predicted right, from 0 to 1.
///
/// As Keras's `'accuracy'` it looks at the shapes: class numbers or one-hot rows against the
/// largest output, and 0 or 1 against a single output above one half.
///
/// # Source
/// Keras 3, `keras.metrics.SparseCategoricalAccuracy`, `CategoricalAccuracy` and `BinaryAccuracy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accuracy;

impl Metric for Accuracy {
    fn name(&self) -> String {
        "accuracy".to_owned()
    }

    fn start(&self) -> Box<dyn MetricState> {
        Box::new(Share {
            right: None,
            total: 0,
        })
    }
}

/// Counts how many of how many are right.
struct Share {
    /// On the device.
    right: Option<Tensor>,
    total: i64,
}

impl MetricState for Share {
    fn update(&mut self, y: &Tensor, output: &ModelOutput) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let values = &output.values;
        let classes = values.shape().last().copied().unwrap_or(1);
        let right = if classes == 1 {
            // A sigmoid is above one half where its argument is above zero.
            let threshold = match output.form {
                OutputForm::SigmoidLogits => 0.0,
                _ => 0.5,
            };
            let predicted = values.f_reshape([-1])?.f_gt(threshold)?;
            predicted.f_eq_tensor(&y.f_reshape([-1])?.f_gt(0.5)?)?
        } else {
            let predicted = values.f_argmax(-1, false)?.f_reshape([-1])?;
            let label = match y.shape() == values.shape() {
                true => y.f_argmax(-1, false)?.f_reshape([-1])?,
                false => y.f_reshape([-1])?,
            };
            predicted.f_eq_tensor(&label)?
        };
        self.total += right.numel() as i64;
        let right = right.f_sum(Kind::Int64)?;
        match &mut self.right {
            Some(sum) => drop(sum.f_add_(&right)?),
            None => self.right = Some(right),
        }
        Ok(())
    }

    fn result(&self) -> Result<f64> {
        match &self.right {
            Some(right) => Ok(i64::try_from(right)? as f64 / self.total as f64),
            None => Ok(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(y: &Tensor, values: &Tensor, form: OutputForm, expected: f64) {
        let mut state = Accuracy.start();
        let output = ModelOutput {
            values: values.shallow_clone(),
            form,
        };
        state.update(y, &output).expect("the shapes fit");
        state.update(y, &output).expect("the shapes fit");
        assert_eq!(state.result().expect("on the CPU"), expected);
    }

    #[test]
    fn accuracy_fits_itself_to_the_shapes() {
        let scores = Tensor::from_slice(&[0.1f32, 0.7, 0.2, 0.9, 0.05, 0.05]).reshape([2, 3]);
        let labels = Tensor::from_slice(&[1u8, 2]);
        check(&labels, &scores, OutputForm::Values, 0.5);
        check(
            &labels.reshape([2, 1]),
            &scores,
            OutputForm::SoftmaxLogits,
            0.5,
        );
        let one_hot = Tensor::from_slice(&[0.0f32, 1.0, 0.0, 1.0, 0.0, 0.0]).reshape([2, 3]);
        check(&one_hot, &scores, OutputForm::Values, 1.0);
        let yes_or_no = Tensor::from_slice(&[1i64, 0]);
        let single = Tensor::from_slice(&[0.3f32, -2.0]).reshape([2, 1]);
        check(&yes_or_no, &single, OutputForm::SigmoidLogits, 1.0);
        check(&yes_or_no, &single, OutputForm::Values, 0.5);
    }

    #[test]
    fn metrics_are_accepted_in_all_their_forms() -> Result<()> {
        let names = |metrics: Vec<Box<dyn Metric>>| -> Vec<String> {
            metrics.iter().map(|m| m.name()).collect()
        };
        assert_eq!(names([Accuracy].into_metrics()?), ["accuracy"]);
        assert_eq!(names([Accuracy.named("acc")].into_metrics()?), ["acc"]);
        assert_eq!(
            names(["acc", "accuracy"].into_metrics()?),
            ["acc", "accuracy"]
        );
        assert_eq!(
            names((Accuracy, Accuracy.named("b")).into_metrics()?),
            ["accuracy", "b"]
        );
        assert!(names(().into_metrics()?).is_empty());
        assert!(["acurracy"].into_metrics().is_err());
        Ok(())
    }
}

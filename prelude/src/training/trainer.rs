//! What every model can do: `compile`, `fit`, `evaluate`, `predict`, written once for all.

use tch::Tensor;

use super::arrays::Arrays;
use super::compile::{Compiled, compiled};
use super::evaluate;
use super::fit::Fit;
use super::history::History;
use super::logs::Logs;
use super::lr_find::LrFind;
use super::on_batch;
use super::sources::Learned;
use crate::losses::IntoLosses;
use crate::metrics::{IntoMetrics, Named};
use crate::model::network::Network;
use crate::optimizers::IntoOptimizer;
use crate::{Dataset, Error, Result};

/// What Keras's `Model` can do, for every [`Network`].
///
/// # Source
/// Keras 3, keras/src/trainers/trainer.py.
pub trait Trainer: Network {
    /// Chooses loss, optimizer and metrics; each as a value or by Keras's name. A model with
    /// several outputs is measured by the sum of their losses: of one that is for all of them, or
    /// of one for each, in an array or a tuple, in the outputs' order or with their names
    /// ([`IntoLosses`]).
    ///
    /// Weights stay as they are; the optimizer begins anew.
    ///
    /// # Errors
    /// [`Error::UnknownName`] for a name that is not known.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let mut model = Sequential::new([Input::new(4).into(), Dense::new(3).into(), Activation::softmax().into()])?;
    /// model.compile(SparseCategoricalCrossentropy::new(), Adam::new(), [Accuracy])?;
    /// model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
    /// # Ok::<(), Error>(())
    /// ```
    fn compile(
        &mut self,
        loss: impl IntoLosses,
        optimizer: impl IntoOptimizer,
        metrics: impl IntoMetrics,
    ) -> Result<()>
    where
        Self: Sized,
    {
        let compiled = Compiled::new(loss, optimizer, metrics, &self.output_names())?;
        self.training_mut().compiled = Some(compiled);
        Ok(())
    }

    /// Chooses metrics in which samples count by their weights, those of `sample_weight` or
    /// `class_weight`: Keras's `compile(…, weighted_metrics=…)`. Where the key of a metric is taken
    /// by one of `compile`'s, `weighted_` is put before its name.
    ///
    /// # Errors
    /// [`Error::NotCompiled`], [`Error::UnknownName`].
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let mut model = Sequential::new([Input::new(2).into(), Dense::new(2).into(), Activation::softmax().into()])?;
    /// model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
    /// model.weighted_metrics(["acc"])?;
    /// let x = Tensor::rand([100, 2], (Kind::Float, Device::Cpu));
    /// let y = x.argmax(1, false);
    /// let history = model.fit(&x, &y).class_weight([(1, 5.0)]).run()?;
    /// assert_eq!(history.keys(), ["acc", "loss", "weighted_acc"]);
    /// # Ok::<(), Error>(())
    /// ```
    fn weighted_metrics(&mut self, metrics: impl IntoMetrics) -> Result<()>
    where
        Self: Sized,
    {
        let metrics = metrics.into_metrics()?.into_iter().map(Named::weighted);
        compiled(self, "weighted_metrics")?;
        if let Some(compiled) = &mut self.training_mut().compiled {
            compiled.metrics.retain(|metric| !metric.is_weighted());
            compiled.metrics.extend(metrics);
        }
        Ok(())
    }

    /// Trains the model on samples `x` and targets `y`, with Keras's defaults: one epoch, batches
    /// of 32, shuffled anew in each epoch, the smaller last batch kept.
    ///
    /// # Shapes
    /// - x: `(n, …)`, floats or bytes; for several inputs an array or tuple, one for each
    /// - y: what the loss wants, for class numbers `(n,)` or `(n, 1)`; for several outputs one for
    ///   each
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let mut model = Sequential::new([Input::new(2).into(), Dense::new(2).into(), Activation::softmax().into()])?;
    /// model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
    /// let x = Tensor::rand([100, 2], (Kind::Float, Device::Cpu));
    /// let y = x.argmax(1, false);
    /// let history = model.fit(&x, &y).validation_data(&x, &y).epochs(2).run()?;
    /// assert_eq!(history.keys(), ["acc", "loss", "val_acc", "val_loss"]);
    /// # Ok::<(), Error>(())
    /// ```
    fn fit(&mut self, x: impl Arrays, y: impl Arrays) -> Fit<'_>
    where
        Self: Sized,
    {
        Fit::new(self, Learned::Arrays((x.arrays(), y.arrays())))
    }

    /// [`fit`](Trainer::fit) on a dataset, Keras's `fit(dataset)`: batches, their size and their
    /// order are the dataset's, and only the running batch is in memory in its final form.
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let images = Tensor::zeros([100, 8, 8, 1], (Kind::Uint8, Device::Cpu));
    /// let labels = Tensor::zeros([100], (Kind::Int64, Device::Cpu));
    /// let dataset = Dataset::new(&images, &labels)?
    ///     .shuffle(1)
    ///     .batch(32)
    ///     .map(|x, y| Ok((x.to_float32() / 255.0, y)))
    ///     .prefetch(2);
    ///
    /// let mut model = Sequential::new([Input::new((8, 8, 1)).into(), Flatten::new().into(), Dense::new(3).into(), Activation::softmax().into()])?;
    /// model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
    /// let history = model.fit_dataset(&dataset).epochs(2).validation_dataset(&dataset).run()?;
    /// assert_eq!(history.last("val_loss"), model.evaluate_dataset(&dataset)?.get("loss"));
    /// assert_eq!(model.predict_dataset(&dataset.drop_remainder(true))?.shape(), (96, 3));
    /// # Ok::<(), Error>(())
    /// ```
    fn fit_dataset(&mut self, dataset: &Dataset) -> Fit<'_>
    where
        Self: Sized,
    {
        Fit::new(self, Learned::Dataset(dataset.clone()))
    }

    /// Looks for a learning rate: learns some batches with rates that rise from tiny to huge, and
    /// puts the model back to where it was.
    ///
    /// # Shapes
    /// As [`fit`](Trainer::fit).
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// set_random_seed(0);
    /// let mut model = Sequential::new([Input::new(2).into(), Dense::new(2).into(), Activation::softmax().into()])?;
    /// model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
    /// let x = Tensor::rand([1000, 2], (Kind::Float, Device::Cpu));
    /// let y = x.argmax(1, false);
    /// let curve = model.lr_find(&x, &y).run()?;
    /// println!("{curve}");
    /// if let Some(rate) = curve.suggestion() {
    ///     model.set_learning_rate(rate)?;
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Source
    /// Smith 2015, "Cyclical Learning Rates for Training Neural Networks", section 3.3; fastai's
    /// `lr_find`, of which the defaults are: from 1e-7 to 10 in 100 steps.
    fn lr_find(&mut self, x: impl Arrays, y: impl Arrays) -> LrFind<'_>
    where
        Self: Sized,
    {
        LrFind::new(self, x.arrays(), y.arrays())
    }

    /// Loss and metrics over all samples, under Keras's names.
    ///
    /// # Errors
    /// [`Error::NotCompiled`], and what is wrong with the data: [`Error::LengthMismatch`],
    /// [`Error::LabelOutOfRange`], [`Error::ShapeMismatch`], [`Error::EmptyData`].
    /// [`Error::Interrupted`] if the user stops it.
    fn evaluate(&self, x: impl Arrays, y: impl Arrays) -> Result<Logs>
    where
        Self: Sized,
    {
        evaluate::evaluate(self, &x.arrays(), &y.arrays())
    }

    /// [`evaluate`](Trainer::evaluate) on a dataset.
    ///
    /// # Errors
    /// As [`evaluate`](Trainer::evaluate), and what making a batch returns.
    fn evaluate_dataset(&self, dataset: &Dataset) -> Result<Logs>
    where
        Self: Sized,
    {
        evaluate::evaluate_dataset(self, dataset)
    }

    /// Outputs for all samples, on the CPU: `(n, …)`.
    ///
    /// # Errors
    /// [`Error::NotBuilt`], [`Error::ShapeMismatch`], [`Error::InvalidArgument`] if the model has
    /// several outputs ([`predict_all`](Trainer::predict_all) gives them), and
    /// [`Error::Interrupted`] if the user stops it.
    fn predict(&self, x: impl Arrays) -> Result<Tensor>
    where
        Self: Sized,
    {
        the_only(self, self.predict_all(x)?)
    }

    /// [`predict`](Trainer::predict) for a dataset, in the order in which it deals out its samples
    /// in its first epoch; targets, if it has any, are left alone.
    ///
    /// # Errors
    /// As [`predict`](Trainer::predict), and what making a batch returns.
    fn predict_dataset(&self, dataset: &Dataset) -> Result<Tensor>
    where
        Self: Sized,
    {
        the_only(self, evaluate::predict_dataset(self, dataset)?)
    }

    /// Every output for all samples, on the CPU.
    ///
    /// # Errors
    /// As [`predict`](Trainer::predict), for any number of outputs.
    fn predict_all(&self, x: impl Arrays) -> Result<Vec<Tensor>>
    where
        Self: Sized,
    {
        evaluate::predict(self, &x.arrays())
    }

    /// The class of each sample, `(n,)`: the number of the largest output, or for a single output
    /// 1 where it is above one half.
    ///
    /// # Errors
    /// As [`predict`](Trainer::predict).
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let model = Sequential::new([Input::new(3).into(), Activation::softmax().into()])?;
    /// let x = Tensor::from_slice(&[0.1f32, 0.7, 0.2, 5.0, 1.0, 0.0]).reshape([2, 3]);
    /// assert_eq!(Vec::<i64>::try_from(model.predict_classes(&x)?)?, [1, 0]);
    /// # Ok::<(), Error>(())
    /// ```
    fn predict_classes(&self, x: impl Arrays) -> Result<Tensor>
    where
        Self: Sized,
    {
        on_batch::classes(&self.predict(x)?)
    }

    /// One step of training on all samples of `x` and `y` at once: for loops of one's own. Returns
    /// loss and metrics of this batch alone, measured before its step.
    ///
    /// # Errors
    /// As [`Fit::run`].
    ///
    /// # Example
    /// ```
    /// use torchbook::*;
    ///
    /// let mut model = Sequential::new([Input::new(2).into(), Dense::new(1).into()])?;
    /// model.compile("mse", "sgd", ())?;
    /// let x = Tensor::ones([4, 2], (Kind::Float, Device::Cpu));
    /// let y = Tensor::zeros([4], (Kind::Float, Device::Cpu));
    /// let before = model.test_on_batch(&x, &y)?["loss"];
    /// assert_eq!(model.train_on_batch(&x, &y)?["loss"], before);
    /// assert!(model.test_on_batch(&x, &y)?["loss"] < before);
    /// # Ok::<(), Error>(())
    /// ```
    fn train_on_batch(&mut self, x: impl Arrays, y: impl Arrays) -> Result<Logs>
    where
        Self: Sized,
    {
        on_batch::train(self, &x.arrays(), &y.arrays())
    }

    /// Loss and metrics of all samples as one batch, in evaluation mode.
    ///
    /// # Errors
    /// As [`evaluate`](Trainer::evaluate).
    fn test_on_batch(&self, x: impl Arrays, y: impl Arrays) -> Result<Logs>
    where
        Self: Sized,
    {
        on_batch::test(self, &x.arrays(), &y.arrays())
    }

    /// The output for all samples as one batch, on the CPU: faster than
    /// [`predict`](Trainer::predict) for few samples.
    ///
    /// # Errors
    /// As [`predict`](Trainer::predict).
    fn predict_on_batch(&self, x: impl Arrays) -> Result<Tensor>
    where
        Self: Sized,
    {
        the_only(self, on_batch::predict(self, &x.arrays())?)
    }

    /// The epochs that were finished of the last `fit`, also if it was interrupted, and of those
    /// that it continued.
    fn history(&self) -> History {
        self.training().history.clone()
    }

    /// The optimizer's step size.
    ///
    /// # Errors
    /// [`Error::NotCompiled`].
    fn learning_rate(&self) -> Result<f64>
    where
        Self: Sized,
    {
        let compiled = compiled(self, "learning_rate")?;
        Ok(compiled.optimizer.borrow().learning_rate())
    }

    /// Changes the optimizer's step size; its state stays.
    ///
    /// # Errors
    /// [`Error::NotCompiled`].
    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<()>
    where
        Self: Sized,
    {
        let compiled = compiled(self, "set_learning_rate")?;
        let mut optimizer = compiled.optimizer.borrow_mut();
        optimizer.set_learning_rate(learning_rate)
    }
}

impl<N: Network> Trainer for N {}

fn the_only(model: &dyn Network, outputs: Vec<Tensor>) -> Result<Tensor> {
    let count = outputs.len();
    match <[Tensor; 1]>::try_from(outputs) {
        Ok([output]) => Ok(output),
        Err(_) => Err(Error::InvalidArgument {
            place: format!("{}: predict", model.name()),
            expected: "a model with one output; predict_all gives several".into(),
            received: count.to_string(),
        }),
    }
}

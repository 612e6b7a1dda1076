//! Choosing what a model learns by.

use std::cell::RefCell;

use crate::losses::{IntoLoss, Loss};
use crate::metrics::{IntoMetrics, Metric, MetricState};
use crate::optimizers::{IntoOptimizer, Optimizer};
use crate::{Error, Result, Sequential};

/// Loss, optimizer and metrics of a model.
pub(crate) struct Compiled {
    pub(crate) loss: Box<dyn Loss>,
    /// Changed while the model is read: in the middle of a step.
    pub(crate) optimizer: RefCell<Box<dyn Optimizer>>,
    pub(crate) metrics: Vec<Box<dyn Metric>>,
}

impl Compiled {
    /// All metrics from zero.
    pub(crate) fn start_metrics(&self) -> Vec<Box<dyn MetricState>> {
        self.metrics.iter().map(|metric| metric.start()).collect()
    }
}

impl Sequential {
    /// Chooses loss, optimizer and metrics; each as a value or by Keras's name.
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
    pub fn compile(
        &mut self,
        loss: impl IntoLoss,
        optimizer: impl IntoOptimizer,
        metrics: impl IntoMetrics,
    ) -> Result<()> {
        self.compiled = Some(Compiled {
            loss: loss.into_loss()?,
            optimizer: RefCell::new(optimizer.into_optimizer()?),
            metrics: metrics.into_metrics()?,
        });
        Ok(())
    }

    /// The optimizer's step size.
    ///
    /// # Errors
    /// [`Error::NotCompiled`].
    pub fn learning_rate(&self) -> Result<f64> {
        Ok(self
            .compiled("learning_rate")?
            .optimizer
            .borrow()
            .learning_rate())
    }

    /// Changes the optimizer's step size; its state stays.
    ///
    /// # Errors
    /// [`Error::NotCompiled`].
    pub fn set_learning_rate(&mut self, learning_rate: f64) -> Result<()> {
        let compiled = self.compiled("set_learning_rate")?;
        compiled
            .optimizer
            .borrow_mut()
            .set_learning_rate(learning_rate);
        Ok(())
    }

    pub(crate) fn compiled(&self, action: &'static str) -> Result<&Compiled> {
        self.compiled.as_ref().ok_or_else(|| Error::NotCompiled {
            model: self.name().to_owned(),
            action,
        })
    }
}

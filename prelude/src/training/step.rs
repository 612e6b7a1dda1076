//! What happens to one batch in training.

use tch::Tensor;

use super::batches::Batch;
use super::compile::Compiled;
use super::interrupt;
use crate::model::layers::ModelOutput;
use crate::model::network::Network;
use crate::native::factors::Factors;
use crate::{Mode, Result, mixed_precision};

/// What a step leaves behind for metrics and display; nothing in it holds on to the graph of
/// gradients.
pub(crate) struct Step {
    /// Mean over the batch, one element, on the device.
    pub(crate) loss: Tensor,
    /// The same of each output, without weights and penalties.
    pub(crate) losses: Vec<Tensor>,
    pub(crate) outputs: Vec<ModelOutput>,
}

#[cfg(cuda_graphs)]
impl Step {
    /// The same in memory of its own: the next replay overwrites that of the recorded one.
    pub(crate) fn copy(&self) -> Result<Step> {
        let output = |output: &ModelOutput| -> Result<ModelOutput> {
            Ok(ModelOutput {
                values: output.values.f_detach_copy()?,
                form: output.form,
                mask: output
                    .mask
                    .as_ref()
                    .map(Tensor::f_detach_copy)
                    .transpose()?,
            })
        };
        let losses = self.losses.iter().map(Tensor::f_detach_copy);
        Ok(Step {
            loss: self.loss.f_detach_copy()?,
            losses: losses.collect::<Result<_, _>>()?,
            outputs: self.outputs.iter().map(output).collect::<Result<_>>()?,
        })
    }
}

/// One step of training. `variables` are the model's, in the order that the optimizer has seen
/// before.
pub(crate) fn train_on_batch(
    model: &dyn Network,
    compiled: &Compiled,
    variables: &[Tensor],
    batch: &Batch,
) -> Result<Step> {
    // Gradients are needed even if a cell has disabled them and panicked before enabling them
    // again. The guard, which `with_grad` puts out of force, restores the mode if a layer or a loss
    // of the user's panics.
    let _restored = tch::no_grad_guard();
    // A step is taken or not: the layers' averages have moved before the optimizer is asked.
    let _unbroken = interrupt::Unbroken::begin();
    tch::with_grad(|| {
        let outputs =
            mixed_precision::forward(model, &model.checked_inputs(&batch.x)?, Mode::Train)?;
        let mean = compiled.mean_loss(&batch.y, &outputs, batch.weights.as_ref())?;
        let mut loss = mean.total;
        if let Some(penalty) = model.penalty()? {
            loss = loss.f_add(&penalty)?;
        }
        // Large gradients that nobody reads but the optimizer are not computed as a whole.
        let factors = compiled.optimizer.borrow().takes_factors();
        let _factors = factors.then(|| Factors::begin(variables));
        // Fresh gradients instead of accumulated ones: nothing to set to zero, nothing left in
        // `.grad`.
        let gradients = Tensor::f_run_backward(&[&loss], variables, false, false)?;
        compiled
            .optimizer
            .borrow_mut()
            .apply(variables, &gradients)?;
        let detached = |output: ModelOutput| -> Result<ModelOutput> {
            Ok(ModelOutput {
                values: output.values.f_detach()?,
                ..output
            })
        };
        Ok(Step {
            loss: loss.f_detach()?,
            losses: mean.of_outputs,
            outputs: outputs.into_iter().map(detached).collect::<Result<_>>()?,
        })
    })
}

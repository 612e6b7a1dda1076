//! What happens to one batch in training.

use tch::Tensor;

use super::compile::Compiled;
use crate::model::layers::ModelOutput;
use crate::{Mode, Result, Sequential};

/// What a step leaves behind for metrics and display; nothing in it holds on to the graph of
/// gradients.
pub(crate) struct Step {
    /// Mean over the batch, one element, on the device.
    pub(crate) loss: Tensor,
    pub(crate) output: ModelOutput,
}

/// One step of training. `variables` are the model's, in the order that the optimizer has seen
/// before.
pub(crate) fn train_on_batch(
    model: &Sequential,
    compiled: &Compiled,
    variables: &[Tensor],
    x: &Tensor,
    y: &Tensor,
) -> Result<Step> {
    // Gradients are needed even if a cell has disabled them and panicked before enabling them
    // again.
    tch::with_grad(|| {
        let output = model.forward_to_logits(x, Mode::Train)?;
        let loss = compiled.loss.mean(y, &output)?;
        // Fresh gradients instead of accumulated ones: nothing to set to zero, nothing left in
        // `.grad`.
        let gradients = Tensor::f_run_backward(&[&loss], variables, false, false)?;
        compiled
            .optimizer
            .borrow_mut()
            .apply(variables, &gradients)?;
        Ok(Step {
            loss: loss.f_detach()?,
            output: ModelOutput {
                values: output.values.f_detach()?,
                form: output.form,
            },
        })
    })
}

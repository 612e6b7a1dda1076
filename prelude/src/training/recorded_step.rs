//! The steps of a `fit`: plain ones, or one that is recorded on a GPU and replayed with one call.
//!
//! A plain step (`step.rs`) starts some hundred computations one by one, which takes a GPU longer than
//! to compute them where batches are small. A recording is the same computations at the same addresses:
//! each batch is copied to where the recorded one lay. So it holds for batches of one shape, and as
//! long as nothing else that happens outside the device decides what is computed. Whatever does not
//! fit is a plain step.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tch::{Device, Tensor};

use super::batches::Batch;
use super::compile::Compiled;
use super::step::{self, Step};
use crate::model::any_layer::AnyLayer;
use crate::model::layers::registry::CLASSES;
use crate::model::network::Network;
use crate::native::graph;
use crate::{Error, Result};

/// Steps beside the usual stream before one is recorded: libtorch's advice.
const WARM_UP: usize = 3;

static ASKED_FOR: AtomicBool = AtomicBool::new(false);
static REPLAYED: AtomicU64 = AtomicU64::new(0);

/// Whether `fit` records a step on a GPU as a CUDA graph and replays it, from the next `fit` on. It
/// does not without this call. On the CPU nothing changes.
///
/// Recorded are models of the prelude's own layers and losses with [`Adam`](crate::Adam) or
/// [`AdamW`](crate::AdamW), in batches of one shape; whatever is not trains as without this call, and
/// `fit` says why. Results are the same up to the order of sums. The recording keeps the memory of a
/// step for itself.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// set_cuda_graphs(true);
/// assert!(cuda_graphs());
/// ```
///
/// # Source
/// PyTorch, `torch.cuda.CUDAGraph`; Keras has no such switch.
pub fn set_cuda_graphs(on: bool) {
    ASKED_FOR.store(on, Ordering::Relaxed);
}

/// Whether [`set_cuda_graphs`] asked for recorded steps.
pub fn cuda_graphs() -> bool {
    ASKED_FOR.load(Ordering::Relaxed)
}

/// How many steps of this process were replayed: for benchmarks, which must not take plain ones for
/// them.
#[doc(hidden)]
pub fn replayed_steps() -> u64 {
    REPLAYED.load(Ordering::Relaxed)
}

/// Computes a step, where it is to be computed or recorded.
pub(crate) type Compute<'a> = &'a mut dyn FnMut() -> Result<Step>;

/// What records steps: a GPU's, or a test's that computes again instead.
pub(crate) trait Recorder {
    /// Computes a step where recordings are made: the first ones there do what cannot be recorded.
    fn aside(&mut self, compute: Compute<'_>) -> Result<Step>;

    /// Records a step, of which nothing is computed.
    fn record(&mut self, compute: Compute<'_>) -> Result<()>;

    /// Computes what was recorded with what lies at its addresses now.
    fn replay(&mut self, compute: Compute<'_>) -> Result<Step>;
}

/// How the steps of one `fit` are done.
pub(crate) struct Steps {
    /// None: plain ones, to the end.
    recording: Option<Recording>,
    /// What the user is to be told.
    notice: Option<String>,
}

struct Recording {
    recorder: Box<dyn Recorder>,
    /// Steps aside that are left to do.
    warm_up: usize,
    /// Samples of the first batch: a step is recorded for others like it, not for the rest that is left
    /// at the end of an epoch.
    length: Option<i64>,
    /// Where the recorded step reads its batch, once there is one.
    inputs: Option<Batch>,
}

impl Steps {
    /// Recorded steps, if they were asked for and can be.
    pub(crate) fn new(model: &dyn Network, compiled: &Compiled) -> Self {
        match cuda_graphs() && matches!(model.device(), Device::Cuda(_)) {
            true => Steps::recorded(graph::recorder(model.device()), model, compiled),
            false => Steps {
                recording: None,
                notice: None,
            },
        }
    }

    fn recorded(
        recorder: Result<Box<dyn Recorder>>,
        model: &dyn Network,
        compiled: &Compiled,
    ) -> Self {
        let possible = why_plain(model, compiled).map_or(Ok(()), Err);
        let recorder = possible.and_then(|()| recorder.map_err(|error| error.to_string()));
        let (recorder, notice) = match recorder {
            Ok(recorder) => (Some(recorder), None),
            Err(reason) => (None, Some(plain_because(&reason))),
        };
        Steps {
            recording: recorder.map(|recorder| Recording {
                recorder,
                warm_up: WARM_UP,
                length: None,
                inputs: None,
            }),
            notice,
        }
    }

    /// What the user is to be told, once.
    pub(crate) fn take_notice(&mut self) -> Option<String> {
        self.notice.take()
    }

    /// Somebody may have changed the model: what was recorded may be no longer what is to be computed.
    pub(crate) fn forget(&mut self) {
        if let Some(recording) = &mut self.recording {
            recording.inputs = None;
        }
    }

    /// One step of training, as [`step::train_on_batch`] does it.
    pub(crate) fn train_on_batch(
        &mut self,
        model: &dyn Network,
        compiled: &Compiled,
        variables: &[Tensor],
        batch: &Batch,
    ) -> Result<Step> {
        let plain = || step::train_on_batch(model, compiled, variables, batch);
        let Some(recording) = &mut self.recording else {
            return plain();
        };
        let length = *recording.length.get_or_insert(batch.length);
        if recording.warm_up > 0 {
            recording.warm_up -= 1;
            return recording.recorder.aside(&mut { plain });
        }
        let trainer = RecordedTrainer {
            model,
            compiled,
            variables,
        };
        if recording.inputs.is_none() && batch.length == length {
            match trainer.record(&mut *recording.recorder, batch) {
                Ok(inputs) => recording.inputs = Some(inputs),
                Err(error) => {
                    self.recording = None;
                    self.notice = Some(plain_because(&error.to_string()));
                    return plain();
                }
            }
        }
        match &mut recording.inputs {
            Some(inputs) if inputs.is_like(batch) => {
                inputs.overwrite(batch)?;
                trainer.replay(&mut *recording.recorder, inputs)
            }
            _ => plain(),
        }
    }
}

/// A model whose steps are recorded.
struct RecordedTrainer<'a> {
    model: &'a dyn Network,
    compiled: &'a Compiled,
    variables: &'a [Tensor],
}

impl RecordedTrainer<'_> {
    /// Returns where the recorded step reads its batch.
    fn record(&self, recorder: &mut dyn Recorder, batch: &Batch) -> Result<Batch> {
        let inputs = batch.copy()?;
        // Before, so that the optimizer's numbers do not lie in the recording: replays would make them
        // anew.
        self.optimizer_records(Some(self.model.device()))?;
        self.optimizer_records(None)?;
        recorder.record(&mut || self.compute(&inputs))?;
        Ok(inputs)
    }

    fn replay(&self, recorder: &mut dyn Recorder, inputs: &Batch) -> Result<Step> {
        self.compiled.optimizer.borrow_mut().before_replay()?;
        REPLAYED.fetch_add(1, Ordering::Relaxed);
        recorder.replay(&mut || self.compute(inputs))
    }

    /// A step in which the optimizer reads from the device what changes.
    fn compute(&self, inputs: &Batch) -> Result<Step> {
        self.optimizer_records(Some(self.model.device()))?;
        let step = step::train_on_batch(self.model, self.compiled, self.variables, inputs);
        self.optimizer_records(None)?;
        step
    }

    fn optimizer_records(&self, device: Option<Device>) -> Result<()> {
        match self.compiled.optimizer.borrow_mut().record(device)? {
            true => Ok(()),
            false => Err(Error::Torch {
                message: "the optimizer has not begun".into(),
            }),
        }
    }
}

fn plain_because(reason: &str) -> String {
    format!("CUDA graphs: steps are started one by one, because {reason}")
}

/// Why a model's steps cannot be recorded; `None` if they can as far as anybody knows before.
fn why_plain(model: &dyn Network, compiled: &Compiled) -> Option<String> {
    // Code of a user's may decide in each step anew what to compute.
    if let Some(layer) = model.layers().iter().find_map(foreign) {
        return Some(format!("the layer `{layer}` is not one of the prelude's"));
    }
    if let Some(loss) = compiled.losses.iter().find(|loss| loss.config().is_err()) {
        let name = loss.name();
        return Some(format!("the loss `{name}` is not one of the prelude's"));
    }
    let mut optimizer = compiled.optimizer.borrow_mut();
    match optimizer.record(None) {
        Ok(true) => None,
        _ => Some(format!(
            "the optimizer `{}` decides in each step what to compute; adam and adamw without use_ema do not",
            optimizer.name()
        )),
    }
}

/// The name of this layer, or of one in it, if its code is not known here.
fn foreign(layer: &AnyLayer) -> Option<String> {
    let inner = layer.layers();
    let class = layer.class_name();
    let is_known = match inner.is_empty() {
        true => CLASSES.iter().any(|known| known.name == class) && class != "TimeDistributed",
        false => true,
    };
    match is_known {
        true => inner.iter().find_map(foreign),
        false => Some(layer.name()),
    }
}

#[cfg(test)]
mod tests;

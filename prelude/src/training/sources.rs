//! What a training learns from and what it is measured on: checked, as far as can be, before the
//! first step.

use super::batches::Batches;
use super::compile::compiled;
use super::dataset_batches::DatasetBatches;
use super::evaluate::{Measured, evaluation_data};
use super::feed::Feed;
use super::validation::{Rows, Validating, Validation};
use super::weights::Weighting;
use crate::model::network::Network;
use crate::random::RandomState;
use crate::{Dataset, Error, Result, Shape};

/// What is learned from.
pub(super) enum Learned {
    Arrays(Rows),
    Dataset(Dataset),
}

impl Learned {
    /// Creates the model's weights, unless they exist. Only then a dataset has to make a batch to
    /// show what its samples are like.
    pub(super) fn build(&self, model: &mut dyn Network) -> Result<()> {
        let shapes = |x: &[tch::Tensor]| -> Vec<Shape> {
            let sample = |x: &tch::Tensor| x.size().get(1..).unwrap_or_default().into();
            x.iter().map(sample).collect()
        };
        match self {
            Learned::Arrays((x, _)) => model.build_for(&shapes(x)),
            Learned::Dataset(dataset) => match model.output_shapes().is_empty() {
                true => model.build_for(&shapes(&dataset.specimen()?.x)),
                false => Ok(()),
            },
        }
    }
}

/// How the data are dealt out.
pub(super) struct Dealing {
    pub(super) batch_size: usize,
    pub(super) steps_per_epoch: Option<usize>,
    /// Orders the rows of arrays; a dataset has its own.
    pub(super) random: Option<RandomState>,
}

/// Where the batches to learn from come from, and what the model is measured on.
pub(super) fn prepare(
    model: &dyn Network,
    learned: Learned,
    validation: Validation,
    weighting: Weighting,
    dealing: Dealing,
    validating: Validating,
) -> Result<(Feed, Option<Measured>)> {
    let batch_size = dealing.batch_size;
    let (feed, validation, weights) = match learned {
        Learned::Dataset(dataset) => {
            let classes = weighting.of_dataset()?;
            if validation.is_split() {
                return Err(Error::InvalidArgument {
                    place: "fit_dataset: validation_split".into(),
                    expected: "validation_data or validation_dataset: a dataset is not split"
                        .into(),
                    received: "a share".into(),
                });
            }
            dataset.check()?;
            let data = DatasetBatches {
                dataset,
                classes,
                steps: None,
                device: model.device(),
                place: "fit_dataset",
            };
            (
                Feed::of_dataset(data, dealing.steps_per_epoch),
                validation,
                None,
            )
        }
        Learned::Arrays(rows) => {
            let weights_of_all = weighting.of(&rows, validation.is_split())?;
            let ((x, y), validation) = validation.set_aside(rows)?;
            let (weights, validation_weights) = weights_of_all.set_aside(&y)?;
            let compiled = compiled(model, "fit")?;
            let data = Batches::new(&x, &y, dealing.batch_size, model.device(), "fit")?;
            compiled.check_targets(&y, &model.output_shapes(), "fit")?;
            let data = data.weighted(weights);
            let feed = Feed::new(data, dealing.random, dealing.steps_per_epoch);
            (feed, validation, validation_weights)
        }
    };
    let compiled = compiled(model, "fit")?;
    let measured = match validation {
        Validation::Data((x, y)) => {
            let (size, place) = (
                validating.batch_size_of(model, batch_size),
                "fit: validation_data",
            );
            let data = evaluation_data(model, compiled, (&x, &y), size, place)?;
            let data = data.weighted(weights);
            Some(Measured::Arrays(match validating.steps {
                Some(steps) => data.first(steps),
                None => data,
            }))
        }
        Validation::Dataset(dataset) => Some(Measured::dataset(
            model,
            &dataset,
            validating.steps,
            "fit: validation_dataset",
        )?),
        Validation::None | Validation::Split(_) => None,
    };
    Ok((feed, measured))
}

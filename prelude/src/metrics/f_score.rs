//! The F score: precision and recall in one number, class by class.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Tensor};

use super::mean::add;
use super::{Metric, MetricState};
use crate::losses::{EPSILON, aligned, spread};
use crate::model::layers::ModelOutput;
use crate::saving::config::class_config;
use crate::{Error, Result, TensorExt};

/// How the scores of several classes become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Averaging {
    /// The mean over the classes.
    #[default]
    Macro,
    /// One score for the hits and misses of all classes together.
    Micro,
    /// The mean over the classes, each weighted by how many samples it has.
    Weighted,
}

/// The settings that F1 and Fβ share.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
struct Settings {
    average: Averaging,
    beta: f64,
    threshold: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            average: Averaging::Macro,
            beta: 1.0,
            threshold: None,
        }
    }
}

struct Scores {
    settings: Settings,
    /// Hits, false alarms, misses and true samples of each class: `(4, classes)`.
    counts: Option<Tensor>,
}

impl MetricState for Scores {
    fn update(
        &mut self,
        y: &Tensor,
        output: &ModelOutput,
        sample_weight: Option<&Tensor>,
    ) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let outputs = output.activated()?;
        if outputs.dim() != 2 {
            return Err(Error::ShapeMismatch {
                place: "f1_score".into(),
                expected: "output of shape (batch, classes)".into(),
                received: outputs.shape().to_string(),
                remedy: "measure it on a model that ends in one output per class".into(),
            });
        }
        let y = aligned(y, &outputs, "f1_score")?.f_to_kind(Kind::Double)?;
        let yes = match self.settings.threshold {
            Some(threshold) => outputs.f_gt(threshold)?,
            // The largest; a row of zeros predicts nothing.
            None => outputs
                .f_ge_tensor(&outputs.f_amax(-1i64, true)?)?
                .f_logical_and(&outputs.f_abs()?.f_gt(1e-9)?)?,
        };
        let yes = yes.f_to_kind(Kind::Double)?;
        let (no, not_y) = (yes.f_rsub_scalar(1.0)?, y.f_rsub_scalar(1.0)?);
        let mut counts = Vec::new();
        for which in [yes.f_mul(&y)?, yes.f_mul(&not_y)?, no.f_mul(&y)?, y] {
            let which = match sample_weight {
                Some(weights) => which.f_mul(&spread(weights, &which, "f1_score")?)?,
                None => which,
            };
            counts.push(which.f_sum_dim_intlist(0i64, false, None)?);
        }
        add(&mut self.counts, Tensor::f_stack(&counts, 0)?)
    }

    fn result(&self) -> Result<f64> {
        let Some(counts) = &self.counts else {
            return Ok(0.0);
        };
        let counts = match self.settings.average {
            Averaging::Micro => counts.f_sum_dim_intlist(1i64, true, None)?,
            _ => counts.shallow_clone(),
        };
        let [hits, alarms, misses, truth] =
            [0, 1, 2, 3].map(|row| Vec::<f64>::try_from(counts.get(row)).unwrap_or_default());
        let beta = self.settings.beta * self.settings.beta;
        let mut scores = Vec::new();
        for ((hits, alarms), misses) in hits.iter().zip(&alarms).zip(&misses) {
            let precision = hits / (hits + alarms + EPSILON);
            let recall = hits / (hits + misses + EPSILON);
            let score = precision * recall / (beta * precision + recall + EPSILON);
            scores.push(score * (1.0 + beta));
        }
        let total: f64 = truth.iter().sum();
        Ok(match self.settings.average {
            Averaging::Weighted => scores
                .iter()
                .zip(&truth)
                .map(|(score, truth)| score * truth / (total + EPSILON))
                .sum(),
            _ => scores.iter().sum::<f64>() / scores.len().max(1) as f64,
        })
    }
}

macro_rules! f_score {
    ($(#[$doc:meta])* $name:ident, $text:literal) => {
        $(#[$doc])*
        ///
        /// Keras's default is one score per class; a metric here is one number, so the default is
        /// their mean, [`Averaging::Macro`].
        ///
        /// # Shapes
        /// Targets and output `(batch, classes)`, targets 0 or 1 (see
        /// [`to_categorical`](crate::to_categorical)).
        ///
        /// # Source
        #[doc = concat!("Keras 3, `keras.metrics.", stringify!($name), "`.")]
        #[derive(Clone, Debug, Default, Serialize, Deserialize)]
        pub struct $name {
            #[serde(flatten)]
            settings: Settings,
        }

        impl $name {
            /// With β = 1, the mean over the classes, and the largest output taken as the class.
            pub fn new() -> Self {
                $name::default()
            }

            /// How the scores of several classes become one number.
            pub fn average(mut self, average: Averaging) -> Self {
                self.settings.average = average;
                self
            }

            /// Takes every output above this as predicted, instead of the largest one.
            pub fn threshold(mut self, threshold: f64) -> Self {
                self.settings.threshold = Some(threshold);
                self
            }
        }

        impl Metric for $name {
            fn name(&self) -> String {
                $text.to_owned()
            }

            fn start(&self) -> Box<dyn MetricState> {
                Box::new(Scores {
                    settings: self.settings.clone(),
                    counts: None,
                })
            }

            fn config(&self) -> Result<Value> {
                class_config(stringify!($name), self)
            }
        }
    };
}

f_score!(
    /// The harmonic mean of precision and recall.
    F1Score, "f1_score"
);

f_score!(
    /// A mean of precision and recall in which recall counts β times as much.
    FBetaScore, "fbeta_score"
);

impl FBetaScore {
    /// How much more recall counts; 1 without this call.
    pub fn beta(mut self, beta: f64) -> Self {
        self.settings.beta = beta;
        self
    }
}

//! The area under the ROC curve or under the curve of precision over recall, from counts at evenly
//! spaced thresholds.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Tensor};

use super::mean::{add, divide_no_nan};
use super::{Metric, MetricState};
use crate::Result;
use crate::losses::{aligned, spread};
use crate::model::layers::ModelOutput;
use crate::saving::config::class_config;

/// Which curve [`AUC`] measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// Share of hits over share of false alarms.
    #[default]
    ROC,
    /// Precision over recall.
    PR,
}

/// How the area between two thresholds is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SummationMethod {
    /// Trapezia for [`Curve::ROC`]; for [`Curve::PR`] Davis and Goadrich's formula.
    #[default]
    Interpolation,
    /// Rectangles of the lower value.
    Minoring,
    /// Rectangles of the higher value.
    Majoring,
}

/// The area under a curve, from 0 to 1: how well outputs rank "yes" above "no".
///
/// # Shapes
/// Targets as the output, 0 or 1; `(batch,)` goes with `(batch, 1)`. Several outputs are counted
/// together.
///
/// # Example
/// ```
/// use torchbook::*;
///
/// let metric = AUC::new().curve(Curve::PR).named("pr_auc");
/// ```
///
/// # Source
/// Keras 3, `keras.metrics.AUC`: 200 thresholds, ROC, interpolation; Davis and Goadrich 2006 for PR.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct AUC {
    num_thresholds: i64,
    curve: Curve,
    summation_method: SummationMethod,
    from_logits: bool,
}

impl Default for AUC {
    fn default() -> Self {
        AUC {
            num_thresholds: 200,
            curve: Curve::ROC,
            summation_method: SummationMethod::Interpolation,
            from_logits: false,
        }
    }
}

impl AUC {
    /// With Keras's defaults.
    pub fn new() -> Self {
        AUC::default()
    }

    /// How many thresholds, at least 2; 200 without this call.
    pub fn num_thresholds(mut self, num_thresholds: i64) -> Self {
        self.num_thresholds = num_thresholds.max(2);
        self
    }

    /// Which curve; [`Curve::ROC`] without this call.
    pub fn curve(mut self, curve: Curve) -> Self {
        self.curve = curve;
        self
    }

    /// How areas are taken; [`SummationMethod::Interpolation`] without this call.
    pub fn summation_method(mut self, method: SummationMethod) -> Self {
        self.summation_method = method;
        self
    }

    /// For a model whose last layer has no sigmoid.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.from_logits = from_logits;
        self
    }
}

impl Metric for AUC {
    fn name(&self) -> String {
        "auc".to_owned()
    }

    fn start(&self) -> Box<dyn MetricState> {
        Box::new(Area {
            settings: self.clone(),
            buckets: None,
        })
    }

    fn config(&self) -> Result<Value> {
        class_config("AUC", self)
    }
}

struct Area {
    settings: AUC,
    /// How much of "yes" and of "no" lies between a threshold and the next: `(2, thresholds)`.
    buckets: Option<Tensor>,
}

impl MetricState for Area {
    fn update(
        &mut self,
        y: &Tensor,
        output: &ModelOutput,
        sample_weight: Option<&Tensor>,
    ) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let mut outputs = output.activated()?;
        if self.settings.from_logits {
            outputs = outputs.f_sigmoid()?;
        }
        let yes = aligned(y, &outputs, "auc")?.f_ne(0.0)?;
        let mut weights = outputs.f_ones_like()?.f_to_kind(Kind::Double)?;
        if let Some(given) = sample_weight {
            weights = weights.f_mul(&spread(given, &weights, "auc")?)?;
        }
        // An output is above all thresholds up to the last one that it exceeds.
        let last = self.settings.num_thresholds - 1;
        let bucket = outputs
            .f_clamp(0.0, 1.0)?
            .f_mul_scalar(last)?
            .f_ceil()?
            .f_sub_scalar(1.0)?
            .f_clamp_min(0.0)?
            .f_to_kind(Kind::Int64)?
            .f_reshape([-1])?;
        let of_yes = weights.f_mul(&yes)?.f_reshape([-1])?;
        let of_no = weights.f_mul(&yes.f_logical_not()?)?.f_reshape([-1])?;
        let counts = Tensor::f_zeros(
            [2, self.settings.num_thresholds],
            (Kind::Double, outputs.device()),
        )?;
        let counts = counts.f_index_add(1, &bucket, &Tensor::f_stack(&[of_yes, of_no], 0)?)?;
        add(&mut self.buckets, counts)
    }

    fn result(&self) -> Result<f64> {
        let Some(buckets) = &self.buckets else {
            return Ok(0.0);
        };
        // Above threshold t is what lies in bucket t or a later one.
        let above = buckets
            .f_flip([1])?
            .f_cumsum(1, Kind::Double)?
            .f_flip([1])?;
        let hits = Vec::<f64>::try_from(above.f_select(0, 0)?.f_contiguous()?)?;
        let alarms = Vec::<f64>::try_from(above.f_select(0, 1)?.f_contiguous()?)?;
        let (yes, no) = (hits[0], alarms[0]);
        let points: Vec<Point> = hits
            .iter()
            .zip(&alarms)
            .map(|(&hits, &alarms)| Point { hits, alarms })
            .collect();
        let pairs = points.windows(2).map(|pair| (&pair[0], &pair[1]));
        Ok(
            match (self.settings.curve, self.settings.summation_method) {
                (Curve::PR, SummationMethod::Interpolation) => {
                    pairs.map(|(low, high)| interpolated(low, high, yes)).sum()
                }
                (curve, method) => {
                    let place = |point: &Point| match curve {
                        Curve::ROC => (
                            divide_no_nan(point.alarms, no),
                            divide_no_nan(point.hits, yes),
                        ),
                        Curve::PR => (
                            divide_no_nan(point.hits, yes),
                            divide_no_nan(point.hits, point.hits + point.alarms),
                        ),
                    };
                    let area = |(low, high): (&Point, &Point)| {
                        let ((x_low, y_low), (x_high, y_high)) = (place(low), place(high));
                        let height = match method {
                            SummationMethod::Interpolation => (y_low + y_high) / 2.0,
                            SummationMethod::Minoring => y_low.min(y_high),
                            SummationMethod::Majoring => y_low.max(y_high),
                        };
                        (x_low - x_high) * height
                    };
                    pairs.map(area).sum()
                }
            },
        )
    }
}

/// What is above one threshold.
struct Point {
    hits: f64,
    alarms: f64,
}

/// The area under precision over recall between two thresholds, where precision is no straight
/// line.
fn interpolated(low: &Point, high: &Point, yes: f64) -> f64 {
    let (above_low, above_high) = (low.hits + low.alarms, high.hits + high.alarms);
    let gained = low.hits - high.hits;
    let slope = divide_no_nan(gained, (above_low - above_high).max(0.0));
    let intercept = high.hits - slope * above_high;
    let ratio = match above_low > 0.0 && above_high > 0.0 {
        true => above_low / above_high,
        false => 1.0,
    };
    divide_no_nan(slope * (gained + intercept * ratio.ln()), yes.max(0.0))
}

//! The learning rate range test: which step size to train with.
//!
//! Here the test is run; what its curve says is `curve.rs`.

mod curve;

pub use curve::LearningRateCurve;

use tch::{Kind, Tensor};

use super::batches::Batches;
use super::compile::compiled;
use super::feed::Feed;
use super::interrupt;
use super::step::train_on_batch;
use crate::model::network::Network;
use crate::random::{self, RandomState};
use crate::{Error, Result, Shape};

/// How much of the smoothed loss stays from batch to batch.
const SMOOTHING: f64 = 0.98;

/// The test ends when the smoothed loss is so many times the smallest.
const DIVERGED: f64 = 4.0;

/// Options of a learning rate range test, made by [`Trainer::lr_find`](crate::Trainer::lr_find);
/// [`run`](LrFind::run) does it.
#[must_use = "nothing is tried before .run()"]
pub struct LrFind<'a> {
    model: &'a mut dyn Network,
    x: Vec<Tensor>,
    y: Vec<Tensor>,
    start: f64,
    end: f64,
    steps: usize,
    batch_size: usize,
    stop_early: bool,
    seed: Option<u32>,
}

impl<'a> LrFind<'a> {
    pub(super) fn new(model: &'a mut dyn Network, x: Vec<Tensor>, y: Vec<Tensor>) -> Self {
        LrFind {
            model,
            x,
            y,
            start: 1e-7,
            end: 10.0,
            steps: 100,
            batch_size: 32,
            stop_early: true,
            seed: None,
        }
    }

    /// The first learning rate; 1e-7 without this call.
    pub fn start_lr(mut self, rate: f64) -> Self {
        self.start = rate;
        self
    }

    /// The last learning rate, if it comes to that; 10 without this call.
    pub fn end_lr(mut self, rate: f64) -> Self {
        self.end = rate;
        self
    }

    /// How many batches are learned; 100 without this call.
    pub fn steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Samples per step; 32 without this call. Take what the training will take.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Whether the test ends when the loss has grown to four times its smallest; it does without
    /// this call.
    pub fn stop_early(mut self, stop: bool) -> Self {
        self.stop_early = stop;
        self
    }

    /// Seed of the shuffling. Without it one is drawn from the session.
    pub fn seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Does the test. Weights, optimizer and learning rate are afterwards what they were before,
    /// also if it is interrupted.
    ///
    /// # Errors
    /// As [`Fit::run`](crate::Fit::run) about the data, [`Error::InvalidArgument`] for rates that do
    /// not rise, [`Error::Interrupted`] if the user stops it, [`Error::NotSaveable`] if an optimizer
    /// of the user's cannot tell its state.
    pub fn run(self) -> Result<LearningRateCurve> {
        if !(self.start > 0.0 && self.start < self.end && self.end.is_finite() && self.steps > 1) {
            return Err(Error::InvalidArgument {
                place: "lr_find".into(),
                expected: "start_lr above 0 and below end_lr, and at least 2 steps".into(),
                received: format!(
                    "start_lr {}, end_lr {}, {} steps",
                    self.start, self.end, self.steps
                ),
            });
        }
        let sample = |x: &Tensor| Shape::from(x.size().get(1..).unwrap_or_default());
        let samples: Vec<Shape> = self.x.iter().map(sample).collect();
        self.model.build_for(&samples)?;
        let before = Before::of(self.model)?;
        let tried = self.try_rates();
        before.restore(self.model)?;
        tried
    }

    fn try_rates(&self) -> Result<LearningRateCurve> {
        let model: &dyn Network = self.model;
        let compiled = compiled(model, "lr_find")?;
        let data = Batches::new(&self.x, &self.y, self.batch_size, model.device(), "lr_find")?;
        compiled.check_targets(&self.y, &model.output_shapes(), "lr_find")?;
        let random = RandomState::new(self.seed.unwrap_or_else(random::next_seed));
        let mut feed = Feed::new(data, Some(random), Some(self.steps));
        let variables = model.trainable_variables();
        let growth = (self.end / self.start).ln() / (self.steps - 1) as f64;
        let (mut rates, mut losses) = (Vec::new(), Vec::new());
        let (mut average, mut smallest) = (0.0, f64::INFINITY);
        for step in 0..self.steps {
            interrupt::check()?;
            let rate = self.start * (growth * step as f64).exp();
            compiled.optimizer.borrow_mut().set_learning_rate(rate)?;
            let learned = train_on_batch(model, compiled, &variables, &feed.next(&|_| Ok(()))?)?;
            let loss = f64::try_from(learned.loss.f_to_kind(Kind::Double)?)?;
            if !loss.is_finite() {
                break;
            }
            // A running mean that starts at 0, corrected for that.
            average = SMOOTHING * average + (1.0 - SMOOTHING) * loss;
            let smoothed = average / (1.0 - SMOOTHING.powi(step as i32 + 1));
            rates.push(rate);
            losses.push(smoothed);
            smallest = smoothed.min(smallest);
            if self.stop_early && smoothed > DIVERGED * smallest {
                break;
            }
        }
        Ok(LearningRateCurve::new(rates, losses))
    }
}

/// What the test changes.
struct Before {
    weights: Vec<Tensor>,
    iterations: i64,
    optimizer: Vec<(String, Tensor)>,
    learning_rate: f64,
}

impl Before {
    fn of(model: &dyn Network) -> Result<Self> {
        let copy = |tensor: &Tensor| -> Result<Tensor> {
            let detached = tensor.f_detach()?;
            let copy = detached.f_empty_like()?;
            copy.shallow_clone().f_copy_(&detached)?;
            Ok(copy)
        };
        let optimizer = compiled(model, "lr_find")?.optimizer.borrow();
        let state = optimizer.state()?;
        let weights = model.weights();
        Ok(Before {
            weights: weights
                .iter()
                .map(|weight| copy(weight.tensor()))
                .collect::<Result<_>>()?,
            iterations: optimizer.iterations(),
            optimizer: state
                .iter()
                .map(|(name, tensor)| Ok((name.clone(), copy(tensor)?)))
                .collect::<Result<_>>()?,
            learning_rate: optimizer.learning_rate(),
        })
    }

    fn restore(self, model: &dyn Network) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for (weight, before) in model.weights().iter().zip(&self.weights) {
            weight.tensor().shallow_clone().f_copy_(before)?;
        }
        let mut optimizer = compiled(model, "lr_find")?.optimizer.borrow_mut();
        optimizer.set_state(self.iterations, self.optimizer)?;
        optimizer.set_learning_rate(self.learning_rate)
    }
}

#[cfg(test)]
mod tests;

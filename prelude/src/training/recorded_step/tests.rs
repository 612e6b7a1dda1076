//! Recorded steps beside plain ones, with a recorder that computes again what a GPU would replay: which
//! steps are recorded, and that reading from where a recording reads gives the same numbers.

use std::cell::RefCell;
use std::rc::Rc;

use tch::Kind;

use super::*;
use crate::losses::CustomLoss;
use crate::optimizers::IntoOptimizer;
use crate::training::batches::Batches;
use crate::training::compile::compiled;
use crate::{
    Activation, Adam, AdamW, BatchNormalization, Dense, ExponentialDecay, Input, Lambda, SGD,
    Sequential, Trainer,
};

/// What a recorder was asked to do, in order.
type Asked = Rc<RefCell<Vec<&'static str>>>;

struct ComputesAgain {
    asked: Asked,
    refuses: bool,
}

impl Recorder for ComputesAgain {
    fn aside(&mut self, compute: Compute<'_>) -> Result<Step> {
        self.asked.borrow_mut().push("aside");
        compute()
    }

    fn record(&mut self, _compute: Compute<'_>) -> Result<()> {
        self.asked.borrow_mut().push("record");
        match self.refuses {
            true => Err(Error::Torch {
                message: "operation not permitted when stream is capturing".into(),
            }),
            false => Ok(()),
        }
    }

    fn replay(&mut self, compute: Compute<'_>) -> Result<Step> {
        self.asked.borrow_mut().push("replay");
        compute()
    }
}

/// Numbers from 0 to 1 that look like noise.
fn waves(shape: &[i64]) -> Tensor {
    let count: i64 = shape.iter().product();
    let numbers = Tensor::arange(count, (Kind::Float, Device::Cpu)) * 7.3;
    (numbers.sin() * 0.5 + 0.5).reshape(shape)
}

fn model(optimizer: impl IntoOptimizer) -> Result<Sequential> {
    let mut model = Sequential::new([
        Input::new(6).into(),
        // A bias before a normalisation has no gradient, and Adam makes steps of what rounding leaves.
        Dense::new(8).use_bias(false).into(),
        BatchNormalization::new().into(),
        Activation::relu().into(),
        Dense::new(3).into(),
        Activation::softmax().into(),
    ])?;
    // Not random: tests that run beside this one draw from the same generator.
    let weights = model.get_weights()?;
    let weights: Vec<Tensor> = weights.iter().map(|weight| waves(&weight.size())).collect();
    model.set_weights(&weights)?;
    model.compile("sparse_categorical_crossentropy", optimizer, ())?;
    Ok(model)
}

/// Trains on 7 batches of 8 samples and one of 5, twice; returns losses and weights, in one row, and
/// what the user is told.
fn trained(
    optimizer: impl IntoOptimizer,
    recorder: Option<ComputesAgain>,
    forget_before: Option<usize>,
) -> Result<(Tensor, Option<String>)> {
    let model = model(optimizer)?;
    let compiled = compiled(&model, "a test")?;
    let mut steps = match recorder {
        Some(recorder) => Steps::recorded(Ok(Box::new(recorder)), &model, compiled),
        None => Steps::new(&model, compiled),
    };
    let x = waves(&[61, 6]);
    let y = (waves(&[61]) * 2.99).to_kind(Kind::Int64);
    let batches = Batches::new(&[x], &[y], 8, Device::Cpu, "a test")?;
    let variables = model.trainable_variables();
    let mut seen = Vec::new();
    for number in 0..2 * batches.count() {
        if forget_before == Some(number) {
            steps.forget();
        }
        let batch = batches.get(number % batches.count(), None)?;
        let step = steps.train_on_batch(&model, compiled, &variables, &batch)?;
        seen.push(step.loss.reshape([-1]));
    }
    assert_eq!(compiled.optimizer.borrow().iterations(), 16);
    seen.extend(
        model
            .get_weights()?
            .iter()
            .map(|weight| weight.reshape([-1])),
    );
    Ok((Tensor::cat(&seen, 0), steps.take_notice()))
}

fn recorder(refuses: bool) -> (ComputesAgain, Asked) {
    let asked = Asked::default();
    let recorder = ComputesAgain {
        asked: asked.clone(),
        refuses,
    };
    (recorder, asked)
}

fn farthest(a: &Tensor, b: &Tensor) -> Result<f64> {
    Ok(f64::try_from((a - b).abs().max())?)
}

#[test]
fn recorded_steps_learn_what_plain_ones_learn() -> Result<()> {
    let falling = || ExponentialDecay::new(0.02, 4, 0.5);
    let makers: [&dyn Fn() -> Box<dyn crate::Optimizer>; 4] = [
        &|| Box::new(Adam::new()),
        &|| Box::new(Adam::new().learning_rate(falling()).amsgrad(true)),
        &|| Box::new(AdamW::new().learning_rate(falling()).weight_decay(0.1)),
        &|| Box::new(Adam::new().global_clipnorm(0.1).epsilon(1e-3)),
    ];
    for make in makers {
        let (plain, none) = trained(make(), None, None)?;
        let (recorder, asked) = recorder(false);
        let (recorded, notice) = trained(make(), Some(recorder), None)?;
        assert_eq!((none, notice), (None, None));
        // Three aside; one recorded; all others but the short batches replayed.
        let asked = asked.borrow();
        let count = |what: &str| asked.iter().filter(|asked| **asked == what).count();
        assert_eq!(
            (count("aside"), count("record"), count("replay")),
            (3, 1, 11)
        );
        let difference = farthest(&plain, &recorded)?;
        assert!(difference < 1e-5, "{difference}");
    }
    Ok(())
}

#[test]
fn where_recording_fails_steps_are_plain_and_the_user_is_told() -> Result<()> {
    let (plain, _) = trained(Adam::new(), None, None)?;
    let (recorder, asked) = recorder(true);
    let (fallen_back, notice) = trained(Adam::new(), Some(recorder), None)?;
    assert_eq!(plain, fallen_back);
    assert_eq!(*asked.borrow(), ["aside", "aside", "aside", "record"]);
    let notice = notice.expect("the reason");
    assert!(notice.contains("when stream is capturing"), "{notice}");
    Ok(())
}

#[test]
fn a_change_of_the_model_is_recorded_anew() -> Result<()> {
    let (recorder, asked) = recorder(false);
    // The short batch before it cannot be what is recorded.
    let _ = trained(Adam::new(), Some(recorder), Some(7))?;
    let asked = asked.borrow();
    let records: Vec<usize> = (0..asked.len())
        .filter(|&at| asked[at] == "record")
        .collect();
    assert_eq!(records, [3, 8], "{asked:?}");
    Ok(())
}

#[test]
fn what_may_decide_in_each_step_anew_is_not_recorded() -> Result<()> {
    let text = |model: &Sequential| -> Result<String> {
        let reason = why_plain(model, compiled(model, "a test")?);
        Ok(reason.unwrap_or_else(|| "it is recorded".into()))
    };
    assert!(text(&model(Adam::new())?)?.contains("it is recorded"));
    assert!(text(&model(SGD::new())?)?.contains("the optimizer `sgd`"));
    assert!(text(&model(Adam::new().use_ema(true))?)?.contains("use_ema"));

    let mut own_layer = Sequential::new([
        Input::new(6).into(),
        Lambda::new(|x: &Tensor| x * 2.0).into(),
        Dense::new(3).into(),
    ])?;
    own_layer.compile("mse", Adam::new(), ())?;
    let told = text(&own_layer)?;
    assert!(told.contains("the layer `lambda"), "{told}");

    let mut own_loss = model(Adam::new())?;
    let loss = CustomLoss::new("mine", |y, output| {
        Ok((output - y).square().mean_dim(-1, false, Kind::Float))
    });
    own_loss.compile(loss, Adam::new(), ())?;
    assert!(text(&own_loss)?.contains("the loss `mine`"));
    Ok(())
}

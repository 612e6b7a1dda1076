//! What a training needs to go on: loss, metrics, optimizer and its state, history, and the seed of
//! the shuffling.

use std::cell::RefCell;

use serde_json::{Value, json};
use tch::{Device, Tensor};

use super::file::{OPTIMIZER, TensorFile};
use crate::metrics::Metric;
use crate::training::compile::{Compiled, TrainingState};
use crate::{Error, Loss, Optimizer, Result, losses, metrics, optimizers};

/// The step size, among the tensors of the optimizer's state.
const LEARNING_RATE: &str = "optimizer/learning_rate";

/// Adds it to a model's text and tensors; nothing for a model that is not compiled.
pub(super) fn describe(
    training: &TrainingState,
    text: &mut Value,
    tensors: &mut Vec<(String, Tensor)>,
) -> Result<()> {
    let Some(compiled) = &training.compiled else {
        return Ok(());
    };
    let optimizer = compiled.optimizer.borrow();
    let metrics: Result<Vec<Value>> = compiled.metrics.iter().map(|m| m.config()).collect();
    text["compile"] = json!({
        "loss": compiled.losses.iter().map(|loss| loss.config()).collect::<Result<Vec<Value>>>()?,
        "optimizer": optimizer.config()?,
        "metrics": metrics?,
    });
    drop(optimizer);
    describe_progress(training, text, tensors)
}

/// The part of it that training changes.
pub(super) fn describe_progress(
    training: &TrainingState,
    text: &mut Value,
    tensors: &mut Vec<(String, Tensor)>,
) -> Result<()> {
    let Some(compiled) = &training.compiled else {
        return Ok(());
    };
    let optimizer = compiled.optimizer.borrow();
    let history = serde_json::to_value(&training.history).map_err(|error| Error::NotSaveable {
        what: "the history".into(),
        remedy: error.to_string(),
    })?;
    text["training"] = json!({
        "iterations": optimizer.iterations(),
        "history": history,
        "seed": training.seed,
    });
    for (name, tensor) in optimizer.state()? {
        tensors.push((format!("{OPTIMIZER}{name}"), tensor));
    }
    // To the last bit, which numbers in JSON do not always keep.
    let rate = Tensor::f_from_slice(&[optimizer.learning_rate()])?;
    tensors.push((LEARNING_RATE.to_owned(), rate));
    Ok(())
}

/// Puts it back into a model that was built anew.
pub(super) fn restore(
    training: &mut TrainingState,
    text: &Value,
    file: &TensorFile,
    device: Device,
) -> Result<()> {
    let Some(compile) = text.get("compile") else {
        return Ok(());
    };
    let optimizer: Box<dyn Optimizer> = optimizers::from_config(&compile["optimizer"])?;
    let metrics = compile["metrics"].as_array();
    let metrics = metrics.ok_or_else(|| damaged(file, "a list of metrics"))?;
    let metrics: Result<Vec<Box<dyn Metric>>> = metrics.iter().map(metrics::from_config).collect();
    // A file that was written before outputs had losses of their own has the one itself.
    let losses = compile["loss"].as_array().map(Vec::as_slice);
    let losses = losses.unwrap_or(std::slice::from_ref(&compile["loss"]));
    let losses: Result<Vec<Box<dyn Loss>>> =
        losses.iter().map(losses::from_weighted_config).collect();
    training.compiled = Some(Compiled {
        losses: losses?,
        optimizer: RefCell::new(optimizer),
        metrics: metrics?,
    });
    restore_progress(training, text, file, device)
}

/// The part of it that training changes, for a model that is compiled.
pub(super) fn restore_progress(
    training: &mut TrainingState,
    text: &Value,
    file: &TensorFile,
    device: Device,
) -> Result<()> {
    let Some(compiled) = &training.compiled else {
        return Ok(());
    };
    let damaged = |expected: &str| damaged(file, expected);
    let mut optimizer = compiled.optimizer.borrow_mut();
    let left = &text["training"];
    let iterations = left["iterations"].as_i64();
    let iterations = iterations.ok_or_else(|| damaged("a number of iterations"))?;
    let mut state = Vec::new();
    for name in file.names_behind(OPTIMIZER) {
        if LEARNING_RATE.ends_with(name) {
            continue;
        }
        let tensor = file.tensor(&format!("{OPTIMIZER}{name}"))?;
        let tensor = tensor.ok_or_else(|| damaged("the optimizer's state"))?;
        state.push((name.to_owned(), tensor.f_to_device(device)?));
    }
    optimizer.set_state(iterations, state)?;
    if let Some(rate) = file.tensor(LEARNING_RATE)? {
        let rate = rate.f_double_value(&[0])?;
        // A schedule says it by itself, and cannot be told.
        if optimizer.learning_rate() != rate {
            optimizer.set_learning_rate(rate)?;
        }
    }
    drop(optimizer);
    let history = serde_json::from_value(left["history"].clone());
    training.history = history.map_err(|_| damaged("a history"))?;
    training.seed = left["seed"].as_u64().and_then(|seed| seed.try_into().ok());
    Ok(())
}

fn damaged(file: &TensorFile, expected: &str) -> Error {
    Error::WrongFileContent {
        path: file.path().to_owned(),
        expected: expected.to_owned(),
        received: "something else".into(),
        remedy: "the file is damaged: save it again".into(),
    }
}

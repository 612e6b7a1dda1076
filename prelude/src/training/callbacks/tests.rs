//! Callbacks against Keras's: the same losses, epoch by epoch, and the same decisions. The numbers
//! are made by tests/reference/callbacks.py.

use serde_json::Value;

use super::training::Control;
use super::*;
use crate::testing::reference_text;
use crate::training::trainer::Trainer;
use crate::*;

pub(super) fn reference() -> Value {
    serde_json::from_str(&reference_text("callbacks.json")).expect("JSON")
}

pub(super) fn sequence(reference: &Value, name: &Value) -> Vec<f64> {
    let numbers = reference["sequences"][name.as_str().expect("a name")].as_array();
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    numbers.expect("a sequence").iter().map(number).collect()
}

/// A model of one weight and a bias, and a step size of 0.1, as in the script.
pub(super) fn model() -> Result<Sequential> {
    let mut model = Sequential::new([Input::new(1).into(), Dense::new(1).into()])?;
    model.compile("mse", SGD::new().learning_rate(0.1), ())?;
    Ok(model)
}

pub(super) fn weights(value: f64) -> [Tensor; 2] {
    let options = (Kind::Float, Device::Cpu);
    [
        Tensor::full([1, 1], value, options),
        Tensor::zeros([1], options),
    ]
}

/// What a callback has done.
#[derive(Debug, PartialEq)]
pub(super) struct Driven {
    epochs: usize,
    stopped: bool,
    /// The number of the epoch whose weights the model has.
    weight: f64,
    rates: Vec<f64>,
}

/// Tells a callback one epoch after the other, until it stops the training.
pub(super) fn drive(callback: &mut dyn Callback, losses: &[f64]) -> Result<Driven> {
    let mut model = model()?;
    let mut control = Control::default();
    let mut rates = Vec::new();
    callback.on_train_begin(&mut Training::new(&mut model, &mut control, None))?;
    let mut logs = Logs::default();
    for (epoch, &loss) in losses.iter().enumerate() {
        let mut training = Training::new(&mut model, &mut control, None);
        callback.on_epoch_begin(epoch, &mut training)?;
        training
            .model_mut()
            .set_weights(&weights(epoch as f64 + 1.0))?;
        logs = [("loss", loss), ("val_loss", loss)].into_iter().collect();
        callback.on_epoch_end(epoch, &mut logs, &mut training)?;
        rates.push(training.learning_rate()?);
        if training.is_stopping() {
            break;
        }
    }
    callback.on_train_end(&logs, &mut Training::new(&mut model, &mut control, None))?;
    Ok(Driven {
        epochs: rates.len(),
        stopped: control.stop,
        weight: model.get_weights()?[0].double_value(&[0, 0]),
        rates,
    })
}

fn number(case: &Value, key: &str) -> f64 {
    case[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} in {case}"))
}

fn count(case: &Value, key: &str) -> usize {
    number(case, key) as usize
}

fn close_rates(found: &[f64], case: &Value, expected: &Value) {
    let expected = expected.as_array().expect("rates");
    assert_eq!(found.len(), expected.len(), "{case}");
    for (found, expected) in found.iter().zip(expected) {
        // Keras keeps it in 32 bits.
        let expected = expected.as_f64().expect("a rate");
        assert!(
            (found - expected).abs() < 1e-6 * expected,
            "{case}: {found}"
        );
    }
}

#[test]
fn early_stopping_decides_as_kerass() -> Result<()> {
    let reference = reference();
    let cases = reference["early_stopping"].as_array().expect("cases");
    assert!(cases.len() > 500);
    for case in cases {
        let mut callback = EarlyStopping::new()
            .patience(count(case, "patience"))
            .min_delta(number(case, "min_delta"))
            .start_from_epoch(count(case, "start_from_epoch"))
            .mode(case["mode"].as_str().expect("a mode"))
            .restore_best_weights(case["restore_best_weights"] == true);
        if let Some(baseline) = case["baseline"].as_f64() {
            callback = callback.baseline(baseline);
        }
        let found = drive(&mut callback, &sequence(&reference, &case["losses"]))?;
        let expected = (
            count(case, "epochs"),
            case["stopped"] == true,
            number(case, "weight"),
        );
        assert_eq!(
            (found.epochs, found.stopped, found.weight),
            expected,
            "{case}"
        );
    }
    Ok(())
}

#[test]
fn reduce_lr_on_plateau_decides_as_kerass() -> Result<()> {
    let reference = reference();
    let cases = reference["reduce_lr"].as_array().expect("cases");
    assert!(cases.len() > 100);
    for case in cases {
        let mut callback = ReduceLROnPlateau::new()
            .patience(count(case, "patience"))
            .min_delta(number(case, "min_delta"))
            .cooldown(count(case, "cooldown"))
            .min_lr(number(case, "min_lr"))
            .factor(number(case, "factor"));
        let found = drive(&mut callback, &sequence(&reference, &case["losses"]))?;
        close_rates(&found.rates, case, &case["rates"]);
    }
    Ok(())
}

#[test]
fn a_schedule_sets_the_rate_before_each_epoch() -> Result<()> {
    let reference = reference();
    let mut callback =
        LearningRateScheduler::new(|epoch, rate| if epoch < 3 { rate } else { rate * 0.5 });
    let found = drive(&mut callback, &[1.0; 6])?;
    close_rates(&found.rates, &Value::Null, &reference["scheduler"]);
    let error = drive(&mut LearningRateScheduler::new(|_, _| f64::NAN), &[1.0]);
    assert!(error.is_err_and(|error| error.to_string().contains("received NaN")));
    Ok(())
}

#[test]
fn csv_logger_writes_kerass_bytes() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.csv");
    let epochs: [&[(&str, f64)]; 3] = [
        &[("loss", 0.5), ("acc", 0.25)],
        &[
            ("loss", 1e-5),
            ("acc", 1.0),
            ("val_loss", 0.125),
            ("val_acc", 0.75),
        ],
        &[("loss", f64::NAN), ("acc", 12345678.9)],
    ];
    let log = |mut callback: CSVLogger| -> Result<String> {
        let (mut model, mut control) = (model()?, Control::default());
        let mut training = Training::new(&mut model, &mut control, None);
        callback.on_train_begin(&mut training)?;
        for (epoch, logs) in epochs.iter().enumerate() {
            let mut logs = logs.iter().copied().collect();
            callback.on_epoch_end(epoch, &mut logs, &mut training)?;
        }
        callback.on_train_end(&Logs::default(), &mut training)?;
        Ok(std::fs::read_to_string(&path).expect("it was written"))
    };
    let kerass = reference_text("callbacks.csv");
    assert_eq!(log(CSVLogger::new(&path))?, kerass);
    // Once more into the same file: overwritten, or continued without a second header.
    assert_eq!(log(CSVLogger::new(&path))?, kerass);
    let continued = log(CSVLogger::new(&path).append(true))?;
    let rows = kerass.split_once('\n').expect("a header").1;
    assert_eq!(continued, format!("{kerass}{rows}"));
    let tabs = log(CSVLogger::new(&path).separator('\t'))?;
    assert!(tabs.starts_with("epoch\tacc\tloss\t"), "{tabs}");
    let nowhere = CSVLogger::new(folder.path().join("none/log.csv"));
    assert!(log(nowhere).is_err_and(|error| error.to_string().contains("none/log.csv")));
    Ok(())
}

#[test]
fn what_is_not_measured_is_said_once_and_has_no_effect() -> Result<()> {
    let (mut model, mut control) = (model()?, Control::default());
    let mut callback = EarlyStopping::new().monitor("val_acc");
    let mut training = Training::new(&mut model, &mut control, None);
    callback.on_train_begin(&mut training)?;
    for epoch in 0..3 {
        let mut logs: Logs = [("loss", 1.0)].into_iter().collect();
        callback.on_epoch_end(epoch, &mut logs, &mut training)?;
    }
    assert!(!training.is_stopping());
    assert_eq!(
        control.messages,
        ["EarlyStopping: `val_acc` is not measured and so has no effect; measured are loss"]
    );
    Ok(())
}

/// Writes down what it is told.
#[derive(Default)]
struct Recorder(Vec<String>);

impl Callback for Recorder {
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        assert_eq!((training.epochs(), training.steps()), (2, Some(2)));
        self.0.push("train begins".into());
        Ok(())
    }
    fn on_train_end(&mut self, logs: &Logs, _: &mut Training<'_>) -> Result<()> {
        assert!(logs.get("val_loss").is_some());
        self.0.push("train ends".into());
        Ok(())
    }
    fn on_epoch_begin(&mut self, epoch: usize, _: &mut Training<'_>) -> Result<()> {
        self.0.push(format!("epoch {epoch} begins"));
        Ok(())
    }
    fn on_epoch_end(&mut self, epoch: usize, logs: &mut Logs, _: &mut Training<'_>) -> Result<()> {
        logs.insert("added", epoch as f64);
        self.0.push(format!("epoch {epoch} ends"));
        Ok(())
    }
    fn on_train_batch_begin(&mut self, batch: usize, training: &mut Training<'_>) -> Result<()> {
        let done = training.steps_done();
        self.0.push(format!("batch {batch} begins after {done}"));
        Ok(())
    }
    fn on_train_batch_end(&mut self, batch: usize, training: &mut Training<'_>) -> Result<()> {
        let (logs, loss) = (training.logs()?, training.batch_loss()?);
        if batch == 0 {
            assert_eq!(logs.get("loss"), loss);
        }
        self.0.push(format!("batch {batch} ends"));
        Ok(())
    }
    fn on_test_begin(&mut self, _: &mut Training<'_>) -> Result<()> {
        self.0.push("test begins".into());
        Ok(())
    }
    fn on_test_end(&mut self, logs: &Logs, _: &mut Training<'_>) -> Result<()> {
        assert!(logs.get("loss").is_some());
        self.0.push("test ends".into());
        Ok(())
    }
}

fn data(rows: i64) -> (Tensor, Tensor) {
    let x = Tensor::ones([rows, 1], (Kind::Float, Device::Cpu));
    (x.shallow_clone(), x.reshape([-1]))
}

#[test]
fn fit_tells_everything_in_kerass_order() -> Result<()> {
    let (x, y) = data(8);
    let mut recorder = Recorder::default();
    let mut model = model()?;
    let history = model
        .fit(&x, &y)
        .validation_data(&x, &y)
        .epochs(2)
        .batch_size(4)
        .verbose(0)
        .callback(&mut recorder)
        .run()?;
    let epoch = |epoch: usize| {
        [
            format!("epoch {epoch} begins"),
            format!("batch 0 begins after {}", 2 * epoch),
            "batch 0 ends".into(),
            format!("batch 1 begins after {}", 2 * epoch + 1),
            "batch 1 ends".into(),
            "test begins".into(),
            "test ends".into(),
            format!("epoch {epoch} ends"),
        ]
    };
    let mut expected = vec!["train begins".to_owned()];
    expected.extend(epoch(0).into_iter().chain(epoch(1)));
    expected.push("train ends".into());
    assert_eq!(recorder.0, expected);
    assert_eq!(history.keys(), ["loss", "val_loss", "added"]);
    assert_eq!(history["added"], [0.0, 1.0]);
    Ok(())
}

#[test]
fn a_training_stops_after_the_batch_or_the_epoch_that_a_callback_says() -> Result<()> {
    let (x, y) = data(8);
    let mut model = model()?;
    let mut fit = |callback: LambdaCallback<'_>| {
        let fit = model.fit(&x, &y).epochs(5).batch_size(2).verbose(0);
        fit.callback(callback).run()
    };
    let mut batches = 0;
    let history = fit(LambdaCallback::new().on_train_batch_end(|batch, training| {
        batches += 1;
        if batch == 2 {
            training.stop();
        }
    }))?;
    // The epoch ends early, but it ends: it is measured and kept.
    assert_eq!((batches, history.epochs()), (3, vec![1]));
    let history = fit(LambdaCallback::new().on_epoch_end(|epoch, _, training| {
        if epoch == 1 {
            training.stop();
        }
    }))?;
    assert_eq!(history.epochs(), [1, 2]);
    Ok(())
}

#[test]
fn an_error_of_a_callback_ends_the_fit_and_keeps_what_was_learned() -> Result<()> {
    let (x, y) = data(8);
    let mut model = model()?;
    let failing = LambdaCallback::new().on_epoch_end(|epoch, _, _| match epoch {
        1 => Err(Error::EmptyData {
            place: "my callback".into(),
        }),
        _ => Ok(()),
    });
    let fit = model.fit(&x, &y).epochs(5).verbose(0).callback(failing);
    let error = fit.run().expect_err("in the second epoch");
    assert!(error.to_string().starts_with("my callback"), "{error}");
    assert_eq!(model.history().epochs(), [1]);
    Ok(())
}

#[test]
fn terminate_on_nan_can_stop_in_good_order_or_as_an_error() -> Result<()> {
    let (x, y) = data(8);
    // A copy: targets that are no numbers are refused before the first step.
    let x = x.copy();
    let _ = x.get(5).fill_(f64::NAN);
    let mut model = model()?;
    let mut ended = false;
    let history = model
        .fit(&x, &y)
        .epochs(3)
        .batch_size(2)
        .shuffle(false)
        .verbose(0)
        .callback(TerminateOnNaN::new())
        .callback(LambdaCallback::new().on_train_end(|training| {
            ended = true;
            assert_eq!(training.steps_done(), 3);
        }))
        .run()?;
    assert!(ended && history["loss"][0].is_nan());
    let fit = model.fit(&x, &y).batch_size(2).shuffle(false).verbose(0);
    let error = fit.callback(TerminateOnNaN::new().raise_error(true)).run();
    let error = error.expect_err("weights are NaN by now").to_string();
    assert!(
        error.starts_with("fit: the loss is NaN at batch 1 of epoch 1"),
        "{error}"
    );
    Ok(())
}

#[test]
fn callbacks_come_boxed_in_lists_too() -> Result<()> {
    let (x, y) = data(4);
    let mut model = model()?;
    let mut early = EarlyStopping::new().monitor("loss").patience(100);
    let history = model
        .fit(&x, &y)
        .verbose(0)
        .callbacks([Box::new(TerminateOnNaN::new()) as Box<dyn Callback>])
        .callbacks([&mut early])
        .run()?;
    assert_eq!(early.best(), history.last("loss"));
    Ok(())
}

//! ModelCheckpoint against Keras's (tests/reference/callbacks.py), and trainings that are cut off.

use std::path::Path;

use serde_json::Value;

use super::tests::{drive, model, reference, sequence, weights};
use super::*;
use crate::training::trainer::Trainer;
use crate::*;

fn stems(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).expect("the folder");
    let mut names: Vec<String> = files
        .map(|file| {
            file.expect("a file")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .map(|name| name.trim_end_matches(".safetensors").to_owned())
        .collect();
    names.sort();
    names
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().expect("a list").iter();
    list.map(|text| text.as_str().expect("text").to_owned())
        .collect()
}

#[test]
fn checkpoints_are_saved_when_kerass_are() -> Result<()> {
    let reference = reference();
    for case in reference["checkpoints"].as_array().expect("cases") {
        let folder = tempfile::tempdir().expect("a folder");
        let pattern = folder.path().join("{epoch:02d}-{val_loss:.2f}.safetensors");
        let mut callback = ModelCheckpoint::new(&pattern)
            .save_best_only(case["save_best_only"] == true)
            .mode(case["mode"].as_str().expect("a mode"));
        if let Some(threshold) = case["initial_value_threshold"].as_f64() {
            callback = callback.initial_value_threshold(threshold);
        }
        drive(&mut callback, &sequence(&reference, &case["losses"]))?;
        // Python writes nan, Rust NaN.
        let found: Vec<String> = stems(folder.path())
            .iter()
            .map(|stem| stem.to_lowercase())
            .collect();
        assert_eq!(found, texts(&case["files"]), "{case}");
    }
    Ok(())
}

#[test]
fn checkpoints_after_batches_are_saved_when_kerass_are() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let x = Tensor::ones([8, 1], (Kind::Float, Device::Cpu));
    let callback =
        ModelCheckpoint::new(folder.path().join("{epoch}-{batch}.safetensors")).save_freq(3);
    let mut model = model()?;
    let fit = model.fit(&x, &x).batch_size(2).epochs(3).verbose(0);
    fit.callback(callback).run()?;
    assert_eq!(
        stems(folder.path()),
        texts(&reference()["checkpoint_batches"])
    );
    let path = folder.path().join("weights.safetensors");
    let fit = model.fit(&x, &x).verbose(0);
    fit.callback(ModelCheckpoint::new(&path).save_weights_only(true))
        .run()?;
    let trained = model.get_weights()?;
    model.set_weights(&weights(0.0))?;
    model.load_weights(&path)?;
    assert_eq!(model.get_weights()?, trained);
    Ok(())
}

/// Epochs, losses and weights at the end of four epochs, run again after a failure in the third if
/// `cut_off`.
fn trained(cut_off: bool) -> Result<(History, Vec<Tensor>)> {
    let folder = tempfile::tempdir().expect("a folder");
    // Other tests draw from libtorch's generator meanwhile, so nothing here does.
    let fixed = |rows: i64, columns: i64| -> Tensor {
        let numbers = Tensor::arange(rows * columns, (Kind::Float, Device::Cpu));
        (numbers * 12.9898).sin().reshape([rows, columns])
    };
    let x = fixed(40, 3);
    let y = x.argmax(1, false);
    let build = || -> Result<Sequential> {
        let mut model = Sequential::new([
            Input::new(3).into(),
            Dense::new(8).name("first").into(),
            Activation::relu().into(),
            Dense::new(3).name("second").into(),
            Activation::softmax().into(),
        ])?;
        let zeros = |units: i64| Tensor::zeros([units], (Kind::Float, Device::Cpu));
        model.set_weights(&[fixed(3, 8), zeros(8), fixed(8, 3), zeros(3)])?;
        model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
        Ok(model)
    };
    let mut model = build()?;
    let backup = || BackupAndRestore::new(folder.path());
    if cut_off {
        let fail = LambdaCallback::new().on_epoch_end(|epoch, _, _| match epoch {
            2 => Err(Error::Interrupted),
            _ => Ok(()),
        });
        let fit = model.fit(&x, &y).batch_size(8).epochs(4).seed(7).verbose(0);
        assert!(fit.callback(backup()).callback(fail).run().is_err());
        assert_eq!(stems(folder.path()), ["latest"]);
        // The process is gone; only the folder is left.
        model = build()?;
    }
    let mut fit = model.fit(&x, &y).batch_size(8).epochs(4).verbose(0);
    if !cut_off {
        fit = fit.seed(7);
    }
    let history = fit.callback(backup()).run()?;
    assert_eq!(history.epochs().len(), if cut_off { 2 } else { 4 });
    assert!(stems(folder.path()).is_empty());
    Ok((model.history(), model.get_weights()?))
}

#[test]
fn a_training_that_was_cut_off_goes_on_to_the_last_bit() -> Result<()> {
    let ((whole, weights), (parts, weights_again)) = (trained(false)?, trained(true)?);
    assert_eq!(weights, weights_again);
    assert_eq!(whole.epochs(), parts.epochs());
    // JSON does not keep the last bit of what was measured before.
    for (a, b) in whole["loss"].iter().zip(&parts["loss"]) {
        assert!((a - b).abs() < 1e-14, "{a} {b}");
    }
    Ok(())
}

#[test]
fn a_folder_that_holds_something_else_is_refused() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = model()?;
    model.save_weights(folder.path().join("latest.safetensors"))?;
    let x = Tensor::ones([8, 1], (Kind::Float, Device::Cpu));
    let fit = model
        .fit(&x, &x)
        .verbose(0)
        .callback(BackupAndRestore::new(folder.path()));
    let error = fit.run().expect_err("weights only").to_string();
    assert!(
        error.contains("give each training a folder of its own"),
        "{error}"
    );
    Ok(())
}

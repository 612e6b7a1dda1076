//! What cannot be learned from, and is refused.

use super::*;

#[track_caller]
fn refused(model: &mut Sequential, x: &Tensor, y: &Tensor, part: &str) {
    let error = model
        .fit(x, y)
        .verbose(0)
        .run()
        .expect_err("the data are wrong");
    assert!(error.to_string().contains(part), "{error}");
}

#[test]
fn what_cannot_be_learned_is_refused_before_the_first_step() -> Result<()> {
    let (x, y) = noise();
    let mut model = small_model()?;
    let before = model.get_weights()?;
    refused(
        &mut model,
        &x,
        &(&y + 1),
        "fit: expected labels from 0 to 2, the model's 3 outputs, received 3",
    );
    refused(
        &mut model,
        &x,
        &y.narrow(0, 0, 31),
        "fit: x has 32 rows and y has 31",
    );
    refused(
        &mut model,
        &x.narrow(0, 0, 0),
        &y.narrow(0, 0, 0),
        "fit: received no samples",
    );
    refused(
        &mut model,
        &x.reshape([32, 128]),
        &y,
        "expected input of shape (batch, 8, 8, 2), received (32, 128)",
    );
    let no_samples = x.narrow(0, 0, 0);
    assert!(model.predict(&no_samples).is_err());
    assert_eq!(before, model.get_weights()?);
    let mut uncompiled = Sequential::new([Dense::new(3).into()])?;
    refused(
        &mut uncompiled,
        &x,
        &y,
        "call compile(loss, optimizer, metrics) before fit",
    );
    assert!(uncompiled.evaluate(&x, &y).is_err());
    Ok(())
}

#[test]
fn a_loss_that_is_no_number_is_reported_with_its_batch() -> Result<()> {
    let (x, y) = noise();
    let _ = x.get(17).fill_(f64::NAN);
    let mut model = small_model()?;
    let error = model
        .fit(&x, &y)
        .batch_size(8)
        .shuffle(false)
        .verbose(0)
        .run()
        .expect_err("NaN");
    assert!(
        error
            .to_string()
            .starts_with("fit: the loss is NaN at batch 3 of epoch 1: "),
        "{error}"
    );
    Ok(())
}

#[test]
fn options_that_make_no_sense_are_refused() -> Result<()> {
    let (x, y) = noise();
    let mut model = small_model()?;
    let mut error = |fit: fn(Fit<'_>) -> Fit<'_>| {
        let fit = fit(model.fit(&x, &y).verbose(0));
        fit.run().expect_err("no sense").to_string()
    };
    let text = error(|fit| fit.validation_split(1.5));
    assert!(
        text.contains("validation_split: expected a share between 0 and 1"),
        "{text}"
    );
    let text = error(|fit| fit.validation_freq(0));
    assert_eq!(
        text,
        "fit: validation_freq: expected at least 1, received 0"
    );
    let text = error(|fit| fit.steps_per_epoch(0));
    assert_eq!(
        text,
        "fit: steps_per_epoch: expected at least 1, received 0"
    );
    let text = error(|fit| fit.batch_size(0));
    assert!(text.contains("batch_size"), "{text}");
    Ok(())
}

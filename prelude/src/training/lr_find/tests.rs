//! The test itself: which rates are tried, and that nothing is left behind.

use tch::{Device, Kind, Tensor};

use crate::training::trainer::Trainer;
use crate::*;

fn model() -> Result<Sequential> {
    let mut model = Sequential::new([
        Input::new(4).into(),
        Dense::new(8).into(),
        BatchNormalization::new().into(),
        Activation::relu().into(),
        Dense::new(4).into(),
        Activation::softmax().into(),
    ])?;
    model.compile("sparse_categorical_crossentropy", Adam::new(), ["acc"])?;
    Ok(model)
}

fn data() -> (Tensor, Tensor) {
    let x = Tensor::rand([256, 4], (Kind::Float, Device::Cpu));
    let y = x.argmax(1, false);
    (x, y)
}

#[test]
fn rates_rise_by_the_same_factor_until_the_loss_runs_away() -> Result<()> {
    set_random_seed(1);
    let (x, y) = data();
    let mut model = model()?;
    let curve = model.lr_find(&x, &y).seed(1).run()?;
    let rates = curve.rates();
    assert_eq!(rates[0], 1e-7);
    let factor = 1e8f64.powf(1.0 / 99.0);
    assert!(
        rates
            .windows(2)
            .all(|pair| (pair[1] / pair[0] / factor - 1.0).abs() < 1e-9)
    );
    let suggestion = curve.suggestion().expect("Adam learns this");
    assert!((1e-5..1.0).contains(&suggestion), "{curve}");
    // To the end, whatever happens.
    let whole = model
        .lr_find(&x, &y)
        .steps(20)
        .end_lr(1e-3)
        .stop_early(false)
        .run()?;
    assert_eq!(whole.rates().len(), 20);
    assert!((whole.rates()[19] / 1e-3 - 1.0).abs() < 1e-9);
    assert_eq!(curve, model.lr_find(&x, &y).seed(1).run()?);
    Ok(())
}

#[test]
fn the_model_trains_on_as_if_nothing_had_been_tried() -> Result<()> {
    set_random_seed(1);
    let (x, y) = data();
    let mut model = model()?;
    let weights = model.get_weights()?;
    let mut train = |find: bool| -> Result<(History, Vec<Tensor>)> {
        model.set_weights(&weights)?;
        model.compile("sparse_categorical_crossentropy", Adam::new(), ["acc"])?;
        model.fit(&x, &y).seed(1).verbose(0).run()?;
        if find {
            model.lr_find(&x, &y).run()?;
            assert_eq!(model.learning_rate()?, 1e-3);
        }
        let history = model.fit(&x, &y).seed(2).verbose(0).run()?;
        Ok((history, model.get_weights()?))
    };
    let (without, with) = (train(false)?, train(true)?);
    assert_eq!(without.0, with.0);
    assert_eq!(without.1, with.1);
    Ok(())
}

#[test]
fn a_test_that_cannot_be_done_is_refused() -> Result<()> {
    let (x, y) = data();
    let mut model = model()?;
    for (start, end, steps) in [
        (0.0, 1.0, 10),
        (1.0, 0.1, 10),
        (0.1, f64::NAN, 10),
        (0.1, 1.0, 1),
    ] {
        let find = model
            .lr_find(&x, &y)
            .start_lr(start)
            .end_lr(end)
            .steps(steps);
        let error = find.run().expect_err("no sense").to_string();
        assert!(
            error.starts_with("lr_find: expected start_lr above 0"),
            "{error}"
        );
    }
    let error = model
        .lr_find(&x, &y.narrow(0, 0, 3))
        .run()
        .expect_err("too few labels");
    assert!(
        error.to_string().starts_with("lr_find: x has 256 rows"),
        "{error}"
    );
    Ok(())
}

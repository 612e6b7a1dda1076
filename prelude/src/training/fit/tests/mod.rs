//! Learning: one step against Keras's, overfitting, modes, repeatability; what is refused is in
//! `refusals.rs`, datasets in `dataset.rs`, masks in `masks.rs`, several outputs in `of_outputs.rs`, numbers of Keras for further
//! options in `options.rs`. Interrupts are in tests/child_interface.rs, where no
//! other test takes them up.

mod dataset;
mod masks;
mod of_outputs;
mod options;
mod refusals;

use super::*;
use crate::random::RandomState;
use crate::testing::{close, reference};
use crate::*;

/// Of the founding model's kind, for 8 x 8 images of two channels.
fn small_model() -> Result<Sequential> {
    let mut model = Sequential::new([
        Input::new((8, 8, 2)).into(),
        Conv2D::new(4, (3, 3)).strides((2, 2)).into(),
        BatchNormalization::new().into(),
        Activation::relu().into(),
        Flatten::new().into(),
        Dense::new(6).into(),
        BatchNormalization::new().into(),
        Activation::relu().into(),
        Dense::new(3).into(),
        Activation::softmax().into(),
    ])?;
    model.compile(
        SparseCategoricalCrossentropy::new(),
        Adam::new(),
        [Accuracy.named("acc")],
    )?;
    Ok(model)
}

/// Noise with random labels: nothing to generalise, but few enough to learn by heart.
fn noise() -> (Tensor, Tensor) {
    let mut random = RandomState::new(3);
    let mut numbers = |n: usize| -> Vec<f32> {
        (0..n)
            .map(|_| random.next_u32() as f32 / u32::MAX as f32 - 0.5)
            .collect()
    };
    let x = Tensor::from_slice(&numbers(32 * 128)).reshape([32, 8, 8, 2]);
    let y = Tensor::from_slice(&numbers(32))
        .f_mul_scalar(3)
        .expect("floats")
        + 1.5;
    (x, y.floor().clamp(0, 2).to_uint8())
}

#[test]
fn one_step_of_a_whole_model_equals_kerass() -> Result<()> {
    let reference = reference("step");
    let mut model = small_model()?;
    model.set_weights(&reference.tensors("weight"))?;
    let (x, y) = (reference.tensor("x"), reference.tensor("y"));

    close(&model.predict(&x)?, &reference.tensor("predicted"), 1e-5);
    let evaluated = model.evaluate(&x, &y)?;
    assert!((evaluated["loss"] - reference.number("evaluated_loss")).abs() < 1e-5);
    assert!((evaluated["acc"] - reference.number("evaluated_acc")).abs() < 1e-6);

    let outputs = model.forward_to_logits(&[x.shallow_clone()], Mode::Train)?;
    let loss = SparseCategoricalCrossentropy::new().mean(&y, &outputs[0])?;
    close(&loss, &reference.tensor("loss"), 1e-5);
    let gradients = Tensor::f_run_backward(&[loss], &model.trainable_variables(), false, false)?;
    let in_keras = |i: usize, gradient: &Tensor| match i {
        0 => gradient.permute([2, 3, 1, 0]),
        _ => gradient.shallow_clone(),
    };
    let expected = reference.tensors("gradient");
    assert_eq!(gradients.len(), expected.len());
    for (i, (gradient, expected)) in gradients.iter().zip(&expected).enumerate() {
        close(&in_keras(i, gradient), expected, 1e-5);
    }

    // Again from the beginning: the forward pass above has moved the averages.
    model.set_weights(&reference.tensors("weight"))?;
    model.fit(&x, &y).shuffle(false).verbose(0).run()?;
    let expected = reference.tensors("weight_after");
    let weights = model.get_weights()?;
    assert_eq!(weights.len(), expected.len());
    for (i, (weight, expected)) in weights.iter().zip(&expected).enumerate() {
        // Where batch normalisation follows, a bias has no gradient but rounding errors, and Adam's
        // first step makes the same full step of them in a random direction.
        let tolerance = if [1, 7].contains(&i) { 2.1e-3 } else { 1e-5 };
        close(weight, expected, tolerance);
    }
    Ok(())
}

#[test]
fn a_small_model_learns_noise_by_heart() -> Result<()> {
    set_random_seed(1);
    let (x, y) = noise();
    let mut model = small_model()?;
    model.set_learning_rate(0.03)?;
    let history = model.fit(&x, &y).epochs(200).seed(1).verbose(0).run()?;
    let (first, last) = (history["loss"][0], history.last("loss").unwrap_or(f64::NAN));
    assert!(first > 0.9, "{history}");
    assert!(last < 0.1, "{history}");
    assert_eq!(history.epochs().len(), 200);
    assert_eq!(model.evaluate(&x, &y)?["acc"], 1.0);
    Ok(())
}

#[test]
fn the_same_seed_gives_the_same_numbers() -> Result<()> {
    let (x, y) = noise();
    let mut model = small_model()?;
    let weights = model.get_weights()?;
    let mut fit = |seed| -> Result<History> {
        model.set_weights(&weights)?;
        model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
        model
            .fit(&x, &y.reshape([-1, 1]))
            .batch_size(5)
            .epochs(2)
            .seed(seed)
            .verbose(0)
            .run()
    };
    let first = fit(7)?;
    assert_eq!(first, fit(7)?);
    assert_ne!(first, fit(8)?);
    Ok(())
}

#[test]
fn evaluating_and_predicting_change_nothing() -> Result<()> {
    let (x, y) = noise();
    let model = small_model()?;
    let before = model.get_weights()?;
    let predicted = model.predict(&x)?;
    model.evaluate(&x, &y)?;
    assert_eq!(predicted, model.predict(&x)?);
    for (before, after) in before.iter().zip(&model.get_weights()?) {
        assert_eq!(before, after);
    }
    let sums = predicted.sum_dim_intlist(1i64, false, Kind::Float);
    close(&sums, &sums.ones_like(), 1e-6);
    assert!(!predicted.requires_grad());
    Ok(())
}

#[test]
fn training_works_where_a_cell_has_left_gradients_off() -> Result<()> {
    let (x, y) = noise();
    let mut model = small_model()?;
    let _guard = no_grad_guard();
    model.fit(&x, &y).verbose(0).run()?;
    Ok(())
}

#[test]
fn validation_is_measured_in_evaluation_mode_under_kerass_keys() -> Result<()> {
    let (x, y) = noise();
    let mut model = small_model()?;
    let history = model
        .fit(&x, &y)
        .validation_data(&x, &y)
        .epochs(2)
        .verbose(0)
        .run()?;
    assert_eq!(history.keys(), ["acc", "loss", "val_acc", "val_loss"]);
    assert_eq!(
        history.last("val_loss"),
        model.evaluate(&x, &y)?.get("loss")
    );
    assert_eq!(model.history(), history);
    let more = model
        .fit(&x, &y)
        .initial_epoch(2)
        .epochs(3)
        .verbose(0)
        .run()?;
    assert_eq!(more.epochs(), [3]);
    Ok(())
}

/// As Keras does it: numbers of 64 bits, which Rust's own are, are learned as those of 32.
#[test]
fn samples_of_any_kind_are_learned_as_32_bit_floats() -> Result<()> {
    let (x, y) = noise();
    let whole = (&x * 100.0).round();
    let mut model = small_model()?;
    let expected = model.predict(&whole)?;
    for kind in [Kind::Double, Kind::Half, Kind::BFloat16, Kind::Int64] {
        assert_eq!(model.predict(&whole.to_kind(kind))?, expected, "{kind:?}");
    }
    let fit = model.fit(&whole.to_kind(Kind::Double), &y).verbose(0);
    fit.validation_data(&whole.to_kind(Kind::Half), &y).run()?;
    let complex = whole.to_kind(Kind::ComplexFloat);
    let error = model.predict(&complex).expect_err("complex").to_string();
    assert!(
        error.ends_with("expected real numbers, received ComplexFloat"),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_model_without_an_input_is_built_by_its_first_data() -> Result<()> {
    let x = Tensor::rand([10, 4], (Kind::Float, Device::Cpu));
    let mut model = Sequential::new([Dense::new(1).into()])?;
    model.compile("mse", SGD::new(), ())?;
    assert_eq!(model.count_params(), 0);
    assert!(model.predict(&x).is_err());
    model
        .fit(&x, &x.sum_dim_intlist(1i64, false, None))
        .verbose(0)
        .run()?;
    assert_eq!(
        (model.count_params(), model.output_shape()),
        (5, Some(&1.into()))
    );
    Ok(())
}

#[test]
fn a_share_of_the_samples_validates_as_often_as_asked() -> Result<()> {
    let (x, y) = noise();
    let mut model = small_model()?;
    let mut fit = |fit: fn(Fit<'_>) -> Fit<'_>| -> Result<History> {
        let options = model.fit(&x, &y).batch_size(8).epochs(4).verbose(0);
        fit(options).run()
    };
    let history = fit(|fit| fit.validation_split(0.25).validation_freq(2))?;
    assert_eq!((history["loss"].len(), history["val_loss"].len()), (4, 2));
    assert_eq!(
        (history.at("val_acc", 1), history.at("val_acc", 2)),
        (None, Some(history["val_acc"][0]))
    );
    let kept = (x.narrow(0, 24, 8), y.narrow(0, 24, 8));
    assert_eq!(
        history.last("val_loss"),
        model.evaluate(&kept.0, &kept.1)?.get("loss")
    );
    Ok(())
}

#[test]
fn a_training_that_goes_on_learns_what_an_uninterrupted_one_does() -> Result<()> {
    let (x, y) = noise();
    let mut model = small_model()?;
    let weights = model.get_weights()?;
    let mut train = |parts: &[(usize, usize)]| -> Result<History> {
        model.set_weights(&weights)?;
        model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
        for &(initial, epochs) in parts {
            let fit = model.fit(&x, &y).batch_size(5).seed(4).verbose(0);
            fit.initial_epoch(initial).epochs(epochs).run()?;
        }
        Ok(model.history())
    };
    assert_eq!(train(&[(0, 3)])?, train(&[(0, 1), (1, 3)])?);
    Ok(())
}

#[test]
fn single_batches_are_learned_measured_and_predicted() -> Result<()> {
    let (x, y) = noise();
    let mut model = small_model()?;
    assert_eq!(model.test_on_batch(&x, &y)?, model.evaluate(&x, &y)?);
    close(&model.predict_on_batch(&x)?, &model.predict(&x)?, 1e-6);
    let classes = model.predict_classes(&x)?;
    assert_eq!(
        (classes.shape(), classes.kind()),
        ((32,).into(), Kind::Int64)
    );
    let right = classes.eq_tensor(&y).to_kind(Kind::Double).mean(None);
    assert!((right.double_value(&[]) - model.evaluate(&x, &y)?["acc"]).abs() < 1e-9);

    // A fit of one step, and the same step by hand.
    let weights = model.get_weights()?;
    let history = model.fit(&x, &y).shuffle(false).verbose(0).run()?;
    let after = model.get_weights()?;
    model.set_weights(&weights)?;
    model.compile("sparse_categorical_crossentropy", Adam::new(), ["acc"])?;
    let logs = model.train_on_batch(&x, &y)?;
    assert_eq!(logs.get("loss"), history.last("loss"));
    for (by_hand, by_fit) in model.get_weights()?.iter().zip(&after) {
        close(by_hand, by_fit, 1e-6);
    }
    let error = model
        .train_on_batch(&x, &(&y + 1))
        .expect_err("no such class");
    assert!(
        error
            .to_string()
            .starts_with("train_on_batch: expected labels"),
        "{error}"
    );
    let _ = x.get(3).fill_(f64::NAN);
    assert!(model.train_on_batch(&x, &y).is_err());
    Ok(())
}

#[test]
fn samples_and_classes_count_by_their_weights() -> Result<()> {
    let (x, y) = noise();
    let mut model = small_model()?;
    let weights = model.get_weights()?;
    let mut learned = |fit: &dyn Fn(Fit<'_>) -> Fit<'_>| -> Result<(f64, Tensor)> {
        model.set_weights(&weights)?;
        model.compile(
            "sparse_categorical_crossentropy",
            SGD::new().learning_rate(0.1),
            (),
        )?;
        let fit = fit(model.fit(&x, &y).shuffle(false).batch_size(32).verbose(0));
        let history = fit.run()?;
        Ok((history["loss"][0], model.get_weights()?.remove(8)))
    };
    let (plain, _) = learned(&|fit| fit)?;
    let ones = Tensor::ones([32], (Kind::Float, Device::Cpu));
    let (same, kernel) = learned(&|fit| fit.sample_weight(&ones))?;
    assert!((same - plain).abs() < 1e-6);
    // Twice the weights are twice the loss: the sum is divided by the number of samples.
    let (double, _) = learned(&|fit| fit.sample_weight(&(&ones * 2.0)))?;
    assert!((double - 2.0 * plain).abs() < 1e-6, "{double} {plain}");
    // A class's weight is that of its samples.
    let of_class = y.eq(1).to_kind(Kind::Float) * 3.0 + 1.0;
    let by_sample = learned(&|fit| fit.sample_weight(&of_class))?;
    let by_class = learned(&|fit| fit.class_weight([(1, 4.0)]))?;
    assert_eq!(by_sample.0, by_class.0);
    close(&by_sample.1, &by_class.1, 1e-6);
    assert!(kernel != by_class.1);
    // Split weights: the validation loss counts by the last ones.
    let last = Tensor::cat(&[ones.narrow(0, 0, 24), ones.narrow(0, 0, 8) * 3.0], 0);
    let fit = model
        .fit(&x, &y)
        .verbose(0)
        .validation_split(0.25)
        .sample_weight(&last);
    let history = fit.run()?;
    let (x_val, y_val) = (x.narrow(0, 24, 8), y.narrow(0, 24, 8));
    let unweighted = model.evaluate(&x_val, &y_val)?["loss"];
    assert!((history["val_loss"][0] - 3.0 * unweighted).abs() < 1e-5);
    Ok(())
}

//! Learning from datasets: the same numbers as from arrays.

use super::*;

/// The noise as bytes, and the model's weights before it has learned.
fn bytes() -> Result<(Tensor, Tensor, Sequential, Vec<Tensor>)> {
    let (x, y) = noise();
    let x = ((x + 0.5) * 255.0).to_uint8();
    let model = small_model()?;
    let weights = model.get_weights()?;
    Ok((x, y, model, weights))
}

/// Bytes as floats.
fn floats(x: &Tensor) -> Tensor {
    x.to_float32() / 255.0
}

fn begin_again(model: &mut Sequential, weights: &[Tensor]) -> Result<()> {
    model.set_weights(weights)?;
    model.compile("sparse_categorical_crossentropy", "adam", ["acc"])
}

#[test]
fn a_dataset_teaches_what_its_arrays_do() -> Result<()> {
    let (x, y, mut model, weights) = bytes()?;
    let whole = floats(&x);
    let dataset = Dataset::new(&x, &y)?
        .batch(5)
        .map(|x, y| Ok((floats(&x), y)))
        .prefetch(2);
    let learned = model
        .fit(&whole, &y)
        .batch_size(5)
        .shuffle(false)
        .validation_data(&whole, &y)
        .epochs(3)
        .verbose(0)
        .run()?;
    let (evaluated, predicted) = (model.evaluate(&whole, &y)?, model.predict(&whole)?);
    begin_again(&mut model, &weights)?;
    let fit = model.fit_dataset(&dataset);
    let history = fit
        .validation_dataset(&dataset.clone().batch(256))
        .epochs(3)
        .verbose(0)
        .run()?;
    assert_eq!(history, learned);
    assert_eq!(
        model.evaluate_dataset(&dataset.clone().batch(256))?,
        evaluated
    );
    assert_eq!(
        model.predict_dataset(&dataset.clone().batch(256))?,
        predicted
    );
    close(&model.predict_dataset(&dataset)?, &predicted, 1e-6);

    // The first order of a seed is the same for both.
    begin_again(&mut model, &weights)?;
    let learned = model.fit(&whole, &y).seed(7).verbose(0).run()?;
    begin_again(&mut model, &weights)?;
    let shuffled = dataset.shuffle(7).batch(32);
    assert_eq!(model.fit_dataset(&shuffled).verbose(0).run()?, learned);
    Ok(())
}

#[test]
fn epochs_of_steps_classes_and_continuing_are_as_for_arrays() -> Result<()> {
    let (x, y, mut model, weights) = bytes()?;
    let dataset = Dataset::new(&floats(&x), &y)?.batch(5);
    let with = |fit: Fit<'_>, initial: usize, epochs: usize| -> Result<History> {
        let fit = fit.steps_per_epoch(4).class_weight([(1, 3.0)]).seed(1);
        fit.initial_epoch(initial).epochs(epochs).verbose(0).run()
    };
    let (x, mut numbers) = (floats(&x), Vec::new());
    with(model.fit(&x, &y).batch_size(5).shuffle(false), 0, 4)?;
    numbers.push(model.history());
    for parts in [&[(0, 4)][..], &[(0, 1), (1, 4)]] {
        begin_again(&mut model, &weights)?;
        for &(initial, epochs) in parts {
            with(model.fit_dataset(&dataset), initial, epochs)?;
        }
        numbers.push(model.history());
    }
    assert_eq!(numbers[0], numbers[1]);
    assert_eq!(numbers[1], numbers[2]);
    Ok(())
}

#[test]
fn a_model_without_an_input_is_built_by_the_first_batch() -> Result<()> {
    let x = Tensor::rand([10, 4], (Kind::Float, Device::Cpu));
    let dataset = Dataset::new(&x, &x)?.map(|x, _| Ok((x.narrow(1, 0, 3), x.narrow(1, 3, 1))));
    let mut model = Sequential::new([Dense::new(1).into()])?;
    model.compile("mse", "sgd", ())?;
    assert!(model.predict_dataset(&dataset).is_err(), "not built");
    model.fit_dataset(&dataset).verbose(0).run()?;
    assert_eq!(model.count_params(), 4);
    let untargeted = Dataset::new(&x.narrow(1, 0, 3), ())?;
    assert_eq!(model.predict_dataset(&untargeted)?.shape(), (10, 1));
    Ok(())
}

#[test]
fn what_a_dataset_cannot_teach_is_refused_with_its_reason() -> Result<()> {
    let (x, y, mut model, weights) = bytes()?;
    let dataset = Dataset::new(&floats(&x), &y)?.batch(16);
    let mut error = |fit: &dyn Fn(&mut Sequential) -> Result<()>| {
        let error = fit(&mut model).expect_err("refused").to_string();
        assert_eq!(model.get_weights().expect("built"), weights, "{error}");
        error
    };
    let wrong = dataset.clone().map(|x, y| Ok((x, y + 1)));
    let text = error(&|model| model.fit_dataset(&wrong).verbose(0).run().map(drop));
    assert!(
        text.starts_with("fit_dataset: expected labels from 0 to 2"),
        "{text}"
    );
    let text = error(&|model| model.evaluate_dataset(&wrong).map(drop));
    assert!(
        text.starts_with("evaluate_dataset: expected labels"),
        "{text}"
    );
    let short = dataset.clone().map(|x, y| Ok((x, y.narrow(0, 0, 3))));
    let text = error(&|model| model.fit_dataset(&short).verbose(0).run().map(drop));
    assert!(text.contains("x has 16 rows and y has 3"), "{text}");
    let text = error(&|model| {
        let fit = model.fit_dataset(&dataset).validation_split(0.5);
        fit.verbose(0).run().map(drop)
    });
    assert!(text.contains("a dataset is not split"), "{text}");
    let ones = Tensor::ones([32], (Kind::Float, Device::Cpu));
    let text = error(&|model| {
        let fit = model.fit_dataset(&dataset).sample_weight(&ones);
        fit.verbose(0).run().map(drop)
    });
    assert!(text.contains("sample_weight"), "{text}");
    let none = dataset.clone().batch(64).drop_remainder(true);
    let text = error(&|model| model.fit_dataset(&none).verbose(0).run().map(drop));
    assert!(
        text.starts_with("Dataset of 32 samples: received no samples"),
        "{text}"
    );
    Ok(())
}

//! The founding notebook's model, trained from three seeds: whether it learns what it does in Keras.
//!
//! ```console
//! cargo run -p torchbook-prelude --example founding_accuracy -- [SEEDS] [EPOCHS]
//! ```
//!
//! Five epochs of batches of 32 on 54,000 images of MNIST. Expected are a mean test accuracy from
//! 0.985 to 0.989 and at least 0.983 for each seed; the program fails where it is outside. It takes
//! minutes. Other numbers of epochs are printed, but not judged.

use std::process::ExitCode;

use torchbook::*;

/// Of the mean, as Keras and PyTorch reach them.
const EXPECTED: std::ops::RangeInclusive<f64> = 0.985..=0.989;
/// Of each seed.
const AT_LEAST: f64 = 0.983;
const EPOCHS: usize = 5;

fn main() -> std::result::Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (seeds, epochs) = (number(3)?, number(EPOCHS)?);

    let ((image_train, label_train), (image_test, label_test)) = mnist::load_data()?;
    let x_train = image_train.reshape_to((60000, 28, 28, 1))?.to_float32() / 255.0;
    let x_test = image_test.reshape_to((10000, 28, 28, 1))?.to_float32() / 255.0;
    let (x_train, x_val, y_train, y_val) = train_test_split(&x_train, &label_train, 0.1, 1)?;

    let mut accuracies = Vec::new();
    for seed in 0..seeds {
        set_random_seed(seed.try_into()?);
        clear_session();
        let mut cnn = founding_model()?;
        let fit = cnn.fit(&x_train, &y_train).validation_data(&x_val, &y_val);
        let history = fit.epochs(epochs).verbose(0).run()?;
        let test = cnn.evaluate(&x_test, &label_test)?;
        let validated = history.last("val_acc").unwrap_or(f64::NAN);
        println!(
            "seed {seed}: test accuracy {:.4}, val_acc {validated:.4}",
            test["acc"]
        );
        accuracies.push(test["acc"]);
    }
    let mean = accuracies.iter().sum::<f64>() / accuracies.len() as f64;
    let least = accuracies.iter().copied().fold(f64::INFINITY, f64::min);
    println!(
        "{seeds} seeds, {epochs} epochs: mean test accuracy {mean:.4} (expected {} to {}), least {least:.4} (at least {AT_LEAST})",
        EXPECTED.start(),
        EXPECTED.end()
    );
    let is_as_expected = EXPECTED.contains(&mean) && least >= AT_LEAST;
    Ok(match epochs == EPOCHS && !is_as_expected {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

fn founding_model() -> Result<Sequential> {
    let mut cnn = Sequential::new([
        Input::new((28, 28, 1)).into(),
        Conv2D::new(64, (5, 5)).strides((2, 2)).into(),
        BatchNormalization::new().into(),
        Activation::relu().into(),
        Flatten::new().into(),
        Dense::new(128).into(),
        BatchNormalization::new().into(),
        Activation::relu().into(),
        Dense::new(10).into(),
        Activation::softmax().into(),
    ])?;
    cnn.compile(
        SparseCategoricalCrossentropy::new(),
        Adam::new(),
        [Accuracy.named("acc")],
    )?;
    Ok(cnn)
}

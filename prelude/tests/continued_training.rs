//! A training that was stopped, saved, loaded and continued is the training that was never stopped.
//!
//! In a process of its own: libtorch's random numbers belong to the process, and other tests would
//! draw some in between.

use torchbook::*;

/// Layers of several kinds: a convolution, statistics, chance.
fn classifier() -> Result<Sequential> {
    Sequential::new([
        Input::new((6, 6, 1)).into(),
        Conv2D::new(4, 3).name("conv").into(),
        BatchNormalization::new().name("norm").into(),
        Activation::relu().into(),
        Flatten::new().into(),
        Dropout::new(0.3).into(),
        Dense::new(3).name("head").activation("softmax").into(),
    ])
}

/// Weights, the optimizer's state and its step size, as a file has them.
fn everything(model: &impl Saving, path: &std::path::Path) -> Result<Vec<(String, Tensor)>> {
    model.save(path)?;
    let mut tensors = Tensor::read_safetensors(path)?;
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(tensors)
}

/// Four epochs at once; and two epochs, a file, and two more.
fn check(optimizer: impl Fn() -> Box<dyn Optimizer>) -> Result<()> {
    set_random_seed(3);
    let x = Tensor::randn([50, 6, 6, 1], (Kind::Float, Device::Cpu));
    let y = x.reshape([50, 36]).narrow(1, 0, 3).argmax(1, false);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let loss = SparseCategoricalCrossentropy::new;

    let mut whole = classifier()?;
    let start = whole.get_weights()?;
    whole.compile(loss(), optimizer(), ["acc"])?;
    whole.fit(&x, &y).epochs(4).seed(9).verbose(0).run()?;

    let mut first = classifier()?;
    first.set_weights(&start)?;
    first.compile(loss(), optimizer(), ["acc"])?;
    first.fit(&x, &y).epochs(2).seed(9).verbose(0).run()?;
    first.save(&path)?;
    // Neither chance from elsewhere may matter, nor what becomes of the model that was saved.
    set_random_seed(77);
    first.set_weights(&start)?;
    let mut second = load_model(&path)?;
    second
        .fit(&x, &y)
        .initial_epoch(2)
        .epochs(4)
        .verbose(0)
        .run()?;

    let expected = everything(&whole, &path)?;
    for (expected, actual) in expected.iter().zip(everything(&second, &path)?) {
        assert_eq!(*expected, actual);
    }
    let (expected, actual) = (whole.history(), second.history());
    assert_eq!(actual.epochs(), [1, 2, 3, 4]);
    assert_eq!(expected["loss"][2..], actual["loss"][2..]);
    assert_eq!(expected["acc"], actual["acc"]);
    assert_eq!(whole.evaluate(&x, &y)?, second.evaluate(&x, &y)?);
    Ok(())
}

#[test]
fn training_goes_on_to_the_last_bit() -> Result<()> {
    check(|| Box::new(Adam::new().learning_rate(0.1 + 0.2)))?;
    check(|| Box::new(SGD::new()))?;
    let warm = || CosineDecay::new(0.0, 6).warmup(0.01, 3);
    check(move || Box::new(AdamW::new().amsgrad(true).learning_rate(warm())))?;
    check(|| Box::new(RMSprop::new().momentum(0.9).centered(true).clipnorm(1.0)))?;
    check(|| Box::new(Nadam::new()))
}

//! Nothing that a notebook calls panics on wrong data: every call that takes tensors gets every kind
//! of tensor that is none of its business, and answers with a value or with an error that can be read.
//!
//! What the errors say is tested beside the calls; here it is that there is one, and that a model is
//! usable afterwards.

use std::panic::{AssertUnwindSafe, catch_unwind};

use torchbook::*;

/// Tensors that somebody passes by mistake, by name.
fn mistakes() -> Vec<(&'static str, Tensor)> {
    let float = (Kind::Float, Device::Cpu);
    let long = (Kind::Int64, Device::Cpu);
    let ones = |kind| Tensor::ones([6, 8, 8, 1], (kind, Device::Cpu));
    vec![
        ("undefined", Tensor::new()),
        ("scalar", Tensor::from(3.0f32)),
        ("no rows", Tensor::zeros([0, 8, 8, 1], float)),
        ("empty vector", Tensor::zeros([0], long)),
        ("rows of nothing", Tensor::zeros([6, 0], float)),
        ("vector", Tensor::rand([6], float)),
        ("matrix", Tensor::rand([6, 3], float)),
        ("one column", Tensor::rand([6, 1], float)),
        ("images", Tensor::rand([6, 8, 8, 1], float)),
        ("flat images", Tensor::rand([6, 64], float)),
        ("many axes", Tensor::rand([6, 1, 2, 1, 2, 1], float)),
        ("other length", Tensor::rand([5, 8, 8, 1], float)),
        ("labels", Tensor::arange(6, long).fmod(3)),
        ("labels too large", Tensor::arange(6, long) + 100),
        ("labels below 0", Tensor::arange(6, long) - 3),
        ("largest number", Tensor::full([6], i64::MAX, long)),
        ("smallest number", Tensor::full([6], i64::MIN, long)),
        ("NaN vector", Tensor::full([6], f64::NAN, float)),
        ("NaN matrix", Tensor::full([6, 3], f64::NAN, float)),
        ("NaN images", Tensor::full([6, 8, 8, 1], f64::NAN, float)),
        ("infinite", Tensor::full([6, 3], f64::INFINITY, float)),
        ("infinite images", ones(Kind::Float) / 0.0),
        ("truth values", Tensor::ones([6], (Kind::Bool, Device::Cpu))),
        ("true images", ones(Kind::Bool)),
        ("bytes", ones(Kind::Uint8)),
        ("long images", ones(Kind::Int64)),
        ("double", ones(Kind::Double)),
        ("half", ones(Kind::Half)),
        (
            "complex",
            Tensor::ones([6], (Kind::ComplexFloat, Device::Cpu)),
        ),
        ("complex images", ones(Kind::ComplexFloat)),
        (
            "with gradients",
            Tensor::rand([6, 8, 8, 1], float).set_requires_grad(true),
        ),
    ]
}

/// A model for images of 8 x 8 and three classes.
fn classifier() -> Result<Sequential> {
    let mut model = Sequential::new([
        Input::new((8, 8, 1)).into(),
        Flatten::new().into(),
        Dense::new(3).name("head").activation("softmax").into(),
    ])?;
    model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
    Ok(model)
}

fn images() -> Tensor {
    Tensor::rand([6, 8, 8, 1], (Kind::Float, Device::Cpu))
}

fn labels() -> Tensor {
    Tensor::arange(6, (Kind::Int64, Device::Cpu)).fmod(3)
}

type Call = (&'static str, fn(&Tensor) -> Result<()>);

/// Whether a mistake is a tensor that nobody has by mistake.
fn is_strange(mistake: &str) -> bool {
    mistake == "undefined" || mistake.starts_with("complex")
}

/// Each call with each mistake. Panics with a list of the pairs that panicked.
///
/// What libtorch says knows nothing of the call; it is let through for strange tensors only.
fn none_panics(calls: &[Call]) {
    let mut panicked = Vec::new();
    for (what, call) in calls {
        for (name, tensor) in mistakes() {
            let answer = catch_unwind(AssertUnwindSafe(|| call(&tensor)));
            match answer {
                Err(_) => panicked.push(format!("{what} with {name}")),
                Ok(Err(error)) => {
                    let text = error.to_string();
                    assert!(
                        !text.is_empty() && text.len() < 1000,
                        "{what}, {name}: {text}"
                    );
                    assert!(!text.contains("Exception raised"), "{what}, {name}: {text}");
                    let foreign = text.contains("libtorch: ") && !is_strange(name);
                    assert!(
                        !foreign && !text.contains(" to -1"),
                        "{what}, {name}: {text}"
                    );
                }
                Ok(Ok(())) => (),
            }
        }
    }
    assert!(panicked.is_empty(), "{panicked:#?}");
}

#[test]
#[should_panic(expected = "a careless call with scalar")]
fn a_call_that_panics_is_found() {
    none_panics(&[("a careless call", |t| {
        assert!(t.dim() > 0);
        Ok(())
    })]);
}

#[test]
fn training_and_measuring() {
    none_panics(&[
        ("fit x", |t| fit(t, &labels())),
        ("fit y", |t| fit(&images(), t)),
        ("fit x and y", |t| fit(t, t)),
        ("validation x", |t| validated(t, &labels())),
        ("validation y", |t| validated(&images(), t)),
        ("sample_weight", |t| {
            let mut model = classifier()?;
            let fit = model.fit(&images(), &labels()).verbose(0);
            fit.sample_weight(t).run().map(drop)
        }),
        ("evaluate x", |t| {
            classifier()?.evaluate(t, &labels()).map(drop)
        }),
        ("evaluate y", |t| {
            classifier()?.evaluate(&images(), t).map(drop)
        }),
        ("predict", |t| classifier()?.predict(t).map(drop)),
        ("predict_classes", |t| {
            classifier()?.predict_classes(t).map(drop)
        }),
        ("predict_on_batch", |t| {
            classifier()?.predict_on_batch(t).map(drop)
        }),
        ("train_on_batch x", |t| {
            classifier()?.train_on_batch(t, &labels()).map(drop)
        }),
        ("train_on_batch y", |t| {
            classifier()?.train_on_batch(&images(), t).map(drop)
        }),
        ("test_on_batch x", |t| {
            classifier()?.test_on_batch(t, &labels()).map(drop)
        }),
        ("test_on_batch y", |t| {
            classifier()?.test_on_batch(&images(), t).map(drop)
        }),
        ("lr_find x", |t| {
            classifier()?.lr_find(t, &labels()).run().map(drop)
        }),
        ("lr_find y", |t| {
            classifier()?.lr_find(&images(), t).run().map(drop)
        }),
        ("set_weights", |t| {
            classifier()?.set_weights(&[t.shallow_clone(), t.shallow_clone()])
        }),
        ("a model built by fit", |t| {
            let mut model = Sequential::new([Dense::new(3).into()])?;
            model.compile("mse", "sgd", ())?;
            model.fit(t, t).verbose(0).run().map(drop)
        }),
    ]);
}

fn fit(x: &Tensor, y: &Tensor) -> Result<()> {
    classifier()?.fit(x, y).verbose(0).run().map(drop)
}

fn validated(x: &Tensor, y: &Tensor) -> Result<()> {
    let mut model = classifier()?;
    let fit = model.fit(&images(), &labels()).verbose(0);
    fit.validation_data(x, y).run().map(drop)
}

/// What no loss and no metric can be for.
#[test]
fn losses_and_metrics() -> Result<()> {
    let losses = "sparse_categorical_crossentropy categorical_crossentropy binary_crossentropy mse mae \
                  mape msle huber log_cosh kl_divergence poisson hinge squared_hinge \
                  categorical_hinge cosine_similarity";
    for loss in losses.split_whitespace() {
        learn_mistakes(loss, |model| model.compile(loss, "sgd", ()))?;
    }
    let metrics: [fn() -> Box<dyn Metric>; 14] = [
        || Box::new(Accuracy),
        || Box::new(BinaryAccuracy::new()),
        || Box::new(CategoricalAccuracy::new()),
        || Box::new(SparseCategoricalAccuracy::new()),
        || Box::new(TopKCategoricalAccuracy::new().k(2)),
        || Box::new(SparseTopKCategoricalAccuracy::new().k(50)),
        || Box::new(AUC::new()),
        || Box::new(Precision::new()),
        || Box::new(Recall::new().class_id(7)),
        || Box::new(Precision::new().top_k(9)),
        || Box::new(F1Score::new()),
        || Box::new(FBetaScore::new().beta(0.0)),
        || Box::new(MeanIoU::new(2)),
        || Box::new(RootMeanSquaredError::new()),
    ];
    for metric in metrics {
        // A loss that takes any targets, so that they come as far as the metric.
        let free = || CustomLoss::new("free", |_, output| Ok(output.f_square()?));
        learn_mistakes(&metric().name(), |model| {
            model.compile(free(), "sgd", vec![metric()])
        })?;
    }
    Ok(())
}

/// One epoch towards each of the mistakes.
fn learn_mistakes(what: &str, compile: impl Fn(&mut Sequential) -> Result<()>) -> Result<()> {
    let x = Tensor::rand([6, 4], (Kind::Float, Device::Cpu));
    for (name, y) in mistakes() {
        for units in [1, 3] {
            let head = Dense::new(units).activation("softplus");
            let mut model = Sequential::new([Input::new(4).into(), head.into()])?;
            compile(&mut model)?;
            let answer = catch_unwind(AssertUnwindSafe(|| {
                model.fit(&x, &y).verbose(0).run().map(drop)
            }));
            let Ok(answer) = answer else {
                panic!("{what} with {name}");
            };
            let foreign = matches!(answer, Err(Error::Torch { .. })) && !is_strange(name);
            assert!(!foreign, "{what}, {name}: {answer:?}");
        }
    }
    Ok(())
}

#[test]
fn data() {
    none_panics(&[
        ("train_test_split x", |t| {
            train_test_split(t, &labels(), 0.5, 1).map(drop)
        }),
        ("train_test_split y", |t| {
            train_test_split(&images(), t, 0.5, 1).map(drop)
        }),
        ("train_test_split of one kind", |t| {
            train_test_split(t, t, 3, 1).map(drop)
        }),
        ("stratify", |t| {
            let split = TrainTestSplit::new().test_size(3).stratify(t);
            split.arrays([&images(), &labels()]).map(drop)
        }),
        ("to_categorical", |t| to_categorical(t, 3).map(drop)),
        ("to_categorical of no class", |t| {
            to_categorical(t, 0).map(drop)
        }),
        ("to_categorical of fewer", |t| {
            to_categorical(t, -5).map(drop)
        }),
        ("reshape_to", |t| t.reshape_to((-1, 5, -1)).map(drop)),
        ("to_vec", |t| t.to_vec::<i64>().map(drop)),
        ("confusion_matrix", |t| {
            confusion_matrix(t, &labels(), 3).map(drop)
        }),
        ("confusion_matrix of itself", |t| {
            confusion_matrix(t, t, 0).map(drop)
        }),
        ("Dataset x", |t| dataset(t, &labels())),
        ("Dataset y", |t| dataset(&images(), t)),
        ("fit_dataset", |t| {
            let dataset = Dataset::new(t, t)?.shuffle(1).batch(4);
            let mut model = classifier()?;
            model.fit_dataset(&dataset).verbose(0).run().map(drop)
        }),
        ("evaluate_dataset", |t| {
            let dataset = Dataset::new(&images(), t)?.batch(0);
            classifier()?.evaluate_dataset(&dataset).map(drop)
        }),
        ("predict_dataset", |t| {
            let dataset = Dataset::new(t, ())?.batch(4).prefetch(2);
            classifier()?.predict_dataset(&dataset).map(drop)
        }),
        ("adapt", |t| Normalization::new().adapt(t).map(drop)),
    ]);
}

fn dataset(x: &Tensor, y: &Tensor) -> Result<()> {
    for batch in Dataset::new(x, y)?.shuffle(1).batch(4).epoch(0)? {
        batch?;
    }
    Ok(())
}

#[test]
fn figures() {
    none_panics(&[
        ("show_grid images", |t| show_grid(t, &labels(), 2)),
        ("show_grid labels", |t| show_grid(&images(), t, 2)),
        ("show_grid of nothing", |t| show_grid(t, t, 0)),
        ("show_grid of fewer", |t| show_grid(t, t, (-1, 4))),
        ("show_batch", |t| show_batch(t, &labels())),
        ("show_predictions images", |t| {
            show_predictions(t, &labels(), 2)
        }),
        ("show_predictions classes", |t| {
            show_predictions(&images(), t, 2)
        }),
        ("ImageGrid", |t| ImageGrid::new(t, 2)?.labels(t)?.show()),
        ("top_losses predictions", |t| {
            top_losses(t, &labels(), 3).map(drop)
        }),
        ("top_losses labels", |t| {
            top_losses(&images().reshape([6, 64]), t, 3).map(drop)
        }),
        ("show_top_losses", |t| {
            show_top_losses(t, &images().reshape([6, 64]), &labels(), 2)
        }),
        ("ConfusionMatrix truth", |t| {
            ConfusionMatrix::new(t, &labels())?.normalized().show()
        }),
        ("ConfusionMatrix predictions", |t| {
            ConfusionMatrix::new(&labels(), t)?.show()
        }),
        ("ConfusionMatrix of itself", |t| {
            ConfusionMatrix::new(t, t)?.show()
        }),
        ("classification_report", |t| {
            classification_report(t, &labels()).map(drop)
        }),
        ("classification_report of itself", |t| {
            classification_report(t, t).map(drop)
        }),
        ("pca", |t| pca(t, 2).map(drop)),
        ("pca of nothing", |t| pca(t, 0).map(drop)),
        ("show_embeddings", |t| show_embeddings(t, &labels())),
        ("show_embeddings labels", |t| {
            show_embeddings(&images().reshape([6, 64]), t)
        }),
        ("layer_output", |t| {
            layer_output(&classifier()?, "head", t).map(drop)
        }),
        ("show_feature_maps", |t| {
            show_feature_maps(&classifier()?, "head", t)
        }),
        ("plot", |t| plot(t, t)),
        ("plot x", |t| plot(t, [1.0, 2.0])),
        ("scatter", |t| scatter(t, t)),
        ("bar", |t| bar(["a", "b"], t)),
        ("hist", |t| hist(t, 10)),
        ("hist without bins", |t| hist(t, 0)),
        ("heatmap", |t| heatmap(t)),
        ("imshow", |t| imshow(t)),
        ("box_plot", |t| box_plot([("a", t)])),
        ("logarithms", |t| {
            Figure::new().line(t, t).log_x().log_y().show()
        }),
        ("scatter_by_class", |t| {
            Figure::new().scatter_by_class(t, t, t, &["a"]).show()
        }),
        ("display", |t| {
            display(t);
            Ok(())
        }),
    ]);
}

/// Where there is no GPU, a layer that shall lie on one says so; where there is one it simply does.
#[test]
fn a_device_that_is_not_there_is_an_error() {
    match Dense::new(3).build(&4.into(), Device::Cuda(0)) {
        Ok(()) => assert!(Cuda::is_available()),
        Err(error) => {
            let text = error.to_string();
            // NVIDIA: a libtorch with CUDA, but no driver.
            assert!(text.contains("CUDA") || text.contains("NVIDIA"), "{text}");
            assert!(text.len() < 300, "{text}");
        }
    }
}

#[test]
fn a_model_survives_what_it_refuses() -> Result<()> {
    let mut model = classifier()?;
    let (x, y) = (images(), labels());
    let before = model.evaluate(&x, &y)?;
    for (name, tensor) in mistakes() {
        let refused = model.train_on_batch(&tensor, &(&labels() + 1000)).is_err();
        assert!(refused, "{name}");
        assert!(model.predict((&tensor, &x)).is_err(), "{name}");
    }
    assert_eq!(model.evaluate(&x, &y)?, before);
    model.fit(&x, &y).epochs(2).verbose(0).run().map(drop)
}

//! How long `predict` and `evaluate` of the benchmarks' models take, without kernel and cell.
//!
//! ```console
//! cargo run -p torchbook-prelude --example inference -- [ROUNDS] [MODEL] [POLICY]
//! ```
//!
//! MODEL is `founding`, `mlp`, `deep` or `lstm`, all of them without it. What users get, measured
//! against other programs, is `tests/bench`.

use std::time::Instant;

use torchbook::*;

fn layers(model: &str) -> Vec<AnyLayer> {
    let conv = |filters| -> [AnyLayer; 2] {
        [
            Conv2D::new(filters, 3).padding("same").into(),
            Activation::relu().into(),
        ]
    };
    let dense = |units| -> [AnyLayer; 2] { [Dense::new(units).into(), Activation::relu().into()] };
    let pool = || -> AnyLayer { MaxPooling2D::new().pool_size(2).into() };
    match model {
        "founding" => vec![
            Conv2D::new(64, (5, 5)).strides((2, 2)).into(),
            BatchNormalization::new().into(),
            Activation::relu().into(),
            Flatten::new().into(),
            Dense::new(128).into(),
            BatchNormalization::new().into(),
            Activation::relu().into(),
        ],
        "mlp" => std::iter::once(Flatten::new().into())
            .chain(dense(512))
            .chain(dense(512))
            .collect(),
        "deep" => (conv(32).into_iter().chain(conv(32)).chain([pool()]))
            .chain(conv(64).into_iter().chain(conv(64)).chain([pool()]))
            .chain([Flatten::new().into()])
            .chain(dense(128))
            .collect(),
        _ => vec![Reshape::new((28, 28)).into(), LSTM::new(128).into()],
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2] * 1e3
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds: usize = arguments.first().map_or(Ok(7), |text| text.parse())?;
    if let Some(policy) = arguments.get(2) {
        mixed_precision::set_global_policy(policy)?;
    }
    let x = Tensor::rand([10_000, 28, 28, 1], (Kind::Float, Device::Cpu));
    let y = Tensor::randint(10, [10_000], (Kind::Int64, Device::Cpu));
    for name in ["founding", "mlp", "deep", "lstm"] {
        if arguments.get(1).is_some_and(|chosen| chosen != name) {
            continue;
        }
        set_random_seed(0);
        let ends: [AnyLayer; 2] = [Dense::new(10).into(), Activation::softmax().into()];
        let first: AnyLayer = Input::new((28, 28, 1)).into();
        let mut model = Sequential::new(std::iter::once(first).chain(layers(name)).chain(ends))?;
        model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
        let (mut predict, mut evaluate) = (Vec::new(), Vec::new());
        for _ in 0..=rounds {
            let began = Instant::now();
            let _ = std::hint::black_box(model.predict(&x)?);
            predict.push(began.elapsed().as_secs_f64());
            let began = Instant::now();
            model.evaluate(&x, &y)?;
            evaluate.push(began.elapsed().as_secs_f64());
        }
        println!(
            "{name}: predict {:.1} ms, evaluate {:.1} ms",
            median(predict.split_off(1)),
            median(evaluate.split_off(1))
        );
    }
    Ok(())
}

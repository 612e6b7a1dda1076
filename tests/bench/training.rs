//! Seconds per epoch: the prelude in a cell beside Keras on TensorFlow and JAX, and PyTorch, in turn.
//!
//! Every measurement is a process of its own. First epochs, in which peers compile, do not count.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::Result;
use crate::kernel::Kernel;
use crate::peers::{build_environment, python, torchbook, workspace};
use crate::table::{self, median, ratio, seconds};

/// A model and what it learns from.
struct Workload {
    name: &'static str,
    /// The model, as the peers' scripts call it.
    model: &'static str,
    dataset: &'static str,
    samples: usize,
    batch_size: usize,
    /// The layers before the last one.
    layers: &'static str,
}

const FOUNDING: &str = "Conv2D::new(64, (5, 5)).strides((2, 2)).into(), BatchNormalization::new().into(), Activation::relu().into(), Flatten::new().into(), Dense::new(128).into(), BatchNormalization::new().into(), Activation::relu().into(),";
const MLP: &str = "Flatten::new().into(), Dense::new(512).into(), Activation::relu().into(), Dense::new(512).into(), Activation::relu().into(),";
const DEEP: &str = "Conv2D::new(32, 3).padding(\"same\").into(), Activation::relu().into(), Conv2D::new(32, 3).padding(\"same\").into(), Activation::relu().into(), MaxPooling2D::new().pool_size(2).into(), Conv2D::new(64, 3).padding(\"same\").into(), Activation::relu().into(), Conv2D::new(64, 3).padding(\"same\").into(), Activation::relu().into(), MaxPooling2D::new().pool_size(2).into(), Flatten::new().into(), Dense::new(128).into(), Activation::relu().into(),";
const LSTM: &str = "Reshape::new((28, 28)).into(), LSTM::new(128).into(),";

const WORKLOADS: [Workload; 8] = [
    workload("founding", "founding", "mnist", 54_000, 32, FOUNDING),
    workload(
        "founding, batch 128",
        "founding",
        "mnist",
        54_000,
        128,
        FOUNDING,
    ),
    workload(
        "founding, batch 512",
        "founding",
        "mnist",
        54_000,
        512,
        FOUNDING,
    ),
    workload("MLP", "mlp", "mnist", 54_000, 128, MLP),
    workload(
        "four convolutions",
        "deep",
        "fashion_mnist",
        6_000,
        64,
        DEEP,
    ),
    workload("LSTM", "lstm", "mnist", 12_000, 64, LSTM),
    workload(
        "founding, 5,000 samples",
        "founding",
        "mnist",
        5_000,
        32,
        FOUNDING,
    ),
    workload(
        "founding, 60,000 samples",
        "founding",
        "mnist",
        60_000,
        32,
        FOUNDING,
    ),
];

const fn workload(
    name: &'static str,
    model: &'static str,
    dataset: &'static str,
    samples: usize,
    batch_size: usize,
    layers: &'static str,
) -> Workload {
    Workload {
        name,
        model,
        dataset,
        samples,
        batch_size,
        layers,
    }
}

/// Who trains.
const ENGINES: [&str; 6] = [
    "torchbook",
    "torchbook bf16",
    "Keras, JAX",
    "Keras, TensorFlow",
    "PyTorch, fused Adam",
    "PyTorch, compiled",
];
/// How many of them are torchbook.
const OURS: usize = 2;
const EPOCHS: usize = 3;

/// What one engine has measured.
#[derive(Default)]
struct Measured {
    epoch: Vec<f64>,
    predict: Vec<f64>,
    evaluate: Vec<f64>,
    accuracy: Vec<f64>,
    peak: Vec<f64>,
}

/// Runs the workloads whose names contain one of `chosen`, all of them without any, and prints a table for each.
pub fn run(rounds: usize, chosen: &[&str]) -> Result<()> {
    build_environment()?;
    let python = python()?;
    for workload in &WORKLOADS {
        if !chosen.is_empty() && !chosen.iter().any(|part| workload.name.contains(part)) {
            continue;
        }
        let folder = data_folder(workload.dataset)?;
        let mut measured = ENGINES.map(|_| Measured::default());
        for round in 1..=rounds {
            for (engine, measured) in measured.iter_mut().enumerate() {
                eprintln!(
                    "{}: round {round} of {rounds}, {}",
                    workload.name, ENGINES[engine]
                );
                let result = match engine {
                    0..OURS => ours(workload, engine == 1)?,
                    _ => theirs(&python, workload, engine, &folder)?,
                };
                measured.take(&result)?;
            }
        }
        print(workload, &measured);
    }
    Ok(())
}

impl Measured {
    fn take(&mut self, result: &Value) -> Result<()> {
        let number = |name: &str| {
            result[name]
                .as_f64()
                .ok_or_else(|| format!("no {name} in {result}"))
        };
        let epochs = result["epochs"].as_array().ok_or("no epochs")?;
        self.epoch
            .extend(epochs.iter().skip(1).filter_map(Value::as_f64));
        self.predict.push(number("predict")?);
        self.evaluate.push(number("evaluate")?);
        self.accuracy.push(number("accuracy")?);
        self.peak.push(number("peak")?);
        Ok(())
    }
}

fn print(workload: &Workload, measured: &[Measured; ENGINES.len()]) {
    println!(
        "\n{}: {} samples, batches of {}, first of {EPOCHS} epochs not counted",
        workload.name, workload.samples, workload.batch_size
    );
    let fastest = |of: fn(&Measured) -> &Vec<f64>| {
        let peers = measured[OURS..].iter().map(|peer| median(of(peer)));
        peers.fold(f64::INFINITY, f64::min)
    };
    let (epoch, predict, evaluate) = (
        fastest(|m| &m.epoch),
        fastest(|m| &m.predict),
        fastest(|m| &m.evaluate),
    );
    let header = [
        "",
        "s/epoch",
        "fastest peer / it",
        "µs/sample",
        "predict",
        "",
        "evaluate",
        "",
        "accuracy",
        "peak MB",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (engine, m) in ENGINES.iter().zip(measured) {
        let own = median(&m.epoch);
        rows.push(vec![
            (*engine).to_owned(),
            seconds(own),
            ratio(epoch, own),
            format!("{:.1}", own * 1e6 / workload.samples as f64),
            seconds(median(&m.predict)),
            ratio(predict, median(&m.predict)),
            seconds(median(&m.evaluate)),
            ratio(evaluate, median(&m.evaluate)),
            format!("{:.4}", median(&m.accuracy)),
            format!("{:.0}", median(&m.peak)),
        ]);
    }
    table::print(&rows);
}

/// A kernel of its own, whose cells are those of a notebook.
fn ours(workload: &Workload, bfloat16: bool) -> Result<Value> {
    let mut kernel = Kernel::start(torchbook)?;
    let policy = if bfloat16 {
        "mixed_bfloat16"
    } else {
        "float32"
    };
    let cell = format!(
        r#"
mixed_precision::set_global_policy("{policy}")?;
let ((x, y), (x_test, y_test)) = {dataset}::load_data()?;
let (x, y) = (x.narrow(0, 0, {samples}), y.narrow(0, 0, {samples}));
let x = x.reshape_to(({samples}, 28, 28, 1))?.to_float32() / 255.0;
let x_test = x_test.reshape_to((10_000, 28, 28, 1))?.to_float32() / 255.0;
set_random_seed(0);
let mut model = Sequential::new([Input::new((28, 28, 1)).into(), {layers} Dense::new(10).into(), Activation::softmax().into()])?;
model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
let mut epochs = Vec::new();
for _ in 0..{EPOCHS} {{
    let began = std::time::Instant::now();
    model.fit(&x, &y).batch_size({batch_size}).verbose(0).run()?;
    epochs.push(began.elapsed().as_secs_f64());
}}
let mut predict = 0.0;
let mut evaluate = 0.0;
let mut accuracy = 0.0;
for _ in 0..2 {{
    let began = std::time::Instant::now();
    model.predict(&x_test)?;
    predict = began.elapsed().as_secs_f64();
    let began = std::time::Instant::now();
    accuracy = model.evaluate(&x_test, &y_test)?["acc"];
    evaluate = began.elapsed().as_secs_f64();
}}
let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0;
println!("RESULT {{{{\"epochs\": {{epochs:?}}, \"predict\": {{predict}}, \"evaluate\": {{evaluate}}, \"accuracy\": {{accuracy}}, \"peak\": {{peak}}}}}}");
"#,
        dataset = workload.dataset,
        samples = workload.samples,
        layers = workload.layers,
        batch_size = workload.batch_size,
    );
    let executed = kernel.execute(&cell)?;
    match executed.error {
        None => result(&executed.text),
        Some(error) => Err(error.into()),
    }
}

fn theirs(python: &PathBuf, workload: &Workload, engine: usize, folder: &str) -> Result<Value> {
    let (script, mode, backend) = match engine {
        2 => ("keras_peer.py", "", "jax"),
        3 => ("keras_peer.py", "", "tensorflow"),
        4 => ("torch_peer.py", "eager", ""),
        _ => ("torch_peer.py", "compile", ""),
    };
    let output = Command::new(python)
        .arg(workspace().join("tests/bench/peers").join(script))
        .arg(workload.model)
        .args([workload.samples, workload.batch_size, EPOCHS].map(|number| number.to_string()))
        .args([folder, mode])
        .env("KERAS_BACKEND", backend)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    match output.status.success() {
        true => result(&text),
        false => Err(format!("{script}: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// The line that an engine ends with.
fn result(text: &str) -> Result<Value> {
    let line = text.lines().find_map(|line| line.strip_prefix("RESULT "));
    Ok(serde_json::from_str(
        line.ok_or_else(|| format!("no result in {text}"))?,
    )?)
}

fn data_folder(dataset: &str) -> Result<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_torchbook"))
        .args(["data", dataset])
        .stderr(std::process::Stdio::inherit())
        .output()?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?.trim().to_owned()),
        false => Err(format!("torchbook data {dataset} failed").into()),
    }
}

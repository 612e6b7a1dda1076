//! Whether a GPU computes what the CPU does, and how fast it trains the founding notebook's model.
//!
//! ```console
//! gpu_check [EPOCHS] [SAMPLES]
//! ```
//!
//! It is made for machines without Rust: CONTRIBUTING.md says how it is built, and run with the libtorch
//! of that machine's Python. First models of all kinds compute, derive and learn on the CPU and on the
//! GPU from the same weights; then plain steps and replayed ones learn from the same batches; then 5
//! epochs of the founding model are timed in 32 bits, TF32 and bfloat16. It fails where numbers are
//! too far apart. Without a GPU it says why there is none, and checks the CPU against itself.

use std::process::ExitCode;
use std::time::Instant;

use torchbook::*;

/// Test accuracy after 5 epochs on 54,000 images; the mean over seeds lies between 0.985 and 0.989.
const AT_LEAST: f64 = 0.983;
const EPOCHS: usize = 5;
const SAMPLES: i64 = 54_000;

type Outcome<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: i64| arguments.next().map_or(Ok(default), |text| text.parse());
    let (epochs, samples) = (number(EPOCHS as i64)? as usize, number(SAMPLES)?);
    println!("{}", versions());
    let device = default_device();
    if device == Device::Cpu {
        let reason = set_default_device(Device::Cuda(0)).err();
        let reason = reason.map_or_else(|| "none was chosen".into(), |error| error.to_string());
        println!("no GPU is checked: {reason}");
    }
    println!("{}", device_memory(device)?);

    let mut fails = 0;
    let mut check = |what: &str, difference: f64, limit: f64| {
        let is_near = difference <= limit;
        fails += u32::from(!is_near);
        let verdict = if is_near { "ok" } else { "TOO FAR" };
        println!("{what:<34} {difference:>10.2e}  at most {limit:.0e}  {verdict}");
    };
    println!("\n{device:?} beside Cpu: farthest number, relative to the largest");
    for (name, make) in MODELS {
        compare(name, *make, device, &mut check)?;
    }
    let replays = compare_replays(device, &mut check)?;
    if device != Device::Cpu && replays == 0 {
        fails += 1;
        println!("no step was replayed: TOO FEW");
    }

    println!("\nfounding model, {epochs} epochs of {samples} samples, batches of 32");
    println!(
        "{:<28} {:>8} {:>9} {:>10} {:>10}  replayed",
        "", "s", "s/epoch", "accuracy", "peak GiB"
    );
    let data = Data::load(samples)?;
    for graphs in [false, true] {
        if graphs && device == Device::Cpu {
            println!("with CUDA graphs: only on a GPU");
            continue;
        }
        for (name, precision, policy, benchmark) in WAYS {
            set_cuda_graphs(graphs);
            set_float32_matmul_precision(precision)?;
            mixed_precision::set_global_policy(policy)?;
            if device != Device::Cpu {
                Cuda::cudnn_set_benchmark(*benchmark);
            }
            let name = format!("{name}{}", if graphs { ", graphs" } else { "" });
            let accuracy = time(&name, &data, epochs, device)?;
            let is_judged = data.is_real && epochs == EPOCHS && samples == SAMPLES;
            if is_judged && accuracy < AT_LEAST {
                fails += 1;
                println!("expected an accuracy of at least {AT_LEAST}");
            }
        }
    }
    println!("\n{}", device_memory(device)?);
    println!("{fails} of the checks failed");
    Ok(match fails {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Name, precision of products, policy, whether cuDNN tries its ways.
const WAYS: &[(&str, &str, &str, bool)] = &[
    ("float32", "highest", "float32", false),
    ("float32, cuDNN benchmark", "highest", "float32", true),
    ("TF32", "high", "float32", true),
    ("bfloat16", "high", "mixed_bfloat16", true),
];

type MakeModel = fn() -> Result<Sequential>;

const MODELS: &[(&str, MakeModel)] = &[
    ("founding", founding_model),
    ("mlp", || {
        Sequential::new([
            Input::new((28, 28, 1)).into(),
            Flatten::new().into(),
            Dense::new(256).activation("relu").into(),
            LayerNormalization::new().into(),
            Dense::new(10).activation("softmax").into(),
        ])
    }),
    ("pooling", || {
        Sequential::new([
            Input::new((28, 28, 1)).into(),
            Conv2D::new(16, 3).padding("same").activation("relu").into(),
            MaxPooling2D::new().into(),
            DepthwiseConv2D::new(3).into(),
            GlobalAveragePooling2D::new().into(),
            Dense::new(10).activation("softmax").into(),
        ])
    }),
    ("lstm", || {
        Sequential::new([
            Input::new((28, 28, 1)).into(),
            Reshape::new((28, 28)).into(),
            LSTM::new(64).into(),
            Dense::new(10).activation("softmax").into(),
        ])
    }),
    ("gru", || {
        Sequential::new([
            Input::new((28, 28, 1)).into(),
            Reshape::new((28, 28)).into(),
            GRU::new(64).into(),
            Dense::new(10).activation("softmax").into(),
        ])
    }),
];

fn founding_model() -> Result<Sequential> {
    Sequential::new([
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
    ])
}

fn on(device: Device, make: MakeModel) -> Result<Sequential> {
    set_default_device(device)?;
    clear_session();
    let mut model = make()?;
    // What rounding leaves of a gradient that is 0 would become steps of full size with a small epsilon.
    let optimizer = Adam::new().epsilon(1e-3);
    model.compile("sparse_categorical_crossentropy", optimizer, ["acc"])?;
    Ok(model)
}

/// Largest difference, relative to the largest number; on the CPU.
fn difference(a: &Tensor, b: &Tensor) -> Result<f64> {
    let (a, b) = (a.f_to_device(Device::Cpu)?, b.f_to_device(Device::Cpu)?);
    let largest = f64::try_from(a.abs().max())?.max(1e-30);
    Ok(f64::try_from((a - b).abs().max())? / largest)
}

fn farthest(a: &[Tensor], b: &[Tensor]) -> Result<f64> {
    let pairs = a.iter().zip(b);
    pairs
        .map(|(a, b)| difference(a, b))
        .try_fold(0.0, |most, next| Ok(f64::max(most, next?)))
}

/// Forward pass, gradients and a step of Adam.
fn compare(
    name: &str,
    make: MakeModel,
    device: Device,
    check: &mut dyn FnMut(&str, f64, f64),
) -> Result<()> {
    set_random_seed(1);
    let mut here = on(Device::Cpu, make)?;
    let mut there = on(device, make)?;
    there.set_weights(&here.get_weights()?)?;
    let x = Tensor::rand([64, 28, 28, 1], (Kind::Float, Device::Cpu));
    let y = Tensor::randint(10, [64], (Kind::Int64, Device::Cpu));
    // All gradients together: those that are 0 but for rounding have no size of their own.
    let derived = |model: &Sequential| -> Result<(Tensor, Tensor)> {
        let output = model.compute(&[x.shallow_clone()], Mode::Train)?.remove(0);
        let labels = y.f_to_device(model.device())?;
        let loss = output
            .f_log()?
            .f_nll_loss::<Tensor>(&labels, None, Reduction::Mean, -100)?;
        let gradients =
            Tensor::f_run_backward(&[loss], &model.trainable_variables(), false, false)?;
        let flat: Vec<Tensor> = gradients
            .iter()
            .map(|gradient| gradient.reshape([-1]))
            .collect();
        Ok((output.f_detach()?, Tensor::f_cat(&flat, 0)?))
    };
    let ((outputs, gradients), (outputs_there, gradients_there)) =
        (derived(&here)?, derived(&there)?);
    check(
        &format!("{name}: outputs"),
        difference(&outputs, &outputs_there)?,
        // cuDNN convolves with 11 bits (TF32) unless it is told otherwise.
        5e-3,
    );
    check(
        &format!("{name}: gradients"),
        difference(&gradients, &gradients_there)?,
        1e-2,
    );
    here.train_on_batch(&x, &y)?;
    there.train_on_batch(&x, &y)?;
    let weights = farthest(&here.get_weights()?, &there.get_weights()?)?;
    check(&format!("{name}: weights after a step"), weights, 1e-2);
    Ok(())
}

/// The loss of each epoch with plain steps and with replayed ones; returns how many were replayed.
fn compare_replays(device: Device, check: &mut dyn FnMut(&str, f64, f64)) -> Result<u64> {
    let x = Tensor::rand([1000, 28, 28, 1], (Kind::Float, Device::Cpu));
    let y = Tensor::randint(10, [1000], (Kind::Int64, Device::Cpu));
    let weights = on(device, founding_model)?.get_weights()?;
    let before = replayed_steps();
    let losses = |graphs: bool| -> Result<Vec<f64>> {
        let mut model = on(device, founding_model)?;
        model.set_weights(&weights)?;
        let schedule = ExponentialDecay::new(1e-3, 40, 0.5);
        let optimizer = AdamW::new().learning_rate(schedule).epsilon(1e-3);
        model.compile("sparse_categorical_crossentropy", optimizer, ["acc"])?;
        set_cuda_graphs(graphs);
        let history = model.fit(&x, &y).epochs(3).seed(5).verbose(0).run()?;
        Ok(history["loss"].to_vec())
    };
    let (plain, replayed) = (losses(false)?, losses(true)?);
    let pairs = plain.iter().zip(&replayed);
    let apart = pairs
        .map(|(a, b)| (a - b).abs() / a.abs())
        .fold(0.0, f64::max);
    check("founding: losses, replayed steps", apart, 1e-3);
    Ok(replayed_steps() - before)
}

/// MNIST, or noise where it cannot be had.
struct Data {
    x: Tensor,
    y: Tensor,
    x_test: Tensor,
    y_test: Tensor,
    is_real: bool,
}

impl Data {
    fn load(samples: i64) -> Result<Self> {
        let scaled = |images: &Tensor| images.unsqueeze(-1).to_kind(Kind::Float) / 255.0;
        match mnist::load_data() {
            Ok(((x, y), (x_test, y_test))) => Ok(Data {
                x: scaled(&x).f_narrow(0, 0, samples)?,
                y: y.f_narrow(0, 0, samples)?,
                x_test: scaled(&x_test),
                y_test,
                is_real: true,
            }),
            Err(error) => {
                println!("noise instead of MNIST, so accuracy says nothing: {error}");
                let x = Tensor::rand([samples, 28, 28, 1], (Kind::Float, Device::Cpu));
                let y = Tensor::randint(10, [samples], (Kind::Int64, Device::Cpu));
                Ok(Data {
                    x_test: x.shallow_clone(),
                    y_test: y.shallow_clone(),
                    x,
                    y,
                    is_real: false,
                })
            }
        }
    }
}

/// Prints a row; returns the test accuracy.
fn time(name: &str, data: &Data, epochs: usize, device: Device) -> Result<f64> {
    set_random_seed(0);
    let made = || -> Result<Sequential> {
        clear_session_but_policy();
        set_default_device(device)?;
        let mut model = founding_model()?;
        model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
        Ok(model)
    };
    // Libraries load their parts and choose their ways in the first steps.
    let few = data.x.size()[0].min(512);
    let (x, y) = (data.x.narrow(0, 0, few), data.y.narrow(0, 0, few));
    made()?.fit(&x, &y).verbose(0).run()?;

    let mut model = made()?;
    reset_peak_memory(device)?;
    let before = replayed_steps();
    let began = Instant::now();
    model
        .fit(&data.x, &data.y)
        .epochs(epochs)
        .verbose(0)
        .run()?;
    let seconds = began.elapsed().as_secs_f64();
    let accuracy = model.evaluate(&data.x_test, &data.y_test)?["acc"];
    println!(
        "{name:<28} {seconds:>8.2} {:>9.3} {accuracy:>10.4} {:>10.2}  {}",
        seconds / epochs as f64,
        device_memory(device)?.peak as f64 / f64::from(1 << 30),
        replayed_steps() - before,
    );
    Ok(accuracy)
}

/// `clear_session` goes back to 32 bits, too.
fn clear_session_but_policy() {
    let policy = mixed_precision::global_policy().to_owned();
    clear_session();
    let _ = mixed_precision::set_global_policy(&policy);
}

//! What the display of `fit` costs and how often it is painted: a benchmark.
//!
//! ```console
//! cargo run -p torchbook-prelude --example fit_display -- [ROUNDS] [STEPS]
//! ```
//!
//! The program runs itself as the child process whose stdout a kernel would read, and trains the
//! founding notebook's model on noise, in turn with the display and without. Compare the smallest
//! times: on a busy machine the others say more about its other work.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use torchbook::*;

/// Set for the process that trains.
const CHILD: &str = "TORCHBOOK_BENCH_CHILD";

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u32| -> std::result::Result<u32, Box<dyn Error>> {
        Ok(arguments.next().map_or(Ok(default), |text| text.parse())?)
    };
    let (rounds, steps) = (number(10)?, number(400)?);
    if std::env::var_os(CHILD).is_some() {
        return Ok(train(rounds, steps)?);
    }
    let mut child = Command::new(std::env::current_exe()?)
        .args([rounds.to_string(), steps.to_string()])
        .env(CHILD, "1")
        .env("TORCHBOOK_FRAMES", "1")
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().ok_or("a piped stdout")?;
    let (mut frames, mut bytes, mut longest, mut last) = (0, 0, 0, String::new());
    let mut painted = Duration::ZERO;
    let mut fit_began = Instant::now();
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        if line.contains("\"display_data\"") {
            fit_began = Instant::now();
        }
        (frames, bytes) = (frames + 1, bytes + line.len());
        longest = longest.max(line.len());
        if line.contains(" in ") && !line.contains("progressbar") {
            painted += fit_began.elapsed();
            last = line;
        }
    }
    child.wait()?;
    println!(
        "{frames} frames in {:.1} s of fit: {:.1} a second, {} bytes each on average, {longest} at most, {} the last",
        painted.as_secs_f64(),
        f64::from(frames) / painted.as_secs_f64(),
        bytes / frames.max(1) as usize,
        last.len(),
    );
    Ok(())
}

/// Prints on stderr what each fit took.
fn train(rounds: u32, steps: u32) -> Result<()> {
    set_random_seed(0);
    let rows = i64::from(steps) * 32;
    let x = Tensor::rand([rows, 28, 28, 1], (Kind::Float, Device::Cpu));
    let y = Tensor::randint(10, [rows], (Kind::Int64, Device::Cpu));
    let mut model = Sequential::new([
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
    model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
    let mut fit = |verbose: u8| -> Result<Duration> {
        let began = Instant::now();
        model.fit(&x, &y).epochs(2).verbose(verbose).run()?;
        Ok(began.elapsed())
    };
    fit(0)?;
    let (mut shown, mut silent) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Who goes first changes, so that a machine that gets slower harms both.
        let order = if round % 2 == 0 { [1, 0] } else { [0, 1] };
        for verbose in order {
            let took = fit(verbose)?;
            if verbose == 1 {
                &mut shown
            } else {
                &mut silent
            }
            .push(took);
        }
    }
    for times in [&mut shown, &mut silent] {
        times.sort();
    }
    let ratio = |at: usize| shown[at].as_secs_f64() / silent[at].as_secs_f64();
    eprintln!("with the display   {shown:.3?}");
    eprintln!("without            {silent:.3?}");
    eprintln!(
        "with / without: smallest {:.4}, median {:.4}",
        ratio(0),
        ratio(shown.len() / 2)
    );
    Ok(())
}

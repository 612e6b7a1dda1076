//! How long a running cell takes to stop after Ctrl-C, and whether its variables are still there.
//!
//! evcxr_jupyter is no peer here: its interrupt is a new process without variables.

use crate::Result;
use crate::kernel::Kernel;
use crate::peers::{build_environment, torchbook};
use crate::table::{self, median, seconds};

/// Interrupts of each kind.
const TIMES: usize = 7;

/// What the cells work with.
const BEFORE: &str = r#"
let x = Tensor::rand([20_000, 28, 28, 1], (Kind::Float, Device::Cpu));
let y = Tensor::randint(10, [20_000], (Kind::Int64, Device::Cpu));
let mut model = Sequential::new([Input::new((28, 28, 1)).into(), Conv2D::new(64, (5, 5)).strides((2, 2)).into(), Activation::relu().into(), Flatten::new().into(), Dense::new(128).into(), Dense::new(10).into(), Activation::softmax().into()])?;
model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
let kept = 42;
fn say_when_it_runs() {
    std::thread::spawn(|| {
        std::thread::sleep(std::time::Duration::from_millis(300));
        std::println!("it runs");
    });
}
"#;

/// Cells that end only by an interrupt.
const CELLS: [(&str, &str); 6] = [
    ("fit", "model.fit(&x, &y).epochs(1000).verbose(0).run()?;"),
    ("predict", "loop { model.predict(&x)?; }"),
    (
        "a progress bar over batches",
        "for _ in progress(0..1_000_000) { let _ = x.mean(Kind::Float); }",
    ),
    (
        "a loop with an optimizer of the prelude",
        "loop { model.train_on_batch(&x.narrow(0, 0, 32), &y.narrow(0, 0, 32))?; }",
    ),
    (
        "a loop that prints",
        "loop { println!(\"x\"); std::thread::sleep(std::time::Duration::from_millis(10)); }",
    ),
    ("reading data", "loop { mnist::load_data()?; }"),
];

/// Interrupts each kind of cell in one kernel and prints a table.
pub fn run() -> Result<()> {
    build_environment()?;
    let mut kernel = Kernel::start(torchbook)?;
    succeeded(kernel.execute(BEFORE)?.error)?;
    let header = ["interrupted", "median", "longest", "ended as", "variables"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (what, code) in CELLS {
        eprintln!("interrupting {what}");
        let mut took = Vec::new();
        let mut ended = String::new();
        for _ in 0..TIMES {
            let cell = format!("say_when_it_runs();\n{code}");
            let executed = kernel.interrupt_when(&cell, "it runs")?;
            took.push(executed.seconds);
            ended = executed.error.unwrap_or_else(|| "no error".into());
        }
        let after = kernel.execute("kept + i32::from(model.count_params() == 0)")?;
        let kept = match after.text.trim() {
            "42" => "kept".to_owned(),
            other => format!("lost: {other}{}", after.error.unwrap_or_default()),
        };
        let longest = took.iter().copied().fold(0.0, f64::max);
        let name = ended.split(':').next().unwrap_or_default().to_owned();
        rows.push(vec![
            what.to_owned(),
            seconds(median(&took)),
            seconds(longest),
            name,
            kept,
        ]);
    }
    table::print(&rows);
    Ok(())
}

fn succeeded(error: Option<String>) -> Result<()> {
    error.map_or(Ok(()), |error| Err(error.into()))
}

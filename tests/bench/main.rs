//! How fast the kernel and the prelude are, beside their peers in the same run.
//!
//! ```console
//! cargo bench --bench speed -- cells        # latency of cells, beside evcxr_jupyter
//! cargo bench --bench speed -- training     # seconds per epoch, beside Keras and PyTorch
//! cargo bench --bench speed -- interrupts   # from Ctrl-C to the end of the cell
//! ```
//!
//! Peers are installed below `target/bench` the first time, which takes a quarter of an hour and some
//! gigabytes. Nothing here fails because something is slow: medians and ratios are printed. The machine must
//! be quiet.

mod cells;
mod interrupts;
mod kernel;
mod peers;
mod table;
mod training;

use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "usage: cargo bench --bench speed -- cells [STARTS] | training [ROUNDS] [WORKLOAD …] | interrupts";

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match &words[..] {
        ["cells", starts @ ..] => number(starts.first(), 3).and_then(cells::run),
        ["training", rest @ ..] => number(rest.first(), 3)
            .and_then(|rounds| training::run(rounds, rest.get(1..).unwrap_or_default())),
        ["interrupts"] => interrupts::run(),
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn number(text: Option<&&str>, default: usize) -> Result<usize> {
    match text {
        Some(text) => text
            .parse()
            .map_err(|_| format!("expected a number, received `{text}`; {USAGE}").into()),
        None => Ok(default),
    }
}

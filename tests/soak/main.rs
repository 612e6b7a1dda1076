//! A long day: many cells in several kernels at once, then many restarts; what grows, what stays.
//!
//! `cargo bench --bench soak -- --cells 1000 --restarts 50 --kernels 4` is the whole of it; the short
//! day that CI lives is the test in `tests/integration/soak.rs`, which also says what a cell does.

// A benchmark that cannot go on has failed.
#![allow(clippy::unwrap_used)]

#[allow(
    dead_code,
    unused_imports,
    reason = "the tests' client can do more than this needs"
)]
#[path = "../integration/client.rs"]
mod client;
#[path = "../integration/soak.rs"]
mod soak;

use clap::Parser;
use soak::{Day, Holdings, Stay, live_at_once};
use std::path::Path;
use torchbook_kernel::setup::{Cache, Environment};

/// Cells between two restarts of the second part: each kind once, and one more.
const CELLS_OF_A_RESTART: usize = 9;

#[derive(Parser)]
struct Arguments {
    /// Cells of the first part, in all kernels together.
    #[arg(long, default_value_t = 1000)]
    cells: usize,
    /// Starts of the second part, of all kernels together.
    #[arg(long, default_value_t = 50)]
    restarts: usize,
    /// Kernels at once.
    #[arg(long, default_value_t = 4)]
    kernels: usize,
    /// `cargo bench` says so.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let kernels = arguments.kernels.max(1);
    let before = left_behind();
    let long = Day {
        kernels,
        cells: arguments.cells.div_ceil(kernels),
        starts: 1,
    };
    println!("{} cells in each of {kernels} kernels at once", long.cells);
    report(&live_at_once(long));
    let restarts = Day {
        kernels,
        cells: CELLS_OF_A_RESTART,
        starts: arguments.restarts.div_ceil(kernels),
    };
    println!(
        "\n{} starts of each of {kernels} kernels at once, {CELLS_OF_A_RESTART} cells each",
        restarts.starts
    );
    report(&live_at_once(restarts));
    let after = left_behind();
    println!(
        "\nfolders of kernels that have ended: {} before, {} after",
        before.len(),
        after.len()
    );
    for folder in after.iter().filter(|folder| !before.contains(folder)) {
        println!("new: {folder}");
    }
}

fn report(stays: &[Stay]) {
    println!(
        "| stay | seconds to start | per cell | MB early | late | open files early | late | threads early | late | left behind |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for (number, stay) in (1..).zip(stays) {
        let Stay { early, late, .. } = stay;
        let pair = |of: fn(&Holdings) -> u64| format!("{} | {}", of(early), of(late));
        println!(
            "| {number} | {:.1} | {:.2} | {} | {} | {} | {} |",
            stay.start.as_secs_f64(),
            stay.cell.as_secs_f64(),
            pair(|held| held.megabytes),
            pair(|held| held.open_files as u64),
            pair(|held| held.threads as u64),
            match stay.left_behind.as_slice() {
                [] => "nothing".to_owned(),
                left => left.join(", "),
            }
        );
    }
}

/// The folders whose kernel has ended without removing them. Other programs' kernels may be running
/// meanwhile, with the same cache.
fn left_behind() -> Vec<String> {
    let cache = Cache::of(&Environment::of_process()).unwrap();
    let entries = std::fs::read_dir(cache.root().join("kernels"));
    let entries = entries.into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| {
            let process = name.split('-').next().unwrap_or_default();
            !Path::new("/proc").join(process).exists()
        })
        .collect()
}

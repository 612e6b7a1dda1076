//! `torchbook run` and `torchbook test`: make the machine ready, then let
//! [`crate::notebook`] execute.

use crate::notebook::{self, KernelLaunch, RunOptions, TestOptions};
use crate::setup::{self, Environment, Reporter};
use anyhow::Context;
use clap::Args;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Executes notebooks through the real kernel, without Jupyter or Python.
///
/// Without --output or --inplace the notebook stays as it is and its text outputs are shown here.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The notebooks, one after the other, each with a kernel of its own.
    #[arg(required = true, value_name = "NOTEBOOK")]
    notebooks: Vec<PathBuf>,
    /// Where the executed notebook goes; a folder if there are several.
    #[arg(long, value_name = "F", conflicts_with = "inplace")]
    output: Option<PathBuf>,
    /// Store the outputs in the notebooks themselves.
    #[arg(long)]
    inplace: bool,
    /// Seconds one cell may run.
    #[arg(long, value_name = "S", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Go on after a cell that fails.
    #[arg(long)]
    allow_errors: bool,
    /// Store in each cell's metadata when it ran.
    #[arg(long)]
    record_timing: bool,
}

/// Executes notebooks and compares their outputs with the stored ones.
#[derive(Debug, Args)]
pub struct TestArguments {
    /// Notebooks, and folders that are searched for them.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Store the new outputs instead of comparing.
    #[arg(long)]
    update: bool,
    /// Seconds one cell may run.
    #[arg(long, value_name = "S", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Execute so many notebooks at a time, each with its share of the cores.
    #[arg(long, value_name = "N", default_value = "1")]
    parallel: NonZeroUsize,
    /// Write the results as JUnit XML, for CI services.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the results as an HTML page, with pictures that differ side by side.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| format!("expected a number of seconds, received {text:?}"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

pub fn run(arguments: RunArguments) -> anyhow::Result<ExitCode> {
    let options = RunOptions {
        notebooks: arguments.notebooks,
        output: arguments.output,
        inplace: arguments.inplace,
        timeout: arguments.timeout,
        allow_errors: arguments.allow_errors,
        record_timing: arguments.record_timing,
        kernel: KernelLaunch::of_this_program()?,
    };
    // A slip in a path is told now, and not after minutes of set-up.
    options.check().map_err(told)?;
    make_ready()?;
    let outcome = runtime()?.block_on(notebook::run(options));
    Ok(outcome.map_err(told)?.into())
}

pub fn test(arguments: TestArguments) -> anyhow::Result<ExitCode> {
    let options = TestOptions {
        paths: arguments.paths,
        update: arguments.update,
        timeout: arguments.timeout,
        parallel: arguments.parallel,
        junit: arguments.junit,
        report: arguments.report,
        kernel: KernelLaunch::of_this_program()?,
    };
    options.check().map_err(told)?;
    make_ready()?;
    let outcome = runtime()?.block_on(notebook::test(options));
    Ok(outcome.map_err(told)?.into())
}

/// The error's own words: they name their causes already.
fn told(error: notebook::Error) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}

/// Does here, with a progress display, what the kernel would otherwise do at its start.
fn make_ready() -> anyhow::Result<()> {
    setup::ready::prelude(&Environment::of_process(), &Reporter::stderr())?;
    Ok(())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")
}

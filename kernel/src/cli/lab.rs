//! `torchbook lab`: JupyterLab with this kernel, whatever is installed.
//!
//! The kernelspec for it is in the cache, so nothing of the user's Jupyter is changed. Where there is
//! no JupyterLab, one is installed into an environment of its own in the cache.

use crate::setup::command::run_with_progress;
use crate::setup::error::SetupError;
use crate::setup::kernelspec::{Spec, variables_of_tools};
use crate::setup::{self, Cache, Environment, Reporter};
use anyhow::Context;
use clap::Args;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

/// Starts JupyterLab with this kernel registered.
#[derive(Debug, Args)]
pub struct LabArguments {
    /// Passed on to JupyterLab: a folder or notebook, and its options.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Returns only if JupyterLab cannot be started.
pub fn run(arguments: &LabArguments) -> anyhow::Result<()> {
    let environment = Environment::of_process();
    let reporter = Reporter::stderr();
    let cache = Cache::of(&environment)?;
    setup::ready::prelude(&environment, &reporter)?;
    let data = cache.root().join("jupyter");
    let mut spec = Spec::of_this_program("Rust (torchbook)")?;
    spec.variables = variables_of_tools(&environment);
    spec.write(&data.join("kernels"), "torchbook")?;
    let mut path = data.into_os_string();
    if let Some(more) = environment.get("JUPYTER_PATH") {
        path.push(":");
        path.push(more);
    }
    let lab = match environment.find_program("jupyter-lab") {
        Some(lab) => lab,
        None => private_lab(&cache, &environment, &reporter)?,
    };
    let error = environment
        .command(&lab)
        .args(&arguments.arguments)
        .env("JUPYTER_PATH", path)
        .exec();
    Err(error).with_context(|| format!("cannot start {}", lab.display()))
}

/// JupyterLab in the cache, installed if it is not there.
fn private_lab(
    cache: &Cache,
    environment: &Environment,
    reporter: &Reporter,
) -> anyhow::Result<PathBuf> {
    let folder = cache.root().join("lab");
    let lab = folder.join("bin/jupyter-lab");
    if lab.exists() {
        return Ok(lab);
    }
    let remedy = "Install it yourself, for example with `pip install jupyterlab`.";
    SetupError::unless_online(environment, "JupyterLab", remedy)?;
    let run = |program: &Path, arguments: &[&str], label: &str| {
        let mut command = environment.command(program);
        command.args(arguments);
        run_with_progress(&mut command, label, reporter)?.or_fail(remedy)
    };
    let place = folder.to_string_lossy();
    run(
        Path::new("python3"),
        &["-m", "venv", "--clear", &place],
        "A Python environment for JupyterLab",
    )?;
    let python = folder.join("bin/python");
    run(
        &python,
        &[
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "jupyterlab",
        ],
        "JupyterLab",
    )?;
    Ok(lab)
}

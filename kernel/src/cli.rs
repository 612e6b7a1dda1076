//! The command line: subcommands and what they call.

mod clean;
mod kernel;
mod notebooks;

use crate::setup::datasets::Dataset;
use crate::setup::{self, Cache, Environment, Reporter, kernelspec, libtorch};
use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Deep learning in Rust notebooks: a Jupyter kernel with libtorch and figures.
#[derive(Debug, Parser)]
#[command(name = "torchbook", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(notebooks::RunArguments),
    Test(notebooks::TestArguments),
    /// Makes this machine ready and registers the kernel with Jupyter.
    Install(InstallArguments),
    Clean(clean::CleanArguments),
    /// Makes sure that a dataset is there and prints its folder.
    Data {
        /// Which one.
        #[arg(value_enum)]
        dataset: DatasetName,
    },
    /// What Jupyter starts.
    Kernel(kernel::KernelArguments),
    /// Prints the variables a build of the prelude needs, for `eval` in a shell.
    #[command(hide = true)]
    BuildEnvironment,
    /// Loads a libtorch, to see that it can be loaded.
    #[command(hide = true, name = libtorch::check::SUBCOMMAND)]
    CheckLibtorch {
        lib_dir: PathBuf,
    },
}

/// A dataset's name on the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum DatasetName {
    #[value(name = "mnist")]
    Mnist,
    #[value(name = "fashion_mnist")]
    FashionMnist,
}

#[derive(Debug, Args)]
struct InstallArguments {
    /// For this user (the default).
    #[arg(long, conflicts_with_all = ["sys_prefix", "prefix"])]
    user: bool,
    /// Into the active Python environment (VIRTUAL_ENV or CONDA_PREFIX).
    #[arg(long, conflicts_with = "prefix")]
    sys_prefix: bool,
    /// Below PREFIX/share/jupyter.
    #[arg(long)]
    prefix: Option<PathBuf>,
    /// Name of the kernelspec's folder.
    #[arg(long, default_value = "torchbook")]
    name: String,
    /// Name that Jupyter shows.
    #[arg(long, default_value = "Rust (torchbook)")]
    display_name: String,
}

/// Runs the program; errors are printed here, once, with their causes.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("torchbook: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(arguments) => return notebooks::run(arguments),
        Command::Test(arguments) => return notebooks::test(arguments),
        Command::Kernel(arguments) => kernel::run(&arguments)?,
        Command::CheckLibtorch { lib_dir } => {
            return Ok(libtorch::check::check_libtorch_main(&lib_dir));
        }
        Command::Install(arguments) => install(&arguments)?,
        Command::Clean(arguments) => clean::run(&arguments)?,
        Command::Data { dataset } => data(dataset)?,
        Command::BuildEnvironment => build_environment()?,
    }
    Ok(ExitCode::SUCCESS)
}

fn install(arguments: &InstallArguments) -> anyhow::Result<()> {
    let environment = Environment::of_process();
    setup::ready::prelude(&environment, &Reporter::stderr())?;
    let place = if let Some(prefix) = &arguments.prefix {
        kernelspec::Place::Prefix(prefix.clone())
    } else if arguments.sys_prefix {
        let prefix = environment
            .path("VIRTUAL_ENV")
            .or_else(|| environment.path("CONDA_PREFIX"))
            .context("--sys-prefix: no Python environment is active; activate one, or name it with --prefix")?;
        kernelspec::Place::Prefix(prefix)
    } else {
        kernelspec::Place::User
    };
    let program = std::env::current_exe().context("cannot find this program's own path")?;
    let kernels = place.kernels(&environment)?;
    let folder = kernelspec::write(&kernels, &arguments.name, &arguments.display_name, &program)?;
    println!("{}", folder.display());
    Ok(())
}

fn data(dataset: DatasetName) -> anyhow::Result<()> {
    let environment = Environment::of_process();
    let cache = Cache::of(&environment)?;
    let dataset = match dataset {
        DatasetName::Mnist => Dataset::Mnist,
        DatasetName::FashionMnist => Dataset::FashionMnist,
    };
    let folder = dataset.ensure(&cache, &environment, &Reporter::stderr())?;
    println!("{}", folder.display());
    Ok(())
}

fn build_environment() -> anyhow::Result<()> {
    let environment = Environment::of_process();
    let prepared = setup::ready::prelude(&environment, &Reporter::stderr())?;
    for (name, value) in prepared.build_environment() {
        println!("export {name}='{}'", value.replace('\'', r"'\''"));
    }
    Ok(())
}

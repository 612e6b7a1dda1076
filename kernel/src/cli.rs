//! The command line: subcommands and what they call.

mod clean;
mod doctor;
mod installation;
mod kernel;
mod lab;
mod manual;
mod notebooks;

use crate::logging;
use crate::settings::Settings;
use crate::setup::datasets::Dataset;
use crate::setup::{self, Cache, Environment, Reporter, libtorch};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Deep learning in Rust notebooks: a Jupyter kernel with libtorch and figures.
#[derive(Debug, Parser)]
#[command(
    name = "torchbook",
    version,
    long_version = manual::versions(),
    propagate_version = true
)]
struct Arguments {
    /// Sets one of the settings that `torchbook config` lists, before environment and file.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    settings: Vec<(String, String)>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(notebooks::RunArguments),
    Test(notebooks::TestArguments),
    /// Makes this machine ready and registers the kernel with Jupyter.
    Install(installation::InstallArguments),
    /// Removes the kernel from Jupyter.
    Uninstall(installation::PlaceArguments),
    Lab(lab::LabArguments),
    Doctor(doctor::DoctorArguments),
    /// Shows every setting, its value and who has set it.
    Config,
    Clean(clean::CleanArguments),
    /// Builds the prelude for this Rust and libtorch, if it is not; kernels do so by themselves.
    UpdatePrelude,
    /// Makes sure that a dataset is there and prints its folder.
    Data {
        /// Which one.
        #[arg(value_enum)]
        dataset: DatasetName,
    },
    /// Writes the completions for a shell.
    Completions {
        /// Which one.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Writes the manual page.
    Man,
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

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("expected NAME=VALUE, received {text:?}")),
    }
}

/// Runs the program; errors are printed here, once, with their causes.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("torchbook: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut settings = enter_settings(&arguments.settings);
    if let Some(problem) = logging::start(&Environment::of_process()) {
        settings.tell(problem);
    }
    let is_kernel = matches!(arguments.command, Command::Kernel(_));
    for problem in &settings.problems {
        tracing::warn!("{problem}");
        // A kernel tells it in the notebook, and `doctor` among its findings.
        if !is_kernel && !matches!(arguments.command, Command::Doctor(_)) {
            eprintln!("torchbook: {problem}");
        }
    }
    match arguments.command {
        Command::Run(arguments) => return notebooks::run(arguments),
        Command::Test(arguments) => return notebooks::test(arguments),
        Command::Doctor(arguments) => return doctor::run(&arguments, &settings),
        Command::Kernel(arguments) => kernel::run(&arguments, &settings)?,
        Command::CheckLibtorch { lib_dir } => {
            return Ok(libtorch::check::check_libtorch_main(&lib_dir));
        }
        Command::Install(ours) => installation::install(&ours, &arguments.settings)?,
        Command::Uninstall(place) => installation::uninstall(&place)?,
        Command::Lab(arguments) => lab::run(&arguments)?,
        Command::Config => manual::settings(&settings),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man => manual::manual()?,
        Command::UpdatePrelude => {
            let prepared = setup::ready::prelude(&Environment::of_process(), &Reporter::stderr())?;
            println!("{}", prepared.evcxr_folder().display());
        }
        Command::Clean(arguments) => clean::run(&arguments)?,
        Command::Data { dataset } => data(dataset)?,
        Command::BuildEnvironment => build_environment()?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the settings and makes them, and what a service's environment lacks, this process's
/// environment: everything that runs later finds them there.
fn enter_settings(command_line: &[(String, String)]) -> Settings {
    let missing = Environment::of_process().missing(dirs::home_dir());
    // SAFETY: no other thread runs yet.
    unsafe {
        for (name, value) in missing {
            std::env::set_var(name, value);
        }
    }
    let settings = Settings::load(command_line, &Environment::of_process());
    // SAFETY: as above.
    unsafe {
        for name in &settings.refused {
            std::env::remove_var(name);
        }
        for (name, value) in settings.variables() {
            std::env::set_var(name, value);
        }
    }
    settings
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}

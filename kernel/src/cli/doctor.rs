//! `torchbook doctor`: shows what [`crate::doctor`] finds, and mends what is safe to mend.

use crate::doctor;
use crate::settings::Settings;
use crate::setup::kernelspec::{self, Place, Spec};
use crate::setup::{self, Cache, Environment, Reporter, clean};
use clap::Args;
use std::process::ExitCode;

/// Checks this machine and says what to do about each thing that is not right.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// For programs.
    #[arg(long)]
    json: bool,
    /// Mends what is safe: gets and builds what is missing, registers the kernel, removes leftovers.
    #[arg(long)]
    fix: bool,
}

/// Fails where cells cannot run.
pub fn run(arguments: &DoctorArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_process();
    if arguments.fix
        && let Err(error) = fix(&environment)
    {
        // What could not be mended is among the findings below.
        eprintln!("torchbook: {error:#}");
    }
    let findings = doctor::examine(settings, &environment);
    if arguments.json {
        println!("{:#}", doctor::json(&findings));
    } else {
        print!("{}", doctor::text(&findings));
    }
    Ok(match doctor::is_well(&findings) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn fix(environment: &Environment) -> anyhow::Result<()> {
    let cache = Cache::of(environment)?;
    let entries = clean::inventory(&cache);
    for entry in clean::candidates(&entries, &clean::Keep::of(environment), false) {
        clean::remove(entry)?;
    }
    if kernelspec::installed(environment).is_empty() {
        let mut spec = Spec::of_this_program("Rust (torchbook)")?;
        spec.variables = kernelspec::variables_of_tools(environment);
        spec.write(&Place::User.kernels(environment)?, "torchbook")?;
    }
    setup::ready::prelude(environment, &Reporter::stderr())?;
    Ok(())
}

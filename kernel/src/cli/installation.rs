//! `torchbook install` and `torchbook uninstall`: the kernelspec, with the machine made ready before.

use crate::setup::kernelspec::{self, Place, Spec};
use crate::setup::{self, Environment, Reporter};
use anyhow::{Context, bail};
use clap::Args;
use std::path::PathBuf;

/// Where the kernelspec is.
#[derive(Debug, Args)]
pub struct PlaceArguments {
    /// For this user (the default).
    #[arg(long, conflicts_with_all = ["sys_prefix", "prefix"])]
    user: bool,
    /// In the active Python environment (VIRTUAL_ENV or CONDA_PREFIX).
    #[arg(long, conflicts_with = "prefix")]
    sys_prefix: bool,
    /// Below PREFIX/share/jupyter.
    #[arg(long)]
    prefix: Option<PathBuf>,
    /// Name of the kernelspec's folder.
    #[arg(long, default_value = "torchbook", value_parser = kernelspec::valid_name)]
    name: String,
}

#[derive(Debug, Args)]
pub struct InstallArguments {
    #[command(flatten)]
    place: PlaceArguments,
    /// Name that Jupyter shows.
    #[arg(long, default_value = "Rust (torchbook)")]
    display_name: String,
    /// An environment variable that kernels get; may be repeated.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = super::pair)]
    variables: Vec<(String, String)>,
    /// Only register the kernel: libtorch and the prelude are got at its first start.
    #[arg(long)]
    no_prepare: bool,
}

impl PlaceArguments {
    fn kernels(&self, environment: &Environment) -> anyhow::Result<PathBuf> {
        let place = if let Some(prefix) = &self.prefix {
            Place::Prefix(prefix.clone())
        } else if self.sys_prefix {
            let prefix = environment
                .path("VIRTUAL_ENV")
                .or_else(|| environment.path("CONDA_PREFIX"))
                .context("--sys-prefix: no Python environment is active; activate one, or name it with --prefix")?;
            Place::Prefix(prefix)
        } else {
            Place::User
        };
        Ok(place.kernels(environment)?)
    }
}

/// `settings` are those of the command line: the kernel gets them, too.
pub fn install(arguments: &InstallArguments, settings: &[(String, String)]) -> anyhow::Result<()> {
    let environment = Environment::of_process();
    let kernels = arguments.place.kernels(&environment)?;
    if !arguments.no_prepare {
        setup::ready::prelude(&environment, &Reporter::stderr())?;
    }
    let mut spec = Spec::of_this_program(&arguments.display_name)?;
    spec.settings = settings.to_vec();
    spec.variables = kernelspec::variables_of_tools(&environment);
    spec.variables.extend(arguments.variables.iter().cloned());
    let folder = spec.write(&kernels, &arguments.place.name)?;
    println!("{}", folder.display());
    Ok(())
}

pub fn uninstall(arguments: &PlaceArguments) -> anyhow::Result<()> {
    let kernels = arguments.kernels(&Environment::of_process())?;
    let folder = kernels.join(&arguments.name);
    if !folder.exists() {
        println!("{} is not there: nothing to remove", folder.display());
        return Ok(());
    }
    if !kernelspec::is_ours(&folder) {
        bail!(
            "{} is the kernelspec of another kernel; `jupyter kernelspec uninstall {}` removes it",
            folder.display(),
            arguments.name
        );
    }
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("cannot remove {}", folder.display()))?;
    println!(
        "removed {}; `torchbook clean --all` removes libtorch and the rest",
        folder.display()
    );
    Ok(())
}

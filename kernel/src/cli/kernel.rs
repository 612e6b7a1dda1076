//! `torchbook kernel`: what Jupyter starts.

use crate::evaluator::evcxr::EvcxrEvaluator;
use crate::evaluator::scripted::ScriptedEvaluator;
use crate::history::History;
use crate::processes;
use crate::server::{self, MakeEvaluator};
use crate::settings::Settings;
use crate::setup::kernel_folder::{FOLDER_VARIABLE, KernelFolder, KernelFolderGuard};
use crate::setup::{self, Cache, Environment};
use crate::stand_in::tools::Tools;
use anyhow::Context;
use clap::Args;
use jupyter_protocol::ConnectionInfo;
use std::path::{Path, PathBuf};

/// Which GPUs CUDA shows to the cells.
const VISIBLE_DEVICES: &str = "CUDA_VISIBLE_DEVICES";

#[derive(Debug, Args)]
pub struct KernelArguments {
    /// The connection file that Jupyter wrote.
    #[arg(long, short = 'f')]
    connection_file: PathBuf,
    /// Plays scripts instead of compiling Rust: for tests of the protocol.
    #[arg(long, hide = true)]
    scripted: bool,
}

/// Serves until the end, then leaves nothing behind.
pub fn run(arguments: &KernelArguments, settings: &Settings) -> anyhow::Result<()> {
    let connection = read_connection_file(&arguments.connection_file)?;
    let (make_evaluator, guard): (MakeEvaluator, Option<KernelFolderGuard>) = if arguments.scripted
    {
        (
            Box::new(|io| Ok(Box::new(ScriptedEvaluator::new(io)))),
            None,
        )
    } else {
        let (make_evaluator, guard) = evcxr_evaluator(settings)?;
        (make_evaluator, Some(guard))
    };
    let history = History::start(History::file_of(&Environment::of_process()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let result = runtime.block_on(server::serve(&connection, make_evaluator, history));
    end_descendants();
    if let Some(guard) = guard {
        guard.remove();
    }
    match result {
        // The evaluator's thread may be in the middle of a cell: there is nothing to wait for.
        Ok(()) => std::process::exit(0),
        Err(error) => Err(error),
    }
}

/// Reads what evcxr takes from this process's environment, while no other thread runs.
fn evcxr_evaluator(settings: &Settings) -> anyhow::Result<(MakeEvaluator, KernelFolderGuard)> {
    let environment = Environment::of_process();
    let cache = Cache::of(&environment)?;
    let (folder, guard) = KernelFolder::create(&cache).with_context(|| {
        format!(
            "cannot make this kernel's folder in {}",
            cache.root().display()
        )
    })?;
    let tools = Tools::create(&folder.tools())
        .with_context(|| format!("cannot write {}", folder.tools().display()))?;
    let visible = std::env::var(VISIBLE_DEVICES).ok();
    // SAFETY: the runtime and all other threads start later.
    unsafe {
        if let Some(devices) = settings.visible_devices(visible.as_deref()) {
            std::env::set_var(VISIBLE_DEVICES, devices);
        }
        tools.enter();
        std::env::set_var(FOLDER_VARIABLE, folder.evcxr());
        std::env::set_var("EVCXR_CONFIG_DIR", folder.evcxr_configuration());
        for name in setup::libtorch::CLEARED_VARIABLES {
            std::env::remove_var(name);
        }
    }
    let start_up = settings.start_up.clone();
    let make_evaluator: MakeEvaluator = Box::new(move |io| {
        let prepare = Box::new(move |reporter: &setup::Reporter| {
            setup::ready::prelude(&environment, reporter)
        });
        Ok(Box::new(EvcxrEvaluator::new(
            io, folder, tools, prepare, start_up,
        )?))
    });
    Ok((make_evaluator, guard))
}

fn read_connection_file(path: &Path) -> anyhow::Result<ConnectionInfo> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the connection file {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| {
        format!(
            "{} is not a connection file; Jupyter writes one and names it when it starts a kernel",
            path.display()
        )
    })
}

/// Kills what the kernel has started and what that has started: the cell process, a compiler.
fn end_descendants() {
    for pid in processes::descendants(std::process::id()) {
        processes::end_with_descendants(pid);
    }
}

//! What evcxr and rust-analyzer take for `cargo`, `rustc` and `rustup`: this program under those names.
//!
//! evcxr compiles a cell by starting cargo, and rust-analyzer learns what crates there are from
//! cargo and rustc. Both look for them in folders that the kernel names ([`tools`]), find links to
//! this program, and get their answers faster than from the real tools: [`answers`] remembers what
//! never changes, [`metadata`] leaves out crates that no cell sees, and [`build`] runs rustc
//! directly when only the cell has changed. What cargo must not build again, [`guard`] knows.
//! Whatever is not known to be safe goes to the real tool.

pub mod answers;
pub mod build;
pub mod compilation;
pub mod crate_signatures;
pub mod crates;
pub mod diagnostics;
pub mod first_cell;
pub mod guard;
pub mod kept;
pub mod metadata;
pub mod progress;
pub mod recording;
pub mod shared_items;
pub mod source;
pub mod tools;
pub mod variables;

use compilation::Compilation;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Output};
use tools::{Settings, Tools};

/// Stands for evcxr's folder, which differs from kernel to kernel, in what kernels share.
const EVCXR_FOLDER: &str = "@EVCXR@";

/// Acts as a tool if this program was started under a tool's name by the kernel or what it started.
///
/// Call it first in `main`: it must work before anything else reads the environment.
pub fn run_if_tool() -> Option<ExitCode> {
    if let Some(code) = recording::run_if_recorder() {
        return Some(code);
    }
    let tools = Tools::of_environment()?;
    let mut arguments = std::env::args_os();
    let called = arguments.next()?;
    let name = Path::new(&called).file_name()?.to_str()?.to_owned();
    if !tools::NAMES.contains(&name.as_str()) {
        return None;
    }
    Some(run(&tools, &name, arguments.collect()))
}

fn run(tools: &Tools, name: &str, arguments: Vec<OsString>) -> ExitCode {
    let settings = tools.settings();
    let text: Option<Vec<&str>> = arguments.iter().map(|word| word.to_str()).collect();
    if let (Some(settings), Some(words)) = (&settings, text)
        && let Some(code) = answer(tools, settings, name, &words)
    {
        return code;
    }
    real_tool(tools, settings.as_ref(), name, &arguments)
}

/// The quick way, where there is one.
fn answer(tools: &Tools, settings: &Settings, name: &str, words: &[&str]) -> Option<ExitCode> {
    match (name, words) {
        ("rustup", ["which", "cargo"]) => print(tools.link("cargo").to_str()?),
        ("rustup", ["which", "rustc"]) => print(settings.rustc.to_str()?),
        ("rustc", _) => answers::rustc(tools, settings, words),
        ("cargo", _) if is_unwanted(tools, settings, words) => {
            eprintln!("torchbook: the compilation was interrupted");
            Some(ExitCode::FAILURE)
        }
        ("cargo", ["metadata", ..]) => metadata::answer(tools, settings, words),
        ("cargo", _) if words.contains(&"build") => build::answer(tools, settings, words),
        ("cargo", _) if words.contains(&"check") => build::check(tools, settings, words),
        // evcxr would delete the library that the cell process has loaded.
        ("cargo", ["clean"]) if answers::is_in(&settings.evcxr) => Some(ExitCode::FAILURE),
        ("cargo", _) => answers::cargo(tools, settings, words),
        _ => None,
    }
}

/// Whether this would compile a cell that the user has interrupted. Questions about crates are
/// answered: evcxr and rust-analyzer remember what they could not learn.
fn is_unwanted(tools: &Tools, settings: &Settings, words: &[&str]) -> bool {
    let compiles = words.iter().any(|word| ["build", "check"].contains(word));
    compiles
        && Compilation::of(tools).is_interrupted()
        && std::env::current_dir().is_ok_and(|folder| folder == settings.evcxr)
}

/// Says what another program said, and ends as it did.
fn say(output: &Output) -> ExitCode {
    // evcxr may have gone away.
    let _ = io::stdout().write_all(&output.stdout);
    let _ = io::stderr().write_all(&output.stderr);
    let code = output
        .status
        .code()
        .and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(1))
}

fn print(line: &str) -> Option<ExitCode> {
    println!("{line}");
    Some(ExitCode::SUCCESS)
}

/// Becomes the real tool, in the environment it would have without us.
fn real_tool(
    tools: &Tools,
    settings: Option<&Settings>,
    name: &str,
    arguments: &[OsString],
) -> ExitCode {
    let mut command = real_command(tools, settings, name);
    let error = command.args(arguments).exec();
    eprintln!("torchbook: cannot run {name}: {error}");
    ExitCode::from(127)
}

/// The real tool, without arguments.
fn real_command(tools: &Tools, settings: Option<&Settings>, name: &str) -> Command {
    let program = match (name, settings) {
        ("cargo", Some(settings)) => settings.cargo.clone(),
        ("rustc", Some(settings)) => settings.rustc.clone(),
        _ => name.into(),
    };
    let mut command = Command::new(program);
    tools.restore_environment(&mut command);
    if let Some(settings) = settings {
        // rust-analyzer names a toolchain by its folder, which may be our empty one.
        if std::env::var_os("RUSTUP_TOOLCHAIN").is_some_and(|name| Path::new(&name).is_absolute()) {
            command.env_remove("RUSTUP_TOOLCHAIN");
        }
        if std::env::var_os("RUSTC").is_none() {
            command.env("RUSTC", &settings.rustc);
        }
    }
    command
}

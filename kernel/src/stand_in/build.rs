//! `cargo build` of the cells' crate: rustc directly where only the cell has changed.
//!
//! [`super::recording`] says what rustc must be told and when cargo has to be asked again;
//! [`super::crates`] compiles.

use super::compilation::Compilation;
use super::guard::{GUARD_VARIABLE, GoodVersions};
use super::kept::Kept;
use super::recording::{
    NEXT_WRAPPER_VARIABLE, RECORD_VARIABLE, Recording, State, read_by_cargo, tracked_variables,
};
use super::tools::{Settings, Tools};
use super::{crates, progress, real_command};
use crate::processes::die_with_starter;
use crate::setup::{Environment, cargo_records};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{ExitCode, Output};

/// Where evcxr reads which library to load.
const LIBRARY_PATH_VARIABLE: &str = "EVCXR_EXECUTION_SO_PATH";

/// Builds the cells' crate; none where this is not a build that evcxr starts for a cell.
pub fn answer(tools: &Tools, settings: &Settings, words: &[&str]) -> Option<ExitCode> {
    let is_cells = words.contains(&"build")
        && words.contains(&"--message-format=json")
        && std::env::current_dir().is_ok_and(|folder| folder == settings.evcxr);
    let library_path = PathBuf::from(std::env::var_os(LIBRARY_PATH_VARIABLE)?);
    if !is_cells {
        return None;
    }
    // A kernel that is killed takes the compilation with it.
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        eprintln!("torchbook: this compilation may outlive its kernel: {error}");
    }
    Compilation::of(tools).start();
    let recording = match find(tools, settings, words) {
        Some(recording) => recording,
        None => match record(tools, settings, words) {
            Ok(recording) => recording,
            Err(output) => return Some(super::say(&output)),
        },
    };
    let code = crates::compile(tools, settings, &recording, &library_path);
    if code == ExitCode::SUCCESS {
        Compilation::of(tools).complete();
    }
    Some(code)
}

/// A recording that still holds.
fn find(tools: &Tools, settings: &Settings, words: &[&str]) -> Option<Recording> {
    if has_folder_dependency(settings) {
        // Its sources may have changed: only cargo knows which belong to it.
        return None;
    }
    let environment = Environment::of_process();
    let read = |file: PathBuf| {
        Recording::read(&file, settings)
            .filter(|recording| recording.holds(settings, words, &environment))
    };
    read(tools.recording()).or_else(|| {
        let shared = read(settings.shared_recording()?)?;
        // The prepared folder may be deleted while this kernel runs. Without the file, cargo is asked.
        let _ = shared.write(&tools.recording(), settings);
        Some(shared)
    })
}

/// Whether a crate in a folder of the user's is among the dependencies.
fn has_folder_dependency(settings: &Settings) -> bool {
    let manifest = fs::read_to_string(settings.evcxr.join("Cargo.toml")).unwrap_or_default();
    let dependencies = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]");
    dependencies
        .filter(|line| !line.contains("torchbook-prelude"))
        .any(|line| line.contains("path"))
}

/// Lets cargo build everything but the cells, and tell how it would compile those.
fn record(tools: &Tools, settings: &Settings, words: &[&str]) -> Result<Recording, Output> {
    // Cargo must not find that the cells were compiled: nothing would be recorded.
    let fingerprints = settings.target_debug().join(".fingerprint");
    for entry in fs::read_dir(fingerprints).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("ctx-") {
            // If it stays, cargo runs without us and its own output counts.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let _ = fs::remove_file(tools.recording());
    let good = GoodVersions::new(tools, &settings.evcxr);
    good.restore().map_err(|error| failed(&error.to_string()))?;
    let files_before = read_by_cargo(&settings.evcxr);
    let output = guarded_cargo(tools, settings, words)?;
    if !output.status.success() {
        // What the change of dependencies did to the versions goes with it; the next build would
        // see to that as well.
        let _ = good.restore();
        return Err(output);
    }
    if tools.rebuilt_file().exists() {
        return Err(failed(
            "the prelude was built again: the cell needs a new process",
        ));
    }
    // A cell with other dependencies starts from these versions.
    good.keep().map_err(|error| failed(&error.to_string()))?;
    let mut recording = Recording::read(&tools.recording(), settings)
        .ok_or_else(|| failed("cargo compiled cells without telling how"))?;
    let names = tracked_variables(&settings.evcxr.join("target"));
    recording.state = State::now(
        settings,
        words,
        &recording.arguments,
        names,
        &Environment::of_process(),
    );
    // Without the file, the next cell asks cargo again.
    let _ = recording.write(&tools.recording(), settings);
    // One that is there did not hold.
    if let Some(file) = settings.shared_recording() {
        // What cargo takes out of the lock file for evcxr's first cell is put back afterwards: the
        // next kernel begins with what was there before.
        let mut shared = recording.clone();
        shared.state.files = files_before;
        let _ = shared.write(&file, settings);
    }
    Ok(recording)
}

/// `cargo check`, by which evcxr looks for errors.
pub fn check(tools: &Tools, settings: &Settings, words: &[&str]) -> Option<ExitCode> {
    let is_cells = std::env::current_dir().is_ok_and(|folder| folder == settings.evcxr);
    is_cells.then(|| match guarded_cargo(tools, settings, words) {
        Ok(output) | Err(output) => super::say(&output),
    })
}

/// The real cargo with the wrapper that records the cells' command and asks the guard.
fn guarded_cargo(tools: &Tools, settings: &Settings, words: &[&str]) -> Result<Output, Output> {
    let mut command = real_command(tools, Some(settings), "cargo");
    if let Some(wrapper) = std::env::var_os("RUSTC_WRAPPER") {
        command.env(NEXT_WRAPPER_VARIABLE, wrapper);
    }
    command
        .args(words)
        .env(RECORD_VARIABLE, tools.recording())
        .env(GUARD_VARIABLE, tools.folder())
        .env("RUSTC_WRAPPER", settings.program.as_os_str());
    die_with_starter(&mut command, Signal::KILL);
    let mut built = || {
        cargo_records::unpack_once(settings.kernel(), &settings.evcxr.join("target"))?;
        let kept = Kept::new(&tools.kept(), &settings.evcxr.join("target"))?;
        let output = progress::output(tools, &mut command)?;
        if output.status.success() {
            kept.forget()?;
        } else {
            kept.restore()?;
        }
        Ok(output)
    };
    built().map_err(|error: io::Error| failed(&error.to_string()))
}

fn failed(message: &str) -> Output {
    use std::os::unix::process::ExitStatusExt;
    Output {
        status: std::process::ExitStatus::from_raw(1 << 8),
        stdout: Vec::new(),
        stderr: format!("torchbook: {message}\n").into_bytes(),
    }
}

//! `cargo build` of the cells' crate: rustc directly where only the cell has changed.
//!
//! [`super::recording`] says what rustc must be told and when cargo has to be asked again;
//! [`super::crates`] compiles.

use super::compilation::Compilation;
use super::recording::{
    NEXT_WRAPPER_VARIABLE, RECORD_VARIABLE, Recording, State, tracked_variables,
};
use super::tools::{Settings, Tools};
use super::{crates, real_command};
use crate::processes::die_with_starter;
use crate::setup::Environment;
use rustix::process::{Signal, set_parent_process_death_signal};
use std::fs;
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
    [tools.recording(), settings.shared_recording()]
        .iter()
        .filter_map(|file| Recording::read(file, settings))
        .find(|recording| recording.holds(settings, words, &environment))
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
    let mut command = real_command(tools, Some(settings), "cargo");
    if let Some(wrapper) = std::env::var_os("RUSTC_WRAPPER") {
        command.env(NEXT_WRAPPER_VARIABLE, wrapper);
    }
    command
        .args(words)
        .env(RECORD_VARIABLE, tools.recording())
        .env("RUSTC_WRAPPER", settings.program.as_os_str());
    die_with_starter(&mut command, Signal::KILL);
    let output = command
        .output()
        .map_err(|error| failed(&error.to_string()))?;
    if !output.status.success() {
        return Err(output);
    }
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
    if settings.has_only_the_prelude() && !settings.shared_recording().exists() {
        let _ = recording.write(&settings.shared_recording(), settings);
    }
    Ok(recording)
}

fn failed(message: &str) -> Output {
    use std::os::unix::process::ExitStatusExt;
    Output {
        status: std::process::ExitStatus::from_raw(1 << 8),
        stdout: Vec::new(),
        stderr: format!("torchbook: {message}\n").into_bytes(),
    }
}

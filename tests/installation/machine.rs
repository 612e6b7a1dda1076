//! A home of a test's own, and the program started in it.

use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard};
use torchbook_kernel::setup::{Cache, Environment};

/// Real kernels run one at a time: two compilers at once make libtorch crawl.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// An empty home; only Rust's tools and torchbook's cache are shared with the user.
pub struct Machine {
    folder: tempfile::TempDir,
    /// The home folder, which `HOME` names.
    pub home: PathBuf,
}

impl Machine {
    pub fn new() -> Machine {
        Machine::with_home("home")
    }

    /// A home of this name.
    pub fn with_home(name: &str) -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join(name);
        fs::create_dir(&home).unwrap();
        Machine { folder, home }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The program as this user would start it.
    pub fn torchbook(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_torchbook"))
    }

    /// Any program as this user would start it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .envs(tools())
            .current_dir(&self.home);
        command
    }

    /// A notebook in this folder with these cells, tagged so that any outputs do.
    pub fn notebook(&self, path: impl AsRef<Path>, cells: &[&str]) -> PathBuf {
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let cell = |(number, source): (usize, &&str)| {
            json!({ "cell_type": "code", "id": format!("cell-{number}"), "execution_count": null,
                    "metadata": {}, "outputs": [], "source": source })
        };
        let cells: Vec<Value> = cells.iter().enumerate().map(cell).collect();
        let notebook =
            json!({ "cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5 });
        fs::write(&path, notebook.to_string()).unwrap();
        path
    }
}

/// Where Rust's tools and the cache are: what a kernelspec or an administrator names.
pub fn tools() -> Vec<(&'static str, PathBuf)> {
    let user = Environment::of_process();
    let of_user = |variable: &str, folder: &str| {
        let in_home = || user.path("HOME").unwrap_or_default().join(folder);
        user.path(variable).unwrap_or_else(in_home)
    };
    vec![
        ("CARGO_HOME", of_user("CARGO_HOME", ".cargo")),
        ("RUSTUP_HOME", of_user("RUSTUP_HOME", ".rustup")),
        (
            "TORCHBOOK_CACHE",
            Cache::of(&user).unwrap().root().to_owned(),
        ),
    ]
}

/// Waits for the other tests' kernels to end, and makes the prelude ready with its progress shown:
/// it takes minutes where nothing did so before.
pub fn alone_and_prepared() -> MutexGuard<'static, ()> {
    let guard = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let prepared = Machine::new().torchbook().arg("update-prelude").status();
    assert!(
        prepared.unwrap().success(),
        "the prelude is not ready, see above"
    );
    guard
}

/// What a command printed on its stdout; it has to succeed.
#[track_caller]
pub fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", both(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// stdout and stderr.
pub fn both(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

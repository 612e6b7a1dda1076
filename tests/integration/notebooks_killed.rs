//! `torchbook run --inplace` killed while it writes the notebook: the file is the old one, whole, and the
//! next run writes the new one and removes what was left.

use crate::cells::alone;
use serde_json::json;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use torchbook_kernel::notebook::Notebook;

/// The system kills a process with SIGXFSZ at the byte that makes a file larger than `ulimit -f` allows:
/// as with SIGKILL, nothing of the process runs any more, and the moment is the same in every run.
const LIMIT: &str = "ulimit -c 0 && ulimit -f 32768";

/// More than that many blocks, whether a shell's are of 512 or of 1024 bytes.
const LARGE: usize = 40 << 20;

/// Runs the notebook with this said to the shell before.
fn run_after(before: &str, notebook: &Path) -> ExitStatus {
    Command::new("sh")
        .arg("-c")
        .arg(format!("{before} && exec \"$0\" run --inplace \"$1\""))
        .arg(env!("CARGO_BIN_EXE_torchbook"))
        .arg(notebook)
        .stdout(Stdio::null())
        .status()
        .unwrap()
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_run_killed_while_it_writes_leaves_the_old_notebook_whole_and_the_next_one_clears_up() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("book.ipynb");
    let text = json!({
        "cells": [
            { "cell_type": "code", "id": "a", "execution_count": null, "metadata": {}, "outputs": [],
              "source": "6 * 7" },
            { "cell_type": "markdown", "id": "b", "metadata": {}, "source": "x".repeat(LARGE) },
        ],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
    });
    let old = text.to_string();
    fs::write(&file, &old).unwrap();

    let killed = run_after(LIMIT, &file);
    assert_eq!(killed.signal(), Some(libc::SIGXFSZ), "{killed}");
    assert_eq!(files(folder.path()), 2, "it was killed while it wrote");
    // Not `assert_eq!`, which would print it all.
    assert!(fs::read_to_string(&file).unwrap() == old);

    let finished = run_after("true", &file);
    assert!(finished.success(), "{finished}");
    assert_eq!(files(folder.path()), 1, "what was left is gone");
    let new = Notebook::read(&file).unwrap().to_text();
    assert!(new.contains("\"42\""), "the output is there");
    assert!(new.len() > LARGE);
}

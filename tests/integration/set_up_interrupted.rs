//! Interrupts while the first cell waits for the set-up: the download of libtorch, the prelude's build.
//!
//! Scripted tools stand for pip and cargo, and wait at a FIFO as those wait for a server or a compiler.

use crate::cells::alone;
use crate::cells_interrupted::{Fifo, is_left};
use crate::client::{Client, Transcript};
use jupyter_protocol::{ExecuteRequest, InterruptRequest};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use torchbook_kernel::setup::{Cache, Environment, Toolchain, libtorch};

/// A cache of its own, and tools that come first in PATH.
struct Beginner {
    folder: tempfile::TempDir,
    fifo: Fifo,
}

impl Beginner {
    fn new() -> Beginner {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        let fifo = Fifo::new(folder.path());
        Beginner { folder, fifo }
    }

    fn tool(&self, name: &str, script: &str) -> PathBuf {
        let path = self.folder.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// What the slow tool does: it is seen, waits, and fails once it may go on.
    fn wait_and_fail(&self) -> String {
        format!(
            "cat {:?}; echo the scripted tool went on >&2; exit 1",
            self.fifo.0
        )
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn start(&self, environment: &[(&str, &Path)]) -> Client {
        let mut path = self.folder.path().join("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        Client::start_configured(&[], |command: &mut Command| {
            command
                .env("PATH", path)
                .env("TORCHBOOK_CACHE", self.cache())
                .envs(environment.iter().copied());
        })
    }
}

/// Interrupts the cells of a kernel that is being set up, and lets the last one fail by itself.
fn interrupt_and_begin_again(beginner: &Beginner, mut client: Client) {
    // The set-up begins with the kernel, before there is a cell to interrupt.
    let mut begun = Some(beginner.fifo.wait_for_reader());
    for _ in 0..3 {
        let first = client.send_shell(ExecuteRequest::new("1 + 1".into()));
        let tool = match begun.take() {
            Some(tool) => {
                // Until the cell is told to the evaluator, an interrupt is nobody's.
                client.iopub_until(&first, |line| line.contains("scripted tool is here"));
                tool
            }
            None => beginner.fifo.wait_for_reader(),
        };
        let queued = client.send_shell(ExecuteRequest::new("2 + 2".into()));
        client.control_request(InterruptRequest {});
        let interrupted = client.transcript(&first);
        check(&interrupted);
        assert!(is_left(&tool), "the tool goes on");
        assert_eq!(client.transcript(&queued).reply["status"], "aborted");
    }
    let last = client.send_shell(ExecuteRequest::new("3 + 3".into()));
    drop(beginner.fifo.wait_for_reader());
    let failed = client.transcript(&last);
    assert_eq!(failed.reply["ename"], "StartError", "{failed:?}");
    let evalue = failed.reply["evalue"].to_string();
    assert!(evalue.contains("the scripted tool went on"), "{evalue}");
    assert!(client.shut_down().success());
}

fn check(interrupted: &Transcript) {
    assert_eq!(interrupted.reply["ename"], "Interrupted", "{interrupted:?}");
    let told = interrupted.reply["traceback"].to_string();
    assert!(told.contains("the set-up was interrupted"), "{told}");
    assert!(told.contains("Run a cell to go on"), "{told}");
}

#[test]
fn the_build_of_the_prelude_can_be_interrupted_and_begun_again() {
    let _alone = alone();
    let user = Environment::of_process();
    let toolchain = Toolchain::find(&user).unwrap();
    let options = libtorch::Options::new(libtorch::Choice::of(&user).unwrap());
    let libtorch = libtorch::find(&Cache::of(&user).unwrap(), &options, &user)
        .unwrap()
        .expect("libtorch is there: other kernels of these tests have started");
    let beginner = Beginner::new();
    let cargo = beginner.tool(
        "cargo",
        &format!(
            "echo the scripted tool is here >&2; {}",
            beginner.wait_and_fail()
        ),
    );
    let which = format!(
        "case $2 in cargo) echo {cargo:?} ;; rustc) echo {:?} ;; *) exit 1 ;; esac",
        toolchain.rustc
    );
    beginner.tool("rustup", &which);
    let client = beginner.start(&[("LIBTORCH", &libtorch.dir)]);
    interrupt_and_begin_again(&beginner, client);
    // What is half built is not taken for whole.
    let prepared = fs::read_dir(beginner.cache().join("prepared")).unwrap();
    for entry in prepared.flatten().filter(|entry| entry.path().is_dir()) {
        assert!(!entry.path().join("complete").exists(), "{entry:?}");
    }
}

#[test]
fn the_download_of_libtorch_can_be_interrupted_and_begun_again() {
    let _alone = alone();
    let beginner = Beginner::new();
    // It is asked for its path, for a torch (there is none), for pip's version, and for the wheel.
    let python = format!(
        "case \"$*\" in\n*sys.executable*) echo \"$0\" ;;\n*\"pip --version\"*) echo pip 24.0 ;;\n\
         *\" install \"*) echo the scripted tool is here >&2; {} ;;\n*) exit 1 ;;\nesac",
        beginner.wait_and_fail()
    );
    beginner.tool("python3", &python);
    let client = beginner.start(&[]);
    interrupt_and_begin_again(&beginner, client);
    // The last attempt has ended, and nothing has the name of a finished libtorch.
    let left: Vec<_> = fs::read_dir(beginner.cache().join("libtorch"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

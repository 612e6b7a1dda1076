//! Interrupts of cells on the real evaluator while they, or their dependencies, are compiled. Those of
//! cells that run are in `cells_stopped.rs`.
//!
//! A FIFO says where a compiler is: opening it for writing waits until the other end was opened for
//! reading, and what reads there then waits for us.

use crate::cells::{alone, shown};
use crate::client::{Client, line};
use jupyter_protocol::{ExecuteRequest, InterruptRequest};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A place where a program waits until it is killed.
pub struct Fifo(pub PathBuf);

impl Fifo {
    pub fn new(folder: &Path) -> Fifo {
        let path = folder.join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        Fifo(path)
    }

    /// Returns when a program has begun to read, with the end that it waits for.
    pub fn wait_for_reader(&self) -> File {
        File::options().write(true).open(&self.0).unwrap()
    }
}

/// Returns when the program that read is gone; false where it stays.
pub fn is_left(writer: &File) -> bool {
    let mut events = [PollFd::new(writer, PollFlags::ERR)];
    let patience = Timespec {
        tv_sec: 60,
        tv_nsec: 0,
    };
    poll(&mut events, Some(&patience)).unwrap() > 0
}

/// A crate whose build script reads the FIFO.
pub fn write_slow_crate(folder: &Path, fifo: &Fifo) {
    let manifest = "[package]\nname = \"slow-to-build\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[workspace]\n";
    // It runs once, whatever becomes of the other files.
    let script = format!(
        "fn main() {{ println!(\"cargo:rerun-if-changed=build.rs\"); std::fs::read({:?}).unwrap(); }}\n",
        fifo.0
    );
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("build.rs"), script).unwrap();
    std::fs::write(folder.join("src/lib.rs"), "pub fn five() -> i32 { 5 }\n").unwrap();
}

#[test]
fn an_interrupted_compilation_ends_and_variables_stay() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let fifo = Fifo::new(folder.path());
    let mut client = Client::real();
    client.run("let kept = 41;\nfn next(x: i32) -> i32 { x + 1 }");

    // The compiler of the notebook's items, then that of the cell itself.
    let read = format!("include_bytes!({:?})", fifo.0);
    for (round, cell) in [
        format!("const READ: &[u8] = {read};\nREAD.len()"),
        format!("let read: usize = {read}.len();"),
    ]
    .iter()
    .enumerate()
    {
        let compiled = client.send_shell(ExecuteRequest::new(cell.clone()));
        let queued = client.send_shell(ExecuteRequest::new("println!(\"never\");".into()));
        let compiler = fifo.wait_for_reader();
        if round == 0 {
            let reply = client.control_request(InterruptRequest {});
            assert_eq!(reply.reply["status"], "ok");
        } else {
            client.signal(rustix::process::Signal::INT);
        }
        let interrupted = client.transcript(&compiled);
        assert_eq!(interrupted.reply["ename"], "Interrupted", "{interrupted:?}");
        assert_eq!(
            shown(&interrupted),
            ["error Interrupted: the compilation was interrupted; nothing of this cell has run"]
        );
        assert!(is_left(&compiler), "the compiler goes on");
        assert_eq!(client.transcript(&queued).reply["status"], "aborted");
        let next = client.run("next(kept)");
        assert!(shown(&next)[0].contains("\"42\""), "{next:?}");
    }
    let missing = client.run("READ.len()");
    assert_eq!(
        missing.reply["ename"], "CompileError",
        "nothing of the interrupted cell is left"
    );
    assert!(client.shut_down().success());
}

#[test]
fn a_dependency_that_is_built_can_be_interrupted_and_built_again() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let fifo = Fifo::new(folder.path());
    let slow = folder.path().join("slow");
    write_slow_crate(&slow, &fifo);
    let mut client = Client::real();
    client.run("let kept = 4;");
    let cell = format!(":dep slow-to-build = {{ path = {slow:?} }}\nslow_to_build::five() + kept");

    let building = client.send_shell(ExecuteRequest::new(cell.clone()));
    let script = fifo.wait_for_reader();
    client.control_request(InterruptRequest {});
    let interrupted = client.transcript(&building);
    assert_eq!(interrupted.reply["ename"], "Interrupted", "{interrupted:?}");
    assert!(is_left(&script), "the build script goes on");
    drop(script);
    let kept = client.run("kept");
    assert!(shown(&kept)[0].contains("\"4\""), "{kept:?}");

    let building = client.send_shell(ExecuteRequest::new(cell));
    // Closed at once: the script reads nothing and ends.
    drop(fifo.wait_for_reader());
    let built = client.transcript(&building);
    assert_eq!(built.reply["status"], "ok", "{built:?}");
    let lines: Vec<String> = built.messages.iter().map(line).collect();
    assert!(
        lines
            .iter()
            .any(|line| line.contains("\"text/plain\":\"9\"")),
        "{lines:?}"
    );
    // Cargo is asked again when sources in a folder of the user's change.
    std::fs::write(slow.join("src/lib.rs"), "pub fn five() -> i32 { 6 }\n").unwrap();
    let changed = client.run("slow_to_build::five() + kept");
    assert!(
        changed.iopub.iter().any(|line| line.contains("\"10\"")),
        "{changed:?}"
    );
    assert!(client.shut_down().success());
}

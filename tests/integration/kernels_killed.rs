//! Kernels that are killed, or whose client is: what they had started ends, and the next kernel removes
//! their folder. And the history they were writing.

use crate::cells::alone;
use crate::cells_interrupted::{Fifo, is_left, write_slow_crate};
use crate::client::{Client, kernel_folders};
use jupyter_protocol::ExecuteRequest;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a killed kernel leaves for a moment: its folder, and whoever reads a FIFO.
struct Killed {
    folder: PathBuf,
    reader: File,
}

/// Kills a kernel while the cell waits at the FIFO.
fn kill_during(client: &mut Client, fifo: &Fifo, cell: &str) -> Killed {
    client.send_shell(ExecuteRequest::new(cell.into()));
    let reader = fifo.wait_for_reader();
    let folder = client.kernel_folder();
    client.process.kill().unwrap();
    client.process.wait().unwrap();
    Killed { folder, reader }
}

#[test]
fn a_killed_kernel_leaves_nothing_once_the_next_has_started() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let fifo = Fifo::new(folder.path());
    let slow = folder.path().join("slow");
    write_slow_crate(&slow, &fifo);
    let mut killed = Vec::new();
    for (cell, ends_at_once) in [
        (format!("std::fs::read({:?}).unwrap();", fifo.0), true),
        (
            format!("let x: usize = include_bytes!({:?}).len();", fifo.0),
            true,
        ),
        // A build script is cargo's own child: only the next kernel finds it.
        (
            format!(":dep slow-to-build = {{ path = {slow:?} }}\n1"),
            false,
        ),
    ] {
        let mut client = Client::real();
        client.run("let a = 1;");
        let left = kill_during(&mut client, &fifo, &cell);
        assert!(!ends_at_once || is_left(&left.reader), "{cell} goes on");
        killed.push(left);
    }
    // In the middle of its set-up.
    let mut starting = Client::real();
    let folder_of_starting = starting.kernel_folder();
    starting.process.kill().unwrap();
    starting.process.wait().unwrap();
    assert!(folder_of_starting.exists());

    let next = Client::real();
    for Killed { folder, reader } in &killed {
        assert!(is_left(reader), "something of {} goes on", folder.display());
        assert!(!folder.exists(), "{}", folder.display());
    }
    assert!(!folder_of_starting.exists());
    assert!(next.shut_down().success());
}

#[test]
fn a_kernel_whose_client_was_killed_ends_with_its_compiler() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let fifo = Fifo::new(folder.path());
    Client::real().shut_down();
    // Stands for Jupyter's server: it lives until it is killed.
    let mut jupyter = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let pid = jupyter.id().to_string();
    let mut client = Client::start(&[], &[("JPY_PARENT_PID", &pid)]);
    let cell = format!("let x: usize = include_bytes!({:?}).len();", fifo.0);
    client.send_shell(ExecuteRequest::new(cell));
    let compiler = fifo.wait_for_reader();
    jupyter.kill().unwrap();
    jupyter.wait().unwrap();
    assert!(client.process.wait().unwrap().success());
    assert!(is_left(&compiler), "the compiler goes on");
    assert!(kernel_folders(client.process.id()).is_empty());
}

#[test]
fn a_history_is_whole_whenever_a_kernel_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    let name = file.to_str().unwrap().to_owned();
    for round in 0..5 {
        let mut client = Client::start(&["--scripted"], &[("TORCHBOOK_HISTORY", &name)]);
        // Each is written after its reply: the kill comes at any moment of that.
        let cells = 10 + 7 * round;
        for n in 0..cells {
            client.run(&format!("round {round} cell {n}"));
        }
        client.process.kill().unwrap();
        client.process.wait().unwrap();
        assert_eq!(checked(&file), "ok");
    }
    assert_eq!(
        std::fs::read_dir(folder.path())
            .unwrap()
            .filter(|entry| entry
                .as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .contains("damaged"))
            .count(),
        0
    );
    let mut last = Client::start(&["--scripted"], &[("TORCHBOOK_HISTORY", &name)]);
    last.run("last");
    assert!(last.shut_down().success());
    assert_eq!(checked(&file), "ok");
}

fn checked(file: &Path) -> String {
    let database = rusqlite::Connection::open(file).unwrap();
    database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap()
}

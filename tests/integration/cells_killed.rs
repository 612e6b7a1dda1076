//! A cell process killed by another program, and by the system for want of memory.

use crate::cells::alone;
use crate::cells_interrupted::Fifo;
use crate::client::Client;
use jupyter_protocol::ExecuteRequest;
use rustix::process::Pid;
use std::path::{Path, PathBuf};

/// Where this process may make groups of processes with less memory; none, and the reason printed.
fn memory_group() -> Option<(PathBuf, &'static str)> {
    for (root, limit) in [
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        ("/sys/fs/cgroup", "memory.max"),
    ] {
        let group = Path::new(root).join(format!("torchbook-test-{}", std::process::id()));
        if std::fs::create_dir(&group).is_ok() {
            if group.join(limit).exists() {
                return Some((group, limit));
            }
            std::fs::remove_dir(&group).unwrap();
        }
    }
    println!(
        "not tested: no group of processes with a limit for memory can be made here (needs root)"
    );
    None
}

fn kill(process: u32) {
    let pid = Pid::from_raw(process.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_kill_by_the_system_or_by_another_program_is_named() {
    let _alone = alone();
    let mut client = Client::real();
    client.run("let kept = 1;");
    let cell_process = client.cell_process();
    let folder = tempfile::tempdir().unwrap();
    let fifo = Fifo::new(folder.path());
    let cell = format!(
        "println!(\"last words\");\nstd::fs::read({:?}).unwrap();",
        fifo.0
    );
    let running = client.send_shell(ExecuteRequest::new(cell));
    let reader = fifo.wait_for_reader();
    kill(cell_process);
    drop(reader);
    let killed = client.transcript(&running);
    let evalue = killed.reply["evalue"].as_str().unwrap();
    assert!(
        evalue.starts_with(
            "the cell process was killed (signal 9) by another program, which held up to"
        ),
        "{evalue}"
    );
    assert!(
        killed.iopub.iter().any(|line| line.contains("last words")),
        "{killed:?}"
    );
    assert!(
        killed.reply["traceback"].to_string().contains("kept"),
        "{killed:?}"
    );
    assert_eq!(client.run("let again = 2;").reply["status"], "ok");

    // Between two cells: the next one is told.
    kill(client.cell_process());
    let told = client.run("again");
    let evalue = told.reply["evalue"].as_str().unwrap();
    assert!(evalue.contains("killed (signal 9)"), "{told:?}");
    assert!(
        told.reply["traceback"].to_string().contains("again"),
        "{told:?}"
    );
    assert_eq!(client.run("let third = 3;").reply["status"], "ok");

    // While a cell is compiled, of which nothing has run then.
    let cell = format!("let read: usize = include_bytes!({:?}).len();", fifo.0);
    let cell_process = client.cell_process();
    let compiled = client.send_shell(ExecuteRequest::new(cell));
    let compiler = fifo.wait_for_reader();
    kill(cell_process);
    drop(compiler);
    let killed = client.transcript(&compiled);
    let evalue = killed.reply["evalue"].as_str().unwrap();
    assert!(evalue.contains("killed (signal 9)"), "{killed:?}");
    assert_eq!(client.run("let fourth = 4;").reply["status"], "ok");

    if let Some((group, limit)) = memory_group() {
        std::fs::write(group.join(limit), "300000000").unwrap();
        std::fs::write(
            group.join("cgroup.procs"),
            client.cell_process().to_string(),
        )
        .unwrap();
        let died = client.run("let much = vec![1u8; 1_000_000_000];");
        let evalue = died.reply["evalue"].as_str().unwrap();
        assert!(
            evalue
                .starts_with("out of memory: the system killed the cell process, which held up to"),
            "{evalue}"
        );
        assert_eq!(client.run("1 + 1").reply["status"], "ok");
        // The kernel has reaped the process, so nothing is left in the group.
        std::fs::remove_dir(group).unwrap();
    }
    assert!(client.shut_down().success());
}

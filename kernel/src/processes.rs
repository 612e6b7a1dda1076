//! Which processes belong to the kernel: those it has started, and those they have started.

use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The living descendants of a process, itself excluded.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut descendants = started_by(pid);
    let mut visited = 0;
    while let Some(&pid) = descendants.get(visited) {
        descendants.extend(started_by(pid));
        visited += 1;
    }
    descendants
}

/// The living processes that a process has started itself.
fn started_by(pid: u32) -> Vec<u32> {
    // Each thread lists the processes that it started.
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    let threads = threads.into_iter().flatten().flatten();
    threads
        .flat_map(|thread| listed_children(&thread.path()))
        .collect()
}

/// The living processes that a thread of this process has started.
pub fn started_by_thread(thread: u32) -> Vec<u32> {
    listed_children(&Path::new("/proc/self/task").join(thread.to_string()))
}

fn listed_children(thread: &Path) -> Vec<u32> {
    let children = std::fs::read_to_string(thread.join("children")).unwrap_or_default();
    let pids = children.split_whitespace();
    pids.filter_map(|pid| pid.parse().ok()).collect()
}

/// Kills a process and everything below it. None of them can start another meanwhile: they are
/// stopped first.
pub fn end_with_descendants(pid: u32) {
    let mut stopped = vec![pid];
    let mut visited = 0;
    while let Some(&pid) = stopped.get(visited) {
        signal(pid, Signal::STOP);
        stopped.extend(started_by(pid));
        visited += 1;
    }
    for pid in stopped {
        signal(pid, Signal::KILL);
    }
}

/// Kills the processes whose environment had this entry when they were started, but never this one.
pub fn end_those_with(entry: &str) {
    let own = std::process::id();
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|n| n.parse().ok()) else {
            continue;
        };
        let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
        let mut entries = environment.split(|&byte| byte == 0);
        if pid != own && entries.any(|found| found == entry.as_bytes()) {
            signal(pid, Signal::KILL);
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = kill_process(pid, signal)
    {
        tracing::debug!(%error, ?pid, "it has ended by itself");
    }
}

/// The command's process gets `signal` when the thread that starts it is gone.
pub fn die_with_starter(command: &mut Command, signal: Signal) {
    // SAFETY: the closure runs between fork and exec and makes one system call, no allocation.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(signal)).map_err(io::Error::from)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};

    #[test]
    fn children_and_their_children_are_found() {
        // `cat` ends when its input does, which is ours; the shell says when it has started it.
        let mut shell = Command::new("sh")
            .args(["-c", "exec 3<&0; cat <&3 & echo $!; wait"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let grandchild: u32 = line.trim().parse().unwrap();
        let found = descendants(std::process::id());
        assert!(found.contains(&shell.id()) && found.contains(&grandchild));
        assert_eq!(descendants(shell.id()), [grandchild]);
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }

    /// A shell and a `cat` below it that go on until they are killed; the pipe ends with both.
    fn family(environment: &str) -> std::process::Child {
        let mut shell = Command::new("sh")
            .args(["-c", "exec 3<&0; cat <&3 & echo started; wait"])
            .env("TORCHBOOK_TEST_FAMILY", environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut started = [0; 8];
        shell
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut started)
            .unwrap();
        shell
    }

    #[test]
    fn a_process_ends_with_all_below_it() {
        let mut shell = family("one");
        end_with_descendants(shell.id());
        let mut rest = Vec::new();
        // Ends when nobody can write any more.
        shell.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
        shell.wait().unwrap();
    }

    #[test]
    fn processes_are_found_by_what_they_inherited() {
        let entry = format!("two-{}", std::process::id());
        let (mut ours, mut other) = (family(&entry), family("other"));
        end_those_with(&format!("TORCHBOOK_TEST_FAMILY={entry}"));
        ours.stdout
            .take()
            .unwrap()
            .read_to_end(&mut Vec::new())
            .unwrap();
        ours.wait().unwrap();
        assert!(other.try_wait().unwrap().is_none());
        end_with_descendants(other.id());
        other.wait().unwrap();
    }
}

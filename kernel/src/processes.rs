//! Which processes belong to the kernel: those it has started, and those they have started.

/// The living descendants of a process, itself excluded.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut to_visit = vec![pid];
    let mut descendants = Vec::new();
    while let Some(pid) = to_visit.pop() {
        // Each thread lists the processes that it started.
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten();
        for task in tasks {
            let children =
                std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children
                .split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok())
            {
                descendants.push(child);
                to_visit.push(child);
            }
        }
    }
    descendants
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
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
}

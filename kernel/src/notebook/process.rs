//! A kernel's process: started in its own process group, watched, and gone when dropped.
//!
//! What is said to it over its sockets is [`super::client`]'s.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::error::Error;

/// How a kernel is started and what a notebook says about it.
#[derive(Debug, Clone)]
pub struct KernelLaunch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; `{connection_file}` is replaced as in a kernelspec's `argv`.
    pub arguments: Vec<OsString>,
    /// Added to the environment.
    pub environment: Vec<(OsString, OsString)>,
    /// `metadata.kernelspec` for notebooks that have none.
    pub kernelspec: Value,
}

impl KernelLaunch {
    /// This program's own kernel: `torchbook kernel --connection-file F`.
    ///
    /// # Errors
    /// If the system cannot say where this program lies.
    pub fn of_this_program() -> Result<Self, Error> {
        let program = std::env::current_exe().map_err(|source| Error::KernelStart {
            program: "torchbook".to_owned(),
            source,
        })?;
        Ok(KernelLaunch {
            program,
            arguments: ["kernel", "--connection-file", "{connection_file}"]
                .map(Into::into)
                .into(),
            environment: Vec::new(),
            kernelspec: json!({
                "display_name": "Rust (torchbook)",
                "language": "rust",
                "name": "torchbook",
            }),
        })
    }
}

/// The end of what a kernel wrote on its stderr, shared with whoever shows it.
#[derive(Debug, Clone, Default)]
pub(super) struct KernelLog(Arc<Mutex<Tail>>);

#[derive(Debug, Default)]
struct Tail {
    lines: VecDeque<String>,
    partial: String,
}

impl KernelLog {
    const LINES: usize = 30;
    const LINE_LENGTH: usize = 500;

    /// The last lines.
    pub(super) fn text(&self) -> String {
        let tail = self.lock();
        let mut lines: Vec<&str> = tail.lines.iter().map(String::as_str).collect();
        lines.extend(Some(tail.partial.as_str()).filter(|line| !line.is_empty()));
        lines.join("\n")
    }

    /// The last line that is not empty, for a progress display.
    pub(super) fn latest_line(&self) -> String {
        let tail = self.lock();
        let mut lines = std::iter::once(&tail.partial).chain(tail.lines.iter().rev());
        lines
            .find(|line| !line.trim().is_empty())
            .map(|line| line.trim().to_owned())
            .unwrap_or_default()
    }

    fn add(&self, text: &str) {
        let mut tail = self.lock();
        for piece in text.split_inclusive(['\n', '\r']) {
            let line = piece.trim_end_matches(['\n', '\r']);
            if tail.partial.len() < Self::LINE_LENGTH {
                tail.partial.push_str(line);
            }
            if line.len() < piece.len() {
                let line = std::mem::take(&mut tail.partial);
                tail.lines.push_back(line);
                if tail.lines.len() > Self::LINES {
                    tail.lines.pop_front();
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running kernel process.
#[derive(Debug)]
pub(super) struct KernelProcess {
    child: Child,
    group: Option<Pid>,
    log: KernelLog,
    log_reader: Option<JoinHandle<()>>,
}

impl KernelProcess {
    /// Starts the kernel in a folder.
    pub(super) fn spawn(
        launch: &KernelLaunch,
        connection_file: &Path,
        folder: &Path,
    ) -> Result<Self, Error> {
        let arguments = launch
            .arguments
            .iter()
            .map(|argument| match argument.to_str() {
                Some("{connection_file}") => connection_file.as_os_str().to_owned(),
                _ => argument.clone(),
            });
        let mut command = Command::new(&launch.program);
        command
            .args(arguments)
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            // A kernel that finds its parent gone should end; ipykernel knows the same name.
            // What a person types is worth keeping, a notebook that is executed again is not.
            .env(crate::history::FILE_VARIABLE, ":memory:")
            .env("JPY_PARENT_PID", std::process::id().to_string())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C in the terminal must reach us alone: we pass it on as an interrupt_request.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|source| Error::KernelStart {
            program: launch.program.display().to_string(),
            source,
        })?;
        let group = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let log = KernelLog::default();
        let log_reader = child
            .stderr
            .take()
            .map(|stderr| tokio::spawn(read_log(stderr, log.clone())));
        Ok(KernelProcess {
            child,
            group,
            log,
            log_reader,
        })
    }

    /// What it writes on stderr.
    pub(super) fn log(&self) -> &KernelLog {
        &self.log
    }

    /// Waits until the process has ended. May be dropped and called again.
    pub(super) async fn exited(&mut self) -> ExitStatus {
        match self.child.wait().await {
            Ok(status) => status,
            // It cannot be waited for: as good as gone, and whoever waits wants to know.
            Err(_) => ExitStatus::from_raw(0),
        }
    }

    /// The error that a dead kernel is, once the rest of its stderr has been read.
    pub(super) async fn death(&mut self, status: ExitStatus, when: &'static str) -> Error {
        if let Some(reader) = self.log_reader.take() {
            // Its children may hold the pipe open.
            let _ = tokio::time::timeout(Duration::from_millis(500), reader).await;
        }
        Error::KernelDied {
            when,
            status: describe(status),
            stderr: self.log.text(),
        }
    }

    /// Ends the process and everything it started, at once.
    pub(super) fn kill(&mut self) {
        if let Some(group) = self.group.take() {
            // It fails if the group is gone already, which is what we want.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for KernelProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(9)) => "killed by signal 9, as the system does when memory runs out".to_owned(),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "for an unknown reason".to_owned(),
    }
}

async fn read_log(mut stderr: impl AsyncRead + Unpin, log: KernelLog) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stderr.read(&mut buffer).await {
        // A character cut in two at the edge of a read is shown as two marks; it is only a log.
        log.add(&String::from_utf8_lossy(&buffer[..length]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_keeps_the_end() {
        let log = KernelLog::default();
        assert_eq!(
            (log.text(), log.latest_line()),
            (String::new(), String::new())
        );
        (0..40).for_each(|number| log.add(&format!("line {number}\n")));
        log.add("download 10 %\rdownload ");
        log.add("20 %");
        assert_eq!(log.latest_line(), "download 20 %");
        let text = log.text();
        assert!(text.starts_with("line 11\n") && text.ends_with("\ndownload 10 %\ndownload 20 %"));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let launch = KernelLaunch {
            program: "/nonexistent/kernel".into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            kernelspec: Value::Null,
        };
        let error = KernelProcess::spawn(&launch, Path::new("c.json"), Path::new("/")).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("cannot start the kernel `/nonexistent/kernel`: No such"));
    }
}

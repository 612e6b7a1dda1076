//! Runs a child process as a step: its last line is the step's message, the end of its output is
//! kept for the error message.
//!
//! It knows no particular program; whoever calls it says what a failure means and what to do.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::progress::Reporter;
use super::{Result, SetupError};
use crate::processes::{die_with_starter, end_with_descendants};
use rustix::process::Signal;

/// Lines of output kept for an error message.
const TAIL_LINES: usize = 24;
/// Of a longer line, this much of its beginning and of its end is shown to people.
const LINE_BYTES: usize = 300;
/// How often the amount done is measured.
const MEASURE_EVERY: Duration = Duration::from_millis(700);
/// What cargo and g++ say of a compiler that the system has killed.
const KILLED_COMPILER: [&str; 2] = ["(signal: 9, SIGKILL", "Killed signal terminated program"];

/// A way to see how far a child process has come, where its output does not say.
pub struct Amount<'a> {
    /// Bytes done so far.
    pub measure: Box<dyn Fn() -> u64 + 'a>,
    /// Bytes expected in all.
    pub total: u64,
}

/// A child process that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// The last lines of stdout and stderr together.
    pub output: String,
    label: String,
    command: String,
}

impl Finished {
    /// Turns an exit status other than 0 into an error with this remedy.
    pub fn or_fail(self, remedy: impl Into<String>) -> Result<String> {
        if self.status.success() {
            Ok(self.output)
        } else {
            Err(self.into_error(remedy))
        }
    }

    /// The error for this process.
    pub fn into_error(self, remedy: impl Into<String>) -> SetupError {
        SetupError::CommandFailed {
            remedy: remedy_for(self.status, &self.output, &remedy.into()),
            label: self.label,
            command: self.command,
            status: self.status,
            output: self.output,
        }
    }
}

/// What to do about a failure: a program that was killed is not to blame.
fn remedy_for(status: ExitStatus, output: &str, remedy: &str) -> String {
    let is_killed = status.signal() == Some(Signal::KILL.as_raw())
        || KILLED_COMPILER.iter().any(|sign| output.contains(sign));
    if !is_killed {
        return remedy.to_owned();
    }
    "It was killed (signal 9), most likely by the system because memory ran out. Close other programs, \
     or set CARGO_BUILD_JOBS=1 so that fewer compilers run at once, and run it again: a build goes on \
     where it stopped."
        .to_owned()
}

/// Runs `command` to its end as a step named `label`.
///
/// # Errors
/// If it cannot be started, [`SetupError::ToolMissing`] or [`SetupError::Io`]; if the work is stopped,
/// [`SetupError::Interrupted`]. A process that ran and failed is a [`Finished`].
pub fn run_with_progress(
    command: &mut Command,
    label: &str,
    reporter: &Reporter,
) -> Result<Finished> {
    run_measured(command, label, reporter, None)
}

/// The same, with a measure for the amount done.
pub fn run_measured(
    command: &mut Command,
    label: &str,
    reporter: &Reporter,
    amount: Option<Amount<'_>>,
) -> Result<Finished> {
    let interrupted = || SetupError::Interrupted {
        what: label.to_owned(),
    };
    if reporter.is_stopped() {
        return Err(interrupted());
    }
    let step = reporter.step(label);
    // A child that outlives this process would go on writing into a folder that the next run removes.
    die_with_starter(command, Signal::TERM);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| start_error(command, label, source))?;

    let (lines_tx, lines) = channel(); // readers → this function
    if let Some(stdout) = child.stdout.take() {
        read_lines(stdout, lines_tx.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        read_lines(stderr, lines_tx.clone());
    }
    drop(lines_tx);

    let mut tail = VecDeque::new();
    let mut measured = Instant::now();
    let mut most = 0;
    loop {
        match lines.recv_timeout(MEASURE_EVERY) {
            Ok(line) => {
                step.message(line.trim());
                if tail.len() == TAIL_LINES {
                    tail.pop_front();
                }
                tail.push_back(line);
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Both pipes are closed, so the process has ended or is about to.
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if reporter.is_stopped() {
            // Not yet waited for, so the number is still its own.
            end_with_descendants(child.id());
        }
        if measured.elapsed() >= MEASURE_EVERY {
            measured = Instant::now();
            if let Some(Amount { measure, total }) = &amount {
                // Temporary files come and go; what is done does not become less.
                most = measure().max(most);
                step.bytes(most, Some(*total));
            }
        }
    }
    let status = child
        .wait()
        .map_err(|source| SetupError::io("wait for", command.get_program(), source))?;
    if status.success() {
        step.succeed();
    } else if reporter.is_stopped() {
        return Err(interrupted());
    }
    let output = Vec::from(tail).join("\n");
    Ok(Finished {
        status,
        output,
        label: label.to_owned(),
        command: display(command),
    })
}

/// Runs a command that answers at once, and returns its trimmed standard output.
///
/// # Errors
/// [`SetupError::ToolMissing`] or [`SetupError::Io`] if it cannot be started,
/// [`SetupError::CommandFailed`] with this remedy if it fails.
pub fn ask(command: &mut Command, label: &str, remedy: &str) -> Result<String> {
    let answer = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| start_error(command, label, source))?;
    let stdout = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    if answer.status.success() {
        return Ok(stdout);
    }
    let output = format!(
        "{}\n{stdout}",
        String::from_utf8_lossy(&answer.stderr).trim()
    );
    Err(SetupError::CommandFailed {
        label: label.to_owned(),
        command: display(command),
        status: answer.status,
        remedy: remedy_for(answer.status, &output, remedy),
        output: output.trim().to_owned(),
    })
}

fn start_error(command: &Command, label: &str, source: io::Error) -> SetupError {
    let program = command.get_program();
    if source.kind() != io::ErrorKind::NotFound {
        return SetupError::io("start", program, source);
    }
    let tool = program.to_string_lossy().into_owned();
    SetupError::ToolMissing {
        remedy: format!("Install {tool}, or add its folder to PATH."),
        tool,
        needed_for: format!("this step: {label}"),
    }
}

fn read_lines(mut pipe: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        let mut pending = Vec::new();
        let mut chunk = [0; 8192];
        loop {
            let count = match pipe.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            pending.extend_from_slice(&chunk[..count]);
            // A progress bar is redrawn after a carriage return: every drawing is a line of its own.
            while let Some(end) = pending
                .iter()
                .position(|byte| matches!(byte, b'\n' | b'\r'))
            {
                let line: Vec<u8> = pending.drain(..=end).collect();
                send_line(&line, &lines);
            }
        }
        send_line(&pending, &lines);
    });
}

fn send_line(bytes: &[u8], lines: &Sender<String>) {
    let text = without_escapes(&String::from_utf8_lossy(bytes));
    if !text.trim().is_empty() {
        // The receiver is gone only if the caller failed already.
        let _ = lines.send(shortened(text.trim_end()));
    }
}

/// A compiler's command line is long, and how it ended comes last.
fn shortened(line: &str) -> String {
    if line.len() <= 2 * LINE_BYTES {
        return line.to_owned();
    }
    let begin = line.floor_char_boundary(LINE_BYTES);
    let end = line.ceil_char_boundary(line.len() - LINE_BYTES);
    format!("{} … {}", &line[..begin], &line[end..])
}

/// Drops terminal escape sequences (`ESC [ … letter`) and other control characters.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' && characters.peek() == Some(&'[') {
            characters.next();
            characters.by_ref().find(|c| ('@'..='~').contains(c));
        } else if character == '\t' || !character.is_control() {
            plain.push(character);
        }
    }
    plain
}

fn display(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests;

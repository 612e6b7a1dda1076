//! Runs a child process as a step: its last line is the step's message, the end of its output is
//! kept for the error message.
//!
//! It knows no particular program; whoever calls it says what a failure means and what to do.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::progress::Reporter;
use super::{Result, SetupError};
use crate::processes::die_with_starter;
use rustix::process::Signal;

/// Lines of output kept for an error message.
const TAIL_LINES: usize = 24;
/// A line longer than this is cut: it is shown to people.
const LINE_BYTES: usize = 400;
/// How often the amount done is measured.
const MEASURE_EVERY: Duration = Duration::from_millis(700);

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
            label: self.label,
            command: self.command,
            status: self.status,
            remedy: remedy.into(),
            output: self.output,
        }
    }
}

/// Runs `command` to its end as a step named `label`.
///
/// # Errors
/// Only if it cannot be started: [`SetupError::ToolMissing`] or [`SetupError::Io`]. A process that
/// ran and failed is a [`Finished`].
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
        remedy: remedy.to_owned(),
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
        let cut = text
            .char_indices()
            .map(|(at, _)| at)
            .find(|&at| at > LINE_BYTES)
            .unwrap_or(text.len());
        // The receiver is gone only if the caller failed already.
        let _ = lines.send(text[..cut].trim_end().to_owned());
    }
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
mod tests {
    use super::*;
    use std::cell::Cell;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_of_both_streams_is_kept_without_escapes_and_redrawn_lines() {
        let mut command =
            shell(r"printf '10%%\r100%%\n\033[31mred\033[0m\n'; echo oops >&2; exit 3");
        let finished = run_with_progress(&mut command, "Test", &Reporter::silent()).unwrap();
        assert_eq!(finished.status.code(), Some(3));
        let mut lines: Vec<_> = finished.output.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["10%", "100%", "oops", "red"]);
        let message = finished.or_fail("Do this.").unwrap_err().to_string();
        assert!(
            message.starts_with("Test failed: `/bin/sh -c "),
            "{message}"
        );
        assert!(message.contains("exit status: 3. Do this."), "{message}");
    }

    #[test]
    fn only_the_end_of_long_output_is_kept() {
        let mut command = shell("i=0; while [ $i -lt 100 ]; do echo $i; i=$((i+1)); done");
        let output = run_with_progress(&mut command, "Test", &Reporter::silent())
            .unwrap()
            .output;
        assert_eq!(output.lines().count(), TAIL_LINES);
        assert_eq!(output.lines().last(), Some("99"));
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = run_with_progress(
            &mut Command::new("/made-up/tool"),
            "Test",
            &Reporter::silent(),
        );
        let message = error.unwrap_err().to_string();
        assert!(
            message.starts_with("/made-up/tool was not found"),
            "{message}"
        );
    }

    #[test]
    fn the_amount_is_measured_while_the_process_is_silent() {
        // The process ends when the measure has been taken: no sleep, no clock.
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(
            Command::new("mkfifo")
                .arg(&fifo)
                .status()
                .unwrap()
                .success()
        );
        let measured = Cell::new(0);
        let measure = || {
            if measured.replace(measured.get() + 1) == 0 {
                std::fs::write(&fifo, "go\n").unwrap();
            }
            1
        };
        let amount = Amount {
            measure: Box::new(measure),
            total: 2,
        };
        let mut command = shell(&format!("read word < '{}'; echo $word", fifo.display()));
        let finished =
            run_measured(&mut command, "Test", &Reporter::silent(), Some(amount)).unwrap();
        assert_eq!(finished.output, "go");
        assert!(measured.get() >= 1);
    }

    #[test]
    fn an_answer_is_trimmed_and_a_refusal_is_an_error() {
        assert_eq!(
            ask(&mut shell("echo ' 1.2.3 '"), "Test", "").unwrap(),
            "1.2.3"
        );
        let error = ask(&mut shell("echo why >&2; exit 1"), "Test", "Mend it.")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("Mend it.") && error.contains("| why"),
            "{error}"
        );
    }
}

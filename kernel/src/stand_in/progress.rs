//! What cargo says while it works, told to the kernel line by line.
//!
//! evcxr keeps cargo's output until cargo has ended. The stand-in sees each line when it comes and
//! writes it into a named pipe; [`Listener`] is the kernel's end of it.

use super::tools::Tools;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

/// The words with which cargo says what takes its time.
const STEPS: [&str; 6] = [
    "Updating",
    "Downloading",
    "Downloaded",
    "Compiling",
    "Blocking",
    "Fetching",
];
/// Crates of evcxr's own, of which the user knows nothing.
const INTERNAL: [&str; 2] = ["ctx", "evcxr_dummy_validate_dep"];

/// Runs cargo to its end as [`Command::output`] does, and tells its steps meanwhile.
///
/// # Errors
/// When it cannot be started or read.
pub fn output(tools: &Tools, command: &mut Command) -> io::Result<Output> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stdout) = stdout {
            stdout.read_to_end(&mut bytes)?;
        }
        io::Result::Ok(bytes)
    });
    let mut pipe = open(tools);
    let mut said = Vec::new();
    if let Some(stderr) = stderr {
        let mut lines = BufReader::new(stderr);
        loop {
            let start = said.len();
            if lines.read_until(b'\n', &mut said)? == 0 {
                break;
            }
            if let Some(step) = step(&String::from_utf8_lossy(&said[start..])) {
                write_line(&mut pipe, &step);
            }
        }
    }
    let status = child.wait()?;
    let stdout = reader
        .join()
        .map_err(|_| io::Error::other("the thread that reads cargo's output panicked"))??;
    Ok(Output {
        status,
        stdout,
        stderr: said,
    })
}

/// Tells something of the stand-in's own.
pub fn tell(tools: &Tools, text: &str) {
    write_line(&mut open(tools), &format!("torchbook: {text}"));
}

/// A line as the user should see it; none for what is not worth it.
fn step(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let (word, what) = (words.next()?, words.next()?);
    // Which version is replaced by which is of interest only where it stays so, and evcxr's trial of
    // a dependency replaces many for a moment.
    let is_version = line.contains(" -> ");
    if !STEPS.contains(&word) || INTERNAL.contains(&what) || is_version {
        return None;
    }
    // A local package's folder is not the user's.
    let line = line.trim();
    let shown = match line.split_once(" (/") {
        Some((shown, _)) if what == "torchbook-prelude" => shown,
        _ => line,
    };
    Some(shown.to_owned())
}

fn open(tools: &Tools) -> Option<File> {
    File::options()
        .write(true)
        // Fails at once when the kernel does not listen.
        .custom_flags(libc::O_NONBLOCK)
        .open(tools.progress_pipe())
        .ok()
        .filter(|pipe| rustix::io::ioctl_fionbio(pipe, false).is_ok())
}

fn write_line(pipe: &mut Option<File>, line: &str) {
    // A step that is not told is no reason to fail.
    if let Some(file) = pipe
        && file.write_all(format!("{line}\n").as_bytes()).is_err()
    {
        *pipe = None;
    }
}

/// Receives the lines on a thread of its own.
pub struct Listener {
    pipe: OwnedFd,
    show: Box<dyn Fn(String) + Send + Sync>,
    /// What has been read of an incomplete line; held while lines are read and shown.
    partial: Mutex<Vec<u8>>,
}

impl Listener {
    /// Makes the pipe and shows what comes, whole lines at a time.
    ///
    /// # Errors
    /// When the pipe or the thread cannot be made.
    pub fn start(
        tools: &Tools,
        show: impl Fn(String) + Send + Sync + 'static,
    ) -> io::Result<Arc<Listener>> {
        let path = tools.progress_pipe();
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        // Also open for writing, so that it does not end when cargo does.
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let pipe = rustix::fs::open(&path, flags, Mode::empty())?;
        let listener = Arc::new(Listener {
            pipe,
            show: Box::new(show),
            partial: Mutex::default(),
        });
        let listening = Arc::clone(&listener);
        std::thread::Builder::new()
            .name("torchbook-cargo".into())
            .spawn(move || {
                loop {
                    match poll(&mut [PollFd::new(&listening.pipe, PollFlags::IN)], None) {
                        Ok(_) | Err(rustix::io::Errno::INTR) => listening.drain(),
                        Err(error) => {
                            tracing::error!(%error, "cargo's progress is not shown");
                            return;
                        }
                    }
                }
            })?;
        Ok(listener)
    }

    /// Shows everything that was told so far; call it before a cell's end is told.
    pub fn drain(&self) {
        let mut partial = self.partial.lock().unwrap_or_else(|e| e.into_inner());
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = rustix::io::read(&self.pipe, &mut chunk) {
            partial.extend_from_slice(&chunk[..read]);
        }
        let Some(end) = partial.iter().rposition(|&byte| byte == b'\n') else {
            return;
        };
        let lines: Vec<u8> = partial.drain(..=end).collect();
        (self.show)(String::from_utf8_lossy(&lines).into_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn steps_are_told_and_the_rest_is_not() {
        assert_eq!(
            step("   Compiling serde v1.0.2\n").as_deref(),
            Some("Compiling serde v1.0.2")
        );
        assert_eq!(
            step("   Compiling torchbook-prelude v0.1.0 (/cache/prelude)").as_deref(),
            Some("Compiling torchbook-prelude v0.1.0")
        );
        assert_eq!(step("   Compiling ctx v1.0.0 (/kernels/1/evcxr)"), None);
        assert_eq!(step("    Finished `dev` profile in 0.1s"), None);
        assert_eq!(step("    Updating rand v0.8.8 -> v0.9.5"), None);
        assert_eq!(step("error: no such package"), None);
        assert_eq!(step("\n"), None);
    }

    #[test]
    fn a_line_is_shown_while_cargo_still_works() {
        let folder = tempfile::tempdir().unwrap();
        let tools = Tools::create(&folder.path().join("tools")).unwrap();
        let (shown, lines) = mpsc::channel();
        let listener = Listener::start(&tools, move |text| shown.send(text).unwrap()).unwrap();
        // It ends when it is told to, which is after its first line was seen.
        let go = folder.path().join("go");
        rustix::fs::mknodat(CWD, &go, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let script = format!(
            "echo '  Compiling one v1' >&2; read line <{}; echo out; echo '  Compiling two v2' >&2; exit 3",
            go.display()
        );
        let running = {
            let tools = tools.clone();
            std::thread::spawn(move || {
                output(&tools, Command::new("sh").args(["-c", &script])).unwrap()
            })
        };
        let patience = Duration::from_secs(60);
        assert_eq!(lines.recv_timeout(patience).unwrap(), "Compiling one v1\n");
        std::fs::write(&go, "\n").unwrap();
        let output = running.join().unwrap();
        listener.drain();
        assert_eq!(lines.try_recv().unwrap(), "Compiling two v2\n");
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(output.stdout, b"out\n");
        assert_eq!(output.stderr, b"  Compiling one v1\n  Compiling two v2\n");
    }
}

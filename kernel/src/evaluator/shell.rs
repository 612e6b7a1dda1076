//! `!command`: run by `sh` beside the cells, its output shown while it runs.

use super::{CellError, Output, StreamName};
use crate::child::scanner::incomplete_utf8_tail;
use crate::stand_in::tools::Tools;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How often an interrupt is looked for.
const TICK: Duration = Duration::from_millis(50);
/// What evcxr is told in the environment and nobody else needs.
const EVCXR_VARIABLES: [&str; 2] = ["EVCXR_TMPDIR", "EVCXR_CONFIG_DIR"];

/// What a running command reaches.
pub struct Surroundings<'a> {
    pub tools: &'a Tools,
    /// Where it runs; the kernel's own folder without one.
    pub folder: Option<&'a Path>,
    pub show: &'a dyn Fn(Output),
    /// How often the user has pressed stop since the cell began.
    pub interrupts: &'a dyn Fn() -> u32,
}

/// Runs a line to its end.
///
/// # Errors
/// When it cannot be started, ends with another status than 0, or is interrupted.
pub fn run(line: &str, surroundings: &Surroundings<'_>) -> Result<(), CellError> {
    let status = start(line, surroundings)
        .and_then(|child| attend(child, surroundings))
        .map_err(|error| {
            CellError::new("CommandFailed", format!("`{line}` did not run: {error}"))
        })?;
    if status.success() {
        return Ok(());
    }
    if (surroundings.interrupts)() > 0 {
        return Err(CellError::new(
            "Interrupted",
            format!("`{line}` was interrupted"),
        ));
    }
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    };
    Err(CellError::new("CommandFailed", format!("`{line}` {how}")))
}

fn start(line: &str, surroundings: &Surroundings<'_>) -> io::Result<Child> {
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // So that an interrupt reaches all that the line has started.
        .process_group(0);
    if let Some(folder) = surroundings.folder {
        command.current_dir(folder);
    }
    surroundings.tools.restore_environment(&mut command);
    for name in EVCXR_VARIABLES {
        command.env_remove(name);
    }
    // A Jupyter that a script has started in the background hands on that interrupts are ignored.
    // SAFETY: `signal` may be called between fork and exec.
    unsafe {
        command.pre_exec(|| {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            Ok(())
        });
    }
    command.spawn()
}

/// Shows what the command writes until it ends. What it leaves behind in the background writes for
/// nobody.
fn attend(mut child: Child, surroundings: &Surroundings<'_>) -> io::Result<ExitStatus> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("the command has no process id"))?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let mut streams = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        streams.push(Stream::new(StreamName::Stdout, stdout.into())?);
    }
    if let Some(stderr) = child.stderr.take() {
        streams.push(Stream::new(StreamName::Stderr, stderr.into())?);
    }
    let tick = Timespec::try_from(TICK).unwrap_or_default();
    let mut told = 0;
    loop {
        let mut fds = vec![PollFd::new(&pidfd, PollFlags::IN)];
        fds.extend(
            streams
                .iter()
                .filter(|stream| stream.is_open)
                .map(|stream| PollFd::new(&stream.pipe, PollFlags::IN)),
        );
        match poll(&mut fds, Some(&tick)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let has_ended = !fds[0].revents().is_empty();
        drop(fds);
        for stream in &mut streams {
            stream.read(surroundings.show);
        }
        if has_ended {
            for stream in &mut streams {
                stream.finish(surroundings.show);
            }
            return child.wait();
        }
        let asked = (surroundings.interrupts)();
        if asked > told {
            told = asked;
            let signal = if asked == 1 {
                Signal::INT
            } else {
                Signal::KILL
            };
            // It may have ended by itself meanwhile.
            let _ = kill_process_group(pid, signal);
        }
    }
}

/// One of the command's two streams.
struct Stream {
    name: StreamName,
    pipe: OwnedFd,
    is_open: bool,
    /// The start of a character whose end has not come yet.
    partial: Vec<u8>,
}

impl Stream {
    fn new(name: StreamName, pipe: OwnedFd) -> io::Result<Stream> {
        rustix::io::ioctl_fionbio(&pipe, true)?;
        Ok(Stream {
            name,
            pipe,
            is_open: true,
            partial: Vec::new(),
        })
    }

    fn read(&mut self, show: &dyn Fn(Output)) {
        let mut chunk = [0; 64 * 1024];
        while self.is_open {
            match rustix::io::read(self.pipe.as_fd(), &mut chunk) {
                Ok(0) => self.is_open = false,
                Ok(read) => {
                    self.partial.extend_from_slice(&chunk[..read]);
                    let whole = self.partial.len() - incomplete_utf8_tail(&self.partial);
                    self.show(whole, show);
                    if read < chunk.len() {
                        return;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(error) => {
                    tracing::warn!(%error, "a command's output cannot be read");
                    self.is_open = false;
                }
            }
        }
    }

    fn finish(&mut self, show: &dyn Fn(Output)) {
        self.show(self.partial.len(), show);
    }

    fn show(&mut self, length: usize, show: &dyn Fn(Output)) {
        let bytes: Vec<u8> = self.partial.drain(..length).collect();
        if !bytes.is_empty() {
            show(Output::Stream {
                name: self.name,
                text: String::from_utf8_lossy(&bytes).into_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Runs a line; `presses` is asked after each text how often stop was pressed by then.
    fn shown(
        line: &str,
        presses: impl Fn(&str) -> u32,
    ) -> (Vec<(StreamName, String)>, Option<CellError>) {
        let folder = tempfile::tempdir().unwrap();
        let tools = Tools::create(&folder.path().join("tools")).unwrap();
        let texts = RefCell::new(Vec::new());
        let pressed = AtomicU32::new(0);
        let show = |output| {
            if let Output::Stream { name, text } = output {
                pressed.store(presses(&text), Ordering::SeqCst);
                texts.borrow_mut().push((name, text));
            }
        };
        let surroundings = Surroundings {
            tools: &tools,
            folder: Some(folder.path()),
            show: &show,
            interrupts: &|| pressed.load(Ordering::SeqCst),
        };
        let error = run(line, &surroundings).err();
        (texts.into_inner(), error)
    }

    fn never(_: &str) -> u32 {
        0
    }

    #[test]
    fn both_streams_are_shown_as_they_are() {
        let (texts, error) = shown("printf 'é\\r\\303'; printf '\\251\\n'", never);
        assert_eq!(error, None);
        let text: String = texts.into_iter().map(|(_, text)| text).collect();
        assert_eq!(text, "é\ré\n");
        let (texts, _) = shown(
            "echo x >&2; cd /; ls -d \"$OLDPWD\"/tools | grep -o tools",
            never,
        );
        // Two pipes have no order between them.
        assert_eq!(texts.len(), 2);
        assert!(texts.contains(&(StreamName::Stderr, "x\n".to_owned())));
        assert!(texts.contains(&(StreamName::Stdout, "tools\n".to_owned())));
    }

    #[test]
    fn a_failing_command_says_how_it_ended() {
        let evalue = |line: &str| shown(line, never).1.unwrap().evalue;
        assert_eq!(evalue("exit 3"), "`exit 3` ended with exit status 3");
        assert_eq!(evalue("kill -9 $$"), "`kill -9 $$` was ended by signal 9");
    }

    #[test]
    fn the_stop_button_ends_what_the_line_has_started() {
        // The first press is enough for `yes`, which runs by the time that something is shown; a shell
        // that ignores it ends with the second.
        let line = "yes; echo not reached";
        let (_, error) = shown(line, |_| 1);
        assert_eq!(error.unwrap().ename, "Interrupted");
        let stubborn = "trap 'echo again' INT; echo ready; while :; do sleep 0.01; done";
        let (_, error) = shown(stubborn, |text| if text == "ready\n" { 1 } else { 2 });
        assert_eq!(error.unwrap().ename, "Interrupted");
    }

    #[test]
    fn what_stays_in_the_background_is_not_waited_for() {
        let (texts, error) = shown("sleep 1000 & echo $!", never);
        assert_eq!(error, None);
        let pid: i32 = texts[0].1.trim().parse().unwrap();
        rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    }
}

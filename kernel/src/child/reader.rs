//! One thread per child: reads its two streams and publishes what they hold.
//!
//! Output is batched for [`BATCH`] at most, in order with display frames. evcxr's own
//! pipe gets its control lines only, and the one that ends a cell only after a flush
//! whose barriers came back on both streams: so when evcxr returns, everything the
//! cell wrote has been published. When the child dies, what it had written still is.

use super::death::Death;
use super::hub::{ErrorReport, Hub, PanicReport};
use super::scanner::{Piece, Scanner};
use crate::display::{Bundle, Frame};
use crate::evaluator::{InputRefused, Output, StreamName};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::Pid;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long text may wait for more before it is published.
const BATCH: Duration = Duration::from_millis(50);
/// How long a process may take from closing its stdout to being dead: memory of many gigabytes is
/// given back in between.
const DYING: Duration = Duration::from_secs(1);
/// Text beyond this is published at once.
const BATCH_BYTES: usize = 64 * 1024;
/// Longest wait for a flush: a cell that keeps std's stdout locked must not hang the kernel.
const BARRIER_TIMEOUT: Duration = Duration::from_secs(3);
const EXECUTION_COMPLETE: &str = "EVCXR_EXECUTION_COMPLETE";

/// The descriptors a child hands over.
pub struct ChildStreams {
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
    /// The stdout that evcxr reads, for its control lines.
    pub evcxr_pipe: OwnedFd,
}

/// A flush that was asked for, and on which streams its barrier has come back.
struct AwaitedBarrier {
    id: u64,
    deadline: Instant,
    stdout_seen: bool,
    stderr_seen: bool,
}

/// State of a reader thread.
pub struct Reader {
    hub: Arc<Hub>,
    pid: Pid,
    pidfd: OwnedFd,
    streams: ChildStreams,
    stdout: Scanner,
    stderr: Scanner,
    pending: String,
    pending_name: StreamName,
    pending_since: Option<Instant>,
    barrier: Option<AwaitedBarrier>,
    last_barrier: u64,
}

impl Reader {
    /// A reader for a child that has just handed over `streams`.
    ///
    /// # Errors
    /// When the streams cannot be made non-blocking.
    pub fn new(
        hub: Arc<Hub>,
        pid: Pid,
        pidfd: OwnedFd,
        streams: ChildStreams,
    ) -> io::Result<Reader> {
        rustix::io::ioctl_fionbio(&streams.stdout, true)?;
        rustix::io::ioctl_fionbio(&streams.stderr, true)?;
        Ok(Reader {
            hub,
            pid,
            pidfd,
            streams,
            stdout: Scanner::default(),
            stderr: Scanner::default(),
            pending: String::new(),
            pending_name: StreamName::Stdout,
            pending_since: None,
            barrier: None,
            last_barrier: 0,
        })
    }

    /// Reads until the child is dead. Closing evcxr's pipe at the end tells evcxr.
    pub fn run(mut self) {
        let mut stdout_open = true;
        let mut stderr_open = true;
        loop {
            let mut fds = vec![PollFd::new(&self.pidfd, PollFlags::IN)];
            if stdout_open {
                fds.push(PollFd::new(&self.streams.stdout, PollFlags::IN));
            }
            if stderr_open {
                fds.push(PollFd::new(&self.streams.stderr, PollFlags::IN));
            }
            let timeout = self.next_deadline().map(|deadline| {
                Timespec::try_from(deadline.saturating_duration_since(Instant::now()))
                    .unwrap_or_default()
            });
            match poll(&mut fds, timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => {
                    tracing::error!(%error, "polling a cell process failed");
                    return;
                }
            }
            let died = !fds[0].revents().is_empty();
            drop(fds);
            if stdout_open && !self.read(StreamName::Stdout) {
                stdout_open = false;
                // What evcxr's loop says in the process goes this way: it would be waited for in
                // vain.
                if !died && !self.dies_by_itself() {
                    self.hub.stdout_closed(&self.pidfd);
                }
            }
            stderr_open &= self.read(StreamName::Stderr);
            if died {
                self.bury();
                return;
            }
            self.keep_deadlines();
        }
    }

    /// Whether the process that has closed its stdout is about to end: one that dies closes it
    /// first.
    fn dies_by_itself(&self) -> bool {
        let patience = Timespec::try_from(DYING).unwrap_or_default();
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        poll(&mut fds, Some(&patience)).is_ok_and(|ready| ready > 0)
    }

    /// The next moment something must happen without new input.
    fn next_deadline(&self) -> Option<Instant> {
        let batch = self.pending_since.map(|since| since + BATCH);
        let barrier = self.barrier.as_ref().map(|barrier| barrier.deadline);
        match (batch, barrier) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn keep_deadlines(&mut self) {
        let now = Instant::now();
        if self.pending_since.is_some_and(|since| now >= since + BATCH) {
            self.publish_pending();
        }
        if self
            .barrier
            .as_ref()
            .is_some_and(|barrier| now >= barrier.deadline)
        {
            tracing::warn!("the cell process did not flush in time; its last output may come late");
            self.complete_barrier();
        }
    }

    /// Reads what is there; false when the stream has ended.
    fn read(&mut self, name: StreamName) -> bool {
        let mut chunk = [0; 64 * 1024];
        loop {
            let fd = match name {
                StreamName::Stdout => self.streams.stdout.as_fd(),
                StreamName::Stderr => self.streams.stderr.as_fd(),
            };
            match rustix::io::read(fd, &mut chunk) {
                Ok(0) => return false,
                Ok(n) => {
                    let scanner = match name {
                        StreamName::Stdout => &mut self.stdout,
                        StreamName::Stderr => &mut self.stderr,
                    };
                    for piece in scanner.push(&chunk[..n]) {
                        self.take(name, piece);
                    }
                    if n < chunk.len() {
                        return true; // let the other stream have its turn
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return true,
                Err(error) => {
                    tracing::warn!(%error, ?name, "reading a stream failed");
                    return false;
                }
            }
        }
    }

    fn take(&mut self, name: StreamName, piece: Piece) {
        match piece {
            Piece::Text(text) => self.text(name, &text),
            Piece::Content { mime, data } => {
                let mut bundle = Bundle::new();
                bundle.insert(mime, data.into());
                self.show(Output::Display {
                    data: bundle,
                    metadata: Bundle::new(),
                    display_id: None,
                });
            }
            Piece::Frame(json) => match Frame::parse(&json) {
                Ok(frame) => self.frame(name, frame),
                Err(error) => {
                    tracing::warn!(%error, "a display frame is shown as text");
                    self.text(name, &json);
                    self.text(name, "\n");
                }
            },
            Piece::Control(line) => self.control_line(&line),
        }
    }

    fn frame(&mut self, name: StreamName, frame: Frame) {
        match frame {
            Frame::DisplayData {
                data,
                metadata,
                display_id,
            } => {
                self.show(Output::Display {
                    data,
                    metadata,
                    display_id,
                });
            }
            Frame::UpdateDisplayData {
                data,
                metadata,
                display_id,
            } => {
                self.show(Output::UpdateDisplay {
                    data,
                    metadata,
                    display_id,
                });
            }
            Frame::ExecuteResult { data, metadata } => self.show(Output::Result { data, metadata }),
            Frame::ClearOutput { wait } => self.show(Output::Clear { wait }),
            Frame::Panic {
                message,
                file,
                line,
                backtrace,
            } => {
                let report = PanicReport {
                    message,
                    file,
                    line,
                    backtrace,
                };
                self.hub
                    .with_record(|record| record.panics.push_back(report));
            }
            Frame::Error {
                ename,
                evalue,
                causes,
                file,
                line,
            } => {
                let report = ErrorReport {
                    ename,
                    evalue,
                    causes,
                    file,
                    line,
                };
                self.hub
                    .with_record(|record| record.reported_error = Some(report));
            }
            Frame::StackOverflow => self.hub.with_record(|record| record.stack_overflow = true),
            Frame::InputRequest { prompt, password } => self.input(prompt, password),
            Frame::Barrier { id } => self.barrier_seen(name, id),
        }
    }

    /// Answers an input request from a thread of its own: output must keep flowing
    /// while the user thinks.
    fn input(&mut self, prompt: String, password: bool) {
        self.publish_pending();
        let hub = Arc::clone(&self.hub);
        let asked = std::thread::Builder::new()
            .name("torchbook-input".into())
            .spawn(move || match hub.input(&prompt, password) {
                Ok(text) => hub.input_reply(text, 0),
                Err(InputRefused::NotAllowed) => hub.input_reply(String::new(), 1),
                Err(InputRefused::Interrupted) => hub.input_reply(String::new(), 2),
            });
        if asked.is_err() {
            self.hub.input_reply(String::new(), 1);
        }
    }

    fn control_line(&mut self, line: &str) {
        match line {
            EXECUTION_COMPLETE => {
                self.last_barrier += 1;
                let deadline = Instant::now() + BARRIER_TIMEOUT;
                let id = self.last_barrier;
                self.barrier = Some(AwaitedBarrier {
                    id,
                    deadline,
                    stdout_seen: false,
                    stderr_seen: false,
                });
                self.hub.request_flush(id);
                return;
            }
            "EVCXR_PANIC_NOTIFICATION" => self.hub.with_record(|record| record.panicked = true),
            "EVCXR_ERROR_OCCURRED" => self.question_mark(),
            _ => {}
        }
        self.tell_evcxr(line);
    }

    /// A failed `?` ends the cell. Where the prelude has not reported it, evcxr's code has just
    /// printed it on stderr: that text becomes the error's.
    fn question_mark(&mut self) {
        if self
            .hub
            .with_record(|record| record.reported_error.is_some())
        {
            self.hub
                .with_record(|record| record.question_mark = Some(String::new()));
            return;
        }
        self.read(StreamName::Stderr);
        let message = if self.pending_name == StreamName::Stderr {
            self.pending_since = None;
            std::mem::take(&mut self.pending)
        } else {
            String::new()
        };
        self.hub
            .with_record(|record| record.question_mark = Some(message.trim_end().to_owned()));
    }

    fn barrier_seen(&mut self, name: StreamName, id: u64) {
        let Some(barrier) = self.barrier.as_mut().filter(|barrier| barrier.id == id) else {
            return;
        };
        match name {
            StreamName::Stdout => barrier.stdout_seen = true,
            StreamName::Stderr => barrier.stderr_seen = true,
        }
        if barrier.stdout_seen && barrier.stderr_seen {
            self.complete_barrier();
        }
    }

    fn complete_barrier(&mut self) {
        self.barrier = None;
        self.flush_scanners();
        self.publish_pending();
        self.tell_evcxr(EXECUTION_COMPLETE);
    }

    fn flush_scanners(&mut self) {
        for piece in self.stdout.finish() {
            self.take(StreamName::Stdout, piece);
        }
        for piece in self.stderr.finish() {
            self.take(StreamName::Stderr, piece);
        }
    }

    /// The child is dead: publish its last words and say how it ended.
    fn bury(&mut self) {
        self.flush_scanners();
        self.publish_pending();
        self.hub.child_died(self.pid, Death::of(&self.pidfd));
    }

    fn tell_evcxr(&self, line: &str) {
        let line = format!("{line}\n");
        if let Err(error) = rustix::io::write(&self.streams.evcxr_pipe, line.as_bytes()) {
            tracing::warn!(%error, "evcxr does not listen any more");
        }
    }

    fn text(&mut self, name: StreamName, text: &str) {
        if name != self.pending_name {
            self.publish_pending();
            self.pending_name = name;
        }
        self.pending.push_str(text);
        if self.pending.len() >= BATCH_BYTES {
            self.publish_pending();
        } else if !self.pending.is_empty() {
            self.pending_since.get_or_insert_with(Instant::now);
        }
    }

    fn show(&mut self, output: Output) {
        self.publish_pending();
        self.hub.publish(output);
    }

    fn publish_pending(&mut self) {
        self.pending_since = None;
        if !self.pending.is_empty() {
            let text = std::mem::take(&mut self.pending);
            self.hub.publish(Output::Stream {
                name: self.pending_name,
                text,
            });
        }
    }
}

//! The kernel's side of the child: receives each new child's sockets, keeps what is
//! known of the one that runs, and stops it.
//!
//! A child may die and evcxr starts the next one with the same command; each of them
//! announces itself on the rendezvous socket (see [`super::attach`]) and gets a
//! [`super::reader`] thread.

use super::death::{Death, out_of_memory_kills};
use super::reader::{ChildStreams, Reader};
use super::{ControlRequest, PRELUDE_LIBRARY_VARIABLE, RENDEZVOUS_VARIABLE};
use crate::evaluator::{CellIo, InputRefused, Interrupter, Output, Shown};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType,
};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::VecDeque;
use std::io::{self, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};

/// What happened in the cell that runs, as far as its process told.
#[derive(Debug, Default)]
pub struct CellRecord {
    /// evcxr's panic line was seen: a panic ended the cell.
    pub panicked: bool,
    /// Reports of the prelude's panic hook, in order.
    pub panics: VecDeque<PanicReport>,
    /// A failed `?` ended the cell; holds what it printed.
    pub question_mark: Option<String>,
    /// What the prelude reported just before a failed `?`.
    pub reported_error: Option<ErrorReport>,
    /// The process said that its stack was full.
    pub stack_overflow: bool,
    /// The cell closed its stdout, without which it cannot be run any further.
    pub closed_stdout: bool,
    /// How the process ended, if it did.
    pub death: Option<Death>,
    /// Memory ran out since the cell began, and the system has killed a process.
    pub out_of_memory: bool,
    /// Interrupts asked for since the cell began to run.
    pub interrupts: u32,
    /// An interrupt came before it ran.
    pub compilation_interrupted: bool,
}

/// One panic as the prelude's hook saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PanicReport {
    pub message: String,
    pub file: String,
    pub line: u32,
    pub backtrace: String,
}

/// An error of a failed `?`, as the prelude saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorReport {
    pub ename: String,
    pub evalue: String,
    /// Messages of its causes, the nearest first.
    pub causes: Vec<String>,
    pub file: String,
    pub line: u32,
}

struct Child {
    pid: Pid,
    pidfd: OwnedFd,
    control: OwnedFd,
}

#[derive(Default)]
struct State {
    child: Option<Child>,
    record: CellRecord,
    cell_is_running: bool,
    /// The system's count when the cell began.
    out_of_memory_kills: Option<u64>,
    /// Set while an expression is evaluated: its value, of which nothing is published.
    kept: Option<Option<Shown>>,
    /// The warm-up is over: from now on a flush includes the prelude's buffers.
    user_cells: bool,
    /// evcxr has run its own first cell: children load the prelude as soon as they start.
    loads_prelude: bool,
}

/// Shared by the evaluator, the reader threads and the interrupter.
pub struct Hub {
    state: Mutex<State>,
    io: Arc<dyn CellIo>,
}

impl Hub {
    /// Starts listening for children whose output goes to `io`; returns the command
    /// that starts one, for evcxr.
    ///
    /// # Errors
    /// When the sockets or the thread cannot be made.
    pub fn start(
        io: Arc<dyn CellIo>,
        prelude_library: Option<&Path>,
    ) -> io::Result<(Arc<Hub>, Command)> {
        // Datagrams keep their boundaries, so each child's message arrives whole.
        let (kernels_end, childs_end) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let hub = Arc::new(Hub {
            state: Mutex::default(),
            io,
        });
        let mut command = Command::new(std::env::current_exe()?);
        command.env(RENDEZVOUS_VARIABLE, childs_end.as_raw_fd().to_string());
        if let Some(library) = prelude_library {
            command.env(PRELUDE_LIBRARY_VARIABLE, library);
        }
        // SAFETY: only fcntl runs between fork and exec. The descriptor is kept from
        // every other program the kernel starts by its close-on-exec flag.
        unsafe {
            command.pre_exec(move || {
                rustix::io::fcntl_setfd(&childs_end, rustix::io::FdFlags::empty())
                    .map_err(io::Error::from)
            });
        }
        let listening = Arc::clone(&hub);
        std::thread::Builder::new()
            .name("torchbook-rendezvous".into())
            .spawn(move || listening.receive_children(&kernels_end))?;
        Ok((hub, command))
    }

    /// Where the cell's output goes.
    pub fn io(&self) -> &Arc<dyn CellIo> {
        &self.io
    }

    /// Shows what the child wrote, except while evcxr tries itself out before the first cell and
    /// while an expression is evaluated.
    pub fn publish(&self, output: Output) {
        let mut state = self.lock();
        if let Some(kept) = &mut state.kept {
            if let Output::Result { data, metadata } = output {
                *kept = Some(Shown { data, metadata });
            }
            return;
        }
        let is_users = state.user_cells;
        drop(state);
        if is_users {
            self.io.publish(output);
        } else {
            tracing::debug!(?output, "output of the warm-up");
        }
    }

    /// Asks the user, unless an expression is evaluated.
    pub fn input(&self, prompt: &str, password: bool) -> Result<String, InputRefused> {
        if self.lock().kept.is_some() {
            return Err(InputRefused::NotAllowed);
        }
        self.io.input(prompt, password)
    }

    /// From now on the value is kept and nothing published, until it is taken.
    pub fn keep_value(&self) {
        self.lock().kept = Some(None);
    }

    /// The value that was kept.
    pub fn take_value(&self) -> Option<Shown> {
        self.lock().kept.take().flatten()
    }

    /// Changes the record of the running cell.
    pub fn with_record<T>(&self, change: impl FnOnce(&mut CellRecord) -> T) -> T {
        change(&mut self.lock().record)
    }

    /// From now on children load the prelude. Before evcxr has run its own first cell, that cell's library
    /// would wait for it: the dynamic linker loads one after the other.
    pub fn load_prelude(&self) {
        let mut state = self.lock();
        state.loads_prelude = true;
        state.send(&ControlRequest::LoadPrelude);
    }

    /// A new cell begins.
    pub fn begin_cell(&self) {
        let mut state = self.lock();
        let before = std::mem::take(&mut state.record);
        // An interrupt that came before the cell got this far still counts.
        state.record = CellRecord {
            interrupts: before.interrupts,
            compilation_interrupted: before.compilation_interrupted,
            ..CellRecord::default()
        };
        if state.child.is_none() {
            // It died while no cell ran, and this cell is the one that is told.
            state.record.death = before.death;
            state.record.out_of_memory = before.out_of_memory;
            state.record.closed_stdout = before.closed_stdout;
        }
        state.out_of_memory_kills = out_of_memory_kills();
        state.cell_is_running = true;
        state.user_cells = true;
        state.send(&ControlRequest::BeginCell);
    }

    /// The cell has ended; takes what is known of it.
    pub fn end_cell(&self) -> CellRecord {
        let mut state = self.lock();
        state.cell_is_running = false;
        std::mem::take(&mut state.record)
    }

    /// Whether a cell has begun and not ended; it may still be compiled.
    pub fn cell_is_running(&self) -> bool {
        self.lock().cell_is_running
    }

    /// Whether the user has stopped the cell, now or before it began.
    pub fn was_interrupted(&self) -> bool {
        let state = self.lock();
        state.record.compilation_interrupted || state.record.interrupts > 0
    }

    /// The cell that is compiled shall not run.
    pub fn interrupt_compilation(&self) {
        self.lock().record.compilation_interrupted = true;
    }

    /// The process that runs cells.
    pub fn process(&self) -> Option<u32> {
        let state = self.lock();
        let child = state.child.as_ref()?;
        Some(child.pid.as_raw_pid().unsigned_abs())
    }

    /// Asks the child to flush; it answers with barriers in both streams.
    pub fn request_flush(&self, id: u64) {
        let mut state = self.lock();
        let wait_for_prelude = state.user_cells;
        state.send(&ControlRequest::Flush {
            id,
            wait_for_prelude,
        });
    }

    /// Answers the cell's input request.
    pub fn input_reply(&self, text: String, status: i32) {
        self.lock()
            .send(&ControlRequest::InputReply { text, status });
    }

    /// The child with this process id is gone; where evcxr has ended it, the next one may have come.
    pub(super) fn child_died(&self, pid: Pid, death: Death) {
        let mut state = self.lock();
        if state.child.as_ref().is_some_and(|child| child.pid == pid) {
            state.record.death = Some(death);
            state.record.out_of_memory = out_of_memory_kills() > state.out_of_memory_kills;
            state.child = None;
        }
    }

    /// The cell has closed its stdout: ends its process.
    pub(super) fn stdout_closed(&self, pidfd: &OwnedFd) {
        self.lock().record.closed_stdout = true;
        if let Err(error) = pidfd_send_signal(pidfd, Signal::KILL) {
            tracing::debug!(%error, "the process without stdout is gone already");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn receive_children(self: &Arc<Hub>, rendezvous: &OwnedFd) {
        loop {
            match receive(rendezvous) {
                Ok((pid, streams, control)) => match pidfd_open(pid, PidfdFlags::empty()) {
                    Ok(pidfd) => self.adopt(pid, pidfd, streams, control),
                    Err(error) => {
                        tracing::error!(%error, ?pid, "a cell process died while it started")
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::error!(%error, "no further cell process can be received");
                    return;
                }
            }
        }
    }

    fn adopt(self: &Arc<Hub>, pid: Pid, pidfd: OwnedFd, streams: ChildStreams, control: OwnedFd) {
        let adopted = pidfd.try_clone().and_then(|readers_pidfd| {
            let reader = Reader::new(Arc::clone(self), pid, readers_pidfd, streams)?;
            let mut state = self.lock();
            state.child = Some(Child {
                pid,
                pidfd,
                control,
            });
            if state.loads_prelude {
                state.send(&ControlRequest::LoadPrelude);
            }
            if state.cell_is_running {
                state.send(&ControlRequest::BeginCell);
            }
            drop(state);
            std::thread::Builder::new()
                .name("torchbook-reader".into())
                .spawn(move || reader.run())
        });
        if let Err(error) = adopted {
            tracing::error!(%error, "a cell process's output cannot be read");
        }
    }
}

impl State {
    fn send(&mut self, request: &ControlRequest) {
        let Some(child) = &self.child else { return };
        let Ok(mut line) = serde_json::to_vec(request) else {
            return;
        };
        line.push(b'\n');
        let mut writer = FdWriter(&child.control);
        if let Err(error) = writer.write_all(&line) {
            // The child is dying; its reader will notice and say how.
            tracing::debug!(%error, "control request not sent");
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child
            && let Err(error) = pidfd_send_signal(&child.pidfd, signal)
        {
            tracing::debug!(%error, ?signal, "signal not sent");
        }
    }
}

impl Interrupter for Hub {
    fn arm(&self) {
        let mut state = self.lock();
        state.record.interrupts = 0;
        state.record.compilation_interrupted = false;
    }

    fn interrupt(&self) {
        let mut state = self.lock();
        state.record.interrupts += 1;
        if state.cell_is_running {
            state.signal(if state.record.interrupts == 1 {
                Signal::INT
            } else {
                Signal::KILL
            });
        }
    }

    fn kill(&self) {
        self.lock().signal(Signal::KILL);
    }
}

struct FdWriter<'a>(&'a OwnedFd);

impl Write for FdWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(
            self.0,
            bytes,
            rustix::net::SendFlags::NOSIGNAL,
        )?)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Receives one child's announcement: its pid and four descriptors.
fn receive(rendezvous: &OwnedFd) -> io::Result<(Pid, ChildStreams, OwnedFd)> {
    let mut pid = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    rustix::net::recvmsg(
        rendezvous.as_fd(),
        &mut [IoSliceMut::new(&mut pid)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut fds = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            fds.extend(received);
        }
    }
    let [stdout, stderr, control, evcxr_pipe]: [OwnedFd; 4] =
        fds.try_into().map_err(|fds: Vec<OwnedFd>| {
            io::Error::other(format!(
                "a cell process sent {} descriptors, expected 4",
                fds.len()
            ))
        })?;
    let pid = i32::from_le_bytes(pid);
    let pid = Pid::from_raw(pid).ok_or_else(|| io::Error::other("a cell process sent no pid"))?;
    Ok((
        pid,
        ChildStreams {
            stdout,
            stderr,
            evcxr_pipe,
        },
        control,
    ))
}

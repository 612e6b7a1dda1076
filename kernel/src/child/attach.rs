//! The child's side: streams on the kernel's sockets, and the control thread.
//!
//! Runs before evcxr's run loop, in a process that is still single-threaded. The
//! kernel's side is [`super::hub`]; the functions of the loaded prelude are in
//! [`super::prelude_library`].

use super::prelude_library::PreludeLibrary;
use super::{ControlRequest, PRELUDE_LIBRARY_VARIABLE, RENDEZVOUS_VARIABLE, scanner};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

/// How often text without a newline is flushed while a cell runs.
const FLUSH_INTERVAL: Duration = Duration::from_millis(50);
/// Exit status when the streams cannot be handed over; the kernel reports it.
const ATTACH_FAILED: i32 = 98;

/// Whether the kernel started this process to run cells; if so, it is connected now.
/// Call it first in `main`.
pub fn attach_if_child() -> bool {
    let Some(fd) = std::env::var(RENDEZVOUS_VARIABLE)
        .ok()
        .and_then(|v| v.parse().ok())
    else {
        return false;
    };
    let prelude = std::env::var_os(PRELUDE_LIBRARY_VARIABLE);
    // SAFETY: no other thread exists yet, and the kernel passed this descriptor for us to own.
    let rendezvous = unsafe {
        std::env::remove_var(RENDEZVOUS_VARIABLE);
        std::env::remove_var(PRELUDE_LIBRARY_VARIABLE);
        OwnedFd::from_raw_fd(fd)
    };
    let result = hand_over_streams(&rendezvous).and_then(|control| {
        let prelude = PreludeLibrary::new(prelude);
        std::thread::Builder::new()
            .name("torchbook-control".into())
            .spawn(move || control_loop(&control, &prelude))
    });
    if let Err(error) = result {
        eprintln!("torchbook: cannot connect the cell process to the kernel: {error}");
        std::process::exit(ATTACH_FAILED);
    }
    true
}

/// Sends the kernel its ends of our streams, and evcxr's stdout pipe; returns our end
/// of the control socket.
fn hand_over_streams(rendezvous: &OwnedFd) -> io::Result<OwnedFd> {
    // The kernel's end must take this process with it, however it ends.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // A process group of our own: Ctrl-C in a terminal reaches us through the kernel
    // only, which decides between asking and killing.
    rustix::process::setpgid(None, None)?;
    // SAFETY: ignoring SIGINT installs no handler. The prelude replaces this once loaded.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };

    let (our_stdout, kernels_stdout) = stream_pair()?;
    let (our_stderr, kernels_stderr) = stream_pair()?;
    let (our_control, kernels_control) = stream_pair()?;
    let evcxr_pipe = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    let fds: [BorrowedFd; 4] = [
        kernels_stdout.as_fd(),
        kernels_stderr.as_fd(),
        kernels_control.as_fd(),
        evcxr_pipe.as_fd(),
    ];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("no room for four descriptors"));
    }
    let pid = std::process::id().to_le_bytes();
    rustix::net::sendmsg(
        rendezvous,
        &[IoSlice::new(&pid)],
        &mut ancillary,
        SendFlags::empty(),
    )?;

    rustix::stdio::dup2_stdout(&our_stdout)?;
    rustix::stdio::dup2_stderr(&our_stderr)?;
    Ok(our_control)
}

fn stream_pair() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
}

/// Serves the kernel's requests until its end closes, which ends this process.
fn control_loop(control: &OwnedFd, prelude: &Arc<PreludeLibrary>) {
    let mut buffer = Vec::new();
    let mut cell_is_running = false;
    loop {
        let timeout =
            cell_is_running.then(|| Timespec::try_from(FLUSH_INTERVAL).unwrap_or_default());
        let mut fds = [PollFd::new(control, PollFlags::IN)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => {
                prelude.flush();
                continue;
            }
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => end_with_the_kernel(),
        }
        let mut chunk = [0; 4096];
        match rustix::io::read(control, &mut chunk) {
            Ok(0) => end_with_the_kernel(),
            Ok(n) => buffer.extend_from_slice(&chunk[..n]),
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => end_with_the_kernel(),
        }
        while let Some(newline) = buffer.iter().position(|&b| b == b'\n') {
            let line: Vec<u8> = buffer.drain(..=newline).collect();
            match serde_json::from_slice(&line) {
                Ok(ControlRequest::LoadPrelude) => prelude.load_in_background(),
                Ok(ControlRequest::BeginCell) => {
                    prelude.begin_cell();
                    cell_is_running = true;
                }
                Ok(ControlRequest::Flush {
                    id,
                    wait_for_prelude,
                }) => {
                    if wait_for_prelude {
                        prelude.wait_until_loaded();
                    }
                    prelude.flush();
                    write_barriers(id);
                    cell_is_running = false;
                }
                Ok(ControlRequest::InputReply { text, status }) => {
                    prelude.input_reply(&text, status)
                }
                Err(error) => eprintln!("torchbook: unreadable control request: {error}"),
            }
        }
    }
}

/// One barrier in each stream: what was written before it has been handed over.
fn write_barriers(id: u64) {
    let mut frame = scanner::FRAME_START.to_vec();
    frame.extend_from_slice(format!("{{\"frame\":\"barrier\",\"id\":{id}}}\n").as_bytes());
    write_all(rustix::stdio::stdout(), &frame);
    write_all(rustix::stdio::stderr(), &frame);
}

/// Writes without std's buffers; a stream that is closed has nobody to tell.
fn write_all(fd: BorrowedFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// The kernel is gone: so are we, without running anybody's destructors.
fn end_with_the_kernel() -> ! {
    // SAFETY: _exit touches nothing of this process.
    unsafe { libc::_exit(0) }
}

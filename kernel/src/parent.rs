//! Notices the death of the process that started the kernel.
//!
//! jupyter_client and our own notebook runner name themselves in `JPY_PARENT_PID`; when
//! that process is gone without a shutdown request, nobody will ever send one.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::sync::oneshot;

/// Returns when the parent has died; never without a known parent.
pub async fn death() {
    let parent = std::env::var("JPY_PARENT_PID")
        .ok()
        .and_then(|pid| Pid::from_raw(pid.parse().ok()?));
    let (dead, wait) = oneshot::channel();
    if let Some(parent) = parent {
        let watching = std::thread::Builder::new()
            .name("torchbook-parent".into())
            .spawn(move || {
                if wait_for(parent) {
                    // An error means that the kernel is ending anyway.
                    let _ = dead.send(());
                }
            });
        if watching.is_ok() && wait.await.is_ok() {
            return;
        }
    }
    std::future::pending().await
}

/// Blocks until the process has ended; false when that cannot be known.
fn wait_for(pid: Pid) -> bool {
    let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => pidfd,
        // Already gone.
        Err(rustix::io::Errno::SRCH) => return true,
        Err(error) => {
            tracing::warn!(%error, "the parent process cannot be watched");
            return false;
        }
    };
    loop {
        match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], None) {
            Ok(_) => return true,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

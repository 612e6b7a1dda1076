//! How a cell process ended, and whether memory ran out.

use rustix::fd::{AsRawFd, OwnedFd};
use std::mem::MaybeUninit;

/// The end of a cell process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// What ended it.
    pub cause: Cause,
    /// The most memory that it held, in bytes, where that can be told.
    pub peak_memory: Option<u64>,
}

/// What ended a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It ended itself with this status.
    Exited(i32),
    /// A signal did.
    Killed(i32),
}

impl Death {
    /// That of the process behind `pidfd`; it stays a zombie for evcxr to reap.
    pub fn of(pidfd: &OwnedFd) -> Death {
        let mut status = MaybeUninit::<libc::siginfo_t>::zeroed();
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // rustix and libc leave out the last argument, which the kernel has had all along.
        // SAFETY: both structs are plain data, for which zero is a value, and live long enough.
        let (answer, status, usage) = unsafe {
            let answer = libc::syscall(
                libc::SYS_waitid,
                libc::P_PIDFD,
                pidfd.as_raw_fd(),
                status.as_mut_ptr(),
                libc::WEXITED | libc::WNOWAIT | libc::WNOHANG,
                usage.as_mut_ptr(),
            );
            (answer, status.assume_init(), usage.assume_init())
        };
        // SAFETY: these fields are set for a process that has ended, and zero otherwise.
        let (pid, value) = unsafe { (status.si_pid(), status.si_status()) };
        if answer != 0 || pid == 0 {
            // evcxr was quicker and has reaped it: it killed it itself.
            return Death {
                cause: Cause::Killed(libc::SIGKILL),
                peak_memory: None,
            };
        }
        let cause = match status.si_code {
            libc::CLD_EXITED => Cause::Exited(value),
            _ => Cause::Killed(value),
        };
        let kilobytes = u64::try_from(usage.ru_maxrss).ok();
        Death {
            cause,
            peak_memory: kilobytes
                .filter(|&kilobytes| kilobytes > 0)
                .map(|kilobytes| kilobytes * 1024),
        }
    }
}

/// How many processes the system has killed for want of memory since it started; none where it does
/// not tell.
pub fn out_of_memory_kills() -> Option<u64> {
    let counters = std::fs::read_to_string("/proc/vmstat").ok()?;
    counters
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    use std::process::Command;

    fn death(script: &str) -> Death {
        let mut shell = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let pid = Pid::from_raw(shell.id().try_into().unwrap()).unwrap();
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).unwrap();
        let mut fds = [rustix::event::PollFd::new(
            &pidfd,
            rustix::event::PollFlags::IN,
        )];
        rustix::event::poll(&mut fds, None).unwrap();
        let death = Death::of(&pidfd);
        shell.wait().unwrap();
        death
    }

    #[test]
    fn exits_and_signals_are_told_apart_with_the_memory_held() {
        let exited = death("exit 7");
        assert_eq!(exited.cause, Cause::Exited(7));
        assert!(exited.peak_memory.is_some_and(|bytes| bytes > 100_000));
        assert_eq!(death("kill -SEGV $$").cause, Cause::Killed(libc::SIGSEGV));
    }
}

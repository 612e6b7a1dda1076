//! The last moments of a process that crashes: its output is sent on, and the kernel told of a stack
//! overflow, which looks like any other segmentation fault from outside.
//!
//! Replaces the handlers of evcxr, which print a backtrace without lines and abort, so that the
//! kernel would see an abort whatever happened.

use std::time::Duration;

/// Faults this near to the stack pointer are those of a stack that is full: functions with large
/// frames touch every page on their way down.
const STACK_MARGIN: usize = 64 * 1024;
const STACK_OVERFLOW: &[u8] = b"\x1eTORCHBOOK {\"frame\":\"stack_overflow\"}\n";
/// The kernel's side of this process flushes what was printed without a newline more often.
const FLUSHED_WITHIN: Duration = Duration::from_millis(150);

/// Installs the handlers.
pub(crate) fn install() {
    for signal in [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGABRT,
    ] {
        let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_crash;
        // SAFETY: the struct is plain data for which zero is a valid value, and the handler keeps
        // to what is allowed in one.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as libc::sighandler_t;
            // On the stack that std has set aside for this: the usual one may be full.
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESETHAND;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

extern "C" fn on_crash(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the system passes both to a handler with SA_SIGINFO; write, nanosleep and raise are
    // allowed in one.
    unsafe {
        if signal == libc::SIGSEGV && is_stack_overflow((*info).si_addr() as usize, context) {
            libc::write(1, STACK_OVERFLOW.as_ptr().cast(), STACK_OVERFLOW.len());
        }
        let pause = libc::timespec {
            tv_sec: 0,
            tv_nsec: FLUSHED_WITHIN.subsec_nanos().into(),
        };
        libc::nanosleep(&raw const pause, std::ptr::null_mut());
        // The handler is the system's again: this time the signal ends the process.
        libc::raise(signal);
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
unsafe fn is_stack_overflow(address: usize, context: *mut libc::c_void) -> bool {
    // SAFETY: the caller passes what the system has passed.
    let registers = unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let stack_pointer = registers[libc::REG_RSP as usize] as usize;
    address.abs_diff(stack_pointer) < STACK_MARGIN
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
unsafe fn is_stack_overflow(_address: usize, _context: *mut libc::c_void) -> bool {
    false
}

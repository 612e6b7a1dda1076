//! Ctrl-C and requests to end, as events that a run waits for beside the kernel's.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Why the run should stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Ctrl-C: interrupt the cell; the second time, stop the kernel.
    Interrupt,
    /// The terminal was closed or the system asks: stop the kernel at once.
    Terminate,
}

/// The stops that have arrived and were not handled yet.
#[derive(Debug)]
pub(super) struct Interrupts {
    receiver: mpsc::UnboundedReceiver<Stop>,
    /// Kept so that the channel never closes.
    _sender: mpsc::UnboundedSender<Stop>,
}

impl Interrupts {
    /// Takes over SIGINT, SIGTERM and SIGHUP for the rest of this process.
    pub(super) fn from_signals() -> Self {
        let (sender, interrupts) = Self::from_channel();
        for (kind, stop) in [
            (SignalKind::interrupt(), Stop::Interrupt),
            (SignalKind::terminate(), Stop::Terminate),
            (SignalKind::hangup(), Stop::Terminate),
        ] {
            // Without a handler the signal ends us, which is the system's own way.
            let Ok(mut signals) = signal(kind) else {
                continue;
            };
            let sender = sender.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() && sender.send(stop).is_ok() {}
            });
        }
        interrupts
    }

    /// Stops that come from a sender instead of the system.
    pub(super) fn from_channel() -> (mpsc::UnboundedSender<Stop>, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (
            sender.clone(),
            Interrupts {
                receiver,
                _sender: sender,
            },
        )
    }

    /// Waits for the next stop. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Stop {
        match self.receiver.recv().await {
            Some(stop) => stop,
            // Cannot happen while `_sender` lives; waiting for ever is what "no stop" means.
            None => std::future::pending().await,
        }
    }
}

//! Asks the kernel on its heartbeat socket whether it still answers.
//!
//! A dead process is noticed by [`super::process`]; this is for one that lives but hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jupyter_zmq_client::ClientHeartbeatConnection;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Time between two beats.
const PERIOD: Duration = Duration::from_secs(5);
/// An answer later than this counts as missing; a loaded machine may take seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// A background task that keeps asking until it is dropped.
#[derive(Debug)]
pub(super) struct Heartbeat {
    is_missing: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Heartbeat {
    /// Starts asking.
    pub(super) fn start(connection: ClientHeartbeatConnection) -> Self {
        let is_missing = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(beat(connection, is_missing.clone()));
        Heartbeat { is_missing, task }
    }

    /// Whether the kernel owes an answer for longer than is normal.
    pub(super) fn is_missing(&self) -> bool {
        self.is_missing.load(Ordering::Relaxed)
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn beat(mut connection: ClientHeartbeatConnection, is_missing: Arc<AtomicBool>) {
    loop {
        let mut answer = std::pin::pin!(connection.single_heartbeat());
        let result = match timeout(PATIENCE, &mut answer).await {
            Ok(result) => result,
            Err(_) => {
                is_missing.store(true, Ordering::Relaxed);
                answer.await
            }
        };
        is_missing.store(result.is_err(), Ordering::Relaxed);
        if result.is_err() {
            // The socket is closed: the process is ending, or never will answer here.
            return;
        }
        sleep(PERIOD).await;
    }
}

//! Heartbeat: echoes whatever arrives, so that a client sees the kernel's process alive.

use jupyter_zmq_client::connection::KernelHeartbeatConnection;
use std::time::Duration;
use zeromq::{SocketRecv, SocketSend};

/// Echoes until the task is dropped.
pub async fn echo(mut heartbeat: KernelHeartbeatConnection) {
    loop {
        let result = match heartbeat.socket.recv().await {
            Ok(message) => heartbeat.socket.send(message).await,
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            // A client that went away is an error here; the next one must be served.
            // The pause keeps a broken socket from spinning.
            tracing::debug!(%error, "heartbeat");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

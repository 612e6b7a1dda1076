//! IOPub: the one task that writes to it, and the queue in front.
//!
//! Everything the kernel broadcasts goes through one bounded queue in the order it was
//! put there, which is why idle can never overtake output, and why a flood of output
//! slows the cell down instead of filling memory.

use crate::messages;
use jupyter_protocol::JupyterMessage;
use jupyter_zmq_client::connection::{KernelIoPubXPubConnection, SubscriptionEvent};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

/// Messages that may wait; a stream message holds up to 64 KiB.
const QUEUE: usize = 256;

enum Item {
    Message(Box<JupyterMessage>),
    Barrier(oneshot::Sender<()>),
}

/// Handle to IOPub; cheap to clone.
#[derive(Clone)]
pub struct Iopub {
    queue: mpsc::Sender<Item>,
}

impl Iopub {
    /// Starts the writer task.
    pub fn start(connection: KernelIoPubXPubConnection) -> Iopub {
        let (queue, items) = mpsc::channel(QUEUE);
        tokio::spawn(write(connection, items));
        Iopub { queue }
    }

    /// Queues a message; waits while the queue is full.
    pub async fn send(&self, message: JupyterMessage) {
        if self
            .queue
            .send(Item::Message(Box::new(message)))
            .await
            .is_err()
        {
            tracing::error!("IOPub has ended");
        }
    }

    /// As [`Iopub::send`], for threads outside the runtime.
    pub fn blocking_send(&self, message: JupyterMessage) {
        if self
            .queue
            .blocking_send(Item::Message(Box::new(message)))
            .is_err()
        {
            tracing::error!("IOPub has ended");
        }
    }

    /// Returns when everything queued so far has been handed to the socket.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Item::Barrier(done)).await.is_ok() {
            // An error means that the writer is gone: nothing is left to wait for.
            let _ = wait.await;
        }
    }
}

async fn write(mut connection: KernelIoPubXPubConnection, mut items: mpsc::Receiver<Item>) {
    loop {
        tokio::select! {
            // Output first: a client's subscription is not in a hurry.
            biased;
            item = items.recv() => match item {
                Some(Item::Message(message)) => {
                    if let Err(error) = connection.send(*message).await {
                        tracing::warn!(%error, "IOPub message not sent");
                    }
                }
                Some(Item::Barrier(done)) => {
                    // The one who waits may have given up.
                    let _ = done.send(());
                }
                None => return,
            },
            event = connection.recv_subscription() => match event {
                // JEP 65: tells the client that it misses nothing from here on.
                Ok(SubscriptionEvent::Subscribe(topic)) => {
                    let welcome = messages::broadcast(None, "iopub_welcome", json!({ "subscription": topic }))
                        .with_zmq_identities(vec![topic.into()]);
                    if let Err(error) = connection.send(welcome).await {
                        tracing::warn!(%error, "IOPub welcome not sent");
                    }
                }
                Ok(SubscriptionEvent::Unsubscribe(_)) => {}
                Err(error) => tracing::debug!(%error, "IOPub subscription"),
            },
        }
    }
}

//! Shell, control and stdin are ROUTER sockets: this reads requests from one and
//! writes replies to it.
//!
//! A message that cannot be verified or read is logged and dropped here: it gets no
//! answer and has no effect. A message id that came before, on whichever of the three
//! sockets, is refused ([`super::replays`]).

use super::replays::SeenIds;
use jupyter_protocol::JupyterMessage;
use jupyter_zmq_client::RuntimeError;
use jupyter_zmq_client::connection::{KernelShellConnection, RouterRecvConnection};
use std::time::Duration;
use tokio::sync::mpsc;

/// Sends replies; cheap to clone.
pub type Replies = mpsc::UnboundedSender<JupyterMessage>;

/// The receiving half of a ROUTER socket.
pub struct Requests {
    connection: RouterRecvConnection,
    channel: &'static str,
    seen: SeenIds,
}

/// Splits a socket into its requests and a task that writes replies.
pub fn open(
    connection: KernelShellConnection,
    channel: &'static str,
    seen: &SeenIds,
) -> (Requests, Replies) {
    let (mut sender, receiver) = connection.split();
    let (replies, mut queue) = mpsc::unbounded_channel::<JupyterMessage>();
    tokio::spawn(async move {
        while let Some(reply) = queue.recv().await {
            if let Err(error) = sender.send(reply).await {
                // The client is gone; libzmq would drop the message silently, too.
                tracing::debug!(%error, channel, "reply not sent");
            }
        }
    });
    let requests = Requests {
        connection: receiver,
        channel,
        seen: seen.clone(),
    };
    (requests, replies)
}

impl Requests {
    /// The next request that is signed, readable and new.
    pub async fn next(&mut self) -> JupyterMessage {
        loop {
            match self.connection.read().await {
                Ok(message) if self.seen.is_new(&message.header.msg_id) => return message,
                Ok(message) => {
                    tracing::warn!(
                        channel = self.channel,
                        id = message.header.msg_id,
                        "repeated message dropped"
                    );
                }
                Err(RuntimeError::ZmqError(error)) => {
                    // A peer went away. The pause keeps a broken socket from spinning.
                    tracing::debug!(%error, channel = self.channel, "receive");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(error) => {
                    tracing::warn!(%error, channel = self.channel, "unreadable message dropped")
                }
            }
        }
    }
}

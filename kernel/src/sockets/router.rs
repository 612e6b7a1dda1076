//! Shell, control and stdin are ROUTER sockets: this reads requests from one and
//! writes replies to it.
//!
//! A message that cannot be verified or read is logged and dropped here: it gets no
//! answer and has no effect. Repeated message ids are refused, which stops replays.

use jupyter_protocol::JupyterMessage;
use jupyter_zmq_client::RuntimeError;
use jupyter_zmq_client::connection::{KernelShellConnection, RouterRecvConnection};
use std::collections::{HashSet, VecDeque};
use std::time::Duration;
use tokio::sync::mpsc;

/// How many message ids are remembered.
const REMEMBERED_IDS: usize = 4096;

/// Sends replies; cheap to clone.
pub type Replies = mpsc::UnboundedSender<JupyterMessage>;

/// The receiving half of a ROUTER socket.
pub struct Requests {
    connection: RouterRecvConnection,
    channel: &'static str,
    seen: HashSet<String>,
    seen_in_order: VecDeque<String>,
}

/// Splits a socket into its requests and a task that writes replies.
pub fn open(connection: KernelShellConnection, channel: &'static str) -> (Requests, Replies) {
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
        seen: HashSet::new(),
        seen_in_order: VecDeque::new(),
    };
    (requests, replies)
}

impl Requests {
    /// The next request that is signed, readable and new.
    pub async fn next(&mut self) -> JupyterMessage {
        loop {
            match self.connection.read().await {
                Ok(message) if self.is_new(&message.header.msg_id) => return message,
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

    fn is_new(&mut self, id: &str) -> bool {
        if !self.seen.insert(id.to_owned()) {
            return false;
        }
        self.seen_in_order.push_back(id.to_owned());
        if self.seen_in_order.len() > REMEMBERED_IDS
            && let Some(oldest) = self.seen_in_order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

//! Shell, control and stdin are ROUTER sockets: this reads requests from one and
//! writes replies to it.
//!
//! A message that cannot be verified or read is logged and dropped here: it gets no
//! answer and has no effect. A message id that came before, on whichever of the three
//! sockets, is refused ([`super::replays`]). A verified request whose content lacks a field
//! is handed on as it is, for an error reply.

use super::replays::SeenMessages;
use jupyter_protocol::messaging::UnknownMessage;
use jupyter_protocol::{JupyterMessage, JupyterMessageContent};
use jupyter_zmq_client::RuntimeError;
use jupyter_zmq_client::connection::{KernelShellConnection, RawMessage, RouterRecvConnection};
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::sync::mpsc;
use zeromq::SocketRecv;

const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(10);

/// Sends replies; cheap to clone.
pub type Replies = mpsc::UnboundedSender<JupyterMessage>;

/// The receiving half of a ROUTER socket.
pub struct Requests {
    connection: RouterRecvConnection,
    channel: &'static str,
    seen: SeenMessages,
}

/// Splits a socket into its requests and a task that writes replies.
pub fn open(
    connection: KernelShellConnection,
    channel: &'static str,
    seen: &SeenMessages,
) -> (Requests, Replies) {
    // Who sent a request has connected; who is asked on stdin may be about to.
    let attempts = if channel == "stdin" { 200 } else { 1 };
    let (mut sender, receiver) = connection.split();
    let (replies, mut queue) = mpsc::unbounded_channel::<JupyterMessage>();
    tokio::spawn(async move {
        while let Some(reply) = queue.recv().await {
            let mut attempts_left = attempts;
            while let Err(error) = sender.send(reply.clone()).await {
                attempts_left -= 1;
                if attempts_left == 0 {
                    // The client is gone; libzmq would drop the message silently, too.
                    tracing::debug!(%error, channel, "reply not sent");
                    break;
                }
                tokio::time::sleep(BETWEEN_ATTEMPTS).await;
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
            match self.receive().await {
                Ok(Some(message)) => return message,
                Ok(None) => tracing::warn!(channel = self.channel, "repeated message dropped"),
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

    /// A message that is signed and readable; none for one that came before.
    async fn receive(&mut self) -> Result<Option<JupyterMessage>, RuntimeError> {
        let multipart = self.connection.socket.recv().await?;
        let raw = RawMessage::from_multipart(multipart, &self.connection.mac)?;
        let signed: Vec<_> = raw.jparts.iter().take(SIGNED_PARTS).cloned().collect();
        let message = decode(raw)?;
        Ok(self.seen.is_new(&signed).then_some(message))
    }
}

/// Header, parent header, metadata and content; buffers behind them are not signed.
const SIGNED_PARTS: usize = 4;

/// Reads a verified message. Content that is not of its type's form stays untyped: clients
/// leave out fields that jupyter-protocol insists on, and deserve an answer.
fn decode(raw: RawMessage) -> Result<JupyterMessage, RuntimeError> {
    let [header, parent, metadata, content, buffers @ ..] = &raw.jparts[..] else {
        return Err(RuntimeError::InsufficientMessageParts(raw.jparts.len()));
    };
    let header: jupyter_protocol::Header = serde_json::from_slice(header)?;
    let content: Map<String, Value> = serde_json::from_slice(content)?;
    let content = Value::Object(content);
    let typed = JupyterMessageContent::from_type_and_content(&header.msg_type, content.clone());
    Ok(JupyterMessage {
        content: typed.unwrap_or_else(|error| {
            tracing::debug!(%error, msg_type = header.msg_type, "content stays untyped");
            JupyterMessageContent::UnknownMessage(UnknownMessage {
                msg_type: header.msg_type.clone(),
                content,
            })
        }),
        zmq_identities: raw.zmq_identities,
        header,
        // A request has an empty one, which is no header.
        parent_header: serde_json::from_slice(parent).ok(),
        metadata: serde_json::from_slice(metadata)?,
        buffers: buffers.to_vec(),
        channel: None,
    })
}

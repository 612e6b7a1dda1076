//! Builds the messages the kernel sends, on top of jupyter-protocol's types.
//!
//! Contents go out as JSON values: some fields of the current specification (such as
//! `supported_features` or the status `aborted`) have no place in the typed structs.
//! What the kernel receives stays typed; see [`crate::dispatch`].

use bytes::Bytes;
use jupyter_protocol::{JupyterMessage, JupyterMessageContent, messaging::UnknownMessage};
use serde_json::{Value, json};

/// Messaging protocol this kernel speaks: XPUB, kernel_info on control and `supported_features`
/// came with it.
pub const PROTOCOL_VERSION: &str = "5.5";

/// A message that answers or accompanies `parent`, addressed to whoever sent it.
#[must_use]
pub fn child_of(parent: &JupyterMessage, msg_type: &str, content: Value) -> JupyterMessage {
    let message = without_parent(msg_type, content);
    let session = message.header.session.clone();
    let mut message = message.with_parent(parent);
    message.header.session = session;
    message
}

/// A message for IOPub: the parent's header, and the type as the topic.
#[must_use]
pub fn broadcast(
    parent: Option<&JupyterMessage>,
    msg_type: &str,
    content: Value,
) -> JupyterMessage {
    let message = match parent {
        Some(parent) => child_of(parent, msg_type, content),
        None => without_parent(msg_type, content),
    };
    message.with_zmq_identities(vec![Bytes::from(format!("kernel.{msg_type}"))])
}

/// The kernel's state for one request: `busy`, then `idle`.
#[must_use]
pub fn status(parent: Option<&JupyterMessage>, state: &str) -> JupyterMessage {
    broadcast(parent, "status", json!({ "execution_state": state }))
}

fn without_parent(msg_type: &str, content: Value) -> JupyterMessage {
    let content = JupyterMessageContent::UnknownMessage(UnknownMessage {
        msg_type: msg_type.to_owned(),
        content,
    });
    let mut message = JupyterMessage::new(content, None);
    message.header.username = "torchbook".to_owned();
    message.header.version = PROTOCOL_VERSION.to_owned();
    message
}

/// A message's content as it was sent.
#[must_use]
pub fn content(message: &JupyterMessage) -> Value {
    match &message.content {
        JupyterMessageContent::UnknownMessage(unknown) => unknown.content.clone(),
        // Content that was read can be written.
        known => serde_json::to_value(known).unwrap_or_default(),
    }
}

/// The type of the reply to a request type.
#[must_use]
pub fn reply_type(request_type: &str) -> String {
    format!(
        "{}_reply",
        request_type
            .strip_suffix("_request")
            .unwrap_or(request_type)
    )
}

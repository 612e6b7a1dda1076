//! What came of a request, and messages as lines that tests compare.

use jupyter_protocol::{JupyterMessage, JupyterMessageContent};
use serde_json::Value;

/// What came of one request.
#[derive(Debug)]
pub struct Transcript {
    /// The reply's content.
    pub reply: Value,
    /// IOPub messages of this request, busy and idle included, one line each: see [`line`].
    pub iopub: Vec<String>,
    /// The same messages, whole.
    pub messages: Vec<JupyterMessage>,
}

/// The id of the request a message belongs to.
pub fn parent_of(message: &JupyterMessage) -> Option<&str> {
    message
        .parent_header
        .as_ref()
        .map(|header| header.msg_id.as_str())
}

/// A message's content as JSON, whatever its type.
pub fn content_of(message: &JupyterMessage) -> Value {
    match &message.content {
        JupyterMessageContent::UnknownMessage(unknown) => unknown.content.clone(),
        known => serde_json::to_value(known).unwrap(),
    }
}

/// An IOPub message as one line that reads like what happened.
pub fn line(message: &JupyterMessage) -> String {
    let content = content_of(message);
    let text = |name: &str| content[name].as_str().unwrap_or_default().to_owned();
    let id = || {
        content["transient"]["display_id"]
            .as_str()
            .map(|id| format!(" #{id}"))
            .unwrap_or_default()
    };
    match message.message_type() {
        "status" => text("execution_state"),
        "execute_input" => format!("input [{}]", content["execution_count"]),
        "stream" => format!("{}: {:?}", text("name"), text("text")),
        "execute_result" => format!(
            "result [{}] {}",
            content["execution_count"], content["data"]
        ),
        "display_data" => format!("display{} {}", id(), content["data"]),
        "update_display_data" => format!("update{} {}", id(), content["data"]),
        "error" => format!("error {}: {}", text("ename"), text("evalue")),
        "clear_output" => format!("clear wait={}", content["wait"]),
        other => format!("{other} {content}"),
    }
}

//! A kernel's message as a notebook needs it.
//!
//! jupyter-zmq-client checks the signature and cuts the frames; the content stays JSON, because
//! a notebook stores display data as it was sent. (The typed messages sort MIME types into an
//! enum and refuse a display without metadata.)

use jupyter_zmq_client::RawMessage;
use serde_json::Value;

/// One message, whatever its type.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    /// For example `stream` or `execute_reply`.
    pub(super) kind: String,
    /// The id of the request that this message belongs to, empty if none.
    pub(super) parent_id: String,
    /// When it was sent, as the kernel wrote it.
    pub(super) date: String,
    /// The content.
    pub(super) content: Value,
}

impl Message {
    /// Reads a message out of its frames.
    ///
    /// # Errors
    /// Says which frame is not JSON.
    pub(super) fn decode(raw: &RawMessage) -> Result<Self, String> {
        let part = |index: usize, name: &str| -> Result<Value, String> {
            let bytes = raw
                .jparts
                .get(index)
                .ok_or_else(|| format!("{name} is missing"))?;
            serde_json::from_slice(bytes).map_err(|error| format!("{name} is not JSON: {error}"))
        };
        let (header, parent) = (part(0, "header")?, part(1, "parent_header")?);
        Ok(Message {
            kind: text(&header, "msg_type").to_owned(),
            parent_id: text(&parent, "msg_id").to_owned(),
            date: text(&header, "date").to_owned(),
            content: part(3, "content")?,
        })
    }

    /// A string field of the content, empty if it is missing.
    pub(super) fn text(&self, field: &str) -> &str {
        text(&self.content, field)
    }

    /// Whether this is the `status: idle` that ends a request's output.
    pub(super) fn is_idle(&self) -> bool {
        self.kind == "status" && self.text("execution_state") == "idle"
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or("")
}

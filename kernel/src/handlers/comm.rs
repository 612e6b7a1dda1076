//! Comms: channels that a client opens to a part of the kernel that it names. No such part
//! exists here, which the specification wants said: an open is answered by a close.

use crate::messages;
use crate::server::Kernel;
use jupyter_protocol::{CommOpen, JupyterMessage};
use serde_json::{Value, json};

/// Closes what was opened, on IOPub; a comm_open has no reply.
pub async fn open(kernel: &Kernel, request: &JupyterMessage, open: &CommOpen) {
    tracing::debug!(target = open.target_name, "comm to an unknown target");
    let close = json!({ "comm_id": open.comm_id.0, "data": {} });
    kernel
        .session
        .iopub
        .send(messages::broadcast(Some(request), "comm_close", close))
        .await;
}

/// The reply to comm_info_request: which comms are open, whatever target it asks for.
pub fn info() -> Value {
    json!({ "status": "ok", "comms": {} })
}

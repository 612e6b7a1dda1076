//! shutdown_request: says good-bye everywhere, then lets the server end.

use crate::messages;
use crate::server::Kernel;
use jupyter_protocol::JupyterMessage;
use serde_json::{Value, json};

/// Tells all clients on IOPub and asks the server to end once the reply is out.
pub async fn shutdown(kernel: &Kernel, request: &JupyterMessage, restart: bool) -> Value {
    let content = json!({ "status": "ok", "restart": restart });
    let broadcast = messages::broadcast(Some(request), "shutdown_reply", content.clone());
    kernel.session.iopub.send(broadcast).await;
    kernel.request_end();
    content
}

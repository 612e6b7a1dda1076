//! Which handler serves which request, and the busy and idle around it.
//!
//! Every request gets one busy, one reply and one idle, whatever its handler does: the
//! handler runs as a task, so that even a panic in it becomes an error reply. Execute
//! requests come through here one at a time, see [`crate::server`].

use crate::handlers;
use crate::messages;
use crate::server::Kernel;
use crate::sockets::router::Replies;
use jupyter_protocol::{JupyterMessage, JupyterMessageContent};
use serde_json::{Value, json};
use std::sync::Arc;

/// Serves one request completely.
pub async fn serve(kernel: Arc<Kernel>, request: JupyterMessage, replies: Replies) {
    let iopub = &kernel.session.iopub;
    iopub.send(messages::status(Some(&request), "busy")).await;
    let handler = tokio::spawn(handle(Arc::clone(&kernel), request.clone()));
    let content = match handler.await {
        Ok(content) => content,
        Err(panic) => {
            tracing::error!(%panic, message_type = request.message_type(), "a handler failed");
            Some(error(
                "KernelError",
                "the kernel failed on this request (details in its log)",
            ))
        }
    };
    if let Some(content) = content {
        let msg_type = messages::reply_type(request.message_type());
        if replies
            .send(messages::child_of(&request, &msg_type, content))
            .is_err()
        {
            tracing::error!("the replies' task has ended");
        }
    }
    iopub.send(messages::status(Some(&request), "idle")).await;
}

/// The content of the reply; none for messages that have no reply.
async fn handle(kernel: Arc<Kernel>, request: JupyterMessage) -> Option<Value> {
    use JupyterMessageContent as Content;
    Some(match &request.content {
        Content::ExecuteRequest(execute) => {
            handlers::execute::execute(&kernel, &request, execute).await
        }
        Content::KernelInfoRequest(_) => handlers::kernel_info::reply(),
        Content::IsCompleteRequest(is_complete) => handlers::is_complete::reply(&is_complete.code),
        Content::CompleteRequest(complete) => handlers::complete::reply(complete),
        Content::InspectRequest(_) => {
            json!({ "status": "ok", "found": false, "data": {}, "metadata": {} })
        }
        Content::HistoryRequest(_) => json!({ "status": "ok", "history": [] }),
        Content::CommInfoRequest(_) => json!({ "status": "ok", "comms": {} }),
        Content::CommOpen(open) => {
            // No target is known: the specification asks for a close in answer.
            let close = json!({ "comm_id": open.comm_id.0, "data": {} });
            kernel
                .session
                .iopub
                .send(messages::broadcast(Some(&request), "comm_close", close))
                .await;
            return None;
        }
        Content::CommMsg(_) | Content::CommClose(_) => return None,
        // The interrupt itself was done when the request came in.
        Content::InterruptRequest(_) => json!({ "status": "ok" }),
        Content::ShutdownRequest(shutdown) => {
            handlers::shutdown::shutdown(&kernel, &request, shutdown.restart).await
        }
        other => {
            let message_type = other.message_type();
            tracing::info!(message_type, "unknown request");
            if !message_type.ends_with("_request") {
                return None;
            }
            error(
                "UnknownRequest",
                &format!("this kernel does not know `{message_type}`"),
            )
        }
    })
}

/// The content of an error reply.
pub fn error(ename: &str, evalue: &str) -> Value {
    json!({ "status": "error", "ename": ename, "evalue": evalue, "traceback": [] })
}

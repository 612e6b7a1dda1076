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
    if comes_from_a_person(request.message_type()) {
        kernel.expect_questions();
    }
    Some(match &request.content {
        Content::ExecuteRequest(execute) => {
            handlers::execute::execute(&kernel, &request, execute).await
        }
        Content::KernelInfoRequest(_) => handlers::kernel_info::reply(),
        Content::IsCompleteRequest(is_complete) => handlers::is_complete::reply(&is_complete.code),
        Content::CompleteRequest(complete) => handlers::complete::reply(&kernel, complete).await,
        Content::InspectRequest(inspect) => handlers::inspect::reply(&kernel, inspect).await,
        _ if request.message_type() == "history_request" => {
            handlers::history::reply(&kernel, messages::content(&request)).await
        }
        Content::CommInfoRequest(_) => handlers::comm::info(),
        Content::CommOpen(open) => {
            handlers::comm::open(&kernel, &request, open).await;
            return None;
        }
        Content::CommMsg(_) | Content::CommClose(_) => return None,
        // The interrupt itself was done when the request came in.
        Content::InterruptRequest(_) => json!({ "status": "ok" }),
        Content::ShutdownRequest(shutdown) => {
            handlers::shutdown::shutdown(&kernel, &request, shutdown.restart).await
        }
        Content::UnknownMessage(other) if other.msg_type == "usage_request" => {
            handlers::usage::reply(&kernel).await
        }
        other => return not_understood(other),
    })
}

/// Whether a request is one that only clients send in which somebody types.
fn comes_from_a_person(message_type: &str) -> bool {
    matches!(
        message_type,
        "comm_info_request"
            | "complete_request"
            | "history_request"
            | "inspect_request"
            | "is_complete_request"
    )
}

/// Says what is wrong with a request that no handler takes; other messages have no reply.
fn not_understood(content: &JupyterMessageContent) -> Option<Value> {
    let message_type = content.message_type();
    let read = match content {
        JupyterMessageContent::UnknownMessage(raw) => {
            JupyterMessageContent::from_type_and_content(message_type, raw.content.clone())
                .map(drop)
        }
        _ => Ok(()),
    };
    let (ename, evalue) = match read {
        Ok(()) => (
            "UnknownRequest",
            format!("this kernel does not know `{message_type}`"),
        ),
        Err(error) => (
            "MalformedRequest",
            format!("the content of this `{message_type}` cannot be read: {error}"),
        ),
    };
    tracing::info!(message_type, evalue, "message not understood");
    message_type
        .ends_with("_request")
        .then(|| error(ename, &evalue))
}

/// The content of an error reply.
pub fn error(ename: &str, evalue: &str) -> Value {
    json!({ "status": "error", "ename": ename, "evalue": evalue, "traceback": [] })
}

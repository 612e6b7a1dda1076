//! execute_request: the heart. Counts, broadcasts the input, lets the evaluator run
//! the cell and words the outcome; output streams by itself through the session.

use crate::evaluator::CellError;
use crate::messages;
use crate::server::Kernel;
use crate::session::Cell;
use jupyter_protocol::{ExecuteRequest, JupyterMessage};
use serde_json::{Value, json};

/// Runs one cell; the caller makes sure that they come one at a time.
pub async fn execute(kernel: &Kernel, request: &JupyterMessage, execute: &ExecuteRequest) -> Value {
    let iopub = &kernel.session.iopub;
    let counts = execute.store_history && !execute.silent;
    let execution_count = kernel.execution_count(counts);
    kernel.session.set_cell(Cell {
        request: request.clone(),
        execution_count,
        allow_stdin: execute.allow_stdin,
        silent: execute.silent,
        in_history: counts,
    });
    if counts {
        kernel.session.history.input(execution_count, &execute.code);
    }
    if !execute.silent {
        let input = json!({ "code": execute.code, "execution_count": execution_count });
        iopub
            .send(messages::broadcast(Some(request), "execute_input", input))
            .await;
    }
    if execute.code.trim().is_empty() {
        return ok(execution_count);
    }
    if let Some(payload) = super::inspect::page(kernel, &execute.code).await {
        let mut reply = ok(execution_count);
        reply["payload"] = payload;
        return reply;
    }
    match kernel.evaluate(execute.code.clone(), execution_count).await {
        Ok(()) => ok(execution_count),
        Err(error) => {
            let content = error_content(&error);
            iopub
                .send(messages::broadcast(Some(request), "error", content.clone()))
                .await;
            if execute.stop_on_error {
                kernel.abort_queued();
            }
            let mut reply = content;
            reply["status"] = json!("error");
            reply["execution_count"] = json!(execution_count);
            reply["user_expressions"] = json!({});
            reply["payload"] = json!([]);
            reply
        }
    }
}

/// The reply to a cell that was queued behind one that failed.
pub fn aborted(execution_count: usize) -> Value {
    json!({ "status": "aborted", "execution_count": execution_count, "user_expressions": {}, "payload": [] })
}

fn ok(execution_count: usize) -> Value {
    json!({ "status": "ok", "execution_count": execution_count, "user_expressions": {}, "payload": [] })
}

fn error_content(error: &CellError) -> Value {
    json!({ "ename": error.ename, "evalue": error.evalue, "traceback": error.traceback })
}

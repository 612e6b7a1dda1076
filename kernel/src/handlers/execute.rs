//! execute_request: the heart. Counts, broadcasts the input, lets the evaluator run
//! the cell and words the outcome; output streams by itself through the session.

use crate::evaluator::{CellError, command_steps};
use crate::messages;
use crate::server::Kernel;
use crate::session::Cell;
use jupyter_protocol::{ExecuteRequest, JupyterMessage};
use serde_json::{Map, Value, json};

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
    let outcome = match super::inspect::page(kernel, &execute.code).await {
        Some(payload) => Ok(payload),
        None if command_steps::is_quit(&execute.code) => {
            Ok(json!([{ "source": "ask_exit", "keepkernel": false }]))
        }
        None if execute.code.trim().is_empty() => Ok(json!([])),
        None => {
            let ran = kernel.execute(execute.code.clone(), execution_count).await;
            ran.map(|()| json!([]))
        }
    };
    match outcome {
        Ok(payload) => {
            let values = user_expressions(kernel, execute).await;
            reply("ok", execution_count, payload, values)
        }
        Err(error) => {
            if !execute.silent {
                let content = error_content(&error);
                iopub
                    .send(messages::broadcast(Some(request), "error", content))
                    .await;
                if execute.stop_on_error {
                    kernel.abort_queued();
                }
            }
            let mut reply = reply("error", execution_count, json!([]), Map::new());
            add(&mut reply, &error);
            reply
        }
    }
}

/// What the client wants to know after the cell: for each expression its value, or why there is
/// none. A failing one fails nothing else.
async fn user_expressions(kernel: &Kernel, execute: &ExecuteRequest) -> Map<String, Value> {
    let mut wanted: Vec<_> = execute.user_expressions.iter().flatten().collect();
    wanted.sort();
    let mut values = Map::new();
    for (name, expression) in wanted {
        let value = match kernel.evaluate(expression.clone()).await {
            Ok(shown) => {
                json!({ "status": "ok", "data": shown.data, "metadata": shown.metadata })
            }
            Err(error) => {
                let mut value = json!({ "status": "error" });
                add(&mut value, &error);
                value
            }
        };
        values.insert(name.clone(), value);
    }
    values
}

/// The reply to a cell that was queued behind one that failed. It has no number: front ends would
/// show it beside the cell, as if that had run.
pub fn aborted() -> Value {
    json!({ "status": "aborted" })
}

fn reply(
    status: &str,
    execution_count: usize,
    payload: Value,
    user_expressions: Map<String, Value>,
) -> Value {
    json!({
        "status": status,
        "execution_count": execution_count,
        "payload": payload,
        "user_expressions": user_expressions,
    })
}

fn error_content(error: &CellError) -> Value {
    json!({ "ename": error.ename, "evalue": error.evalue, "traceback": error.traceback })
}

/// The fields of an error, in a content that has others.
fn add(content: &mut Value, error: &CellError) {
    content["ename"] = json!(error.ename);
    content["evalue"] = json!(error.evalue);
    content["traceback"] = json!(error.traceback);
}

//! complete_request: what may stand at the cursor, with kinds and types.

use super::cursor;
use crate::analysis::Completions;
use crate::server::Kernel;
use jupyter_protocol::CompleteRequest;
use serde_json::{Value, json};

/// The reply's content. Answered while a cell runs, too.
pub async fn reply(kernel: &Kernel, request: &CompleteRequest) -> Value {
    let code = request.code.clone();
    let byte = cursor::to_byte(&code, request.cursor_pos);
    let found = kernel
        .ask(move |analysis| analysis.complete(&code, byte))
        .await
        .unwrap_or_else(|| Completions::none(byte));
    content(&request.code, &found)
}

/// `_jupyter_types_experimental` is what ipykernel calls it, and where JupyterLab looks for kinds.
fn content(code: &str, found: &Completions) -> Value {
    let start = cursor::from_byte(code, found.range.start);
    let end = cursor::from_byte(code, found.range.end);
    let matches: Vec<&str> = found.items.iter().map(|item| item.text.as_str()).collect();
    let types: Vec<Value> = found
        .items
        .iter()
        .map(|item| {
            json!({
                "text": item.text,
                "type": item.kind,
                "signature": item.signature,
                "start": start,
                "end": end,
            })
        })
        .collect();
    json!({
        "status": "ok",
        "matches": matches,
        "cursor_start": start,
        "cursor_end": end,
        "metadata": { "_jupyter_types_experimental": types },
    })
}

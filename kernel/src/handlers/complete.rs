//! complete_request: what may stand at the cursor.

use jupyter_protocol::CompleteRequest;
use serde_json::{Value, json};

/// The reply's content: no matches.
pub fn reply(request: &CompleteRequest) -> Value {
    json!({
        "status": "ok",
        "matches": [],
        "cursor_start": request.cursor_pos,
        "cursor_end": request.cursor_pos,
        "metadata": {},
    })
}

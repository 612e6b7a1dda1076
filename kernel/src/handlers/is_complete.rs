//! is_complete_request: may a console run what was typed, or is more to come?

use crate::analysis::completeness::{self, Completeness};
use crate::handlers::inspect::asked_name;
use serde_json::{Value, json};

/// The reply's content.
pub fn reply(code: &str) -> Value {
    if asked_name(code).is_some() {
        return json!({ "status": "complete" });
    }
    match completeness::of(code) {
        Completeness::Complete => json!({ "status": "complete" }),
        Completeness::Incomplete { indent } => json!({ "status": "incomplete", "indent": indent }),
        Completeness::Invalid => json!({ "status": "invalid" }),
    }
}

//! is_complete_request: may a console run what was typed, or is more to come?

use crate::analysis::completeness::{self, Completeness};
use serde_json::{Value, json};

/// The reply's content.
pub fn reply(code: &str) -> Value {
    match completeness::of(code) {
        Completeness::Complete => json!({ "status": "complete" }),
        Completeness::Incomplete { indent } => json!({ "status": "incomplete", "indent": indent }),
        Completeness::Invalid => json!({ "status": "invalid" }),
    }
}

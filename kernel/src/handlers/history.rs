//! history_request: what was executed, in this session and before.
//!
//! What clients leave out has the defaults of IPython. The source is kept as it was typed,
//! so `raw` makes no difference.

use crate::dispatch;
use crate::history::{Entry, Query};
use crate::server::Kernel;
use serde::Deserialize;
use serde_json::{Value, json};

/// How many cells a tail has when the client does not say.
const TAIL: i64 = 10;

/// The request's content; jupyter-protocol's own type insists on fields that clients leave out.
#[derive(Debug, Deserialize)]
struct HistoryRequest {
    #[serde(flatten)]
    access: Access,
    output: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "hist_access_type", rename_all = "snake_case")]
enum Access {
    Tail {
        n: Option<i64>,
    },
    Range {
        session: Option<i64>,
        start: Option<i64>,
        stop: Option<i64>,
    },
    Search {
        pattern: Option<String>,
        n: Option<i64>,
        unique: Option<bool>,
    },
}

/// The reply's content.
pub async fn reply(kernel: &Kernel, content: Value) -> Value {
    let request: HistoryRequest = match serde_json::from_value(content) {
        Ok(request) => request,
        Err(error) => {
            let evalue = format!("the content of this `history_request` cannot be read: {error}");
            return dispatch::error("MalformedRequest", &evalue);
        }
    };
    let with_output = request.output.unwrap_or(false);
    let entries = kernel.session.history.find(query(request.access)).await;
    let history: Vec<Value> = entries
        .into_iter()
        .map(|entry| content_of(entry, with_output))
        .collect();
    json!({ "status": "ok", "history": history })
}

fn query(access: Access) -> Query {
    match access {
        Access::Tail { n } => Query::Tail {
            n: n.unwrap_or(TAIL),
        },
        Access::Range {
            session,
            start,
            stop,
        } => Query::Range {
            session: session.unwrap_or(0),
            start: start.unwrap_or(1),
            stop,
        },
        Access::Search { pattern, n, unique } => Query::Search {
            pattern: pattern.unwrap_or_else(|| "*".into()),
            n,
            unique: unique.unwrap_or(false),
        },
    }
}

fn content_of(entry: Entry, with_output: bool) -> Value {
    if with_output {
        json!([entry.session, entry.line, [entry.source, entry.output]])
    } else {
        json!([entry.session, entry.line, entry.source])
    }
}

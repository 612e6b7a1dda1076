//! kernel_info_request: who we are. Answered at once, also while the evaluator warms up.

use crate::messages::PROTOCOL_VERSION;
use serde_json::{Value, json};

/// The reply's content.
/// See <https://jupyter-client.readthedocs.io/en/latest/messaging.html#kernel-info>.
pub fn reply() -> Value {
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "status": "ok",
        "protocol_version": PROTOCOL_VERSION,
        "implementation": "torchbook",
        "implementation_version": version,
        "language_info": {
            "name": "rust",
            "version": env!("CARGO_PKG_RUST_VERSION"),
            "mimetype": "text/rust",
            "file_extension": ".rs",
            "pygments_lexer": "rust",
            "codemirror_mode": "rust",
            "nbconvert_exporter": "script",
        },
        "banner": format!("torchbook {version}: deep learning in Rust notebooks"),
        "help_links": [
            { "text": "The Rust book", "url": "https://doc.rust-lang.org/book/" },
            { "text": "tch", "url": "https://docs.rs/tch" },
            { "text": "plotters", "url": "https://docs.rs/plotters" },
        ],
        "debugger": false,
        "supported_features": [],
    })
}

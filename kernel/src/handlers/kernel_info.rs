//! kernel_info_request: who we are. Answered at once, also while the evaluator warms up.

use crate::messages::PROTOCOL_VERSION;
use crate::setup::prepared::locked_version;
use serde_json::{Value, json};

/// The compiler this program was built with; cells are compiled by the same, or by a newer one.
const RUSTC_VERSION: &str = env!("TORCHBOOK_RUSTC_VERSION");

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
            "version": RUSTC_VERSION,
            "mimetype": "text/rust",
            "file_extension": ".rs",
            "pygments_lexer": "rust",
            "codemirror_mode": "rust",
            "nbconvert_exporter": "script",
        },
        "banner": banner(version),
        "help_links": [
            { "text": "The Rust book", "url": "https://doc.rust-lang.org/book/" },
            { "text": "The Rust standard library", "url": "https://doc.rust-lang.org/std/" },
            { "text": "tch (tensors)", "url": "https://docs.rs/tch" },
            { "text": "plotters (figures)", "url": "https://docs.rs/plotters" },
            { "text": "evcxr (commands such as :dep)", "url": "https://github.com/evcxr/evcxr/blob/main/COMMON.md" },
        ],
        // Neither a debugger nor subshells.
        "supported_features": [],
        // Deprecated in 5.5 in favour of the line above; older clients still look for it.
        "debugger": false,
    })
}

fn banner(version: &str) -> String {
    let [evcxr, tch] = ["evcxr", "tch"].map(locked_version);
    format!(
        "torchbook {version}: deep learning in Rust notebooks\n\
         Rust {RUSTC_VERSION}, evcxr {evcxr}, tch {tch}\n\
         `name?` documents a name, `:help` lists the commands."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_names_real_versions() {
        let banner = banner("1.2.3");
        let versions = regex::Regex::new(
            r"^torchbook 1\.2\.3: .*\nRust 1\.\d+\.\d+\S*, evcxr 0\.\d+\.\d+, tch 0\.\d+\.\d+\n",
        );
        assert!(versions.unwrap().is_match(&banner), "{banner}");
    }
}

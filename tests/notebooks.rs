//! The notebooks, executed and compared with their stored outputs, as a user would.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

#[test]
fn the_notebooks_still_say_what_they_show() {
    let notebooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../notebooks");
    let status = Command::new(env!("CARGO_BIN_EXE_torchbook"))
        .arg("test")
        .arg(notebooks)
        .status()
        .unwrap();
    assert!(
        status.success(),
        "a notebook differs from what it shows, see above"
    );
}

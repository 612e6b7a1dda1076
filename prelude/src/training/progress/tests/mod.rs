//! The frames of whole trainings and loops, by clocks of the tests' own. As in
//! tests/display_frames.rs, a test runs itself again as the child process and reads its stdout.

mod fit;
mod loops;

use std::process::Command;

use serde_json::Value;

/// Set for the process that plays the child.
const CHILD: &str = "TORCHBOOK_TEST_CHILD";

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// What the child's stdout holds; frames only if a kernel is said to read them.
fn run_child(test: &str, frames: bool) -> String {
    let program = std::env::current_exe().expect("the test's own path");
    let test = format!("training::progress::tests::{test}");
    let output = Command::new(program)
        .args(["--exact", &test, "--nocapture"])
        .env(CHILD, "1")
        .env("TORCHBOOK_FRAMES", if frames { "1" } else { "0" })
        .output()
        .expect("the test can run itself");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}

fn all_frames(test: &str) -> Vec<Value> {
    let stdout = run_child(test, true);
    let lines = stdout.split("\x1eTORCHBOOK ").skip(1);
    lines
        .map(|piece| serde_json::from_str(piece.lines().next().unwrap_or_default()))
        .collect::<Result<_, _>>()
        .expect("a frame is one line of JSON")
}

/// The frames, of which the first makes the display and all others replace it.
fn frames(test: &str) -> Vec<Value> {
    let frames = all_frames(test);
    let id = &frames[0]["display_id"];
    assert!(id.is_string());
    for (i, frame) in frames.iter().enumerate() {
        let kind = if i == 0 {
            "display_data"
        } else {
            "update_display_data"
        };
        assert_eq!((&frame["frame"], &frame["display_id"]), (&kind.into(), id));
    }
    frames
}

fn form<'a>(frame: &'a Value, mime: &str) -> &'a str {
    frame["data"][mime].as_str().unwrap_or_default()
}

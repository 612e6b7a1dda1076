//! Cells on the real evaluator: Rust compiled by evcxr, with the prelude in scope.
//!
//! Starting such a kernel takes seconds, so a test tells a story of several cells.

use crate::client::{Client, Transcript};
use std::sync::{Mutex, MutexGuard};

/// Real kernels run one at a time: two compilers at once make libtorch crawl.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The lines between input and idle.
pub fn shown(transcript: &Transcript) -> &[String] {
    &transcript.iopub[2..transcript.iopub.len() - 1]
}

#[test]
fn values_output_and_errors_of_cells() {
    let _alone = alone();
    let mut client = Client::real();

    assert_eq!(shown(&client.run("let a = 20;")), [""; 0]);
    assert_eq!(
        shown(&client.run("a + 22")),
        [r#"result [2] {"text/plain":"42"}"#]
    );
    assert_eq!(shown(&client.run("()")), [""; 0]);

    let mixed = client.run(r#"print!("no newline"); a"#);
    assert_eq!(
        shown(&mixed),
        [
            r#"stdout: "no newline""#,
            r#"result [4] {"text/plain":"20"}"#
        ]
    );

    let tensor =
        client.run("(Tensor::from_slice(&[1.0f32, 2.0]) * 2.0).sum(Kind::Float).double_value(&[])");
    assert_eq!(shown(&tensor), [r#"result [5] {"text/plain":"6.0"}"#]);

    let wrong = client.run("let x = 1;\nlet é: i32 = \"zwei\";");
    assert_eq!(
        (&wrong.reply["status"], &wrong.reply["ename"]),
        (&"error".into(), &"CompileError".into())
    );
    let traceback = wrong.reply["traceback"].to_string();
    assert!(
        traceback.contains("cell [6], line 2, column 14"),
        "{traceback}"
    );
    assert_eq!(shown(&wrong).len(), 1, "{wrong:?}");

    let panicked = client.run("let b = 1;\npanic!(\"boom {b}\");");
    assert_eq!(shown(&panicked), ["error Panic: boom 1"]);
    assert!(
        panicked.reply["traceback"]
            .to_string()
            .contains("cell [7], line 2"),
        "{panicked:?}"
    );

    let failed = client.run("let n: i32 = \"x\".parse()?;");
    assert_eq!(failed.reply["evalue"], "invalid digit found in string");

    assert_eq!(
        shown(&client.run("a")),
        [r#"result [9] {"text/plain":"20"}"#],
        "a survived all of that"
    );
    assert!(client.shut_down().success());
}

#[test]
fn a_dead_cell_process_is_an_error_and_the_next_cell_runs() {
    let _alone = alone();
    let mut client = Client::real();
    client.run("fn twice(x: i32) -> i32 { 2 * x }\nlet gone = 1;");

    let exited = client.run("println!(\"last words\");\nstd::process::exit(3);");
    assert_eq!(shown(&exited)[0], r#"stdout: "last words\n""#);
    assert_eq!(exited.reply["ename"], "ProcessDied");
    assert!(
        exited.reply["evalue"]
            .as_str()
            .unwrap()
            .contains("exit status 3"),
        "{exited:?}"
    );
    assert!(
        exited.reply["traceback"].to_string().contains("gone"),
        "{exited:?}"
    );

    assert_eq!(
        shown(&client.run("twice(4)")),
        [r#"result [3] {"text/plain":"8"}"#]
    );
    assert!(client.shut_down().success());
}

#[test]
fn two_kernels_at_once_do_not_meet() {
    let _alone = alone();
    let mut one = Client::real();
    let mut two = Client::real();
    one.run("let x = 1; struct Thing { a: i32 }");
    two.run("let x = \"two\"; struct Thing { b: String }");
    assert_eq!(shown(&one.run("x")), [r#"result [2] {"text/plain":"1"}"#]);
    assert_eq!(
        shown(&two.run("x")),
        [r#"result [2] {"text/plain":"\"two\""}"#]
    );
    assert!(one.shut_down().success());
    assert_eq!(
        shown(&two.run("Thing { b: x.to_string() }.b")),
        [r#"result [3] {"text/plain":"\"two\""}"#]
    );
    assert!(two.shut_down().success());
}

#[test]
fn figures_and_frames_arrive_in_order_with_text() {
    let _alone = alone();
    let mut client = Client::real();
    let transcript = client.run(
        "println!(\"first\");\n\
         println!(\"EVCXR_BEGIN_CONTENT text/html\\n<b>1</b>\\nEVCXR_END_CONTENT\");\n\
         println!(\"EVCXR_BEGIN_CONTENT text/html\\n<b>2</b>\\nEVCXR_END_CONTENT\");\n\
         println!(\"last\");",
    );
    assert_eq!(
        shown(&transcript),
        [
            r#"stdout: "first\n""#,
            r#"display {"text/html":"<b>1</b>"}"#,
            r#"display {"text/html":"<b>2</b>"}"#,
            r#"stdout: "last\n""#,
        ]
    );
    assert!(client.shut_down().success());
}

#[test]
fn the_program_can_be_started_by_a_cell() {
    // As `load_data` does for a dataset that is not there yet: the cell process hands on the
    // variable by which evcxr knows it.
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_torchbook"))
        .arg("--version")
        .env("EVCXR_IS_RUNTIME", "1")
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).starts_with("torchbook "),
        "{output:?}"
    );
}

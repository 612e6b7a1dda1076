//! evcxr's commands and `!` lines in a live kernel. `:dep` is in `dependencies.rs`.

use crate::cells::{alone, shown};
use crate::client::Client;
use jupyter_protocol::ExecuteRequest;

/// Runs a cell that shows a part and ends with this status.
#[track_caller]
fn check(client: &mut Client, code: &str, status: &str, part: &str) {
    let transcript = client.run(code);
    let all = shown(&transcript).join("\n");
    assert_eq!(transcript.reply["status"], status, "{code}: {all}");
    assert!(
        all.contains(part),
        "{code} should show {part}, showed {all}"
    );
}

#[test]
fn shell_lines_stream_fail_and_stop() {
    let _alone = alone();
    let mut client = Client::real();
    client.run("let kept = 41;");
    check(
        &mut client,
        "!echo out; echo err >&2",
        "ok",
        "stdout: \"out\\n\"",
    );
    check(
        &mut client,
        "!printf 'é\\r'\nkept",
        "ok",
        "stdout: \"é\\r\"\nresult",
    );
    check(
        &mut client,
        ":env TORCHBOOK_TEST_WORD=word\n!echo \"<$TORCHBOOK_TEST_WORD$EVCXR_TMPDIR>\"",
        "ok",
        "<word>",
    );
    check(
        &mut client,
        "!exit 3\nlet never = 1;",
        "error",
        "error CommandFailed: `exit 3` ended with exit status 3",
    );
    check(&mut client, "never", "error", "CompileError");
    check(
        &mut client,
        "!which cargo | grep -c torchbook || true",
        "ok",
        "stdout: \"0\\n\"",
    );

    // Shown while it runs, and ended by the stop button.
    let id = client.send_shell(ExecuteRequest::new("!echo ready; sleep 1000\n1".into()));
    client.iopub_until(&id, |line| line == "stdout: \"ready\\n\"");
    client.control_request(jupyter_protocol::InterruptRequest {});
    let transcript = client.transcript(&id);
    assert_eq!(transcript.reply["ename"], "Interrupted");
    check(&mut client, "kept + 1", "ok", "\"42\"");
    assert!(client.shut_down().success());
}

#[test]
fn commands_do_what_evcxr_says_or_are_refused_by_name() {
    let _alone = alone();
    let mut client = Client::real();
    client.run("let a = 20; fn f() -> i32 { 3 }");
    for (code, status, part) in [
        (":vars", "ok", "a: i32"),
        (":type a", "ok", "a: i32"),
        (":type nothing", "error", "Variable does not exist: nothing"),
        (":help", "ok", ":last_error_json"),
        (":version", "ok", "0.22"),
        (":show_deps", "ok", "torchbook-prelude"),
        (":doc Vec", "ok", "contiguous growable array"),
        ("let x: i32 = \"no\";", "error", "E0308"),
        (":explain", "ok", "Expected type did not match"),
        (":nonsense", "error", "Unrecognised command"),
        (":dep", "error", "requires arguments"),
        (":opt 3\na + f()", "ok", "\"23\""),
        (
            ":opt 7\na",
            "error",
            "CommandRefused: :opt 7: expected 0, 1, 2, 3",
        ),
        ("a", "ok", "\"20\""),
        (
            ":linker lld\na",
            "error",
            "CommandRefused: :linker would build the prelude again",
        ),
        (":allow_static_linking 0", "error", "CommandRefused"),
        (":toolchain nightly", "error", "CommandRefused"),
        ("1\n:quit", "error", ""),
        (
            ":efmt {:?}\n\"x\".parse::<i32>()?;",
            "error",
            "InvalidDigit",
        ),
        (":efmt {}\n\"x\".parse::<i32>()?;", "error", "invalid digit"),
        (":timing\na + 1", "ok", "stderr: \"Took "),
        (":timing", "ok", "Timing: false"),
        (":restart", "ok", "variables are gone"),
        ("a", "error", "E0425"),
        ("let a = f();", "ok", ""),
        (":restart\nf()", "ok", "\"3\""),
        ("a", "error", "E0425"),
        // The prelude is there again after it.
        (
            ":clear\nTensor::from_slice(&[1.0f32]).size1()?",
            "ok",
            "\"1\"",
        ),
        ("f()", "error", "E0425"),
        ("let b = 5;", "ok", ""),
        ("b", "ok", "\"5\""),
    ] {
        check(&mut client, code, status, part);
    }
    let quit = client.run(":quit");
    assert_eq!(
        quit.reply["payload"],
        serde_json::json!([{ "source": "ask_exit", "keepkernel": false }])
    );
    assert!(client.shut_down().success());
}

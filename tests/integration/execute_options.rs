//! What the fields of an execute request change, on the scripted evaluator.

use crate::client::{Client, Transcript, parent_of};
use jupyter_protocol::{ExecuteRequest, InterruptRequest, KernelInfoRequest};
use serde_json::{Value, json};

fn silent(code: &str) -> ExecuteRequest {
    ExecuteRequest {
        silent: true,
        ..ExecuteRequest::new(code.into())
    }
}

fn asking(code: &str, expressions: &[(&str, &str)]) -> ExecuteRequest {
    let expressions = expressions
        .iter()
        .map(|(name, expression)| ((*name).to_owned(), (*expression).to_owned()));
    ExecuteRequest {
        user_expressions: Some(expressions.collect()),
        ..ExecuteRequest::new(code.into())
    }
}

fn count(transcript: &Transcript) -> &Value {
    &transcript.reply["execution_count"]
}

#[test]
fn the_count_rises_with_cells_that_store_history_only() {
    let mut client = Client::scripted();
    let mut run = |silent: bool, store_history: bool, code: &str| {
        client.execute(ExecuteRequest {
            silent,
            store_history,
            ..ExecuteRequest::new(code.into())
        })
    };
    assert_eq!(count(&run(false, false, "result 1")), 0);
    assert_eq!(count(&run(false, true, "result 1")), 1);
    assert_eq!(count(&run(true, true, "result 1")), 1);
    assert_eq!(count(&run(true, false, "result 1")), 1);
    let unstored = run(false, false, "result 1");
    assert_eq!(
        unstored.iopub[1..3],
        ["input [1]", r#"result [1] {"text/plain":"1"}"#]
    );
    assert_eq!(count(&run(false, true, "error A b")), 2);
    assert_eq!(count(&run(false, true, "")), 3);
    assert_eq!(count(&run(false, true, "result 1")), 4);
}

#[test]
fn a_silent_cell_broadcasts_nothing() {
    let mut client = Client::scripted();
    let transcript = client.execute(silent(
        "print x\neprint y\ndisplay text/plain z\nclear\nresult 1",
    ));
    assert_eq!(transcript.iopub, ["busy", "idle"]);
    assert_eq!(transcript.reply["status"], "ok");
    let next = client.run("result 2");
    assert_eq!(next.iopub[1], "input [1]");
}

#[test]
fn a_silent_cell_fails_in_its_reply_alone_and_aborts_nothing() {
    let mut client = Client::scripted();
    let failing = client.send_shell(silent("error A b"));
    let next = client.send_shell(ExecuteRequest::new("result 1".into()));
    let failed = client.transcript(&failing);
    assert_eq!(failed.iopub, ["busy", "idle"]);
    assert_eq!(
        (&failed.reply["status"], &failed.reply["ename"]),
        (&json!("error"), &json!("A"))
    );
    assert_eq!(client.transcript(&next).reply["status"], "ok");
}

#[test]
fn user_expressions_have_values_or_errors_and_show_nothing() {
    let mut client = Client::scripted();
    let transcript = client.execute(asking(
        "result 1",
        &[
            ("printing", "print x\nresult 2"),
            ("wrong", "error ValueError no"),
            ("asking", "input ?"),
        ],
    ));
    assert_eq!(
        transcript.iopub,
        [
            "busy",
            "input [1]",
            r#"result [1] {"text/plain":"1"}"#,
            "idle"
        ]
    );
    assert_eq!(transcript.reply["status"], "ok");
    let values = &transcript.reply["user_expressions"];
    assert_eq!(
        values["printing"],
        json!({ "status": "ok", "data": { "text/plain": "2" }, "metadata": {} })
    );
    let wrong = &values["wrong"];
    assert_eq!(
        (&wrong["status"], &wrong["ename"], &wrong["evalue"]),
        (&json!("error"), &json!("ValueError"), &json!("no"))
    );
    assert!(wrong["traceback"].is_array(), "{wrong}");
    assert_eq!(values["asking"]["ename"], "StdinNotAllowed");
}

#[test]
fn user_expressions_are_left_out_after_an_error_but_not_after_an_empty_cell() {
    let mut client = Client::scripted();
    let wanted = [("a", "result 1")];
    let failed = client.execute(asking("error A b", &wanted));
    assert_eq!(failed.reply["user_expressions"], json!({}));
    for request in [asking("", &wanted), asking("print x", &wanted)] {
        let reply = client.execute(request).reply;
        assert_eq!(reply["user_expressions"]["a"]["status"], "ok");
    }
    let silent = ExecuteRequest {
        silent: true,
        ..asking("", &wanted)
    };
    let reply = client.execute(silent).reply;
    assert_eq!(reply["user_expressions"]["a"]["data"]["text/plain"], "1");
}

#[test]
fn an_interrupt_ends_a_user_expression_and_not_the_cell() {
    let mut client = Client::scripted();
    let cell = client.send_shell(asking("print x", &[("endless", "wait-for-interrupt")]));
    client.iopub_until(&cell, |line| line.starts_with("stdout"));
    // The interrupt may come before the expression has begun, and is then forgotten.
    let reply = loop {
        client.control_request(InterruptRequest {});
        if let Some(reply) = client.reply_if_there() {
            break reply;
        }
    };
    assert_eq!(parent_of(&reply), Some(cell.as_str()));
    let content = crate::client::content_of(&reply);
    assert_eq!(content["status"], "ok");
    assert_eq!(
        content["user_expressions"]["endless"]["ename"],
        "Interrupted"
    );
}

#[test]
fn cells_queued_behind_an_error_are_aborted_and_later_ones_run() {
    let mut client = Client::scripted();
    let waiting = client.send_shell(ExecuteRequest::new("wait-for-interrupt".into()));
    let queued = client.send_shell(ExecuteRequest::new("print never".into()));
    // Both are in the queue once the kernel has answered something sent after them.
    client.iopub_until(&waiting, |line| line == "input [1]");
    let marker = client.send_shell(KernelInfoRequest {});
    let marker_reply = client.next_reply();
    assert_eq!(parent_of(&marker_reply), Some(marker.as_str()));
    client.control_request(InterruptRequest {});
    assert_eq!(client.transcript(&waiting).reply["ename"], "Interrupted");
    let aborted = client.transcript(&queued);
    // Without a number, which front ends would show beside the cell.
    assert_eq!(aborted.reply, json!({ "status": "aborted" }));
    assert_eq!(aborted.iopub, ["busy", "idle"]);
    assert_eq!(client.run("result 1").reply["status"], "ok");
}

#[test]
fn without_stop_on_error_queued_cells_run() {
    let mut client = Client::scripted();
    let request = ExecuteRequest {
        stop_on_error: false,
        ..ExecuteRequest::new("error A b".into())
    };
    let failing = client.send_shell(request);
    let next = client.send_shell(ExecuteRequest::new("result 1".into()));
    assert_eq!(client.transcript(&failing).reply["status"], "error");
    assert_eq!(client.transcript(&next).reply["status"], "ok");
}

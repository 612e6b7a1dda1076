//! Execute requests on the scripted evaluator: one transcript per promise. Options are in
//! `execute_options.rs`.

use crate::client::Client;
use jupyter_protocol::ExecuteRequest;
use serde_json::json;

#[test]
fn a_cell_is_busy_input_outputs_idle_in_this_order() {
    let mut client = Client::scripted();
    let transcript = client.run("print hello\neprint oh\ndisplay text/html <b>x</b>\nresult 42");
    assert_eq!(
        transcript.iopub,
        [
            "busy",
            "input [1]",
            r#"stdout: "hello\n""#,
            r#"stderr: "oh\n""#,
            r#"display {"text/html":"<b>x</b>"}"#,
            r#"result [1] {"text/plain":"42"}"#,
            "idle",
        ]
    );
    assert_eq!(
        (
            &transcript.reply["status"],
            &transcript.reply["execution_count"]
        ),
        (&json!("ok"), &json!(1))
    );
}

#[test]
fn an_error_is_one_message_and_the_reply_says_the_same() {
    let mut client = Client::scripted();
    let transcript = client.run("print before\nerror ValueError it is wrong\nprint never");
    assert_eq!(
        transcript.iopub,
        [
            "busy",
            "input [1]",
            r#"stdout: "before\n""#,
            "error ValueError: it is wrong",
            "idle"
        ]
    );
    for field in ["ename", "evalue", "traceback"] {
        let message = &transcript.messages[3];
        assert_eq!(
            transcript.reply[field],
            crate::client::content_of(message)[field],
            "{field}"
        );
    }
    assert_eq!(transcript.reply["status"], "error");
}

#[test]
fn displays_of_the_same_type_all_arrive_and_update_by_id() {
    let mut client = Client::scripted();
    let transcript = client.run(
        "display-id a text/plain 1\ndisplay text/plain 2\nupdate a text/plain 3\nclear-wait\nclear",
    );
    assert_eq!(
        transcript.iopub[2..7],
        [
            r#"display #a {"text/plain":"1"}"#,
            r#"display {"text/plain":"2"}"#,
            r#"update #a {"text/plain":"3"}"#,
            "clear wait=true",
            "clear wait=false",
        ]
    );
}

#[test]
fn input_is_asked_of_the_client_and_refused_where_it_allows_none() {
    let mut client = Client::scripted();
    let id = client.send_shell(ExecuteRequest {
        allow_stdin: true,
        ..ExecuteRequest::new("password who?".into())
    });
    let question = client.answer_input("me");
    assert_eq!(
        (&question["prompt"], &question["password"]),
        (&json!("who?"), &json!(true))
    );
    assert!(
        client
            .transcript(&id)
            .iopub
            .contains(&r#"stdout: "me\n""#.to_owned())
    );
    let request = ExecuteRequest {
        allow_stdin: false,
        ..ExecuteRequest::new("input who?".into())
    };
    assert_eq!(client.execute(request).reply["ename"], "StdinNotAllowed");
}

#[test]
fn idle_comes_after_the_last_of_many_lines() {
    let mut client = Client::scripted();
    let transcript = client.run("flood 20000");
    assert_eq!(transcript.iopub.len(), 20_003);
    assert_eq!(transcript.iopub[20_001], r#"stdout: "line 19999\n""#);
    assert_eq!(transcript.iopub[20_002], "idle");
}

#[test]
fn an_empty_cell_is_answered_without_the_evaluator() {
    let mut client = Client::scripted();
    assert_eq!(client.run("  \n").iopub, ["busy", "input [1]", "idle"]);
}

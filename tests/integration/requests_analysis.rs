//! Questions about code on the scripted evaluator, which knows its own instructions.

use crate::client::Client;
use jupyter_protocol::{CompleteRequest, ExecuteRequest, InspectRequest, InterruptRequest};
use serde_json::{Value, json};

fn complete(client: &mut Client, code: &str, cursor_pos: usize) -> Value {
    let code = code.into();
    let transcript = client.shell_request(CompleteRequest { code, cursor_pos });
    assert_eq!(transcript.iopub, ["busy", "idle"]);
    transcript.reply
}

fn inspect(client: &mut Client, code: &str, cursor_pos: usize, detail_level: usize) -> Value {
    let transcript = client.shell_request(InspectRequest {
        code: code.into(),
        cursor_pos,
        detail_level: Some(detail_level),
    });
    assert_eq!(transcript.iopub, ["busy", "idle"]);
    transcript.reply
}

#[test]
fn completions_have_kinds_and_a_range_in_code_points() {
    let mut client = Client::scripted();
    // One code point each, but up to four bytes and two UTF-16 units; the accent is one of its own.
    let before = "👩🔬 e\u{301}한 ";
    let start = before.chars().count();
    assert_eq!(
        complete(&mut client, &format!("{before}fl 5"), start + 2),
        json!({
            "status": "ok",
            "matches": ["flood"],
            "cursor_start": start,
            "cursor_end": start + 2,
            "metadata": { "_jupyter_types_experimental": [{
                "text": "flood", "type": "keyword", "signature": "instruction",
                "start": start, "end": start + 2,
            }] },
        })
    );
    let beyond = complete(&mut client, "fl", 1000);
    assert_eq!(beyond["matches"], json!(["flood"]));
    assert_eq!(complete(&mut client, "nothing", 7)["matches"], json!([]));
}

#[test]
fn inspections_tell_more_at_level_one() {
    let mut client = Client::scripted();
    assert_eq!(
        inspect(&mut client, "é flood 5", 7, 0),
        json!({
            "status": "ok", "found": true, "metadata": {},
            "data": { "text/plain": "the instruction flood" },
        })
    );
    let more = inspect(&mut client, "flood", 5, 1);
    assert_eq!(
        more["data"]["text/plain"],
        "the instruction flood, with source"
    );
    assert_eq!(
        inspect(&mut client, "nothing", 7, 0),
        json!({ "status": "ok", "found": false, "data": {}, "metadata": {} })
    );
}

#[test]
fn questions_are_answered_while_a_cell_runs() {
    let mut client = Client::scripted();
    let cell = client.send_shell(ExecuteRequest::new("wait-for-interrupt".into()));
    client.iopub_until(&cell, |line| line == "input [1]");
    assert_eq!(complete(&mut client, "fl", 2)["matches"], json!(["flood"]));
    assert_eq!(inspect(&mut client, "flood", 5, 0)["found"], true);
    client.control_request(InterruptRequest {});
    assert_eq!(client.transcript(&cell).reply["ename"], "Interrupted");
}

#[test]
fn a_name_with_a_question_mark_opens_the_pager() {
    let mut client = Client::scripted();
    for (code, text) in [
        ("flood?", "the instruction flood"),
        ("?flood", "the instruction flood"),
        ("flood??", "the instruction flood, with source"),
        ("nothing?", "nothing is known of `nothing`"),
    ] {
        let transcript = client.run(code);
        assert_eq!(transcript.reply["status"], "ok");
        assert_eq!(
            transcript.reply["payload"],
            json!([{ "source": "page", "data": { "text/plain": text }, "start": 0 }])
        );
        assert_eq!(
            transcript.iopub.len(),
            3,
            "busy, input, idle: {transcript:?}"
        );
    }
    let complete = client.shell_request(jupyter_protocol::IsCompleteRequest {
        code: "?flood".into(),
    });
    assert_eq!(complete.reply["status"], "complete");
}

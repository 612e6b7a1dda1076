//! Everything but execute requests, on the scripted evaluator.

use crate::client::{Client, line};
use jupyter_protocol::{
    CommInfoRequest, CommOpen, CompleteRequest, ExecuteRequest, InspectRequest, InterruptRequest,
    IsCompleteRequest, JupyterMessageContent, KernelInfoRequest, messaging::UnknownMessage,
};
use serde_json::json;

/// A message without content whose type jupyter-protocol does not look at.
fn unknown(msg_type: &str) -> UnknownMessage {
    UnknownMessage {
        msg_type: msg_type.into(),
        content: json!({}),
    }
}

#[test]
fn kernel_info_has_what_clients_look_for() {
    let mut client = Client::scripted();
    let transcript = client.shell_request(KernelInfoRequest {});
    assert_eq!(transcript.iopub, ["busy", "idle"]);
    let info = &transcript.reply["language_info"];
    assert_eq!(
        (&info["name"], &info["file_extension"]),
        (&json!("rust"), &json!(".rs"))
    );
    assert_eq!(transcript.reply["status"], "ok");
    assert_eq!(transcript.reply["protocol_version"], "5.5");
    assert_eq!(transcript.reply["supported_features"], json!([]));
    let banner = transcript.reply["banner"].as_str().unwrap();
    assert!(banner.starts_with("torchbook "), "{banner}");
    for link in transcript.reply["help_links"].as_array().unwrap() {
        assert!(link["url"].as_str().unwrap().starts_with("https://") && link["text"].is_string());
    }
}

#[test]
fn a_console_is_told_whether_code_can_run() {
    let mut client = Client::scripted();
    let mut ask = |code: &str| client.shell_request(IsCompleteRequest { code: code.into() });
    assert_eq!(ask("let a = 1;").reply, json!({ "status": "complete" }));
    assert_eq!(
        ask("fn f() {\n    if x {").reply,
        json!({ "status": "incomplete", "indent": "        " })
    );
    assert_eq!(ask("f())").reply, json!({ "status": "invalid" }));
    assert_eq!(ask(":dep rand").reply, json!({ "status": "complete" }));
    assert_eq!(ask("a").iopub, ["busy", "idle"]);
}

#[test]
fn usage_on_control_counts_the_kernel_while_a_cell_runs() {
    let mut client = Client::scripted();
    let cell = client.send_shell(ExecuteRequest::new("wait-for-interrupt".into()));
    client.iopub_until(&cell, |line| line == "input [1]");
    let transcript = client.control_request(unknown("usage_request"));
    assert_eq!(transcript.iopub, ["busy", "idle"]);
    let usage = transcript.reply;
    assert_eq!(usage["pid"], client.process.id());
    assert!(usage["hostname"].is_string() && usage["kernel_cpu"].is_number());
    assert!(
        usage["kernel_memory"].as_u64().unwrap() > 1 << 20,
        "{usage}"
    );
    assert!(usage["cpu_count"].as_u64().unwrap() >= 1);
    let memory = &usage["host_virtual_memory"];
    assert!(
        memory["total"].as_u64() > memory["available"].as_u64(),
        "{usage}"
    );
    client.control_request(InterruptRequest {});
    assert_eq!(client.transcript(&cell).reply["ename"], "Interrupted");
}

#[test]
fn control_answers_while_a_cell_runs() {
    let mut client = Client::scripted();
    let cell = client.send_shell(ExecuteRequest::new("wait-for-interrupt".into()));
    client.iopub_until(&cell, |line| line == "input [1]");
    assert_eq!(
        client.control_request(KernelInfoRequest {}).iopub,
        ["busy", "idle"]
    );
    assert_eq!(
        client.control_request(InterruptRequest {}).reply["status"],
        "ok"
    );
    assert_eq!(client.transcript(&cell).reply["ename"], "Interrupted");
}

#[test]
fn an_interrupt_between_cells_does_not_hit_the_next() {
    let mut client = Client::scripted();
    client.control_request(InterruptRequest {});
    assert_eq!(client.run("result 1").reply["status"], "ok");
}

#[test]
fn a_cell_that_does_not_heed_an_interrupt_is_told_of_the_second() {
    let mut client = Client::scripted();
    let cell = client.send_shell(ExecuteRequest::new("ignore-interrupt".into()));
    client.iopub_until(&cell, |line| line == "input [1]");
    client.control_request(InterruptRequest {});
    client.iopub_until(&cell, |line| {
        line.starts_with("stderr") && line.contains("Interrupt again")
    });
    client.control_request(InterruptRequest {});
    let transcript = client.transcript(&cell);
    assert_eq!(transcript.reply["ename"], "Interrupted");
    assert_eq!(transcript.iopub.last().unwrap(), "idle");
}

#[test]
fn a_question_ends_with_an_interrupt() {
    let mut client = Client::scripted();
    let request = ExecuteRequest {
        allow_stdin: true,
        ..ExecuteRequest::new("input ?".into())
    };
    let cell = client.send_shell(request);
    client.next_input_request();
    client.control_request(InterruptRequest {});
    assert_eq!(client.transcript(&cell).reply["ename"], "Interrupted");
}

#[test]
fn the_heartbeat_echoes_the_same_bytes() {
    let mut client = Client::scripted();
    for bytes in [&b"ping"[..], b"\x00\xff", b"pong pong"] {
        assert_eq!(client.heartbeat(bytes), bytes);
    }
}

#[test]
fn other_requests_have_replies_of_their_type() {
    let mut client = Client::scripted();
    let requests: Vec<JupyterMessageContent> = vec![
        CompleteRequest {
            code: "Ten".into(),
            cursor_pos: 3,
        }
        .into(),
        InspectRequest {
            code: "Tensor".into(),
            cursor_pos: 3,
            detail_level: Some(0),
        }
        .into(),
        IsCompleteRequest {
            code: "fn f() {".into(),
        }
        .into(),
        CommInfoRequest { target_name: None }.into(),
    ];
    for request in requests {
        let expected = request.message_type().replace("_request", "_reply");
        let id = client.send_shell(request);
        let reply = client.next_reply();
        assert_eq!(reply.message_type(), expected);
        assert_eq!(
            client
                .iopub_until(&id, |line| line == "idle")
                .iter()
                .map(line)
                .collect::<Vec<_>>(),
            ["busy", "idle"]
        );
    }
}

#[test]
fn a_comm_for_an_unknown_target_is_closed() {
    let mut client = Client::scripted();
    let id = client.send_shell(CommOpen {
        comm_id: jupyter_protocol::CommId("c1".into()),
        target_name: "nobody".into(),
        data: serde_json::Map::new(),
        target_module: None,
    });
    let lines: Vec<String> = client
        .iopub_until(&id, |line| line == "idle")
        .iter()
        .map(line)
        .collect();
    assert_eq!(
        lines,
        ["busy", r#"comm_close {"comm_id":"c1","data":{}}"#, "idle"]
    );
    for target_name in [None, Some("nobody".to_owned())] {
        let info = client.shell_request(CommInfoRequest { target_name });
        assert_eq!(info.reply, json!({ "status": "ok", "comms": {} }));
    }
}

#[test]
fn an_unknown_request_is_an_error_and_not_silence() {
    let mut client = Client::scripted();
    let transcript = client.shell_request(unknown("dance_request"));
    assert_eq!(
        (&transcript.reply["status"], &transcript.reply["ename"]),
        (&json!("error"), &json!("UnknownRequest"))
    );
}

#[test]
fn a_request_without_its_content_is_told_what_is_missing() {
    let mut client = Client::scripted();
    for request in ["execute_request", "complete_request", "is_complete_request"] {
        let transcript = client.shell_request(unknown(request));
        assert_eq!(transcript.iopub, ["busy", "idle"]);
        assert_eq!(transcript.reply["ename"], "MalformedRequest");
        let evalue = transcript.reply["evalue"].as_str().unwrap();
        assert!(
            evalue.contains(request) && evalue.contains("missing field `code`"),
            "{evalue}"
        );
    }
    assert_eq!(client.run("result 1").reply["execution_count"], 1);
}

#[test]
fn shutdown_is_told_to_everybody_and_ends_the_process() {
    let client = Client::scripted();
    assert!(client.shut_down().success());
}

#[test]
fn sigterm_ends_the_process_too() {
    let mut client = Client::scripted();
    client.signal(rustix::process::Signal::TERM);
    assert!(client.process.wait().unwrap().success());
}

#[test]
fn sigint_interrupts_the_cell_and_not_the_kernel() {
    let mut client = Client::scripted();
    let cell = client.send_shell(ExecuteRequest::new("wait-for-interrupt".into()));
    client.iopub_until(&cell, |line| line == "input [1]");
    client.signal(rustix::process::Signal::INT);
    assert_eq!(client.transcript(&cell).reply["ename"], "Interrupted");
    assert_eq!(client.run("result 1").reply["status"], "ok");
}

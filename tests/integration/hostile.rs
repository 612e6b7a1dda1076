//! Messages that must have no answer and no effect.

use crate::client::{Client, content_of};
use bytes::Bytes;
use jupyter_protocol::{ExecuteRequest, JupyterMessage, ShutdownRequest};
use jupyter_zmq_client::connection::create_client_iopub_connection;

/// Frames of a request signed with `key`, as a client would send them.
pub fn frames(key: &str, content: &[u8], header: &[u8]) -> Vec<Bytes> {
    use ring::hmac;
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let parts = [header, b"{}", b"{}", content];
    let tag = hmac::sign(&key, &parts.concat());
    let signature: String = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut frames = vec![Bytes::from_static(b"<IDS|MSG>"), Bytes::from(signature)];
    frames.extend(parts.iter().map(|part| Bytes::copy_from_slice(part)));
    frames
}

pub fn header(msg_type: &str) -> Vec<u8> {
    let message = JupyterMessage::new(ExecuteRequest::new(String::new()), None);
    let mut header = serde_json::to_value(&message.header).unwrap();
    header["msg_type"] = msg_type.into();
    header.to_string().into_bytes()
}

/// The kernel answered nothing to what came before and still runs cells.
#[track_caller]
fn assert_unimpressed(client: &mut Client) {
    let transcript = client.run("result 1");
    assert_eq!(transcript.reply["status"], "ok");
    assert_eq!(
        transcript.reply["execution_count"], 1,
        "something before was executed"
    );
}

#[test]
fn a_wrong_signature_is_dropped() {
    let mut client = Client::scripted();
    let content = br#"{"code":"print x","silent":false}"#;
    client.send_raw(frames("wrong key", content, &header("execute_request")));
    assert_unimpressed(&mut client);
}

#[test]
fn malformed_multiparts_are_dropped() {
    let mut client = Client::scripted();
    let key = client.connection.key.clone();
    let good = frames(&key, b"{}", &header("kernel_info_request"));
    for length in 1..good.len() {
        client.send_raw(good[..length].to_vec());
    }
    client.send_raw(vec![Bytes::from_static(b"<IDS|MSG>"); 7]);
    client.send_raw(vec![Bytes::from(vec![0xff; 1 << 20])]);
    assert_unimpressed(&mut client);
}

#[test]
fn signed_nonsense_is_dropped() {
    let mut client = Client::scripted();
    let key = client.connection.key.clone();
    let deep = "[".repeat(100_000);
    let nonsense: [&[u8]; 4] = [b"not json", b"[]", b"\xff\xfe", deep.as_bytes()];
    for content in nonsense {
        client.send_raw(frames(&key, content, &header("execute_request")));
        client.send_raw(frames(&key, b"{}", content));
    }
    assert_unimpressed(&mut client);
}

#[test]
fn a_content_of_the_wrong_types_gets_one_error_and_runs_nothing() {
    let mut client = Client::scripted();
    let key = client.connection.key.clone();
    for content in [r#"{"code":7}"#, r#"{"code":[]}"#] {
        let header = header("execute_request");
        let id: serde_json::Value = serde_json::from_slice(&header).unwrap();
        client.send_raw(frames(&key, content.as_bytes(), &header));
        let transcript = client.transcript(id["msg_id"].as_str().unwrap());
        assert_eq!(transcript.iopub, ["busy", "idle"], "{content}");
        assert_eq!(transcript.reply["status"], "error", "{content}");
        assert_eq!(transcript.reply["ename"], "MalformedRequest", "{content}");
    }
    assert!(client.reply_if_there().is_none(), "a second reply");
    assert_unimpressed(&mut client);
}

#[test]
fn a_repeated_message_is_not_executed_twice() {
    let mut client = Client::scripted();
    let message = JupyterMessage::new(ExecuteRequest::new("result 1".into()), None);
    let id = client.send_shell_message(message.clone());
    assert_eq!(client.transcript(&id).reply["execution_count"], 1);
    client.send_shell_message(message);
    assert_eq!(client.run("result 1").reply["execution_count"], 2);
}

#[test]
fn a_message_that_came_on_one_socket_is_refused_on_another() {
    let mut client = Client::scripted();
    let key = client.connection.key.clone();
    let content = serde_json::to_vec(&ExecuteRequest::new("result 1".into())).unwrap();
    let cell = frames(&key, &content, &header("execute_request"));
    client.send_raw(cell.clone());
    assert_eq!(content_of(&client.next_reply())["execution_count"], 1);
    client.send_raw_control(cell);
    // Control serves in order: after this answer the repeated message was read.
    client.control_request(jupyter_protocol::KernelInfoRequest {});
    assert_eq!(client.run("result 1").reply["execution_count"], 2);
}

#[test]
fn different_messages_with_one_id_are_both_served() {
    // As those of `jupyter console` and of the manager that interrupts its kernel.
    let mut client = Client::scripted();
    let cell = JupyterMessage::new(ExecuteRequest::new("result 1".into()), None);
    let mut info = JupyterMessage::new(jupyter_protocol::KernelInfoRequest {}, None);
    info.header.msg_id = cell.header.msg_id.clone();
    let id = client.send_shell_message(info);
    assert_eq!(client.transcript(&id).reply["status"], "ok");
    client.send_shell_message(cell);
    assert_eq!(client.transcript(&id).reply["execution_count"], 1);
}

#[test]
fn a_client_that_does_not_read_cannot_hold_up_the_end() {
    let mut client = Client::scripted();
    // Its runtime rests between calls: it has subscribed, and will never read.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _stalled = runtime
        .block_on(create_client_iopub_connection(
            &client.connection,
            "",
            "stalled",
        ))
        .unwrap();
    // Waits for the welcome that follows its subscription.
    while client.next_iopub().message_type() != "iopub_welcome" {}
    let cell = client.send_shell(ExecuteRequest::new("flood 1000000".into()));
    client.iopub_until(&cell, |line| line == "input [1]");
    let received = client.read_iopub_until_silence();
    assert!(received < 1_000_000, "the flood was not held up");
    client.send_control(JupyterMessage::new(
        ShutdownRequest { restart: false },
        None,
    ));
    assert!(client.process.wait().unwrap().success());
}

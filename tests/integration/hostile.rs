//! Messages that must have no answer and no effect.

use crate::client::Client;
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
fn a_repeated_message_is_not_executed_twice() {
    let mut client = Client::scripted();
    let message = JupyterMessage::new(ExecuteRequest::new("result 1".into()), None);
    let id = client.send_shell_message(message.clone());
    assert_eq!(client.transcript(&id).reply["execution_count"], 1);
    client.send_shell_message(message);
    assert_eq!(client.run("result 1").reply["execution_count"], 2);
}

#[test]
fn an_id_that_came_on_one_socket_is_refused_on_another() {
    let mut client = Client::scripted();
    let message = JupyterMessage::new(ShutdownRequest { restart: false }, None);
    let mut disguised = JupyterMessage::new(ExecuteRequest::new("result 1".into()), None);
    disguised.header.msg_id = message.header.msg_id.clone();
    let cell = client.send_shell_message(disguised);
    assert_eq!(client.transcript(&cell).reply["execution_count"], 1);
    client.send_control(message);
    // Had the shutdown been obeyed, this would not be answered.
    assert_eq!(client.run("result 1").reply["execution_count"], 2);
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

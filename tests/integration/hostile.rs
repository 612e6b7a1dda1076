//! Messages that must have no answer and no effect.

use crate::client::Client;
use bytes::Bytes;
use jupyter_protocol::{ExecuteRequest, JupyterMessage};

/// Frames of a request signed with `key`, as a client would send them.
fn frames(key: &str, content: &[u8], header: &[u8]) -> Vec<Bytes> {
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

fn header(msg_type: &str) -> Vec<u8> {
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
    let nonsense: [&[u8]; 5] = [
        b"not json",
        b"[]",
        br#"{"code":7}"#,
        b"\xff\xfe",
        deep.as_bytes(),
    ];
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

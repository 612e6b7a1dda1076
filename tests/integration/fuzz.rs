//! A hundred thousand malformed messages against a live kernel, from a fixed seed.
//!
//! Each is wrong by construction, and each must be logged once, answered never, and
//! change nothing. What is wrong with single messages on purpose is in `hostile.rs`.

use crate::client::Client;
use crate::hostile::{frames, header};
use bytes::Bytes;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

const MESSAGES: usize = 100_000;
const SEED: u64 = 0x7091_cb00;

#[test]
fn malformed_messages_are_logged_once_and_have_no_effect() {
    let folder = tempfile::tempdir().unwrap();
    let log_file = folder.path().join("log");
    let log = std::fs::File::create(&log_file).unwrap();
    let mut client = Client::start_configured(&["--scripted"], |command| {
        command
            .env("TORCHBOOK_LOG", "torchbook_kernel=warn")
            .stderr(Stdio::from(log));
    });
    let mut random = fastrand::Rng::with_seed(SEED);
    let key = client.connection.key.clone();
    for i in 0..MESSAGES {
        let message = malformed(&mut random, &key);
        // Replies on control and stdin would be seen below as well: nothing is read there.
        match i % 3 {
            0 => client.send_raw(message),
            1 => client.send_raw_control(message),
            _ => client.send_raw_stdin(message),
        }
    }
    // A socket serves in order: after these answers, everything before them was read.
    let cell = client.run("result 1");
    assert_eq!(cell.reply["execution_count"], 1, "something was executed");
    assert_eq!(cell.iopub.len(), 4, "{:?}", cell.iopub);
    let info = client.control_request(jupyter_protocol::KernelInfoRequest {});
    assert_eq!(info.iopub, ["busy", "idle"]);
    let request = jupyter_protocol::ExecuteRequest {
        allow_stdin: true,
        ..jupyter_protocol::ExecuteRequest::new("input ?".into())
    };
    let question = client.send_shell(request);
    client.answer_input("an answer");
    assert_eq!(
        client.transcript(&question).iopub[2],
        "stdout: \"an answer\\n\""
    );
    assert!(client.shut_down().success());
    let log = std::fs::read_to_string(&log_file).unwrap();
    let dropped = log.lines().filter(|line| line.contains("dropped")).count();
    assert_eq!(dropped, MESSAGES, "lines in the log");
}

#[test]
fn garbage_before_the_handshake_does_not_stop_the_kernel() {
    let mut client = Client::scripted();
    let mut random = fastrand::Rng::with_seed(SEED);
    let ports = [
        client.connection.shell_port,
        client.connection.iopub_port,
        client.connection.stdin_port,
        client.connection.control_port,
        client.connection.hb_port,
    ];
    for _ in 0..100 {
        for port in ports {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let mut garbage = bytes(&mut random, 512);
            if random.bool() {
                // Looks like the greeting of ZMTP for its first ten bytes.
                garbage.splice(0..0, [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3]);
            }
            // The kernel may hang up at any byte.
            let _ = stream.write_all(&garbage);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read(&mut [0; 64]);
        }
    }
    assert_eq!(client.run("result 1").reply["execution_count"], 1);
    assert_eq!(client.heartbeat(b"ping"), b"ping");
}

/// A message that no kernel may accept.
fn malformed(random: &mut fastrand::Rng, key: &str) -> Vec<Bytes> {
    let code = br#"{"code":"print executed","silent":false}"#;
    match random.u8(0..6) {
        // Frames without rhyme or reason.
        0 => (0..random.usize(1..9))
            .map(|_| Bytes::from(bytes(random, 64)))
            .collect(),
        // Signed with a wrong key.
        1 => frames(&text(random, 40), code, &header("execute_request")),
        // One bit changed after signing, in the signature or in what it covers.
        2 => {
            let mut message = frames(key, code, &header("execute_request"));
            let frame = random.usize(1..message.len());
            let mut changed = message[frame].to_vec();
            let at = random.usize(0..changed.len());
            changed[at] ^= 1 << random.u8(0..8);
            // The signature is hexadecimal: the case of a letter does not count.
            if frame == 1 && changed.eq_ignore_ascii_case(&message[frame]) {
                changed[at] = b'-';
            }
            message[frame] = changed.into();
            message
        }
        // Cut short.
        3 => {
            let mut message = frames(key, code, &header("execute_request"));
            message.truncate(random.usize(1..message.len()));
            message
        }
        // Signed, with a header that is none.
        4 => frames(key, code, json(random, 4).as_bytes()),
        // Signed, with a content that is none: no object. An object that lacks something is a
        // request, and is told so (`requests.rs`).
        _ => {
            let content = match json(random, 4) {
                object if object.starts_with('{') => format!("[{object}]"),
                other => other,
            };
            frames(key, content.as_bytes(), &header("execute_request"))
        }
    }
}

/// JSON, or nearly so, that lacks what headers and execute requests must have.
fn json(random: &mut fastrand::Rng, depth: usize) -> String {
    match random.u8(0..if depth == 0 { 5 } else { 8 }) {
        0 => "null".into(),
        1 => random.i64(..).to_string(),
        2 => format!("{:?}", text(random, 12)),
        3 => text(random, 12),
        4 => "[".repeat(random.usize(1..2000)),
        5 => format!("[{},{}]", json(random, depth - 1), json(random, depth - 1)),
        6 => format!("{{\"msg_id\":{}}}", json(random, depth - 1)),
        _ => format!("{{\"code\":[{}]}}", json(random, depth - 1)),
    }
}

fn text(random: &mut fastrand::Rng, up_to: usize) -> String {
    let length = random.usize(0..up_to);
    (0..length).map(|_| random.char(..)).collect()
}

fn bytes(random: &mut fastrand::Rng, up_to: usize) -> Vec<u8> {
    let length = random.usize(0..up_to);
    (0..length).map(|_| random.u8(..)).collect()
}

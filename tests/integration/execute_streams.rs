//! Text that a cell prints, on the scripted evaluator: order and limits.

use crate::client::Client;

#[test]
fn text_stays_in_order_with_displays_and_streams() {
    let mut client = Client::scripted();
    let transcript = client.run(
        "print-raw 10 %\nprint-raw \\r20 %\ndisplay text/plain a\neprint b\nprint c\nclear-wait\nprint d",
    );
    assert_eq!(
        transcript.iopub[2..9],
        [
            r#"stdout: "10 %""#,
            r#"stdout: "\r20 %""#,
            r#"display {"text/plain":"a"}"#,
            r#"stderr: "b\n""#,
            r#"stdout: "c\n""#,
            "clear wait=true",
            r#"stdout: "d\n""#,
        ]
    );
}

#[test]
fn beyond_the_limit_text_is_cut_once_and_the_cell_goes_on() {
    let mut client = Client::start(&["--scripted"], &[("TORCHBOOK_OUTPUT_LIMIT_MB", "1")]);
    let transcript = client.run(
        "print-bytes 1000000\nprint-bytes 1000000\ndisplay text/plain after\nprint never\nresult 1",
    );
    let shown: usize = transcript
        .messages
        .iter()
        .filter(|message| message.message_type() == "stream")
        .map(|message| {
            let content = crate::client::content_of(message);
            match content["name"].as_str() {
                Some("stdout") => content["text"].as_str().unwrap().len(),
                _ => 0,
            }
        })
        .sum();
    assert_eq!(shown, 1 << 20);
    let notices: Vec<&String> = transcript
        .iopub
        .iter()
        .filter(|line| line.starts_with("stderr"))
        .collect();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(
        notices[0].contains("TORCHBOOK_OUTPUT_LIMIT_MB"),
        "{notices:?}"
    );
    assert_eq!(
        transcript.iopub[transcript.iopub.len() - 3..],
        [
            r#"display {"text/plain":"after"}"#,
            r#"result [1] {"text/plain":"1"}"#,
            "idle"
        ]
    );
    assert_eq!(client.run("print again").iopub[2], r#"stdout: "again\n""#);
}

//! Questions about real code, answered by rust-analyzer: also while a cell runs.

use crate::cells::alone;
use crate::client::{Client, content_of};
use jupyter_protocol::{
    CommInfoRequest, CompleteRequest, ExecuteRequest, InspectRequest, JupyterMessageContent,
};
use serde_json::Value;

fn ask(client: &mut Client, request: impl Into<JupyterMessageContent>) -> Value {
    let id = client.send_shell(request);
    let reply = client.next_reply();
    client.iopub_until(&id, |line| line == "idle");
    content_of(&reply)
}

/// Completions at the end of the code.
fn complete(client: &mut Client, code: &str) -> Value {
    ask(
        client,
        CompleteRequest {
            code: code.into(),
            cursor_pos: code.chars().count(),
        },
    )
}

fn inspect(client: &mut Client, code: &str, cursor_pos: usize, level: usize) -> Value {
    ask(
        client,
        InspectRequest {
            code: code.into(),
            cursor_pos,
            detail_level: Some(level),
        },
    )
}

fn matches(reply: &Value) -> Vec<&str> {
    let matches = reply["matches"].as_array().unwrap();
    matches.iter().map(|text| text.as_str().unwrap()).collect()
}

/// The kind and the signature of one completion.
#[track_caller]
fn described<'a>(reply: &'a Value, text: &str) -> (&'a str, &'a str) {
    let all = reply["metadata"]["_jupyter_types_experimental"].as_array();
    let Some(found) = all.unwrap().iter().find(|item| item["text"] == text) else {
        panic!("{text} is not among {:?}", matches(reply));
    };
    (
        found["type"].as_str().unwrap(),
        found["signature"].as_str().unwrap(),
    )
}

#[test]
fn code_is_completed_and_inspected() {
    let _alone = alone();
    let mut client = Client::real();
    // From here on the analysis is loaded in the background.
    ask(&mut client, CommInfoRequest { target_name: None });
    client.run(
        "/// Three times as much.\nfn triple(x: i32) -> i32 { 3 * x }\n\
         struct Point { wide: f32 }\n\
         let mut numbers = vec![1u8, 2];\nlet point = Point { wide: 1.0 };",
    );

    let methods = complete(&mut client, "let é = \"한\";\nnumbers.le");
    assert_eq!(described(&methods, "len").0, "function");
    assert!(described(&methods, "len").1.contains("usize"), "{methods}");
    let start = "let é = \"한\";\nnumbers.".chars().count();
    assert_eq!(methods["cursor_start"], start);
    assert_eq!(methods["cursor_end"], start + 2);

    assert_eq!(matches(&complete(&mut client, "tripl")), ["triple"]);
    assert_eq!(
        described(&complete(&mut client, "point.w"), "wide"),
        ("property", "f32")
    );
    assert_eq!(
        described(&complete(&mut client, "numb"), "numbers").1,
        "Vec<u8>"
    );
    let tensor = complete(&mut client, "Tensor::from_sl");
    assert_eq!(described(&tensor, "from_slice").0, "function");
    assert_eq!(
        described(&complete(&mut client, "Sequent"), "Sequential").0,
        "class"
    );
    assert_eq!(
        described(&complete(&mut client, "sequent"), "Sequential").0,
        "class"
    );
    assert_eq!(
        described(&complete(&mut client, "use std::coll"), "collections").0,
        "module"
    );
    assert!(
        matches(&complete(&mut client, "let x = 1; x.i"))
            .iter()
            .all(|m| !m.contains("${"))
    );
    let broken = complete(&mut client, "fn f( { } } numbers.le");
    assert_eq!(broken["status"], "ok");

    let commands = complete(&mut client, ":d");
    assert_eq!(described(&commands, ":dep").0, "magic");
    assert_eq!(matches(&commands), [":dep", ":doc"]);
    assert_eq!(inspect(&mut client, ":dep rand", 3, 0)["found"], true);

    let documentation = inspect(&mut client, "triple(1)", 3, 0);
    for mime in ["text/plain", "text/markdown", "text/html"] {
        let text = documentation["data"][mime].as_str().unwrap();
        assert!(
            text.contains("Three times as much.") && text.contains("i32"),
            "{mime}: {text}"
        );
        assert!(!text.contains("3 * x"), "{mime}: {text}");
    }
    let source = inspect(&mut client, "triple(1)", 3, 1);
    assert!(
        source["data"]["text/plain"]
            .as_str()
            .unwrap()
            .contains("3 * x"),
        "{source}"
    );
    // Between the brackets of a call the function is meant.
    let in_call = inspect(&mut client, "triple( )", 7, 0);
    assert!(
        in_call["data"]["text/plain"]
            .as_str()
            .unwrap()
            .contains("Three times"),
        "{in_call}"
    );
    let variable = inspect(&mut client, "numbers", 7, 0);
    assert!(
        variable["data"]["text/plain"]
            .as_str()
            .unwrap()
            .contains("Vec<u8>"),
        "{variable}"
    );
    let prelude = inspect(&mut client, "Sequential::new", 4, 1);
    assert!(
        prelude["data"]["text/plain"]
            .as_str()
            .unwrap()
            .contains("pub struct Sequential")
    );
    assert_eq!(inspect(&mut client, "nonsense_name", 4, 0)["found"], false);

    let page = client.run("triple?");
    let payload = &page.reply["payload"][0];
    assert_eq!(payload["source"], "page");
    assert!(
        payload["data"]["text/html"]
            .as_str()
            .unwrap()
            .contains("Three times"),
        "{page:?}"
    );
    assert!(client.shut_down().success());
}

#[test]
fn questions_are_answered_while_a_cell_runs() {
    let _alone = alone();
    let mut client = Client::real();
    client.run("let earlier = vec![1.5f32];");
    let cell = client.send_shell(ExecuteRequest {
        allow_stdin: true,
        ..ExecuteRequest::new("let answer = input(\"?\")?;\nlet later = answer.len();".into())
    });
    // Now it runs, until it is answered.
    let question = client.next_input_request();
    let known = complete(&mut client, "earlier.fir");
    assert_eq!(described(&known, "first").0, "function");
    // What it is about to define can be used in the next cell already.
    assert_eq!(
        described(&complete(&mut client, "late"), "later").1,
        "usize"
    );
    assert_eq!(inspect(&mut client, "earlier", 7, 0)["found"], true);
    client.answer(&question, "abc");
    assert_eq!(client.transcript(&cell).reply["status"], "ok");
    assert_eq!(
        described(&complete(&mut client, "late"), "later").1,
        "usize"
    );
    assert!(client.shut_down().success());
}

#[test]
fn a_new_dependency_is_known_at_once() {
    let _alone = alone();
    let mut client = Client::real();
    client.run("let a = 1;");
    assert_eq!(matches(&complete(&mut client, "itertools::Itert")), [""; 0]);
    let added = client.run(":dep itertools\nuse itertools::Itertools;");
    assert_eq!(added.reply["status"], "ok", "{added:?}");
    let found = complete(&mut client, "itertools::Itert");
    assert_eq!(described(&found, "Itertools").0, "class");
    assert!(matches(&complete(&mut client, "[1, 2].iter().sor")).contains(&"sorted"));
    assert!(client.shut_down().success());
}

#[test]
fn what_was_cleared_is_no_longer_offered() {
    let _alone = alone();
    let mut client = Client::real();
    client.run("fn triple(x: i32) -> i32 { 3 * x }\nlet numbers = vec![1u8];");
    assert_eq!(matches(&complete(&mut client, "tripl")), ["triple"]);
    let cleared = client.run(":clear\nlet later = vec![1.5f32];");
    assert_eq!(cleared.reply["status"], "ok", "{cleared:?}");
    assert_eq!(matches(&complete(&mut client, "tripl")), [""; 0]);
    assert_eq!(matches(&complete(&mut client, "numb")), [""; 0]);
    assert_eq!(inspect(&mut client, "triple", 3, 0)["found"], false);
    // What came with the same cell, and the prelude.
    assert_eq!(
        described(&complete(&mut client, "late"), "later").1,
        "Vec<f32>"
    );
    assert_eq!(
        described(&complete(&mut client, "Sequent"), "Sequential").0,
        "class"
    );
    assert!(client.shut_down().success());
}

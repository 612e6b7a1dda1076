//! History requests on the scripted evaluator: what is kept, and how it is found.

use crate::client::{Client, Transcript};
use jupyter_protocol::{ExecuteRequest, messaging::UnknownMessage};
use serde_json::{Value, json};

/// The history in the reply to a request with this content.
#[track_caller]
fn history(client: &mut Client, content: Value) -> Value {
    let Transcript { reply, iopub, .. } = ask(client, content);
    assert_eq!(iopub, ["busy", "idle"]);
    assert_eq!(reply["status"], "ok", "{reply}");
    reply["history"].clone()
}

#[track_caller]
fn ask(client: &mut Client, content: Value) -> Transcript {
    client.shell_request(UnknownMessage {
        msg_type: "history_request".into(),
        content,
    })
}

fn tail(client: &mut Client, n: i64) -> Value {
    history(
        client,
        json!({ "hist_access_type": "tail", "n": n, "output": false, "raw": true }),
    )
}

#[test]
fn cells_are_kept_with_their_results() {
    let mut client = Client::scripted();
    client.run("print 1");
    client.run("result 42");
    client.run("error Failed no");
    assert_eq!(
        tail(&mut client, 2),
        json!([[1, 2, "result 42"], [1, 3, "error Failed no"]])
    );
    let request = json!({ "hist_access_type": "tail", "n": 3, "output": true, "raw": true });
    assert_eq!(
        history(&mut client, request),
        json!([
            [1, 1, ["print 1", null]],
            [1, 2, ["result 42", "42"]],
            [1, 3, ["error Failed no", null]],
        ])
    );
}

#[test]
fn silent_cells_and_those_not_to_be_stored_are_not_kept() {
    let mut client = Client::scripted();
    client.execute(ExecuteRequest {
        silent: true,
        ..ExecuteRequest::new("result 1".into())
    });
    client.execute(ExecuteRequest {
        store_history: false,
        ..ExecuteRequest::new("result 2".into())
    });
    client.run("  ");
    client.run("result 3");
    assert_eq!(tail(&mut client, 9), json!([[1, 2, "result 3"]]));
}

#[test]
fn a_cell_is_in_the_history_while_it_runs() {
    let mut client = Client::scripted();
    let cell = client.send_shell(ExecuteRequest::new("wait-for-interrupt".into()));
    client.iopub_until(&cell, |line| line == "input [1]");
    assert_eq!(tail(&mut client, 9), json!([[1, 1, "wait-for-interrupt"]]));
    client.control_request(jupyter_protocol::InterruptRequest {});
    client.transcript(&cell);
}

#[test]
fn the_next_kernel_finds_the_cells_of_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shared.sqlite");
    let environment = [("TORCHBOOK_HISTORY", file.to_str().unwrap())];
    let mut first = Client::start(&["--scripted"], &environment);
    let mut second = Client::start(&["--scripted"], &environment);
    // A question waits until what came before is on disk.
    first.run("result 1");
    tail(&mut first, 1);
    second.run("result 2");
    first.run("result 1");
    tail(&mut first, 1);
    assert_eq!(
        tail(&mut second, 9),
        json!([[1, 1, "result 1"], [1, 2, "result 1"], [2, 1, "result 2"]]),
        "two kernels at once share the file"
    );
    second.run("result 3");
    assert!(first.shut_down().success());
    assert!(second.shut_down().success());

    let mut third = Client::start(&["--scripted"], &environment);
    assert_eq!(
        tail(&mut third, 1),
        json!([[2, 2, "result 3"]]),
        "a kernel ends when its last cell is kept"
    );
    third.run("result 4");
    let range = |session: i64| json!({ "hist_access_type": "range", "session": session, "start": 1, "stop": 2 });
    assert_eq!(history(&mut third, range(0)), json!([[3, 1, "result 4"]]));
    assert_eq!(history(&mut third, range(-1)), json!([[2, 1, "result 2"]]));
    assert_eq!(history(&mut third, range(1)), json!([[1, 1, "result 1"]]));
    let search = |content: Value| {
        let mut request = json!({ "hist_access_type": "search", "pattern": "result [12]" });
        request
            .as_object_mut()
            .unwrap()
            .extend(content.as_object().unwrap().clone());
        request
    };
    assert_eq!(
        history(&mut third, search(json!({}))),
        json!([[1, 1, "result 1"], [1, 2, "result 1"], [2, 1, "result 2"]])
    );
    assert_eq!(
        history(&mut third, search(json!({ "unique": true }))),
        json!([[1, 2, "result 1"], [2, 1, "result 2"]])
    );
    assert_eq!(
        history(&mut third, search(json!({ "n": 1 }))),
        json!([[2, 1, "result 2"]])
    );
}

#[test]
fn what_clients_leave_out_has_a_default() {
    let mut client = Client::scripted();
    client.run("result 1");
    let cell = json!([[1, 1, "result 1"]]);
    for content in [
        json!({ "hist_access_type": "tail" }),
        json!({ "hist_access_type": "tail", "n": null, "output": null }),
        json!({ "hist_access_type": "range" }),
        json!({ "hist_access_type": "range", "session": 0, "start": 0, "stop": null, "raw": true, "output": false }),
        json!({ "hist_access_type": "search" }),
        json!({ "hist_access_type": "search", "pattern": "r*", "n": null, "unique": null }),
    ] {
        assert_eq!(history(&mut client, content.clone()), cell, "{content}");
    }
    let reply = ask(&mut client, json!({ "hist_access_type": "divination" })).reply;
    assert_eq!(reply["ename"], "MalformedRequest");
}

#[test]
fn without_a_usable_file_the_kernel_keeps_its_own_history() {
    let mut client = Client::start(
        &["--scripted"],
        &[("TORCHBOOK_HISTORY", "/dev/null/x/h.sqlite")],
    );
    client.run("result 1");
    assert_eq!(tail(&mut client, 9), json!([[1, 1, "result 1"]]));
    assert!(client.shut_down().success());
}

#[test]
fn a_damaged_file_is_set_aside_and_a_new_one_begun() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    let garbage = "not a database, but as long as one ".repeat(500);
    std::fs::write(&file, &garbage).unwrap();
    let environment = [("TORCHBOOK_HISTORY", file.to_str().unwrap())];
    let mut client = Client::start(&["--scripted"], &environment);
    client.run("result 1");
    assert_eq!(tail(&mut client, 9), json!([[1, 1, "result 1"]]));
    assert!(client.shut_down().success());
    let aside = folder.path().join("history.sqlite.damaged-1");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), garbage);

    let mut next = Client::start(&["--scripted"], &environment);
    assert_eq!(tail(&mut next, 9), json!([[1, 1, "result 1"]]));
    assert!(next.shut_down().success());
}

use super::*;

/// A message of the cell whose request id is `parent`.
fn message(parent: &str, kind: &str, content: Value) -> Message {
    Message {
        kind: kind.to_owned(),
        parent_id: parent.to_owned(),
        date: "2026-01-01T00:00:00Z".to_owned(),
        content,
    }
}

fn stdout(text: &str) -> Message {
    message("a", "stream", json!({"name": "stdout", "text": text}))
}

fn display(parent: &str, id: &str, text: &str) -> Message {
    let content =
        json!({"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": id}});
    message(parent, "display_data", content)
}

fn apply(messages: impl IntoIterator<Item = Message>) -> Outputs {
    let mut outputs = Outputs::default();
    outputs.begin_cell(0, "a");
    outputs.begin_cell(2, "b");
    messages
        .into_iter()
        .for_each(|message| outputs.apply(&message));
    outputs
}

/// Checks the outputs of the first cell.
#[track_caller]
fn check(messages: impl IntoIterator<Item = Message>, expected: Value) {
    assert_eq!(Value::Array(apply(messages).cells()[0].to_json()), expected);
}

#[test]
fn consecutive_text_of_one_stream_is_one_output() {
    let stderr = message(
        "a",
        "stream",
        json!({"name": "stderr", "text": "warning\n"}),
    );
    check(
        [stdout("1"), stdout("2\n"), stderr, stdout("3")],
        json!([
            {"output_type": "stream", "name": "stdout", "text": ["12\n"]},
            {"output_type": "stream", "name": "stderr", "text": ["warning\n"]},
            {"output_type": "stream", "name": "stdout", "text": ["3"]},
        ]),
    );
}

#[test]
fn progress_lines_are_stored_as_they_ended() {
    check(
        [
            stdout("epoch 1/2"),
            stdout("\repoch 2/2"),
            stdout("\ndone\n"),
        ],
        json!([
            {"output_type": "stream", "name": "stdout", "text": ["epoch 2/2\n", "done\n"]},
        ]),
    );
}

#[test]
fn text_is_cut_into_lines_and_images_are_not() {
    let data = json!({"text/plain": "a\nb", "image/svg+xml": "<svg>\n</svg>", "image/png": "iVBO\n", "application/json": {"x": "1\n2"}});
    check(
        [message(
            "a",
            "display_data",
            json!({"data": data, "metadata": {"image/png": {"width": 2}}}),
        )],
        json!([
            {"output_type": "display_data", "metadata": {"image/png": {"width": 2}}, "data": {
                "text/plain": ["a\n", "b"], "image/svg+xml": ["<svg>\n", "</svg>"],
                "image/png": "iVBO\n", "application/json": {"x": "1\n2"},
            }},
        ]),
    );
}

#[test]
fn results_and_errors_are_stored_without_transient_fields() {
    let result = json!({"data": {"text/plain": "42"}, "execution_count": 3, "transient": {}});
    let error = json!({"ename": "Panic", "evalue": "oops", "traceback": ["line\n", "2"], "status": "error"});
    check(
        [
            message("a", "execute_result", result),
            message("a", "error", error),
        ],
        json!([
            {"output_type": "execute_result", "data": {"text/plain": ["42"]}, "metadata": {}, "execution_count": 3},
            {"output_type": "error", "ename": "Panic", "evalue": "oops", "traceback": ["line\n", "2"]},
        ]),
    );
}

#[test]
fn an_update_reaches_every_display_of_its_id() {
    let update = json!({"data": {"text/plain": "new"}, "transient": {"display_id": "x"}});
    let outputs = apply([
        display("a", "x", "old"),
        display("a", "y", "other"),
        display("b", "x", "old"),
        message("b", "update_display_data", update),
    ]);
    let texts: Vec<_> = outputs
        .cells()
        .iter()
        .flat_map(CellOutputs::to_json)
        .map(|output| output["data"]["text/plain"][0].clone())
        .collect();
    assert_eq!(texts, ["new", "other", "new"]);
    assert_eq!(outputs.cells()[1].latest_line(), "new");
}

#[test]
fn clearing_happens_at_once_or_before_the_next_output() {
    let clear = |wait: bool| message("a", "clear_output", json!({ "wait": wait }));
    check([stdout("1"), clear(false)], json!([]));
    check(
        [stdout("1"), clear(true)],
        json!([
            {"output_type": "stream", "name": "stdout", "text": ["1"]},
        ]),
    );
    check(
        [stdout("1"), clear(true), stdout("2")],
        json!([
            {"output_type": "stream", "name": "stdout", "text": ["2"]},
        ]),
    );
}

#[test]
fn late_output_goes_to_the_cell_that_caused_it() {
    let late = message(
        "a",
        "stream",
        json!({"name": "stdout", "text": "from a thread"}),
    );
    let foreign = message(
        "zzz",
        "stream",
        json!({"name": "stdout", "text": "not ours"}),
    );
    let outputs = apply([
        message("b", "status", json!({"execution_state": "busy"})),
        late,
        foreign,
    ]);
    assert_eq!(outputs.cells()[0].to_json().len(), 1);
    assert!(outputs.cells()[1].to_json().is_empty());
}

#[test]
fn count_and_times_come_from_the_messages() {
    let outputs = apply([
        message("a", "status", json!({"execution_state": "busy"})),
        message(
            "a",
            "execute_input",
            json!({"execution_count": 5, "code": ""}),
        ),
        message(
            "a",
            "execute_reply",
            json!({"status": "ok", "execution_count": 5}),
        ),
        message("a", "status", json!({"execution_state": "idle"})),
    ]);
    let cell = &outputs.cells()[0];
    assert_eq!(cell.execution_count, Some(5));
    let keys: Vec<_> = cell.timing.keys().collect();
    assert_eq!(
        keys,
        [
            "iopub.status.busy",
            "iopub.execute_input",
            "shell.execute_reply",
            "iopub.status.idle"
        ]
    );
}

#[test]
fn a_message_without_its_fields_does_no_harm() {
    let kinds = [
        "stream",
        "display_data",
        "execute_result",
        "error",
        "update_display_data",
        "clear_output",
        "comm_open",
    ];
    let outputs = apply(kinds.map(|kind| message("a", kind, json!({}))));
    assert_eq!(outputs.cells()[0].to_json().len(), 0);
}

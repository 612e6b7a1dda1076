//! What rustc says about rewritten crates, in the terms of evcxr's own text.

use super::source::Rewritten;
use serde_json::Value;
use std::process::Output;

/// Errors that mean the same whether the notebook's items are in the cell's crate or beside it:
/// types, borrows and moves. Others may come from the split alone, as all that have to do with names.
const SAME_BOTH_WAYS: [&str; 20] = [
    "E0061", "E0277", "E0282", "E0283", "E0308", "E0369", "E0381", "E0382", "E0384", "E0499",
    "E0502", "E0503", "E0505", "E0506", "E0507", "E0515", "E0594", "E0596", "E0597", "E0728",
];

/// Whether all errors are such that compiling everything as one crate would give them too.
pub fn are_the_cells_own(output: &Output) -> bool {
    let mut codes = messages(&output.stderr)
        .filter(|message| message["level"] == "error")
        // "aborting due to 2 previous errors" has neither.
        .filter(|message| {
            message["spans"]
                .as_array()
                .is_some_and(|spans| !spans.is_empty())
        })
        .map(|message| {
            message["code"]["code"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .peekable();
    codes.peek().is_some() && codes.all(|code| SAME_BOTH_WAYS.contains(&code.as_str()))
}

/// Moves columns back to where they are in evcxr's text.
pub fn lead_back(output: &mut Output, rewritten: &Rewritten) {
    let mut led_back = Vec::with_capacity(output.stderr.len());
    for line in output.stderr.split_inclusive(|byte| *byte == b'\n') {
        match serde_json::from_slice::<Value>(line) {
            Ok(mut message) if message["spans"].is_array() => {
                spans(&mut message, rewritten);
                only_the_use_of_what_is_private(&mut message);
                led_back.extend(message.to_string().into_bytes());
                led_back.push(b'\n');
            }
            _ => led_back.extend_from_slice(line),
        }
    }
    output.stderr = led_back;
}

/// Leaves out where a private item is defined. A cell's last expression is in code that evcxr does not take
/// for the user's, and evcxr puts a note about the user's own lines in the place of such an error.
fn only_the_use_of_what_is_private(message: &mut Value) {
    if message["code"]["code"] != "E0603" {
        return;
    }
    if let Some(children) = message["children"].as_array_mut() {
        children.retain(|child| child["level"] != "note");
    }
}

fn spans(message: &mut Value, rewritten: &Rewritten) {
    for span in message["spans"].as_array_mut().into_iter().flatten() {
        if span["file_name"] != "src/lib.rs" {
            continue;
        }
        for (line, column) in [("line_start", "column_start"), ("line_end", "column_end")] {
            let number = |name: &str| span[name].as_u64().and_then(|it| usize::try_from(it).ok());
            if let (Some(line), Some(at)) = (number(line), number(column)) {
                span[column] = rewritten.original_column(line, at).into();
            }
        }
    }
    for child in message["children"].as_array_mut().into_iter().flatten() {
        spans(child, rewritten);
    }
}

fn messages(stderr: &[u8]) -> impl Iterator<Item = Value> {
    stderr
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stand_in::source::rewrite;
    use serde_json::json;
    use std::os::unix::process::ExitStatusExt;

    fn output(messages: &[Value]) -> Output {
        let lines: Vec<String> = messages
            .iter()
            .map(|message| format!("{message}\n"))
            .collect();
        Output {
            status: std::process::ExitStatus::from_raw(1 << 8),
            stdout: Vec::new(),
            stderr: lines.concat().into_bytes(),
        }
    }

    fn error(code: &str, column: usize) -> Value {
        let span = json!({ "file_name": "src/lib.rs", "line_start": 1, "line_end": 1, "column_start": column, "column_end": column + 1 });
        json!({ "level": "error", "code": { "code": code }, "spans": [span], "children": [] })
    }

    #[test]
    fn errors_of_names_and_privacy_need_the_whole_crate() {
        let end = json!({ "level": "error", "code": null, "spans": [] });
        assert!(are_the_cells_own(&output(&[
            error("E0308", 1),
            end.clone()
        ])));
        assert!(!are_the_cells_own(&output(&[
            error("E0308", 1),
            error("E0616", 1)
        ])));
        assert!(!are_the_cells_own(&output(&[error("E0425", 1), end])));
        assert!(
            !are_the_cells_own(&output(&[])),
            "the compiler failed otherwise"
        );
    }

    #[test]
    fn an_error_of_privacy_is_not_replaced_by_its_note() {
        let rewritten = rewrite("mod m { fn g() {} }\nfn run_user_code_1() {}");
        let with_note = |code: &str| {
            let mut message = error(code, 1);
            message["children"] = json!([
                { "level": "note", "spans": [], "children": [] },
                { "level": "help", "spans": [], "children": [] },
            ]);
            let mut output = output(&[message]);
            lead_back(&mut output, &rewritten);
            messages(&output.stderr).next().unwrap()["children"].clone()
        };
        assert_eq!(with_note("E0603").as_array().unwrap().len(), 1);
        assert_eq!(with_note("E0603")[0]["level"], "help");
        assert_eq!(with_note("E0308").as_array().unwrap().len(), 2);
    }

    #[test]
    fn columns_behind_inserted_words_are_moved_back() {
        let rewritten = rewrite("struct P { x: Strin }\nfn run_user_code_1() {}");
        let at = rewritten.whole.find("Strin").unwrap() + 1;
        let mut output = output(&[error("E0412", at)]);
        lead_back(&mut output, &rewritten);
        let message = messages(&output.stderr).next().unwrap();
        assert_eq!(message["spans"][0]["column_start"], 15);
    }
}

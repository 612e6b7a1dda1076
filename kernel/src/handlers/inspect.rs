//! inspect_request: type and documentation of the name at the cursor; at detail level 1 its
//! source, too. And `name?` in a cell, which asks the same for the client's pager.

use super::cursor;
use crate::analysis::Detail;
use crate::display::Bundle;
use crate::server::Kernel;
use jupyter_protocol::InspectRequest;
use serde_json::{Value, json};

/// The reply's content. Answered while a cell runs, too.
pub async fn reply(kernel: &Kernel, request: &InspectRequest) -> Value {
    let byte = cursor::to_byte(&request.code, request.cursor_pos);
    let detail = match request.detail_level {
        None | Some(0) => Detail::Documentation,
        Some(_) => Detail::Source,
    };
    let data = inspect(kernel, request.code.clone(), byte, detail).await;
    json!({
        "status": "ok",
        "found": data.is_some(),
        "data": data.unwrap_or_default(),
        "metadata": {},
    })
}

/// The payload for a cell that is only a question (`name?`, `?name`, and with two question
/// marks for the source); none for any other cell.
pub async fn page(kernel: &Kernel, code: &str) -> Option<Value> {
    let (name, detail) = asked_name(code)?;
    let found = inspect(kernel, name.to_owned(), name.len(), detail).await;
    let data = found.unwrap_or_else(|| {
        let mut bundle = Bundle::new();
        bundle.insert(
            "text/plain".into(),
            format!("nothing is known of `{name}`").into(),
        );
        bundle
    });
    Some(json!([{ "source": "page", "data": data, "start": 0 }]))
}

async fn inspect(kernel: &Kernel, code: String, byte: usize, detail: Detail) -> Option<Bundle> {
    kernel
        .ask(move |analysis| analysis.inspect(&code, byte, detail))
        .await
        .flatten()
}

/// The name a cell asks about. `f()?` is Rust; a bare name with a question mark is taken for a
/// question, as everywhere in Jupyter.
pub fn asked_name(code: &str) -> Option<(&str, Detail)> {
    let code = code.trim();
    let marked = |mark: &str| code.strip_suffix(mark).or_else(|| code.strip_prefix(mark));
    let (name, detail) = match (marked("??"), marked("?")) {
        (Some(name), _) => (name, Detail::Source),
        (None, Some(name)) => (name, Detail::Documentation),
        (None, None) => return None,
    };
    let is_part_of_name = |c: char| c.is_alphanumeric() || "_:.!<>".contains(c);
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || "_:<".contains(c))
        && name.chars().all(is_part_of_name);
    is_name.then_some((name, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_question_marks_is_a_question() {
        use Detail::{Documentation, Source};
        for (code, name, detail) in [
            ("Tensor?", "Tensor", Documentation),
            ("?Tensor", "Tensor", Documentation),
            (" std::fs::read??\n", "std::fs::read", Source),
            ("??a.len", "a.len", Source),
            ("println!?", "println!", Documentation),
            (":dep?", ":dep", Documentation),
        ] {
            assert_eq!(asked_name(code), Some((name, detail)), "{code}");
        }
    }

    #[test]
    fn rust_is_no_question() {
        for code in [
            "f()?",
            "?",
            "??",
            "a",
            "a ?",
            "let b = c?",
            "a? b",
            "\"x\"?",
            "1?",
            "x\ny?",
        ] {
            assert_eq!(asked_name(code), None, "{code}");
        }
    }
}

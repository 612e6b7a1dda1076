//! is_complete_request: may a console run what was typed, or is more to come?

use serde_json::{Value, json};

/// The reply's content, from counting brackets outside strings and comments.
pub fn reply(code: &str) -> Value {
    match open_brackets(code) {
        Some(0) => json!({ "status": "complete" }),
        Some(depth) => json!({ "status": "incomplete", "indent": "    ".repeat(depth) }),
        None => json!({ "status": "invalid" }),
    }
}

/// Brackets (and unfinished strings or comments) still open; none when one is closed
/// that was never opened.
fn open_brackets(code: &str) -> Option<usize> {
    let mut stack = Vec::new();
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '(' => stack.push(')'),
            '[' => stack.push(']'),
            '{' => stack.push('}'),
            // One that closes what is not open.
            ')' | ']' | '}' if stack.pop() != Some(c) => return None,
            '/' if chars.peek() == Some(&'/') => {
                chars.by_ref().find(|&c| c == '\n');
            }
            '"' => loop {
                match chars.next() {
                    Some('\\') => {
                        chars.next();
                    }
                    Some('"') => break,
                    Some(_) => {}
                    None => return Some(stack.len() + 1),
                }
            },
            // A character literal such as '(' or '\''; a lifetime has no closing quote.
            '\'' => {
                let mut ahead = chars.clone();
                let first = ahead.next();
                if first == Some('\\') {
                    ahead.next();
                }
                if ahead.next() == Some('\'') {
                    chars = ahead;
                }
            }
            _ => {}
        }
    }
    Some(stack.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_and_characters_do_not_count() {
        for complete in [
            "let a = \"(\";",
            "let c = '(';",
            "// {\nf()",
            "fn f<'a>(x: &'a str) {}",
            "'\\''",
            "",
        ] {
            assert_eq!(reply(complete)["status"], "complete", "{complete}");
        }
    }

    #[test]
    fn an_open_block_asks_for_more_with_indent() {
        let reply = reply("fn f() {\n    if x {");
        assert_eq!(
            (reply["status"].as_str(), reply["indent"].as_str()),
            (Some("incomplete"), Some("        "))
        );
    }

    #[test]
    fn a_bracket_too_many_is_invalid() {
        assert_eq!(reply("f())")["status"], "invalid");
    }
}

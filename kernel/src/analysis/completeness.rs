//! May a console run what was typed, or is more to come? Answered by rust-analyzer's parser.
//!
//! What is typed is parsed as evcxr parses it: as the body of a function. An error at its
//! very end means that something is missing there; any error before means that it is wrong.

use super::commands::without_commands;
use ra_ap_syntax::ast::{self, HasModuleItem};
use ra_ap_syntax::{AstNode, Edition, SourceFile, SyntaxKind, SyntaxNode, T, TextSize};

/// Edition that evcxr compiles cells in.
pub const EDITION: Edition = Edition::Edition2024;

/// What stands before a cell when it is parsed.
const OPENING: &str = "fn cell() {";
/// What stands behind it, on a line of its own for the sake of a comment at the end.
const CLOSING: &str = "\n}";

/// Spaces of one level of indentation.
const LEVEL: usize = 4;

/// What a console should do with what was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// Run it.
    Complete,
    /// Wait for another line, which should start with these spaces.
    Incomplete { indent: String },
    /// More lines cannot mend it.
    Invalid,
}

/// Judges code that may have commands above it.
pub fn of(code: &str) -> Completeness {
    let rust = without_commands(code);
    if rust.trim().is_empty() {
        return Completeness::Complete;
    }
    let parsed = SourceFile::parse(&format!("{OPENING}{rust}{CLOSING}"), EDITION);
    let root = parsed.syntax_node();
    let errors = parsed.errors();
    let whole = usize::from(root.text_range().end());
    if errors.is_empty() && is_one_function(&parsed.tree()) {
        return Completeness::Complete;
    }
    let typed_end = OPENING.len() + rust.trim_end().len();
    // A string or comment that nobody ends swallows everything up to the end of the text.
    let swallows_all = |error: &ra_ap_syntax::SyntaxError| {
        !error.range().is_empty() && usize::from(error.range().end()) == whole
    };
    if errors.iter().any(swallows_all) {
        return Completeness::Incomplete {
            indent: String::new(),
        };
    }
    // A bracket too many ends the function before what was typed ends.
    let first_error = errors
        .iter()
        .map(|error| usize::from(error.range().start()))
        .min();
    if first_error.is_some_and(|at| at < typed_end) || open_brackets(&root, typed_end).is_none() {
        return Completeness::Invalid;
    }
    incomplete(&root, typed_end)
}

fn incomplete(root: &SyntaxNode, typed_end: usize) -> Completeness {
    // Outside of all brackets an unfinished expression goes on, a level deeper, while an
    // attribute waits for its item on the same level.
    let last = TextSize::try_from(typed_end)
        .ok()
        .and_then(|end| root.token_at_offset(end).left_biased());
    let after_attribute = last.and_then(|token| token.parent()).is_some_and(|node| {
        node.ancestors()
            .any(|node| ast::Attr::can_cast(node.kind()))
    });
    let least = usize::from(!after_attribute);
    let depth = open_brackets(root, typed_end)
        .unwrap_or_default()
        .max(least);
    Completeness::Incomplete {
        indent: " ".repeat(LEVEL * depth),
    }
}

/// How many brackets are open at the end of what was typed; none if one too many was closed.
fn open_brackets(root: &SyntaxNode, typed_end: usize) -> Option<usize> {
    let mut open = Vec::new();
    let tokens = root
        .descendants_with_tokens()
        .filter_map(|element| element.into_token())
        .filter(|token| {
            (OPENING.len()..typed_end).contains(&usize::from(token.text_range().start()))
        });
    for token in tokens {
        match token.kind() {
            T!['('] => open.push(T![')']),
            T!['['] => open.push(T![']']),
            T!['{'] => open.push(T!['}']),
            closing @ (T![')'] | T![']'] | T!['}']) if open.pop() != Some(closing) => return None,
            _ => {}
        }
    }
    Some(open.len())
}

/// Whether the text is the function around the cell and nothing else.
fn is_one_function(file: &SourceFile) -> bool {
    let children = file.syntax().children().count();
    children == 1
        && file.items().count() == 1
        && file
            .syntax()
            .children()
            .all(|node| node.kind() == SyntaxKind::FN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indent(code: &str) -> usize {
        match of(code) {
            Completeness::Incomplete { indent } => indent.len(),
            other => panic!("{code:?} is {other:?}"),
        }
    }

    #[test]
    fn what_can_run_is_complete() {
        for code in [
            "",
            "  \n",
            "a",
            "let a = \"(\";",
            "let c = '(';",
            "// {\nf()",
            "fn f<'a>(x: &'a str) {}",
            "'\\''",
            "use std::collections::HashMap;",
            "#[derive(Debug)]\nstruct A;",
            "loop { break }",
            "let text = r#\"one \" two\"#;",
            "/* a comment */",
            "f()?",
            "x; // the end",
            "macro_rules! m { ($x:expr) => { $x } }",
        ] {
            assert_eq!(of(code), Completeness::Complete, "{code:?}");
        }
    }

    #[test]
    fn what_is_open_asks_for_more_with_indent() {
        assert_eq!(indent("fn f() {\n    if x {"), 8);
        assert_eq!(indent("f(1,\n  2"), 4);
        assert_eq!(indent("let v = vec![\n    1,"), 4);
        assert_eq!(indent("let a ="), 4);
        assert_eq!(indent("a."), 4);
        assert_eq!(indent("let a = 1"), 4);
        assert_eq!(indent("for i in 0..3 {\n    f(i);\n"), 4);
    }

    #[test]
    fn strings_comments_and_attributes_wait_for_their_end_without_indent() {
        for code in [
            "let a = \"one",
            "/* one",
            "let a = r#\"one\"",
            "#[derive(Debug)]",
            "f(\"one\ntwo",
        ] {
            assert_eq!(indent(code), 0, "{code:?}");
        }
    }

    #[test]
    fn what_more_lines_cannot_mend_is_invalid() {
        for code in [
            "f())",
            "}",
            "let + = 1;",
            "let = 1; f(",
            "fn f( { }",
            "a ] b",
            "let a = );",
        ] {
            assert_eq!(of(code), Completeness::Invalid, "{code:?}");
        }
    }

    #[test]
    fn commands_are_complete_and_do_not_disturb_the_rest() {
        assert_eq!(of(":dep rand = \"0.9\""), Completeness::Complete);
        assert_eq!(of(":vars"), Completeness::Complete);
        assert_eq!(of("!ls ("), Completeness::Complete);
        assert_eq!(indent(":dep rand\nfn f() {"), 4);
    }
}

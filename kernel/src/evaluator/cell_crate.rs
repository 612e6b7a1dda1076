//! What is changed in the crate that evcxr generates for a cell, before rustc sees it.
//!
//! evcxr's own text knows nothing of the prelude: it shows a value by a method call that finds one
//! trait only, and of a failed `?` it prints the message alone. Here the value goes to the
//! prelude's choice between a type's own display and `Debug`, and the error to the prelude with its
//! causes and its place. No line moves, so that evcxr still finds the cell's lines in what rustc
//! says; where evcxr's text is not as expected, it stays as it is and the cell still runs.
//!
//! The other end of the inserted calls is the prelude's `cell_support` module.

use std::io;
use std::path::Path;

/// What rustc is told about a cell's crate besides what cargo says: line numbers, so that a panic
/// inside a library can be followed back to the cell's line.
pub const RUSTC_ARGUMENTS: [&str; 2] = ["-Cdebuginfo=line-tables-only", "-Cstrip=none"];

const LAST_EXPRESSION: &str = "\n).evcxr_display();\n";
const LAST_EXPRESSION_SHOWN: &str = "\n).last_expression().show();\n";

/// How evcxr shows the value when the crate did not compile at first, whatever the reason: the cell's
/// first `?` is in it, or it takes variables of the cell.
const SECOND_TRY: &str = "\nevcxr_send_text_plain(&format!(\"{:?}\",&(\n";
const SECOND_TRY_END: &str = "\n)));\n";
const SECOND_TRY_SHOWN: [&str; 2] = [
    "\n(torchbook::cell_support::has_debug(&(\n",
    "\n))).last_expression().show();\n",
];

const ERROR_CONVERSION: &str = r#"impl<T: std::fmt::Display> From<T> for EvcxrUserCodeError {
                fn from(error: T) -> Self {
                    eprintln!("{}", error);"#;
const ERROR_CONVERSION_REPORTED: &str = r#"impl<'a, T: Into<Box<dyn std::error::Error + 'a>>> From<T> for EvcxrUserCodeError {
                #[track_caller] fn from(error: T) -> Self {
                    torchbook::cell_support::report_error(error);"#;

/// How evcxr catches a cell's panics, with and without variables.
const CATCHES: [&str; 2] = [
    "match std::panic::catch_unwind(\n  std::panic::AssertUnwindSafe(||{\n",
    "if std::panic::catch_unwind(||{\n",
];
const CELL_FUNCTION: &str = "fn run_user_code_";
const STATE_KEPT: &str = "let evcxr_torch_state = torchbook::cell_support::TorchState::now(); ";
const OWN_CODE: &str = " let _evcxr_own_code = torchbook::cell_support::OwnCode::begin();";
const CAUGHT: &str = "println!(\"EVCXR_PANIC_NOTIFICATION\");";
const CAUGHT_STATE_RESTORED: &str =
    "evcxr_torch_state.restore(); println!(\"EVCXR_PANIC_NOTIFICATION\");";

/// At the end, where it moves no line.
const IMPORT: &str = "#[allow(unused_imports)] use torchbook::cell_support::*;\n";

/// The source of a cell's crate as it is compiled; the prelude must be one of its dependencies.
#[must_use]
pub fn improve(source: &str) -> String {
    if source.ends_with(IMPORT) {
        return source.to_owned();
    }
    let mut improved = source.replacen(ERROR_CONVERSION, ERROR_CONVERSION_REPORTED, 1);
    // The user's own code may contain the same words, but evcxr's come last.
    if let Some(at) = improved.rfind(LAST_EXPRESSION) {
        improved.replace_range(at..at + LAST_EXPRESSION.len(), LAST_EXPRESSION_SHOWN);
    }
    show_in_second_try(&mut improved);
    keep_torch_state(&mut improved);
    if !improved.ends_with('\n') {
        improved.push('\n');
    }
    improved + IMPORT
}

/// The second try shows what the first one would have shown; only its error, for a type that nothing
/// can show, is that of `{:?}`.
fn show_in_second_try(source: &mut String) {
    let [shown, shown_end] = SECOND_TRY_SHOWN;
    if let Some(start) = source.rfind(SECOND_TRY)
        && let Some(end) = source.rfind(SECOND_TRY_END)
        && end > start
    {
        source.replace_range(end..end + SECOND_TRY_END.len(), shown_end);
        source.replace_range(start..start + SECOND_TRY.len(), shown);
    }
}

/// What a panic leaves of libtorch's settings is undone, where evcxr catches it; and only where it does may
/// the stop button make one of what the cell prints.
fn keep_torch_state(source: &mut String) {
    let Some(cell) = source.rfind(CELL_FUNCTION) else {
        return;
    };
    // Before the user's code and behind it.
    let found = |text: &&str| Some((cell + source[cell..].find(*text)?, text.len()));
    let first = CATCHES.iter().filter_map(found).min();
    if let Some((catch, length)) = first
        && let Some(caught) = source.rfind(CAUGHT)
        && caught > catch
    {
        source.replace_range(caught..caught + CAUGHT.len(), CAUGHT_STATE_RESTORED);
        // Before the newline: no line moves.
        source.insert_str(catch + length - 1, OWN_CODE);
        source.insert_str(catch, STATE_KEPT);
    }
}

/// Improves the source file of a cell's crate, if rustc's arguments name the prelude.
///
/// # Errors
/// When the file cannot be read or written.
pub fn improve_file(source: &Path, arguments: &[String]) -> io::Result<()> {
    let has_prelude = arguments
        .windows(2)
        .any(|pair| pair[0] == "--extern" && pair[1].starts_with("torchbook="));
    if !has_prelude {
        return Ok(());
    }
    let text = std::fs::read_to_string(source)?;
    let improved = improve(&text);
    if improved == text {
        return Ok(());
    }
    std::fs::write(source, improved)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As evcxr 0.22 writes it: `stringify!`-like lines around the user's.
    fn generated(user_code: &str) -> String {
        format!(
            "#![allow(unused_imports, unused_mut, dead_code)]\n\n            struct EvcxrUserCodeError {{}}\n            \
             {ERROR_CONVERSION}\n                    println!(\"{{}}\", evcxr_internal_runtime::USER_ERROR_OCCURRED);\n\
             fn run() {{\n{user_code}\n}}\n"
        )
    }

    #[test]
    fn a_value_and_an_error_go_to_the_prelude_and_no_line_moves() {
        let source = generated("let a = 1;\n(\na +\n1\n).evcxr_display();");
        let improved = improve(&source);
        assert!(
            improved.contains("1\n).last_expression().show();\n}\n"),
            "{improved}"
        );
        assert!(improved.contains("report_error(error);"), "{improved}");
        let moved = source
            .lines()
            .zip(improved.lines())
            .filter(|(before, after)| before != after)
            .count();
        assert_eq!(moved, 4, "{improved}");
        assert_eq!(improved.lines().count(), source.lines().count() + 1);
        assert_eq!(improve(&improved), improved);
    }

    #[test]
    fn the_second_try_shows_the_same_and_moves_no_line() {
        let source = generated("evcxr_send_text_plain(&format!(\"{:?}\",&(\nf((\n1\n)));\n)));");
        let improved = improve(&source);
        let expected = "{\n(torchbook::cell_support::has_debug(&(\nf((\n1\n)));\n))).last_expression().show();\n}\n";
        assert!(improved.contains(expected), "{improved}");
        assert_eq!(improved.lines().count(), source.lines().count() + 1);
    }

    #[test]
    fn libtorchs_settings_are_kept_around_what_evcxr_catches() {
        let user = "println!(\"EVCXR_PANIC_NOTIFICATION\");\nif std::panic::catch_unwind(||{\n}).is_ok() {}";
        for catch in CATCHES {
            let source =
                format!("fn run_user_code_1() {{\n{catch}{user}\n}}) {{\n    {CAUGHT}\n}}\n");
            let improved = improve(&source);
            let catch = catch.trim_end();
            assert!(
                improved.contains(&format!("{{\n{STATE_KEPT}{catch}{OWN_CODE}\n{user}\n")),
                "{improved}"
            );
            assert!(
                improved.contains(&format!("\n    {CAUGHT_STATE_RESTORED}\n")),
                "{improved}"
            );
            assert_eq!(improved.lines().count(), source.lines().count() + 1);
        }
        let not_caught = format!("fn run_user_code_1() {{\n{user}\n}}\n");
        assert!(!improve(&not_caught).contains(STATE_KEPT));
    }

    #[test]
    fn the_text_is_evcxrs() {
        // When a new evcxr writes something else, this says so before a notebook does.
        let registry = |name: &str| {
            let lock = include_str!("../../../Cargo.lock");
            lock.contains(&format!("name = \"evcxr\"\nversion = \"{name}\""))
        };
        assert!(
            registry("0.22.0"),
            "compare ERROR_CONVERSION with evcxr's error_trait_code"
        );
    }

    #[test]
    fn users_words_stay() {
        let source = "fn f() {\nx(\n).evcxr_display();\n}\nfn g() {\n(\n1\n).evcxr_display();\n}\n";
        let improved = improve(source);
        assert!(
            improved.starts_with("fn f() {\nx(\n).evcxr_display();\n}\n"),
            "{improved}"
        );
        assert!(
            improved.contains("1\n).last_expression().show();\n}\n"),
            "{improved}"
        );
    }

    #[test]
    fn a_crate_without_the_prelude_stays_as_it_is() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = "(\n1\n).evcxr_display();\n";
        let content = |library: &str| {
            std::fs::write(&file, source).unwrap();
            let arguments = ["--extern".to_owned(), format!("{library}=/lib.so")];
            improve_file(file.path(), &arguments).unwrap();
            std::fs::read_to_string(&file).unwrap()
        };
        assert_eq!(content("regex"), source);
        assert_eq!(content("torchbook"), improve(source));
    }
}

//! What is changed in the crate that evcxr generates for a cell, before rustc sees it.
//!
//! evcxr's own text knows nothing of the prelude: it shows a value by a method call that finds one
//! trait only, and of a failed `?` it prints the message alone. Here the value goes to the
//! prelude's choice between a type's own display and `Debug`, and the error to the prelude with its
//! causes and its place. No line moves, so that evcxr still finds the cell's lines in what rustc
//! says; where evcxr's text is not as expected, it stays as it is and the cell still runs.
//!
//! The other end of the inserted calls is the prelude's `cell_support` module.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names this program to cargo, which starts it in rustc's place for the cells' crate.
const WRAPPER_VARIABLE: &str = "RUSTC_WORKSPACE_WRAPPER";
/// Tells this program that it was started so.
const COMPILER_VARIABLE: &str = "TORCHBOOK_COMPILES_CELLS";
/// evcxr's name for the crate.
const CRATE_NAME: &str = "ctx";
/// Line numbers, so that a panic inside a library can be followed back to the cell's line.
const ARGUMENTS: [&str; 2] = ["-Cdebuginfo=line-tables-only", "-Cstrip=none"];

const LAST_EXPRESSION: &str = "\n).evcxr_display();\n";
const LAST_EXPRESSION_SHOWN: &str = "\n).last_expression().show();\n";

const ERROR_CONVERSION: &str = r#"impl<T: std::fmt::Display> From<T> for EvcxrUserCodeError {
                fn from(error: T) -> Self {
                    eprintln!("{}", error);"#;
const ERROR_CONVERSION_REPORTED: &str = r#"impl<'a, T: Into<Box<dyn std::error::Error + 'a>>> From<T> for EvcxrUserCodeError {
                #[track_caller] fn from(error: T) -> Self {
                    torchbook::cell_support::report_error(error);"#;

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
    if !improved.ends_with('\n') {
        improved.push('\n');
    }
    improved + IMPORT
}

/// What rustc is told about a cell's crate besides what cargo says.
#[must_use]
pub fn rustc_arguments() -> &'static [&'static str] {
    &ARGUMENTS
}

/// evcxr's commands that make cargo start this program in rustc's place.
///
/// # Errors
/// When this program does not know its own path.
pub fn build_environment() -> io::Result<String> {
    let program = std::env::current_exe()?;
    Ok(format!(
        ":build_env {WRAPPER_VARIABLE}={}\n:build_env {COMPILER_VARIABLE}=1\n",
        program.display()
    ))
}

/// Becomes rustc if cargo started this program in its place, with the cell's source improved.
/// Call it first in `main`; it returns in every other process.
pub fn compile_if_asked() {
    if std::env::var_os(COMPILER_VARIABLE).is_none() {
        return;
    }
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some((rustc, arguments)) = arguments.split_first() else {
        return;
    };
    let mut command = Command::new(rustc);
    command
        .args(arguments)
        .env_remove(WRAPPER_VARIABLE)
        .env_remove(COMPILER_VARIABLE);
    if let Some(source) = cell_source(arguments) {
        match improve_file(&source) {
            Ok(()) => {
                command.args(rustc_arguments());
            }
            Err(error) => eprintln!("torchbook: {}: {error}", source.display()),
        }
    }
    let error = command.exec();
    eprintln!("torchbook: cannot run {}: {error}", rustc.display());
    std::process::exit(127);
}

fn improve_file(source: &Path) -> io::Result<()> {
    let text = std::fs::read_to_string(source)?;
    let improved = improve(&text);
    if improved == text {
        return Ok(());
    }
    std::fs::write(source, improved)
}

/// The source file, if this is the call for a cell's crate with the prelude.
fn cell_source(arguments: &[OsString]) -> Option<PathBuf> {
    let follows = |name: &str, wanted: &dyn Fn(&str) -> bool| {
        arguments
            .windows(2)
            .any(|pair| pair[0] == OsStr::new(name) && pair[1].to_str().is_some_and(wanted))
    };
    let has_prelude = follows("--extern", &|value| {
        value == "torchbook" || value.starts_with("torchbook=")
    });
    if !follows("--crate-name", &|name| name == CRATE_NAME) || !has_prelude {
        return None;
    }
    arguments
        .iter()
        .map(PathBuf::from)
        .find(|path| path.ends_with("src/lib.rs"))
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
    fn only_the_call_for_a_cell_with_the_prelude_is_meant() {
        let call =
            |text: &str| cell_source(&text.split(' ').map(OsString::from).collect::<Vec<_>>());
        let cell = "--crate-name ctx --edition=2024 src/lib.rs --extern torchbook=/x.so";
        assert_eq!(call(cell), Some("src/lib.rs".into()));
        assert_eq!(call(&cell.replace("ctx", "regex")), None);
        assert_eq!(call(&cell.replace("torchbook=", "regex=")), None);
        assert_eq!(call("-vV"), None);
    }
}

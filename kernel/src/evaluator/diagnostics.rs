//! Turns what rustc and a panicking cell say into an error the reader of a notebook
//! understands: the cell's own lines and numbers, carets, labels and help.
//!
//! [`super::evcxr`] decides which kind of error a cell ended with, [`super::cell_places`] which lines it
//! has gone through; this module only words it.

use super::cell_places::{CellPlace, CellSource};
use super::{CellError, backtrace};
use crate::child::hub::{ErrorReport, PanicReport};
use ::evcxr::CompilationError;
use std::fmt::Write;

const RED: &str = "\u{1b}[1;31m";
const BLUE: &str = "\u{1b}[1;34m";
const GREEN: &str = "\u{1b}[1;32m";
const BOLD: &str = "\u{1b}[1m";
const RESET: &str = "\u{1b}[0m";
const WHAT_IS_LEFT: &str =
    "Variables of earlier cells are still there; those this cell defined or took over are not.";

/// All errors of a cell that did not compile, as one.
pub fn compile_errors(
    errors: &[CompilationError],
    code: &str,
    execution_count: usize,
) -> CellError {
    let mut shown: Vec<&CompilationError> =
        errors.iter().filter(|e| e.level() == "error").collect();
    if shown.is_empty() {
        shown = errors.iter().collect();
    }
    let title = |error: &CompilationError| match error.code() {
        Some(code) => format!("error[{code}]: {}", error.message()),
        None => format!("error: {}", error.message()),
    };
    let mut evalue = shown
        .first()
        .map_or_else(|| "the cell does not compile".into(), |e| title(e));
    if shown.len() > 1 {
        let _ = write!(evalue, " (and {} more)", shown.len() - 1);
    }
    let traceback = shown
        .iter()
        .flat_map(|error| {
            let labels: Vec<Label> = error
                .spanned_messages()
                .iter()
                .filter_map(|message| {
                    let span = message.span?;
                    Some(Label {
                        line: span.start_line,
                        column: span.start_column,
                        end_line: span.end_line,
                        end_column: span.end_column,
                        text: message.label.clone(),
                        primary: message.is_primary,
                    })
                })
                .collect();
            let mut help = error.help();
            help.extend(error.evcxr_extra_hint().map(str::to_owned));
            let mut lines = vec![format!("{RED}{}{RESET}", title(error))];
            lines.extend(snippet(code, execution_count, &labels));
            if labels.is_empty() && !error.rendered().is_empty() {
                lines.push(error.rendered().trim_end().to_owned());
            }
            lines.extend(
                help.iter()
                    .map(|text| format!("  {BLUE}={RESET} {GREEN}help{RESET}: {text}")),
            );
            lines
        })
        .collect();
    CellError {
        ename: "CompileError".into(),
        evalue,
        traceback,
    }
}

/// A panic that ended a cell. One inside a library or a function of an earlier cell is followed back to
/// the cell's line.
pub fn panic(report: &PanicReport, source: &CellSource) -> CellError {
    let mut traceback = vec![format!("{RED}thread panicked{RESET}: {}", report.message)];
    if source.place(&report.file, report.line).is_none() && !report.file.is_empty() {
        traceback.push(format!("  at {}:{}", report.file, report.line));
    }
    traceback.extend(lines_of_panic(report, source));
    traceback.extend(backtrace::of_users_code(&report.backtrace));
    traceback.push(WHAT_IS_LEFT.into());
    CellError {
        ename: "Panic".into(),
        evalue: report.message.clone(),
        traceback,
    }
}

/// The stop button has ended a cell by a panic: where the cell was, and nothing of the library.
pub fn stopped(report: &PanicReport, source: &CellSource) -> CellError {
    let mut traceback = vec![format!("{RED}Interrupted{RESET}: {}", report.message)];
    traceback.extend(lines_of_panic(report, source));
    traceback.push(WHAT_IS_LEFT.into());
    CellError {
        ename: "Interrupted".into(),
        evalue: report.message.clone(),
        traceback,
    }
}

/// The line that panicked, and those that have called it.
fn lines_of_panic(report: &PanicReport, source: &CellSource) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, place) in source.places(report).iter().enumerate() {
        if index > 0 {
            lines.push("called from".into());
        }
        lines.extend(marked(place));
    }
    lines
}

/// A failed `?` that ended a cell, with its causes.
pub fn failed_question_mark(report: &ErrorReport, source: &CellSource) -> CellError {
    let mut traceback = vec![format!("{RED}{}{RESET}: {}", report.ename, report.evalue)];
    traceback.extend(
        report
            .causes
            .iter()
            .map(|cause| format!("  {BLUE}caused by{RESET}: {cause}")),
    );
    if let Some(place) = source.place(&report.file, report.line) {
        traceback.extend(marked(&place));
    }
    traceback.push(WHAT_IS_LEFT.into());
    CellError {
        ename: report.ename.clone(),
        evalue: report.evalue.clone(),
        traceback,
    }
}

/// A failed `?` that ended a cell, when all that is known is what it printed.
pub fn question_mark(message: &str) -> CellError {
    let evalue = if message.is_empty() {
        "the cell returned an error"
    } else {
        message
    };
    CellError::new("Error", evalue)
        .with_line("Variables of earlier cells are still there; those this cell defined are not.")
}

/// A line of a cell, underlined.
fn marked(place: &CellPlace) -> Vec<String> {
    let text = place.code.lines().nth(place.line - 1);
    let label = Label {
        line: place.line,
        column: 1,
        end_line: place.line,
        end_column: text.map_or(1, |text| text.chars().count()) + 1,
        text: String::new(),
        primary: true,
    };
    snippet(place.code, place.execution_count, &[label])
}

/// A range of the cell that has something said about it; 1-based, end exclusive.
struct Label {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    text: String,
    primary: bool,
}

/// The labelled lines of the cell with carets below them, in rustc's manner.
fn snippet(code: &str, execution_count: usize, labels: &[Label]) -> Vec<String> {
    let Some(first) = labels.iter().find(|label| label.primary).or(labels.first()) else {
        return Vec::new();
    };
    let source: Vec<&str> = code.lines().collect();
    let width = labels
        .iter()
        .map(|label| label.line.to_string().len())
        .max()
        .unwrap_or(1);
    let mut lines = vec![
        format!(
            "{:width$}{BLUE}-->{RESET} cell [{execution_count}], line {}, column {}",
            "", first.line, first.column
        ),
        format!("{:width$} {BLUE}|{RESET}", ""),
    ];
    let mut sorted: Vec<&Label> = labels.iter().collect();
    sorted.sort_by_key(|label| (label.line, label.column));
    let mut shown_line = 0;
    for label in sorted {
        let text = source
            .get(label.line.saturating_sub(1))
            .copied()
            .unwrap_or_default();
        if label.line != shown_line {
            if shown_line != 0 && label.line > shown_line + 1 {
                lines.push("...".into());
            }
            lines.push(format!(
                "{BLUE}{:>width$} |{RESET} {}",
                label.line,
                text.replace('\t', " ")
            ));
            shown_line = label.line;
        }
        let end = if label.end_line == label.line {
            label.end_column
        } else {
            text.chars().count() + 1
        };
        let carets = end.saturating_sub(label.column).max(1);
        let (mark, colour) = if label.primary {
            ("^", RED)
        } else {
            ("-", BLUE)
        };
        lines.push(format!(
            "{:width$} {BLUE}|{RESET} {:indent$}{colour}{} {}{RESET}",
            "",
            "",
            mark.repeat(carets),
            label.text,
            indent = label.column.saturating_sub(1),
        ));
    }
    lines.push(format!("{:width$} {BLUE}|{RESET}{BOLD}{RESET}", ""));
    lines
}

#[cfg(test)]
mod tests {
    use super::super::cell_places::EarlierCell;
    use super::*;

    fn plain(lines: &[String]) -> String {
        let ansi = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
        ansi.replace_all(&lines.join("\n"), "").into_owned()
    }

    #[test]
    fn carets_stand_below_characters_not_bytes() {
        let label = Label {
            line: 2,
            column: 9,
            end_line: 2,
            end_column: 11,
            text: "여기".into(),
            primary: true,
        };
        let shown = plain(&snippet("let a = 1;\nlet é = äb;", 7, &[label]));
        assert_eq!(
            shown,
            " --> cell [7], line 2, column 9\n  |\n2 | let é = äb;\n  |         ^^ 여기\n  |"
        );
    }

    #[test]
    fn a_panic_is_found_by_its_line_in_the_generated_crate() {
        let report = PanicReport {
            message: "boom".into(),
            file: "src/lib.rs".into(),
            line: 4,
            ..Default::default()
        };
        let generated = "mod x {}\nfn run() {\nlet a = 1;\npanic!(\"boom\");\n}";
        let source = CellSource {
            code: "let a = 1;\npanic!(\"boom\");",
            generated,
            execution_count: 3,
            earlier: &[],
        };
        let error = panic(&report, &source);
        assert_eq!(error.evalue, "boom");
        assert!(
            plain(&error.traceback).contains("cell [3], line 2"),
            "{error:?}"
        );
    }

    #[test]
    fn a_panic_in_an_earlier_cells_function_shows_both_cells() {
        let report = PanicReport {
            message: "boom".into(),
            file: "src/lib.rs".into(),
            line: 2,
            backtrace:
                "   0: ctx::run_user_code_2\n             at /k/crates/cell/src/lib.rs:5:1\n".into(),
        };
        let source = CellSource {
            code: "f()",
            generated: "fn f() {\n  panic!(\"boom\");\n}\nfn run() {\nf()\n}",
            execution_count: 2,
            earlier: &[EarlierCell {
                code: "fn f() {\n  panic!(\"boom\");\n}".into(),
                execution_count: 1,
            }],
        };
        let shown = plain(&panic(&report, &source).traceback);
        let inner = shown.find("cell [1], line 2").expect(&shown);
        assert!(!shown.contains("src/lib.rs"), "{shown}");
        assert!(
            shown[inner..].contains("called from\n --> cell [2], line 1"),
            "{shown}"
        );
    }

    #[test]
    fn a_panic_elsewhere_says_where() {
        let report = PanicReport {
            message: "b".into(),
            file: "/x/tensor.rs".into(),
            line: 9,
            ..Default::default()
        };
        let source = CellSource {
            code: "f()",
            generated: "f()",
            execution_count: 1,
            earlier: &[],
        };
        assert!(plain(&panic(&report, &source).traceback).contains("at /x/tensor.rs:9"));
    }

    #[test]
    fn an_error_is_told_with_its_causes_and_its_line() {
        let report = ErrorReport {
            ename: "ParseIntError".into(),
            evalue: "no number".into(),
            causes: vec!["empty".into()],
            file: "src/lib.rs".into(),
            line: 2,
        };
        let source = CellSource {
            code: "parse()?;",
            generated: "fn run() {\nparse()?;\n}",
            execution_count: 4,
            earlier: &[],
        };
        let error = failed_question_mark(&report, &source);
        let traceback = plain(&error.traceback);
        assert_eq!(
            (&*error.ename, &*error.evalue),
            ("ParseIntError", "no number")
        );
        assert!(traceback.contains("caused by: empty"), "{traceback}");
        assert!(traceback.contains("cell [4], line 1"), "{traceback}");
    }
}

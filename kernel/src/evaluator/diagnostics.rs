//! Turns what rustc and a panicking cell say into an error the reader of a notebook
//! understands: the cell's own lines and numbers, carets, labels and help.
//!
//! [`super::evcxr`] decides which kind of error a cell ended with; this module only words it.

use super::CellError;
use crate::child::hub::PanicReport;
use ::evcxr::CompilationError;
use std::fmt::Write;

const RED: &str = "\u{1b}[1;31m";
const BLUE: &str = "\u{1b}[1;34m";
const GREEN: &str = "\u{1b}[1;32m";
const BOLD: &str = "\u{1b}[1m";
const RESET: &str = "\u{1b}[0m";
/// Longer panic backtraces help nobody in a notebook.
const BACKTRACE_LINES: usize = 40;

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

/// A panic that ended a cell.
pub fn panic(
    report: &PanicReport,
    code: &str,
    generated: &str,
    execution_count: usize,
) -> CellError {
    let mut traceback = vec![format!("{RED}thread panicked{RESET}: {}", report.message)];
    match cell_line(report, code, generated) {
        Some(line) => traceback.extend(snippet(
            code,
            execution_count,
            &[Label {
                line,
                column: 1,
                end_line: line,
                end_column: code.lines().nth(line - 1).map_or(1, |l| l.chars().count()) + 1,
                text: String::new(),
                primary: true,
            }],
        )),
        None if !report.file.is_empty() => {
            traceback.push(format!("  at {}:{}", report.file, report.line))
        }
        None => {}
    }
    let backtrace: Vec<&str> = report.backtrace.lines().take(BACKTRACE_LINES).collect();
    if !backtrace.is_empty() {
        traceback.push(backtrace.join("\n"));
    }
    traceback.push(
        "Variables of earlier cells are still there; those this cell defined or took over are not."
            .into(),
    );
    CellError {
        ename: "Panic".into(),
        evalue: report.message.clone(),
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

/// The line of the cell a panic came from: the generated crate holds the cell's lines
/// unchanged, so the text of the line leads back to it.
fn cell_line(report: &PanicReport, code: &str, generated: &str) -> Option<usize> {
    if !report.file.ends_with("src/lib.rs") || report.line == 0 {
        return None;
    }
    let at = report.line as usize - 1;
    let panicked = generated.lines().nth(at)?.trim();
    let same = |line: &&str| line.trim() == panicked;
    // Equal lines come in the same order here and there.
    let nth = generated.lines().take(at).filter(same).count();
    let candidates: Vec<usize> = code
        .lines()
        .enumerate()
        .filter(|(_, line)| line.trim() == panicked)
        .map(|(i, _)| i + 1)
        .collect();
    candidates.get(nth).or(candidates.last()).copied()
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
        let error = panic(&report, "let a = 1;\npanic!(\"boom\");", generated, 3);
        assert_eq!(error.evalue, "boom");
        assert!(
            plain(&error.traceback).contains("cell [3], line 2"),
            "{error:?}"
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
        assert!(plain(&panic(&report, "f()", "f()", 1).traceback).contains("at /x/tensor.rs:9"));
    }
}

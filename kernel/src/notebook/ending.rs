//! How the execution of a notebook ended, and how that is told to the user.
//!
//! [`super::execute`] finds out; the exit code is the commands' matter.

use std::time::Duration;

use serde_json::Value;

use super::document::CodeCell;
use super::error::Error;
use super::message::Message;
use super::progress::{duration, shortened};

/// A cell as messages name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CellLabel {
    /// Among the notebook's code cells, from 1.
    pub(super) number: usize,
    /// Among all cells, from 0.
    pub(super) position: usize,
    /// The first line of its source.
    pub(super) first_line: String,
}

impl CellLabel {
    /// The label of the code cell with this index among the code cells, from 0.
    pub(super) fn new(index: usize, cell: &CodeCell<'_>) -> Self {
        CellLabel {
            number: index + 1,
            position: cell.position,
            first_line: cell.first_line().to_owned(),
        }
    }

    /// `cell 3 failed: let x = oops;`, where the verb says what happened.
    pub(super) fn sentence(&self, what_happened: &str) -> String {
        let line = shortened(&self.first_line, 80);
        format!("cell {} {what_happened}: {line}", self.number)
    }
}

/// How the execution of a notebook ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// All cells ran.
    Completed,
    /// A cell raised.
    CellRaised {
        cell: CellLabel,
        ename: String,
        evalue: String,
        traceback: Vec<String>,
    },
    /// A cell did not end in time; `is_killed` if an interrupt did not help.
    TimedOut {
        cell: CellLabel,
        limit: Duration,
        is_killed: bool,
    },
    /// Ctrl-C, before or in a cell.
    Interrupted { cell: Option<CellLabel> },
    /// The kernel is gone or out of step.
    KernelLost { cell: CellLabel, error: Error },
}

impl Ending {
    /// The ending that an unsuccessful reply to a cell means.
    pub(super) fn raised(cell: CellLabel, reply: &Message) -> Self {
        let lines = reply.content["traceback"].as_array();
        let traceback = lines.into_iter().flatten().filter_map(Value::as_str);
        let ename = match reply.text("ename") {
            // A kernel that drops a cell after an earlier failure says only this.
            "" => reply.text("status").to_owned(),
            ename => ename.to_owned(),
        };
        Ending::CellRaised {
            cell,
            ename,
            evalue: reply.text("evalue").to_owned(),
            traceback: traceback.map(str::to_owned).collect(),
        }
    }

    /// The cell in which it ended, if it did so before the last one's end.
    pub(super) fn cell(&self) -> Option<&CellLabel> {
        match self {
            Ending::Completed | Ending::Interrupted { cell: None } => None,
            Ending::CellRaised { cell, .. }
            | Ending::TimedOut { cell, .. }
            | Ending::Interrupted { cell: Some(cell) }
            | Ending::KernelLost { cell, .. } => Some(cell),
        }
    }

    /// What happened, in a line or with a traceback; `None` if all went well.
    pub(super) fn problem(&self) -> Option<String> {
        Some(match self {
            Ending::Completed => return None,
            Ending::CellRaised {
                cell,
                ename,
                evalue,
                traceback,
            } => {
                let details = match traceback.join("\n") {
                    traceback if traceback.trim().is_empty() => format!("{ename}: {evalue}"),
                    traceback => traceback.trim_end().to_owned(),
                };
                format!("{}\n{details}", cell.sentence("failed"))
            }
            Ending::TimedOut {
                cell,
                limit,
                is_killed,
            } => {
                let means = if *is_killed {
                    "ignored the interrupt and was killed with its kernel"
                } else {
                    "was interrupted"
                };
                let limit = duration(*limit);
                cell.sentence(&format!(
                    "took longer than the {limit} that --timeout allows and {means}"
                ))
            }
            Ending::Interrupted { cell: None } => "interrupted before the first cell".to_owned(),
            Ending::Interrupted { cell: Some(cell) } => cell.sentence("was interrupted"),
            Ending::KernelLost { cell, error } => {
                format!("{}\n{error}", cell.sentence("did not finish"))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell() -> CellLabel {
        CellLabel {
            number: 3,
            position: 7,
            first_line: "let x = oops;".to_owned(),
        }
    }

    #[track_caller]
    fn check(ending: Ending, problem: Option<&str>) {
        assert_eq!(ending.problem().as_deref(), problem);
    }

    fn raised(traceback: &[&str]) -> Ending {
        Ending::CellRaised {
            cell: cell(),
            ename: "E".into(),
            evalue: "v".into(),
            traceback: traceback.iter().map(|line| line.to_string()).collect(),
        }
    }

    #[test]
    fn endings_name_the_cell_and_its_source() {
        check(Ending::Completed, None);
        check(raised(&[]), Some("cell 3 failed: let x = oops;\nE: v"));
        check(
            raised(&["error[E0425]", " --> 1:9\n"]),
            Some("cell 3 failed: let x = oops;\nerror[E0425]\n --> 1:9"),
        );
        check(
            Ending::TimedOut {
                cell: cell(),
                limit: Duration::from_secs(60),
                is_killed: false,
            },
            Some(
                "cell 3 took longer than the 1 min 00 s that --timeout allows and was \
                 interrupted: let x = oops;",
            ),
        );
        check(
            Ending::Interrupted { cell: Some(cell()) },
            Some("cell 3 was interrupted: let x = oops;"),
        );
    }
}

//! Tests notebooks one after the other: executes each, compares, and tells what came of it.
//!
//! Which cells are compared how is `checks.rs`'s matter, the comparing `compare.rs`'s.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::Value;

use crate::notebook::checks::Checks;
use crate::notebook::compare::compare;
use crate::notebook::document::{CodeCell, Notebook, check_writable};
use crate::notebook::ending::{CellLabel, Ending};
use crate::notebook::error::Error;
use crate::notebook::execute::{Execution, Settings, execute, is_skipped};
use crate::notebook::interrupts::Interrupts;
use crate::notebook::progress::Progress;
use crate::notebook::run::{folder_of, read_for_this_kernel};
use crate::notebook::terminal::without_escapes;
use crate::notebook::tested::{PicturePair, Problem, Tested};
use crate::notebook::transcript;

/// What all workers share.
pub(super) struct Work {
    pub(super) settings: Settings,
    pub(super) is_update: bool,
    pub(super) paths: Vec<PathBuf>,
    /// The first notebook that nobody has taken yet.
    pub(super) next: AtomicUsize,
    /// Whether no more notebooks are to be taken.
    pub(super) is_stopped: AtomicBool,
}

/// Tests one notebook after the other.
pub(super) struct Worker {
    pub(super) work: Arc<Work>,
    pub(super) interrupts: Interrupts,
    pub(super) progress: Progress,
}

impl Worker {
    /// Tests notebooks until none is left.
    pub(super) async fn run(&mut self) -> Vec<Tested> {
        let work = self.work.clone();
        let mut results = Vec::new();
        while !work.is_stopped.load(Ordering::Relaxed)
            && let Some(path) = work.paths.get(work.next.fetch_add(1, Ordering::Relaxed))
        {
            let start = Instant::now();
            let result = self.test_notebook(path).await;
            let mut tested = result.unwrap_or_else(|error| {
                // The error names the notebook, and so does the line it goes to.
                let text = error.to_string();
                let text = text.replace(&format!("{}: ", path.display()), "");
                Tested::failed(vec![Problem::of_notebook(text)])
            });
            tested.path = path.clone();
            tested.took = start.elapsed();
            self.progress.finish();
            let text = tested.to_text();
            self.progress.print(&match self.progress.has_colours() {
                true => text,
                false => without_escapes(&text),
            });
            if tested.is_interrupted {
                work.is_stopped.store(true, Ordering::Relaxed);
            }
            results.push(tested);
        }
        results
    }

    async fn test_notebook(&mut self, path: &Path) -> Result<Tested, Error> {
        let stored = read_for_this_kernel(path)?;
        if self.work.is_update {
            check_writable(path)?;
        } else if !has_outputs(&stored) {
            let advice = "no stored outputs to compare with: look at what `torchbook run` shows, \
                          then store it with `torchbook test --update`";
            return Ok(Tested::failed(vec![Problem::of_notebook(advice)]));
        }
        // Before executing, since a slip in the metadata is found at once.
        let cells = match checked_cells(&stored) {
            Ok(cells) => cells,
            Err(problems) => return Ok(Tested::failed(problems)),
        };
        self.progress.begins(path);
        let mut new = stored.clone();
        let work = self.work.clone();
        let execution = execute(
            &mut new,
            folder_of(path),
            &work.settings,
            &mut self.interrupts,
            &mut self.progress,
        )
        .await?;

        let was_executed = |cell: &CellLabel| execution.executed.contains(&cell.position);
        let labels = cells.iter().map(|(cell, _)| cell);
        let mut tested = Tested {
            cells: labels.filter(|cell| was_executed(cell)).cloned().collect(),
            problems: compare_cells(
                &cells,
                (!work.is_update).then_some(&stored),
                &new,
                &execution,
            ),
            is_interrupted: matches!(execution.ending, Ending::Interrupted { .. }),
            ..Tested::default()
        };
        if let Some(text) = execution.ending.problem() {
            tested.problems.push(Problem {
                cell: execution.ending.cell().map(|cell| cell.number),
                text,
                pictures: Vec::new(),
            });
        }
        if work.is_update {
            tested.note = match (tested.is_ok(), new.to_text() == stored.to_text()) {
                (false, _) => "not updated",
                (true, true) => "unchanged",
                (true, false) => {
                    new.write(path)?;
                    "updated"
                }
            };
        }
        Ok(tested)
    }
}

/// Compares the cells that ran to their end.
fn compare_cells(
    cells: &[(CellLabel, Checks)],
    stored: Option<&Notebook>,
    new: &Notebook,
    execution: &Execution,
) -> Vec<Problem> {
    let outputs = |notebook: &Notebook| -> Vec<_> {
        notebook
            .code_cells()
            .map(|cell| cell.outputs.to_vec())
            .collect()
    };
    let (stored, new) = (stored.map(outputs), outputs(new));
    let mut executed = execution.executed.clone();
    if !matches!(execution.ending, Ending::Completed) {
        executed.pop();
    }
    let mut problems = Vec::new();
    for (cell, checks) in cells
        .iter()
        .filter(|(cell, _)| executed.contains(&cell.position))
    {
        let index = cell.number - 1;
        let reference = stored.as_ref().map(|stored| &*stored[index]);
        let differences = compare(checks, reference, &new[index]);
        if !differences.is_empty() {
            let differences = differences.join("\n");
            problems.push(Problem {
                cell: Some(cell.number),
                text: format!("{}\n{differences}", cell.sentence("differs")),
                pictures: picture_pairs(reference.unwrap_or_default(), &new[index]),
            });
        }
    }
    problems
}

/// The first stored picture beside the first of now, and so on.
fn picture_pairs(stored: &[Value], new: &[Value]) -> Vec<PicturePair> {
    let mut stored = transcript::picture_addresses(stored).into_iter();
    let mut now = transcript::picture_addresses(new).into_iter();
    let pairs = std::iter::from_fn(|| match (stored.next(), now.next()) {
        (None, None) => None,
        (stored, now) => Some(PicturePair { stored, now }),
    });
    pairs.collect()
}

/// The cells that will be executed with their checks, or what is wrong with the checks.
fn checked_cells(notebook: &Notebook) -> Result<Vec<(CellLabel, Checks)>, Vec<Problem>> {
    let mut cells = Vec::new();
    let mut problems = Vec::new();
    for (index, cell) in notebook.code_cells().enumerate() {
        if is_skipped(&cell) {
            continue;
        }
        let label = CellLabel::new(index, &cell);
        match Checks::of(&cell) {
            Ok(checks) => cells.push((label, checks)),
            Err(problem) => {
                problems.push(Problem {
                    cell: Some(label.number),
                    text: format!("{}\n{problem}", label.sentence("cannot be checked")),
                    pictures: Vec::new(),
                });
            }
        }
    }
    if problems.is_empty() {
        Ok(cells)
    } else {
        Err(problems)
    }
}

/// Whether the notebook has been executed before; one without code has nothing to store.
fn has_outputs(notebook: &Notebook) -> bool {
    let mut cells = notebook
        .code_cells()
        .filter(|cell| !is_skipped(cell))
        .peekable();
    let was_executed =
        |cell: CodeCell<'_>| !cell.outputs.is_empty() || cell.execution_count.is_some();
    cells.peek().is_none() || cells.any(was_executed)
}

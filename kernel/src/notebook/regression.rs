//! `torchbook test`: executes notebooks and compares the outputs with the stored ones.
//!
//! Which cells are compared how is [`super::checks`]'s, the comparing [`super::compare`]'s.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::checks::Checks;
use super::client::Patience;
use super::compare::compare;
use super::discover::find_notebooks;
use super::document::{CodeCell, Notebook, check_writable};
use super::ending::{CellLabel, Ending};
use super::error::Error;
use super::execute::{Execution, Settings, execute, is_skipped};
use super::interrupts::Interrupts;
use super::process::KernelLaunch;
use super::progress::{Progress, counted, duration};
use super::run::{Outcome, folder_of, read_for_this_kernel};
use super::terminal::without_escapes;

/// What `torchbook test` was told to do.
#[derive(Debug, Clone)]
pub struct TestOptions {
    /// Notebooks, and folders that are searched for notebooks.
    pub paths: Vec<PathBuf>,
    /// Store the new outputs instead of comparing with the old ones.
    pub update: bool,
    /// How long one cell may run.
    pub timeout: Option<Duration>,
    /// The kernel.
    pub kernel: KernelLaunch,
}

impl TestOptions {
    /// Finds what is wrong with the paths without starting anything.
    ///
    /// [`test`] does the same; this is for a caller that has something slow to do before.
    ///
    /// # Errors
    /// As [`test`].
    pub fn check(&self) -> Result<(), Error> {
        self.notebooks().map(drop)
    }

    fn notebooks(&self) -> Result<Vec<PathBuf>, Error> {
        let mut notebooks = Vec::new();
        for path in &self.paths {
            find_notebooks(path, &mut notebooks)?;
        }
        Ok(notebooks)
    }
}

/// Executes notebooks and compares their outputs with the stored ones, or replaces these.
///
/// # Errors
/// If a path given does not exist or holds no notebooks. A notebook that cannot be read or
/// executed is a failed one: the others are tested all the same.
pub async fn test(options: TestOptions) -> Result<Outcome, Error> {
    let mut progress = Progress::on_terminal(false);
    let mut interrupts = Interrupts::from_signals();
    test_with(options, Patience::default(), &mut interrupts, &mut progress).await
}

async fn test_with(
    options: TestOptions,
    patience: Patience,
    interrupts: &mut Interrupts,
    progress: &mut Progress,
) -> Result<Outcome, Error> {
    let notebooks = options.notebooks()?;
    let start = Instant::now();
    let settings = Settings {
        launch: options.kernel,
        timeout: options.timeout,
        allow_errors: false,
        record_timing: false,
        patience,
    };
    let mut test = Test {
        settings,
        is_update: options.update,
        interrupts,
        progress,
    };
    let (mut passed, mut failed) = (0, 0);
    for path in &notebooks {
        let notebook_start = Instant::now();
        let result = test
            .test_notebook(path)
            .await
            .unwrap_or_else(|error| Tested {
                // The error names the notebook, and so does the line it goes to.
                problems: vec![
                    error
                        .to_string()
                        .replace(&format!("{}: ", path.display()), ""),
                ],
                ..Tested::default()
            });
        test.progress.finish();
        test.report(path, &result, notebook_start.elapsed());
        if result.is_interrupted {
            test.progress.print("test result: interrupted\n");
            return Ok(Outcome::Interrupted);
        }
        if result.problems.is_empty() {
            passed += 1
        } else {
            failed += 1
        }
    }
    let (word, outcome) = match failed {
        0 => ("ok", Outcome::Passed),
        _ => ("FAILED", Outcome::Failed),
    };
    let took = duration(start.elapsed());
    let passed = counted(passed, "notebook");
    let summary = format!("test result: {word}. {passed} passed, {failed} failed, in {took}\n");
    test.progress.print(&summary);
    Ok(outcome)
}

/// A notebook's result.
#[derive(Debug, Default)]
struct Tested {
    problems: Vec<String>,
    cells: usize,
    is_interrupted: bool,
    /// What became of the file, if that is worth saying.
    note: &'static str,
}

impl Tested {
    fn failed(problems: Vec<String>) -> Self {
        Tested {
            problems,
            ..Tested::default()
        }
    }
}

struct Test<'a> {
    settings: Settings,
    is_update: bool,
    interrupts: &'a mut Interrupts,
    progress: &'a mut Progress,
}

impl Test<'_> {
    async fn test_notebook(&mut self, path: &Path) -> Result<Tested, Error> {
        let stored = read_for_this_kernel(path)?;
        if self.is_update {
            check_writable(path)?;
        } else if !has_outputs(&stored) {
            let advice = "no stored outputs to compare with: look at what `torchbook run` shows, \
                          then store it with `torchbook test --update`";
            return Ok(Tested::failed(vec![advice.to_owned()]));
        }
        // Before executing, since a slip in the metadata is found at once.
        let cells = match checked_cells(&stored) {
            Ok(cells) => cells,
            Err(problems) => return Ok(Tested::failed(problems)),
        };
        self.progress.note(&path.display().to_string());
        let mut new = stored.clone();
        let folder = folder_of(path);
        let execution = execute(
            &mut new,
            folder,
            &self.settings,
            self.interrupts,
            self.progress,
        )
        .await?;

        let mut tested = Tested {
            cells: execution.executed.len(),
            ..Tested::default()
        };
        tested.problems = self.compare_cells(&cells, &stored, &new, &execution);
        tested.problems.extend(execution.ending.problem());
        tested.is_interrupted = matches!(execution.ending, Ending::Interrupted { .. });
        if self.is_update {
            tested.note = match (
                tested.problems.is_empty(),
                new.to_text() == stored.to_text(),
            ) {
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

    /// Compares the cells that ran to their end.
    fn compare_cells(
        &self,
        cells: &[(CellLabel, Checks)],
        stored: &Notebook,
        new: &Notebook,
        execution: &Execution,
    ) -> Vec<String> {
        let outputs = |notebook: &Notebook| -> Vec<_> {
            notebook
                .code_cells()
                .map(|cell| cell.outputs.to_vec())
                .collect()
        };
        let (stored, new) = (outputs(stored), outputs(new));
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
            let reference = (!self.is_update).then_some(&*stored[index]);
            let differences = compare(checks, reference, &new[index]);
            if !differences.is_empty() {
                let differences = differences.join("\n");
                problems.push(format!("{}\n{differences}", cell.sentence("differs")));
            }
        }
        problems
    }

    fn report(&mut self, path: &Path, result: &Tested, took: Duration) {
        let word = if result.problems.is_empty() {
            "ok    "
        } else {
            "FAILED"
        };
        let (cells, took) = (counted(result.cells, "cell"), duration(took));
        let mut text = format!("{word} {}: {cells} in {took}", path.display());
        if !result.note.is_empty() {
            let _ = write!(text, ", {}", result.note);
        }
        text.push('\n');
        for problem in &result.problems {
            let _ = writeln!(text, "  {}", problem.trim_end().replace('\n', "\n    "));
        }
        let has_colours = self.progress.has_colours();
        self.progress.print(&if has_colours {
            text
        } else {
            without_escapes(&text)
        });
    }
}

/// The cells that will be executed with their checks, or what is wrong with the checks.
fn checked_cells(notebook: &Notebook) -> Result<Vec<(CellLabel, Checks)>, Vec<String>> {
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
                problems.push(format!(
                    "{}\n{problem}",
                    label.sentence("cannot be checked")
                ));
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

#[cfg(test)]
mod tests;

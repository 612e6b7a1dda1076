//! `torchbook run`: executes notebooks and shows or stores what they put out.
//!
//! Like `jupyter execute`, it stores nothing unless told where: a notebook under version control
//! should not change because somebody tried it. Without `--output` and `--inplace` the cells'
//! text goes to stdout instead, pictures as a line with their size.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::client::Patience;
use super::document::{Notebook, check_writable};
use super::ending::Ending;
use super::error::Error;
use super::execute::{Settings, execute};
use super::interrupts::Interrupts;
use super::process::KernelLaunch;
use super::progress::{Progress, counted, duration};
use super::terminal::without_escapes;

/// What `torchbook run` was told to do.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The notebooks, executed one after the other, each with a kernel of its own.
    pub notebooks: Vec<PathBuf>,
    /// Where the executed notebook goes; a folder if there are several.
    pub output: Option<PathBuf>,
    /// Store the outputs in the notebooks themselves.
    pub inplace: bool,
    /// How long one cell may run: then it is interrupted, and its kernel killed if that does not
    /// help. Without it a cell may run as long as it likes.
    pub timeout: Option<Duration>,
    /// Go on after a cell that raises.
    pub allow_errors: bool,
    /// Store in each cell's metadata when it ran.
    pub record_timing: bool,
    /// The kernel.
    pub kernel: KernelLaunch,
}

impl RunOptions {
    /// Finds what is wrong with the options and the notebooks without starting anything.
    ///
    /// [`run`] does the same; this is for a caller that has something slow to do before.
    ///
    /// # Errors
    /// As [`run`], except for those of the kernel.
    pub fn check(&self) -> Result<(), Error> {
        jobs(self).map(drop)
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was executed, and nothing differed.
    Passed,
    /// A cell failed, a notebook differed or could not be executed; the user has been told.
    Failed,
    /// The user stopped it.
    Interrupted,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        match outcome {
            Outcome::Passed => ExitCode::SUCCESS,
            Outcome::Failed => ExitCode::FAILURE,
            // What a shell reports for a command that Ctrl-C ended.
            Outcome::Interrupted => ExitCode::from(130),
        }
    }
}

/// Executes notebooks and stores or shows their outputs; stops at the first that fails.
///
/// # Errors
/// If a notebook cannot be read or written or its kernel cannot be started. A failing cell is
/// [`Outcome::Failed`]: its traceback has been shown, and the outputs so far are stored.
pub async fn run(options: RunOptions) -> Result<Outcome, Error> {
    let shows_outputs = options.output.is_none() && !options.inplace;
    let mut progress = Progress::on_terminal(shows_outputs);
    let mut interrupts = Interrupts::from_signals();
    run_with(options, Patience::default(), &mut interrupts, &mut progress).await
}

async fn run_with(
    options: RunOptions,
    patience: Patience,
    interrupts: &mut Interrupts,
    progress: &mut Progress,
) -> Result<Outcome, Error> {
    let jobs = jobs(&options)?;
    let settings = Settings {
        launch: options.kernel,
        timeout: options.timeout,
        allow_errors: options.allow_errors,
        record_timing: options.record_timing,
        patience,
    };
    for mut job in jobs {
        let outcome = job.run(&settings, interrupts, progress).await;
        progress.finish();
        match outcome? {
            Outcome::Passed => {}
            other => return Ok(other),
        }
    }
    Ok(Outcome::Passed)
}

/// One notebook to execute.
struct Job {
    path: PathBuf,
    notebook: Notebook,
    target: Option<PathBuf>,
}

/// Reads all notebooks and finds all mistakes that can be found before an hour of training.
fn jobs(options: &RunOptions) -> Result<Vec<Job>, Error> {
    if options.inplace && options.output.is_some() {
        let message = "--inplace and --output exclude each other: give one of them";
        return Err(Error::Arguments(message.to_owned()));
    }
    let mut jobs = Vec::new();
    for path in &options.notebooks {
        let notebook = read_for_this_kernel(path)?;
        let target = match &options.output {
            _ if options.inplace => Some(path.clone()),
            Some(folder) if folder.is_dir() => path.file_name().map(|name| folder.join(name)),
            Some(file) if options.notebooks.len() == 1 => Some(file.clone()),
            Some(file) => {
                return Err(Error::Arguments(format!(
                    "--output {}: expected a folder that exists, because there are {} notebooks",
                    file.display(),
                    options.notebooks.len()
                )));
            }
            None => None,
        };
        target.as_deref().map_or(Ok(()), check_writable)?;
        jobs.push(Job {
            path: path.clone(),
            notebook,
            target,
        });
    }
    Ok(jobs)
}

/// Reads a notebook and refuses one that is written in another language.
pub(super) fn read_for_this_kernel(path: &Path) -> Result<Notebook, Error> {
    let notebook = Notebook::read(path)?;
    match notebook.language() {
        Some(language) if !language.eq_ignore_ascii_case("rust") => Err(Error::WrongLanguage {
            path: path.to_owned(),
            language: language.to_owned(),
        }),
        _ => Ok(notebook),
    }
}

/// The folder in which a notebook's kernel runs, as in Jupyter: the notebook's own.
pub(super) fn folder_of(path: &Path) -> &Path {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

impl Job {
    async fn run(
        &mut self,
        settings: &Settings,
        interrupts: &mut Interrupts,
        progress: &mut Progress,
    ) -> Result<Outcome, Error> {
        let start = Instant::now();
        let path = self.path.display();
        progress.note(&path.to_string());
        let folder = folder_of(&self.path);
        let execution = execute(&mut self.notebook, folder, settings, interrupts, progress).await?;

        let problem = execution.ending.problem();
        if let Some(problem) = &problem {
            let problem = format!("{path}: {problem}");
            let is_plain = !progress.has_colours();
            progress.note(&if is_plain {
                without_escapes(&problem)
            } else {
                problem
            });
        }
        // A run that was stopped before its first cell has nothing worth a new file.
        let is_stored = problem.is_none() || !execution.executed.is_empty();
        let stored_in = self.target.as_ref().filter(|_| is_stored);
        if stored_in.is_some_and(|target| *target != self.path) {
            // A new file must not show what an earlier run left in cells this one never reached.
            // In place they stay: there is no other copy of them.
            for position in &execution.not_reached {
                self.notebook.set_result(*position, Vec::new(), None);
            }
        }
        if let Some(target) = stored_in {
            self.notebook.write(target)?;
            if problem.is_some() {
                progress.note(&format!("the outputs so far are in {}", target.display()));
            }
        }
        match execution.ending {
            Ending::Completed => {
                let cells = counted(execution.executed.len(), "cell");
                let took = duration(start.elapsed());
                let stored = match stored_in {
                    Some(target) => format!("outputs written to {}", target.display()),
                    None => "nothing stored (--inplace or --output would)".to_owned(),
                };
                progress.note(&format!("{path}: {cells} in {took}, {stored}"));
                Ok(Outcome::Passed)
            }
            Ending::Interrupted { .. } => Ok(Outcome::Interrupted),
            _ => Ok(Outcome::Failed),
        }
    }
}

#[cfg(test)]
mod tests;

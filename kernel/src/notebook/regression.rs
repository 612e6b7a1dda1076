//! `torchbook test`: executes notebooks and compares the outputs with the stored ones.
//!
//! Here the notebooks are shared out and the results told; `worker.rs` tests one. Files with the
//! results are written by [`super::junit`] and [`super::report`].

mod worker;

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::client::Patience;
use super::discover::find_notebooks;
use super::document::check_writable;
use super::error::Error;
use super::execute::Settings;
use super::interrupts::Interrupts;
use super::junit;
use super::process::KernelLaunch;
use super::progress::{Progress, counted, duration};
use super::report;
use super::run::Outcome;
use super::tested::{Problem, Tested};
use worker::{Work, Worker};

/// The variable that OpenMP, and so libtorch, takes its number of threads from.
const THREADS: &str = "OMP_NUM_THREADS";

/// What `torchbook test` was told to do.
#[derive(Debug, Clone)]
pub struct TestOptions {
    /// Notebooks, and folders that are searched for notebooks.
    pub paths: Vec<PathBuf>,
    /// Store the new outputs instead of comparing with the old ones.
    pub update: bool,
    /// How long one cell may run.
    pub timeout: Option<Duration>,
    /// How many notebooks are executed at a time. If there are several, each gets its share of the
    /// cores: threads of two that want all of them slow each other down many times.
    pub parallel: NonZeroUsize,
    /// Where the results go as JUnit XML.
    pub junit: Option<PathBuf>,
    /// Where the results go as an HTML page.
    pub report: Option<PathBuf>,
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
        for path in [&self.junit, &self.report].into_iter().flatten() {
            check_writable(path)?;
        }
        self.notebooks().map(drop)
    }

    fn notebooks(&self) -> Result<Vec<PathBuf>, Error> {
        let mut notebooks = Vec::new();
        for path in &self.paths {
            find_notebooks(path, &mut notebooks)?;
        }
        Ok(notebooks)
    }

    /// The kernel, with its share of the cores where it is not alone.
    fn kernel_of(&self, workers: usize, cores: usize) -> KernelLaunch {
        let mut kernel = self.kernel.clone();
        if workers > 1 {
            let threads = (cores / workers).max(1).to_string();
            kernel.environment.push((THREADS.into(), threads.into()));
        }
        kernel
    }
}

/// Executes notebooks and compares their outputs with the stored ones, or replaces these.
///
/// # Errors
/// If a path given does not exist or holds no notebooks, and if the results cannot be written. A
/// notebook that cannot be read or executed is a failed one: the others are tested all the same.
pub async fn test(options: TestOptions) -> Result<Outcome, Error> {
    let progress = Progress::on_terminal(false);
    let interrupts = Interrupts::from_signals();
    test_with(options, Patience::default(), interrupts, progress).await
}

async fn test_with(
    options: TestOptions,
    patience: Patience,
    interrupts: Interrupts,
    mut progress: Progress,
) -> Result<Outcome, Error> {
    let start = Instant::now();
    let paths = options.notebooks()?;
    let workers = options.parallel.get().min(paths.len());
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let work = Arc::new(Work {
        settings: Settings {
            launch: options.kernel_of(workers, cores),
            timeout: options.timeout,
            allow_errors: false,
            record_timing: false,
            patience,
        },
        is_update: options.update,
        paths,
        next: AtomicUsize::new(0),
        is_stopped: AtomicBool::new(false),
    });
    let results = if workers > 1 {
        side_by_side(&work, workers, interrupts, &progress).await
    } else {
        let mut worker = Worker {
            work,
            interrupts,
            progress,
        };
        let results = worker.run().await;
        progress = worker.progress;
        results
    };
    write_file(&options.junit, || junit::to_xml(&results))?;
    write_file(&options.report, || report::to_html(&results))?;
    if results.iter().any(|result| result.is_interrupted) {
        progress.print("test result: interrupted\n");
        return Ok(Outcome::Interrupted);
    }
    let passed = results.iter().filter(|result| result.is_ok()).count();
    let failed = results.len() - passed;
    let (word, outcome) = match failed {
        0 => ("ok", Outcome::Passed),
        _ => ("FAILED", Outcome::Failed),
    };
    let took = duration(start.elapsed());
    let passed = counted(passed, "notebook");
    let summary = format!("test result: {word}. {passed} passed, {failed} failed, in {took}\n");
    progress.print(&summary);
    Ok(outcome)
}

/// Several workers, each with the next notebook as soon as it is free; results in the order of the
/// notebooks.
async fn side_by_side(
    work: &Arc<Work>,
    workers: usize,
    mut interrupts: Interrupts,
    progress: &Progress,
) -> Vec<Tested> {
    let mut tasks = JoinSet::new();
    let mut stops = Vec::new();
    for _ in 0..workers {
        let (stop, interrupts) = Interrupts::from_channel();
        stops.push(stop);
        let mut worker = Worker {
            work: work.clone(),
            interrupts,
            progress: progress.beside_others(),
        };
        tasks.spawn(async move { worker.run().await });
    }
    let mut results = Vec::new();
    loop {
        tokio::select! {
            done = tasks.join_next() => match done {
                Some(Ok(tested)) => results.extend(tested),
                Some(Err(error)) => {
                    let text = format!("the test itself failed: {error}");
                    results.push(Tested::failed(vec![Problem::of_notebook(text)]));
                }
                None => break,
            },
            stop = interrupts.next() => {
                for worker in &stops {
                    // One that has nothing left to do does not listen any more.
                    let _ = worker.send(stop);
                }
            }
        }
    }
    let place = |tested: &Tested| work.paths.iter().position(|path| *path == tested.path);
    results.sort_by_key(place);
    results
}

fn write_file(path: &Option<PathBuf>, content: impl FnOnce() -> String) -> Result<(), Error> {
    let Some(path) = path else {
        return Ok(());
    };
    fs::write(path, content()).map_err(|source| Error::Write {
        path: path.clone(),
        source,
    })
}

#[cfg(test)]
mod tests;

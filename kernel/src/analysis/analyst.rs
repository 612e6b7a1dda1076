//! The thread that answers questions about code, and what the evaluator tells it.
//!
//! Loading the project takes seconds. It begins when the evaluator is ready, somebody is at
//! work with the kernel and no cell runs, at a low priority; a question that comes earlier
//! does not wait for such a moment. A new dependency loads it again.

use super::commands::{CommandLine, command_lines};
use super::known::Known;
use super::workspace::{Manifest, Workspace};
use super::{Analysis, Completion, Completions, Detail, completions, inspection};
use crate::display::Bundle;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

/// How much the background gives way to a cell: Linux counts niceness per thread.
const BACKGROUND_NICENESS: i32 = 15;

/// A command of evcxr and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub name: String,
    pub description: String,
}

/// Answers with rust-analyzer; the evaluator and the handlers share it.
pub struct Analyst {
    queue: mpsc::Sender<Task>,
    state: Arc<Mutex<State>>,
}

/// What the evaluator has told.
#[derive(Default)]
struct State {
    known: Known,
    /// The cells' dependencies; none before the evaluator is ready.
    manifest: Option<Manifest>,
    commands: Vec<Command>,
    cell_runs: bool,
    /// Somebody is at work with this kernel.
    questions_expected: bool,
}

enum Task {
    Load,
    Complete {
        code: String,
        cursor: usize,
        answer: mpsc::Sender<Completions>,
    },
    Inspect {
        code: String,
        cursor: usize,
        detail: Detail,
        answer: mpsc::Sender<Option<Bundle>>,
    },
}

impl Analyst {
    /// An analyst with a folder of its own for the project it loads.
    ///
    /// # Errors
    /// When its thread cannot be started.
    pub fn start(folder: PathBuf) -> std::io::Result<Arc<Analyst>> {
        let (queue, tasks) = mpsc::channel();
        let state = Arc::new(Mutex::new(State::default()));
        let worker = Worker {
            folder,
            state: Arc::clone(&state),
            loaded: None,
        };
        std::thread::Builder::new()
            .name("torchbook-analysis".into())
            .spawn(move || worker.work(&tasks))?;
        Ok(Arc::new(Analyst { queue, state }))
    }

    /// The evaluator is ready: these are its commands.
    pub fn set_commands(&self, commands: Vec<Command>) {
        lock(&self.state).commands = commands;
    }

    /// A cell is about to run.
    pub fn cell_starts(&self, code: &str) {
        let mut state = lock(&self.state);
        state.cell_runs = true;
        state.known.cell_starts(code);
    }

    /// The cell has ended; see [`Known::cell_ends`]. `manifest` are the dependencies it ran with.
    pub fn cell_ends(
        &self,
        code: &str,
        compiled: bool,
        variables: Vec<(String, String)>,
        manifest: std::io::Result<Manifest>,
    ) {
        {
            let mut state = lock(&self.state);
            state.cell_runs = false;
            state.known.cell_ends(code, compiled, variables);
            match manifest {
                Ok(manifest) if compiled => state.manifest = Some(manifest),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "the cells' dependencies are not known"),
            }
        }
        self.send(Task::Load);
    }

    fn send(&self, task: Task) {
        if self.queue.send(task).is_err() {
            tracing::error!("the analysis has ended");
        }
    }

    fn command_completions(&self, command: &CommandLine, cursor: usize) -> Completions {
        let typed = &command.name[..cursor - command.name_range.start];
        let mut items: Vec<Completion> = lock(&self.state)
            .commands
            .iter()
            .filter(|known| known.name.starts_with(typed))
            .map(|known| Completion {
                text: known.name.clone(),
                kind: "magic",
                signature: known.description.clone(),
            })
            .collect();
        items.sort_by(|a, b| a.text.cmp(&b.text));
        Completions {
            items,
            range: command.name_range.clone(),
        }
    }
}

impl Analysis for Analyst {
    fn complete(&self, code: &str, cursor: usize) -> Completions {
        for command in command_lines(code) {
            let name = &command.name_range;
            if name.start < cursor && cursor <= name.end && command.name.starts_with(':') {
                return self.command_completions(&command, cursor);
            }
            if (command.line.start..=command.line.end).contains(&cursor) {
                return Completions::none(cursor);
            }
        }
        let (answer, completions) = mpsc::channel();
        self.send(Task::Complete {
            code: code.to_owned(),
            cursor,
            answer,
        });
        completions
            .recv()
            .unwrap_or_else(|_| Completions::none(cursor))
    }

    fn inspect(&self, code: &str, cursor: usize, detail: Detail) -> Option<Bundle> {
        for command in command_lines(code) {
            if (command.line.start..=command.line.end).contains(&cursor) {
                let state = lock(&self.state);
                let mut commands = state.commands.iter();
                let known = commands.find(|known| known.name == command.name)?;
                return Some(inspection::bundle(
                    format!("{}: {}", known.name, known.description),
                    format!("`{}`: {}", known.name, known.description),
                ));
            }
        }
        let (answer, inspection) = mpsc::channel();
        self.send(Task::Inspect {
            code: code.to_owned(),
            cursor,
            detail,
            answer,
        });
        inspection.recv().ok().flatten()
    }

    fn expect_questions(&self) {
        let newly = !std::mem::replace(&mut lock(&self.state).questions_expected, true);
        if newly {
            self.send(Task::Load);
        }
    }
}

/// The thread's side.
struct Worker {
    folder: PathBuf,
    state: Arc<Mutex<State>>,
    loaded: Option<Loaded>,
}

struct Loaded {
    workspace: Workspace,
    manifest: Manifest,
}

impl Worker {
    fn work(mut self, tasks: &mpsc::Receiver<Task>) {
        // An answer may come too late for whoever asked.
        for task in tasks {
            match task {
                Task::Load => self.load_in_background(),
                Task::Complete {
                    code,
                    cursor,
                    answer,
                } => {
                    let found = self.ask(&code, |workspace, cell| {
                        completions::complete(workspace, cell, cursor)
                    });
                    let _ = answer.send(found.unwrap_or_else(|| Completions::none(cursor)));
                }
                Task::Inspect {
                    code,
                    cursor,
                    detail,
                    answer,
                } => {
                    let found = self.ask(&code, |workspace, cell| {
                        inspection::inspect(workspace, cell, cursor, detail)
                    });
                    let _ = answer.send(found.flatten());
                }
            }
        }
    }

    /// Asks about a cell, once everything is loaded; none where that fails.
    fn ask<T>(
        &mut self,
        code: &str,
        question: impl FnOnce(&Workspace, &super::known::Surrounded) -> T,
    ) -> Option<T> {
        let (manifest, cell) = {
            let state = lock(&self.state);
            (state.manifest.clone()?, state.known.surround(code))
        };
        // rust-analyzer can panic on unusual code; the next question gets a fresh one.
        let answered = catch_unwind(AssertUnwindSafe(|| {
            self.load(manifest)?;
            let workspace = &mut self.loaded.as_mut()?.workspace;
            workspace.set_text(cell.text.clone());
            Some(question(workspace, &cell))
        }));
        answered.unwrap_or_else(|_| {
            tracing::error!("the analysis failed on a cell; it starts afresh");
            self.loaded = None;
            None
        })
    }

    /// Loads when nobody waits for it and nothing else is to be done; see the module.
    fn load_in_background(&mut self) {
        let manifest = {
            let state = lock(&self.state);
            if state.cell_runs || !state.questions_expected {
                return;
            }
            match &state.manifest {
                Some(manifest) => manifest.clone(),
                None => return,
            }
        };
        if self.is_loaded(&manifest) {
            return;
        }
        let loaded = std::thread::scope(|scope| {
            let background = scope.spawn(|| {
                if let Err(error) = rustix::process::setpriority_process(None, BACKGROUND_NICENESS)
                {
                    tracing::debug!(%error, "the analysis is loaded at normal priority");
                }
                // Completing something looks at most of what later questions need.
                let sample =
                    "let torchbook_analysis_sample = String::new();\ntorchbook_analysis_sample.";
                self.ask(sample, |workspace, cell| {
                    completions::complete(workspace, cell, sample.len());
                });
                // The first look at tch's thousands of methods takes longest.
                self.ask("Tensor::", |workspace, cell| {
                    completions::complete(workspace, cell, "Tensor::".len());
                });
            });
            background.join()
        });
        if loaded.is_err() {
            tracing::error!("the analysis failed while it was loaded");
        }
    }

    fn is_loaded(&self, manifest: &Manifest) -> bool {
        let loaded = self.loaded.as_ref();
        loaded.is_some_and(|loaded| loaded.manifest == *manifest)
    }

    fn load(&mut self, manifest: Manifest) -> Option<()> {
        if self.is_loaded(&manifest) {
            return Some(());
        }
        // First: two at once would need twice the memory.
        self.loaded = None;
        match Workspace::load(&self.folder, &manifest) {
            Ok(workspace) => {
                self.loaded = Some(Loaded {
                    workspace,
                    manifest,
                });
                Some(())
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "questions cannot be answered");
                None
            }
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

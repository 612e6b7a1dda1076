//! Cells compiled and run by evcxr: the only file that names evcxr's context.
//!
//! Everything evcxr needs on disk comes from [`crate::setup::prepared`]; what the cell
//! writes goes through [`crate::child`]. This file starts evcxr in its folder, gives it
//! cells, and says how each ended.

mod start_up;
mod steps;

use self::start_up::{commands, drain, read_ahead};
use super::cell_places::{CellSource, EarlierCell};
use super::deaths::process_died;
use super::interrupts::CellInterrupter;
use super::notebook_progress::NotebookProgress;
use super::{
    CellError, CellIo, Evaluator, Interrupter, Outcome, Output, Shown, StreamName, diagnostics,
};
use crate::analysis::Analysis;
use crate::analysis::analyst::Analyst;
use crate::analysis::workspace::Manifest;
use crate::child::hub::{CellRecord, Hub};
use crate::display::Bundle;
use crate::settings::StartUp;
use crate::setup::Reporter;
use crate::setup::kernel_folder::KernelFolder;
use crate::setup::prepared::Prepared;
use crate::stand_in::compilation::Compilation;
use crate::stand_in::guard::GoodVersions;
use crate::stand_in::progress::Listener;
use crate::stand_in::tools::Tools;
use ::evcxr::{CommandContext, Error, EvalCallbacks, EvalContext, EvalOutputs};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Makes or finds the prepared folder; may take minutes the first time, and reports its
/// progress to whoever waits for the first cell.
pub type Prepare = Box<dyn Fn(&Reporter) -> crate::setup::Result<Prepared> + Send>;

/// Evaluates cells with evcxr and the prelude.
pub struct EvcxrEvaluator {
    folder: KernelFolder,
    tools: Tools,
    prepare: Prepare,
    hub: Arc<Hub>,
    interrupter: Arc<CellInterrupter>,
    /// What cargo says while a cell waits for it.
    cargo: Arc<Listener>,
    analyst: Arc<Analyst>,
    /// The command that starts a cell process, until evcxr has taken it.
    command: Option<process::Command>,
    context: Option<CommandContext>,
    /// Code of the user's has run in the cell process: another one would not be the same.
    process_is_used: bool,
    /// What gives cells the prelude.
    start_up_cell: String,
    failure: Option<CellError>,
    /// The folder that cells are linked against; as long as this is here, nobody removes it as unused.
    prepared: Option<Prepared>,
    start_up: StartUp,
    /// What has been defined, for panics in later cells.
    compiled_cells: Vec<EarlierCell>,
}

/// What the prelude panics with where the stop button ends a cell that has no error to return: in a
/// progress bar's loop, or at a display.
const INTERRUPTED: &str = "interrupted";

impl EvcxrEvaluator {
    /// An evaluator whose output goes to `io` and whose files are in `folder`.
    ///
    /// # Errors
    /// When the sockets to the cell process cannot be made.
    pub fn new(
        io: Arc<dyn CellIo>,
        folder: KernelFolder,
        tools: Tools,
        prepare: Prepare,
        start_up: StartUp,
    ) -> io::Result<EvcxrEvaluator> {
        let (hub, mut command) = Hub::start(io, Some(&folder.prelude_library()))?;
        command
            .env("TORCHBOOK_FRAMES", "1")
            .env("TORCHBOOK_EXE", std::env::current_exe()?);
        tools.restore_environment(&mut command);
        let hub_of_cargo = Arc::clone(&hub);
        let cargo = Listener::start(&tools, move |text| {
            hub_of_cargo.publish(Output::Stream {
                name: StreamName::Stderr,
                text,
            });
        })?;
        let analyst = Analyst::start(folder.analysis())?;
        let compilation = Compilation::of(&tools);
        Ok(EvcxrEvaluator {
            interrupter: Arc::new(CellInterrupter::new(Arc::clone(&hub), compilation)),
            analyst,
            folder,
            tools,
            prepare,
            hub,
            cargo,
            command: Some(command),
            context: None,
            process_is_used: false,
            start_up_cell: String::new(),
            failure: None,
            prepared: None,
            start_up,
            compiled_cells: Vec::new(),
        })
    }

    fn start(&mut self) -> Result<CommandContext, String> {
        let progress = NotebookProgress::new(Arc::clone(self.hub.io()));
        let was_shown = progress.was_shown();
        let hub = Arc::clone(&self.hub);
        let reporter = Reporter::new(progress).stopped_by(move || hub.was_interrupted());
        let prepared = self
            .interrupter
            .while_preparing(|| (self.prepare)(&reporter))
            .map_err(|error| error.to_string())?;
        self.prepared = Some(prepared.clone());
        if was_shown.load(Ordering::SeqCst) {
            // The cell that waits has shown nothing yet, and the notebook shall not keep this.
            self.hub.io().publish(Output::Clear { wait: false });
        }
        prepared.link_std_sources();
        self.folder.fill(&prepared).map_err(|error| {
            format!(
                "cannot copy the prepared folder to {}: {error}",
                self.folder.path().display()
            )
        })?;
        self.tools
            .describe(
                prepared.toolchain(),
                self.folder.evcxr(),
                prepared.answers(),
            )
            .map_err(|error| format!("cannot write the stand-ins' settings: {error}"))?;
        let command = match self.command.take() {
            Some(command) => command,
            None => return Err("evcxr did not start; restart the kernel".into()),
        };
        let (context, outputs) = EvalContext::with_subprocess_command(command)
            .map_err(|error| format!("evcxr did not start: {error}"))?;
        self.hub.load_prelude();
        // evcxr waits after each cell until these channels are empty, whatever is in them.
        drain("evcxr-stdout", outputs.stdout);
        drain("evcxr-stderr", outputs.stderr);
        // evcxr's first evaluation knew no dependencies and has pruned the lock file.
        self.folder
            .restore_lock_file(&prepared)
            .map_err(|error| format!("cannot write Cargo.lock: {error}"))?;
        GoodVersions::new(&self.tools, &self.folder.evcxr())
            .keep()
            .map_err(|error| format!("cannot copy Cargo.lock: {error}"))?;
        let mut context = CommandContext::with_eval_context(context);
        let start_up_cell = prepared.start_up_cell(self.start_up.opt_level.as_deref());
        self.tools
            .allow_rebuild(true)
            .map_err(|error| format!("cannot write the kernel's folder: {error}"))?;
        self.execute_at_start(&mut context, &start_up_cell)
            .map_err(|error| format!("the prelude cannot be used in cells: {error}"))?;
        self.tools
            .has_started()
            .map_err(|error| format!("cannot write the kernel's folder: {error}"))?;
        self.analyst.set_commands(commands(&mut context));
        self.tell_analyst(&context, &start_up_cell, true);
        self.start_up_cell = start_up_cell;
        self.start_users_own(&mut context);
        Ok(context)
    }

    fn run(&mut self, code: &str) -> Result<EvalOutputs, Error> {
        let Some(context) = &mut self.context else {
            return Err(Error::Message("evcxr is not running".into()));
        };
        if let Some(prepared) = &self.prepared
            && let Err(error) = prepared.restore_sources()
        {
            tracing::warn!(%error, "dependencies cannot be added");
        }
        let hub = Arc::clone(&self.hub);
        let mut callbacks = EvalCallbacks {
            // What a crate of the user's asks through evcxr_input.
            input_reader: &|request| {
                hub.input(&request.prompt, request.is_password)
                    .unwrap_or_default()
            },
        };
        // evcxr can panic on unusual code; the kernel must answer even then.
        catch_unwind(AssertUnwindSafe(|| {
            context.execute_with_callbacks(code, &mut callbacks)
        }))
        .unwrap_or_else(|_| {
            Err(Error::Message(
                "evcxr failed on this cell (details in the log)".into(),
            ))
        })
    }

    /// Tells the analyst what a cell has defined.
    fn tell_analyst(&self, context: &CommandContext, code: &str, compiled: bool) {
        let variables = context
            .variables_and_types()
            .map(|(name, type_name)| (name.to_owned(), type_name.to_owned()))
            .collect();
        let manifest = Manifest::read(&self.folder.evcxr());
        self.analyst.cell_ends(code, compiled, variables, manifest);
    }

    fn variables(&self) -> Vec<String> {
        let Some(context) = &self.context else {
            return Vec::new();
        };
        let mut names: Vec<String> = context
            .variables_and_types()
            .map(|(name, _)| name.to_owned())
            .collect();
        names.sort();
        names
    }

    /// How a cell or an expression ended.
    fn outcome(
        &self,
        result: Result<EvalOutputs, Error>,
        record: CellRecord,
        code: &str,
        execution_count: usize,
        variables: &[String],
    ) -> Outcome {
        match result {
            Ok(outputs) => self.success(record, outputs, code, execution_count),
            Err(Error::CompilationErrors(errors)) if !record.compilation_interrupted => {
                Err(diagnostics::compile_errors(&errors, code, execution_count))
            }
            Err(Error::SubprocessTerminated(_)) => Err(process_died(&record, variables)),
            Err(_) if record.compilation_interrupted => Err(CellError::new(
                "Interrupted",
                "the compilation was interrupted; nothing of this cell has run",
            )),
            Err(error) => Err(CellError::new("EvaluationError", error.to_string())),
        }
    }

    fn interrupted_before_it_ran(&self) -> CellError {
        if self.context.is_none() && self.command.is_some() {
            set_up_interrupted()
        } else {
            before_it_ran()
        }
    }

    fn success(
        &self,
        record: CellRecord,
        outputs: EvalOutputs,
        code: &str,
        count: usize,
    ) -> Outcome {
        if record.panicked || record.question_mark.is_some() {
            let generated = self
                .context
                .as_ref()
                .and_then(|c| c.last_source().ok())
                .unwrap_or_default();
            let source = CellSource {
                code,
                generated: &generated,
                execution_count: count,
                earlier: &self.compiled_cells,
            };
            return Err(match (record.question_mark, record.reported_error) {
                (Some(_), Some(report)) => diagnostics::failed_question_mark(&report, &source),
                (Some(message), None) => diagnostics::question_mark(&message),
                (None, _) => {
                    let report = record.panics.into_iter().last().unwrap_or_default();
                    if record.interrupts > 0 && report.message == INTERRUPTED {
                        diagnostics::stopped(&report, &source)
                    } else {
                        diagnostics::panic(&report, &source)
                    }
                }
            });
        }
        if let Some(took) = outputs.timing {
            // What `:timing` has asked for.
            self.hub.publish(Output::Stream {
                name: StreamName::Stderr,
                text: format!("Took {} ms\n", took.as_millis()),
            });
        }
        if !outputs.content_by_mime_type.is_empty() {
            let data: Bundle = outputs
                .content_by_mime_type
                .into_iter()
                .map(|(mime, text)| (mime, text.into()))
                .collect();
            self.hub.publish(Output::Display {
                data,
                metadata: Bundle::new(),
                display_id: None,
            });
        }
        Ok(())
    }
}

impl Evaluator for EvcxrEvaluator {
    fn warm_up(&mut self) {
        match self.start() {
            Ok(context) => {
                self.context = Some(context);
                self.failure = None;
            }
            Err(message) => {
                tracing::error!(%message, "the evaluator did not start");
                self.failure = Some(CellError::new("StartError", message));
            }
        }
    }

    fn read_ahead(&mut self) {
        if let Some(context) = &mut self.context {
            read_ahead(context);
        }
    }

    fn execute(&mut self, code: &str, execution_count: usize) -> Outcome {
        if self.hub.was_interrupted() {
            return Err(self.interrupted_before_it_ran());
        }
        if self.context.is_none() && self.command.is_some() {
            self.warm_up();
            if self.hub.was_interrupted() {
                return Err(self.interrupted_before_it_ran());
            }
        }
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let variables = self.variables();
        self.interrupter.begin_cell();
        if self.hub.was_interrupted() {
            self.hub.end_cell();
            return Err(before_it_ran());
        }
        self.tell_notices();
        self.analyst.cell_starts(code);
        let result = self.run_steps(code);
        self.cargo.drain();
        let record = self.hub.end_cell();
        let has_died = matches!(result, Ok(Err(Error::SubprocessTerminated(_))));
        self.note_use(code, has_died);
        self.tell_analyst_of_cell(code, matches!(result, Ok(Ok(_))));
        let result = result?;
        let has_compiled = result.is_ok();
        let outcome = self.outcome(result, record, code, execution_count, &variables);
        if has_compiled {
            self.compiled_cells.push(EarlierCell {
                code: code.to_owned(),
                execution_count,
            });
        }
        outcome
    }

    fn evaluate(&mut self, expression: &str) -> Result<Shown, CellError> {
        if self.context.is_none() {
            return Err(CellError::new("EvaluationError", "evcxr is not running"));
        }
        let variables = self.variables();
        self.interrupter.begin_cell();
        self.hub.keep_value();
        // In parentheses it cannot be a command or a definition, and a variable is not moved.
        let code = format!("(\n{expression}\n)");
        let result = self.run(&code);
        let record = self.hub.end_cell();
        let has_died = matches!(result, Err(Error::SubprocessTerminated(_)));
        self.note_use(&code, has_died);
        let outcome = self.outcome(result, record, &code, 0, &variables);
        let value = self.hub.take_value();
        outcome?;
        Ok(value.unwrap_or_else(|| {
            let mut data = Bundle::new();
            data.insert("text/plain".into(), "()".into());
            Shown {
                data,
                metadata: Bundle::new(),
            }
        }))
    }

    fn analysis(&self) -> Arc<dyn Analysis> {
        Arc::clone(&self.analyst) as Arc<dyn Analysis>
    }

    fn interrupter(&self) -> Arc<dyn Interrupter> {
        Arc::clone(&self.interrupter) as Arc<dyn Interrupter>
    }
}

fn before_it_ran() -> CellError {
    CellError::new("Interrupted", "the cell was interrupted before it ran")
}

fn set_up_interrupted() -> CellError {
    CellError::new(
        "Interrupted",
        "the set-up was interrupted, and this cell has not run",
    )
    .with_line(
        "Run a cell to go on: it begins the interrupted step again, and what was finished before it is kept. \
         `torchbook update-prelude` in a terminal does the same without a notebook.",
    )
}

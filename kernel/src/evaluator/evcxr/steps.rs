//! A cell on its way to evcxr: what is done with its command lines, and what a change of dependencies
//! may do to the process that runs it.
//!
//! [`crate::evaluator::command_steps`] takes the cell apart; here the parts are done, in the
//! evaluator's own words.

use super::EvcxrEvaluator;
use crate::analysis::commands::{command_lines, without_commands};
use crate::analysis::{Analysis, Detail};
use crate::display::Bundle;
use crate::evaluator::command_steps::{self, Step};
use crate::evaluator::{CellError, Interrupter, Output, dependencies, shell};
use ::evcxr::{Error, EvalOutputs};

impl EvcxrEvaluator {
    /// Runs a cell, the lines for the kernel and for evcxr in their order.
    pub(super) fn run_steps(
        &mut self,
        code: &str,
    ) -> Result<Result<EvalOutputs, Error>, CellError> {
        if let Some(error) = command_steps::refusal(code) {
            return Err(error);
        }
        let mut outputs = EvalOutputs::default();
        for step in command_steps::steps(code) {
            let step_outputs = match step {
                Step::Shell(line) => {
                    self.run_shell(&line)?;
                    continue;
                }
                Step::Documentation(name) => {
                    self.show_documentation(&name)?;
                    continue;
                }
                Step::Clear => self.clear()?,
                Step::Restart => self.restart(),
                Step::Evcxr(code) => self.run_guarded(&code)?,
            };
            match step_outputs {
                Ok(more) => outputs.merge(more),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(outputs))
    }

    fn run_shell(&self, line: &str) -> Result<(), CellError> {
        // Where cells are, which can move.
        let folder = self
            .hub
            .process()
            .and_then(|pid| std::fs::read_link(format!("/proc/{pid}/cwd")).ok())
            .filter(|folder| folder.is_dir());
        let surroundings = shell::Surroundings {
            tools: &self.tools,
            folder: folder.as_deref(),
            show: &|output| self.hub.publish(output),
            interrupts: &|| {
                let before_cell = u32::from(self.hub.was_interrupted());
                self.hub
                    .with_record(|record| record.interrupts)
                    .max(before_cell)
            },
        };
        shell::run(line, &surroundings)
    }

    fn show_documentation(&self, name: &str) -> Result<(), CellError> {
        let data = self
            .analyst
            .inspect(name, name.len(), Detail::Documentation)
            .ok_or_else(|| {
                CellError::new(
                    "CommandFailed",
                    format!(":doc {name}: nothing is known of this name"),
                )
            })?;
        self.hub.publish(Output::Display {
            data,
            metadata: Bundle::new(),
            display_id: None,
        });
        Ok(())
    }

    /// Ends the cell process. evcxr's own `:restart` keeps the variables in mind and ends the new
    /// process with the next cell that mentions one; of a process that has died it forgets them.
    fn restart(&mut self) -> Result<EvalOutputs, Error> {
        self.hub.kill();
        match self.run("();") {
            Err(Error::SubprocessTerminated(_)) => {
                let text =
                    "The cell process was restarted: variables are gone, definitions stay.\n";
                Ok(EvalOutputs::text_html(text.into(), text.into()))
            }
            Err(error) => Err(error),
            Ok(_) => Err(Error::Message("the cell process did not end".into())),
        }
    }

    /// Forgets everything of the user's; the prelude is in scope again afterwards.
    fn clear(&mut self) -> Result<Result<EvalOutputs, Error>, CellError> {
        if let Err(error) = self.run(":clear") {
            return Ok(Err(error));
        }
        self.process_is_used = false;
        let start_up_cell = self.start_up_cell.clone();
        let outputs = self.run_guarded(&start_up_cell)?;
        Ok(outputs.map(|_| EvalOutputs::default()))
    }

    /// Runs a cell whose dependencies may have the prelude built again: only in a process that has
    /// nothing to lose, and then in a new one.
    fn run_guarded(&mut self, code: &str) -> Result<Result<EvalOutputs, Error>, CellError> {
        let mut result = self.run_allowing(code, !self.process_is_used);
        if self.tools.take_rebuilt() {
            result = self.run_in_new_process(code);
        }
        match self.tools.take_refusal() {
            Some(refusal) => Err(dependencies::refused(&refusal)),
            None => Ok(result),
        }
    }

    fn run_allowing(&mut self, code: &str, rebuild: bool) -> Result<EvalOutputs, Error> {
        self.tools.allow_rebuild(rebuild).map_err(|error| {
            Error::Message(format!("cannot write the kernel's folder: {error}"))
        })?;
        self.run(code)
    }

    /// The prelude has been built again for this cell: the process that has loaded the old one ends.
    fn run_in_new_process(&mut self, code: &str) -> Result<EvalOutputs, Error> {
        // There are no variables that evcxr could keep in mind.
        self.run(":restart")?;
        // The dependencies first: they stay, whatever becomes of the cell.
        let dependencies: Vec<&str> = command_lines(code)
            .iter()
            .filter(|command| command.name == ":dep")
            .map(|command| &code[command.line.clone()])
            .collect();
        self.run_allowing(&dependencies.join("\n"), false)?;
        self.run(code)
    }

    /// Whether the cell process is still as good as new after this cell, in which it may have died.
    pub(super) fn note_use(&mut self, code: &str, has_died: bool) {
        let is_rust = !without_commands(code).trim().is_empty();
        let ends_process = command_lines(code)
            .iter()
            .any(|command| [":restart", ":clear"].contains(&command.name));
        self.process_is_used = !has_died && (is_rust || (self.process_is_used && !ends_process));
    }

    pub(super) fn tell_analyst_of_cell(&self, code: &str, compiled: bool) {
        let Some(context) = &self.context else { return };
        let cleared = command_lines(code)
            .into_iter()
            .find(|command| command.name == ":clear");
        match cleared {
            Some(command) if compiled => {
                // What was before it is forgotten, and the prelude is there again.
                let prelude = format!(":clear\n{}", self.start_up_cell);
                self.tell_analyst(context, &prelude, true);
                self.tell_analyst(context, &code[command.line.end..], true);
            }
            _ => self.tell_analyst(context, code, compiled),
        }
    }
}

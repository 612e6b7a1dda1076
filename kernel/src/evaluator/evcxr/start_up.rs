//! What evcxr's start needs around it: the user's own crates and cells, the list of commands, and
//! somebody who empties its channels.

use super::EvcxrEvaluator;
use crate::analysis::analyst::Command;
use crate::evaluator::{Output, StreamName};
use ::evcxr::{CommandContext, Error};

impl EvcxrEvaluator {
    /// Executes a cell whose dependencies may have the prelude built again, in another process then.
    pub(super) fn execute_at_start(
        &self,
        context: &mut CommandContext,
        cell: &str,
    ) -> Result<(), Error> {
        let mut result = context.execute(cell);
        if self.tools.take_rebuilt() {
            context.execute(":restart")?;
            result = context.execute(cell);
        }
        result.map(drop)
    }

    /// The crates and cells that the user wants in every notebook. One that fails is told, and the
    /// notebook works without it.
    pub(super) fn start_users_own(&mut self, context: &mut CommandContext) {
        let start_up = self.start_up.clone();
        let crates = start_up
            .dependencies
            .iter()
            .map(|dependency| format!(":dep {dependency}"));
        self.process_is_used = !start_up.cells.is_empty();
        for cell in crates.chain(start_up.cells) {
            let result = self.execute_at_start(context, &cell);
            self.tell_analyst(context, &cell, result.is_ok());
            if let Err(error) = result {
                let notice = format!("the start-up cell `{cell}` failed: {error}");
                self.start_up.notices.push(notice);
            }
        }
    }

    /// Tells once, with the first cell, what is wrong with the settings.
    pub(super) fn tell_notices(&mut self) {
        for notice in std::mem::take(&mut self.start_up.notices) {
            self.hub.publish(Output::Stream {
                name: StreamName::Stderr,
                text: format!("[torchbook: {notice}]\n"),
            });
        }
    }
}

/// Has rust-analyzer read what cells are made of: it does so when it is first asked about a name, which
/// would be with the first cell, one or two seconds long.
pub(super) fn read_ahead(context: &mut CommandContext) {
    const CODE: &str = "let ahead = (Tensor::from_slice(&[1.0f32]) * 2.0).f";
    if let Err(error) = context.completions(CODE, CODE.len()) {
        tracing::warn!(%error, "the prelude was not read ahead");
    }
}

/// evcxr's commands, as its `:help` lists them: a name and a description in each line.
pub(super) fn commands(context: &mut CommandContext) -> Vec<Command> {
    let help = match context.execute(":help") {
        Ok(outputs) => outputs.get("text/plain").unwrap_or_default().to_owned(),
        Err(error) => {
            tracing::warn!(%error, "evcxr does not list its commands");
            return Vec::new();
        }
    };
    help.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, description)| Command {
            name: name.to_owned(),
            description: description.trim().to_owned(),
        })
        .collect()
}

/// Empties one of evcxr's channels; what comes there is worth a log line only.
pub(super) fn drain(name: &'static str, receiver: crossbeam_channel::Receiver<String>) {
    let spawned = std::thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            for line in receiver {
                tracing::debug!(channel = name, %line);
            }
        });
    if let Err(error) = spawned {
        tracing::error!(%error, name, "evcxr's output is not drained: cells may hang");
    }
}

//! What the tasks of a running kernel share: the cell that runs, and where its output goes.
//!
//! [`Session`] is the [`CellIo`] of the evaluator: it gives each output the header of the
//! request it belongs to. It decides nothing; [`crate::handlers`] do.

use crate::evaluator::{CellIo, InputRefused, Output, StreamName};
use crate::history::History;
use crate::messages;
use crate::output_limit::OutputLimit;
use crate::sockets::{iopub::Iopub, stdin::Stdin};
use jupyter_protocol::JupyterMessage;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard};

/// The cell that output belongs to: the running one, or the last that ran.
#[derive(Clone)]
pub struct Cell {
    pub request: JupyterMessage,
    pub execution_count: usize,
    pub allow_stdin: bool,
    /// Nothing that a silent cell shows is broadcast.
    pub silent: bool,
    /// Whether the history keeps the cell and its value.
    pub in_history: bool,
}

/// Shared state of a kernel that is serving.
pub struct Session {
    pub iopub: Iopub,
    pub stdin: Stdin,
    pub history: History,
    cell: Mutex<Option<Cell>>,
    limit: Mutex<OutputLimit>,
}

impl Session {
    /// A session without a cell.
    pub fn new(iopub: Iopub, stdin: Stdin, history: History) -> Session {
        Session {
            iopub,
            stdin,
            history,
            cell: Mutex::new(None),
            limit: Mutex::new(OutputLimit::of_environment()),
        }
    }

    /// From now on output belongs to this cell.
    pub fn set_cell(&self, cell: Cell) {
        self.limit.lock().unwrap_or_else(|e| e.into_inner()).reset();
        *self.lock() = Some(cell);
    }

    /// Adds a notice of the kernel's own to the running cell's stderr.
    pub async fn tell(&self, notice: &str) {
        let parent = self.cell().map(|cell| cell.request);
        let content = json!({ "name": "stderr", "text": notice });
        self.iopub
            .send(messages::broadcast(parent.as_ref(), "stream", content))
            .await;
    }

    fn cell(&self) -> Option<Cell> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Cell>> {
        self.cell.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl CellIo for Session {
    fn publish(&self, output: Output) {
        let cell = self.cell();
        if let (Output::Result { data, .. }, Some(cell)) = (&output, &cell)
            && cell.in_history
            && let Some(text) = data.get("text/plain").and_then(Value::as_str)
        {
            self.history.output(cell.execution_count, text);
        }
        if cell.as_ref().is_some_and(|cell| cell.silent) {
            return;
        }
        let parent = cell.as_ref().map(|cell| &cell.request);
        let within_limit = {
            let mut limit = self.limit.lock().unwrap_or_else(|e| e.into_inner());
            limit.admit(output)
        };
        for output in within_limit {
            let (msg_type, content) = message(output, cell.as_ref());
            self.iopub
                .blocking_send(messages::broadcast(parent, msg_type, content));
        }
    }

    fn input(&self, prompt: &str, password: bool) -> Result<String, InputRefused> {
        match self.cell() {
            Some(cell) if cell.allow_stdin => self.stdin.ask(&cell.request, prompt, password),
            _ => Err(InputRefused::NotAllowed),
        }
    }
}

/// The IOPub message for an output.
fn message(output: Output, cell: Option<&Cell>) -> (&'static str, Value) {
    match output {
        Output::Stream { name, text } => {
            let name = match name {
                StreamName::Stdout => "stdout",
                StreamName::Stderr => "stderr",
            };
            ("stream", json!({ "name": name, "text": text }))
        }
        Output::Display {
            data,
            metadata,
            display_id,
        } => {
            // `transient` is an object even without an id: nbclient breaks on null.
            let transient = match display_id {
                Some(id) => json!({ "display_id": id }),
                None => json!({}),
            };
            (
                "display_data",
                json!({ "data": data, "metadata": metadata, "transient": transient }),
            )
        }
        Output::UpdateDisplay {
            data,
            metadata,
            display_id,
        } => (
            "update_display_data",
            json!({ "data": data, "metadata": metadata, "transient": { "display_id": display_id } }),
        ),
        Output::Result { data, metadata } => {
            let execution_count = cell.map_or(0, |cell| cell.execution_count);
            (
                "execute_result",
                json!({ "execution_count": execution_count, "data": data, "metadata": metadata }),
            )
        }
        Output::Clear { wait } => ("clear_output", json!({ "wait": wait })),
    }
}

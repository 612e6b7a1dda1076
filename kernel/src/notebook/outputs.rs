//! Turns the IOPub messages of a run into the outputs that a notebook stores.
//!
//! Follows nbclient where nbformat leaves a choice. What ends a cell is decided in
//! [`super::execute`]; how lines are cut is [`super::layout`]'s.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::layout::split_lines;
use super::message::Message;
use super::terminal::Terminal;

/// The outputs of all cells that a kernel has executed so far.
///
/// Displays can be updated from any later cell, so no cell's outputs are final before the end.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    cells: Vec<CellOutputs>,
    /// Which cell a request belongs to.
    requests: HashMap<String, usize>,
}

/// The outputs of one cell.
#[derive(Debug, Default)]
pub(super) struct CellOutputs {
    /// The cell's position in its notebook.
    pub(super) position: usize,
    /// The number in `In [n]`.
    pub(super) execution_count: Option<u64>,
    /// When it ran, in nbclient's keys.
    pub(super) timing: Map<String, Value>,
    outputs: Vec<Output>,
    clears_before_next: bool,
    latest_line: String,
}

#[derive(Debug)]
enum Output {
    Stream {
        name: String,
        terminal: Terminal,
    },
    /// `display_data`, `execute_result` and `error`, ready to be stored.
    Stored {
        value: Value,
        display_id: Option<String>,
    },
}

impl Outputs {
    /// Begins a cell whose messages will carry this request id.
    pub(super) fn begin_cell(&mut self, position: usize, request_id: &str) {
        self.requests
            .insert(request_id.to_owned(), self.cells.len());
        self.cells.push(CellOutputs {
            position,
            ..CellOutputs::default()
        });
    }

    /// All cells begun so far, in order.
    pub(super) fn cells(&self) -> &[CellOutputs] {
        &self.cells
    }

    /// Files a message under the cell whose request it answers, which may be an earlier one.
    pub(super) fn apply(&mut self, message: &Message) {
        // An update concerns every display of that id, whichever cell sends it.
        if message.kind == "update_display_data" {
            self.update_displays(message);
        }
        if let Some(&index) = self.requests.get(&message.parent_id)
            && let Some(cell) = self.cells.get_mut(index)
        {
            cell.apply(message);
        }
    }

    fn update_displays(&mut self, message: &Message) {
        let Some(id) = display_id(message) else {
            return;
        };
        for output in self.cells.iter_mut().flat_map(|cell| &mut cell.outputs) {
            if let Output::Stored { value, display_id } = output
                && display_id.as_ref() == Some(&id)
            {
                value["data"] = mime_bundle(&message.content["data"]);
                value["metadata"] = object(&message.content["metadata"]);
            }
        }
    }
}

impl CellOutputs {
    /// The outputs as nbformat stores them.
    pub(super) fn to_json(&self) -> Vec<Value> {
        self.outputs.iter().map(Output::to_json).collect()
    }

    /// The last line of text that the cell showed, for a progress display.
    pub(super) fn latest_line(&self) -> &str {
        &self.latest_line
    }

    fn apply(&mut self, message: &Message) {
        let content = &message.content;
        match message.kind.as_str() {
            "status" => self.note_time(
                message,
                &format!("iopub.status.{}", message.text("execution_state")),
            ),
            "execute_input" | "execute_reply" => {
                self.execution_count = content["execution_count"].as_u64().or(self.execution_count);
                let channel = if message.kind == "execute_input" {
                    "iopub"
                } else {
                    "shell"
                };
                self.note_time(message, &format!("{channel}.{}", message.kind));
            }
            "stream" => self.add_text(message.text("name"), message.text("text")),
            "display_data" | "update_display_data" => {
                self.note_latest_line(&content["data"]);
                if message.kind == "display_data" {
                    let value = json!({
                        "output_type": "display_data",
                        "data": mime_bundle(&content["data"]),
                        "metadata": object(&content["metadata"]),
                    });
                    self.add(Output::Stored {
                        value,
                        display_id: display_id(message),
                    });
                }
            }
            "execute_result" => {
                let value = json!({
                    "output_type": "execute_result",
                    "execution_count": content["execution_count"],
                    "data": mime_bundle(&content["data"]),
                    "metadata": object(&content["metadata"]),
                });
                self.add(Output::Stored {
                    value,
                    display_id: display_id(message),
                });
            }
            "error" => {
                let traceback = content["traceback"].as_array().cloned().unwrap_or_default();
                let value = json!({
                    "output_type": "error",
                    "ename": message.text("ename"),
                    "evalue": message.text("evalue"),
                    "traceback": traceback,
                });
                self.add(Output::Stored {
                    value,
                    display_id: None,
                });
            }
            "clear_output" if content["wait"] == true => self.clears_before_next = true,
            "clear_output" => self.clear(),
            // Widgets' comm messages and the like leave no trace in a notebook.
            _ => {}
        }
    }

    fn add(&mut self, output: Output) {
        if self.clears_before_next {
            self.clear();
        }
        self.outputs.push(output);
    }

    fn add_text(&mut self, name: &str, text: &str) {
        if self.clears_before_next {
            self.clear();
        }
        let continues =
            matches!(self.outputs.last(), Some(Output::Stream { name: last, .. }) if last == name);
        if !continues {
            let (name, terminal) = (name.to_owned(), Terminal::default());
            self.outputs.push(Output::Stream { name, terminal });
        }
        if let Some(Output::Stream { terminal, .. }) = self.outputs.last_mut() {
            terminal.write(text);
            self.latest_line = terminal.latest_line();
        }
    }

    fn clear(&mut self) {
        self.outputs.clear();
        self.clears_before_next = false;
    }

    fn note_time(&mut self, message: &Message, key: &str) {
        self.timing
            .insert(key.to_owned(), Value::from(message.date.as_str()));
    }

    fn note_latest_line(&mut self, data: &Value) {
        let text = data.get("text/plain").and_then(Value::as_str).unwrap_or("");
        if let Some(line) = text.lines().map(str::trim).rfind(|line| !line.is_empty()) {
            self.latest_line = line.to_owned();
        }
    }
}

impl Output {
    fn to_json(&self) -> Value {
        match self {
            Output::Stream { name, terminal } => json!({
                "output_type": "stream",
                "name": name,
                "text": split_lines(&terminal.text()),
            }),
            Output::Stored { value, .. } => value.clone(),
        }
    }
}

fn display_id(message: &Message) -> Option<String> {
    message
        .content
        .get("transient")?
        .get("display_id")?
        .as_str()
        .map(str::to_owned)
}

/// MIME data with text cut into lines, as nbformat's writer does it.
fn mime_bundle(data: &Value) -> Value {
    let mut bundle = Map::new();
    for (mime, value) in data.as_object().into_iter().flatten() {
        let is_text = mime.starts_with("text/")
            || mime == "image/svg+xml"
            || mime == "application/javascript";
        let value = match value {
            Value::String(text) if is_text => split_lines(text),
            other => other.clone(),
        };
        bundle.insert(mime.clone(), value);
    }
    Value::Object(bundle)
}

fn object(value: &Value) -> Value {
    if value.is_object() {
        value.clone()
    } else {
        json!({})
    }
}

#[cfg(test)]
mod tests;

//! One .ipynb file in memory: read, checked, brought to nbformat 4.5, changed, written atomically.
//!
//! The document stays the JSON it was read as, so unknown metadata, cell ids and key order
//! survive. (The typed crate `nbformat` drops unknown fields of cells and reorders metadata, so
//! a re-run would change lines that nobody touched.) How the JSON is spelled is
//! [`super::layout`]'s, how the file is replaced [`super::replaced_file`]'s; what a kernel's messages
//! become is [`super::outputs`]'s.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::error::Error;
use super::layout::{Layout, join_lines};
use super::replaced_file;
use super::upgrade::Upgrade;

/// A notebook of nbformat 4.5.
#[derive(Debug, Clone)]
pub struct Notebook {
    root: Value,
    layout: Layout,
}

/// A code cell as it is stored.
#[derive(Debug, Clone)]
pub struct CodeCell<'a> {
    /// Position among all cells, from 0: the key for [`Notebook::set_result`].
    pub position: usize,
    /// The cell's id, unique in the notebook.
    pub id: &'a str,
    /// The source as one string.
    pub source: String,
    /// The cell's metadata.
    pub metadata: &'a Map<String, Value>,
    /// The stored outputs.
    pub outputs: &'a [Value],
    /// The stored number in `In [n]`.
    pub execution_count: Option<u64>,
}

impl CodeCell<'_> {
    /// Whether the cell carries this tag.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags().any(|other| other == tag)
    }

    /// The cell's tags.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        let tags = self.metadata.get("tags").and_then(Value::as_array);
        tags.into_iter().flatten().filter_map(Value::as_str)
    }

    /// The first line of the source that says something.
    pub fn first_line(&self) -> &str {
        self.source
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or("")
    }
}

impl Notebook {
    /// Reads a notebook from a file.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NotJson`], [`Error::NotANotebook`], [`Error::TooOld`] or
    /// [`Error::TooNew`], each naming the file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let read = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let bytes = fs::read(path).map_err(read)?;
        let text = String::from_utf8(bytes).map_err(|error| Error::NotJson {
            path: path.to_owned(),
            detail: format!("it is not UTF-8 ({})", error.utf8_error()),
        })?;
        Self::parse(path, &text)
    }

    /// Reads a notebook from text; `path` is only for messages.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        // Editors on Windows put a byte order mark there; JSON does not allow one.
        let text = text.trim_start_matches('\u{feff}');
        let mut root: Value = serde_json::from_str(text).map_err(|error| Error::NotJson {
            path: path.to_owned(),
            detail: error.to_string(),
        })?;
        let layout = Layout::of(text, &root);
        Upgrade { path }.bring_to_4_5(&mut root)?;
        Ok(Notebook { root, layout })
    }

    /// All code cells in order.
    pub fn code_cells(&self) -> impl Iterator<Item = CodeCell<'_>> {
        self.cells()
            .iter()
            .enumerate()
            .filter_map(|(position, cell)| {
                (cell["cell_type"] == "code").then_some(())?;
                Some(CodeCell {
                    position,
                    id: cell.get("id")?.as_str()?,
                    source: join_lines(&cell["source"]),
                    metadata: cell.get("metadata")?.as_object()?,
                    outputs: cell.get("outputs")?.as_array()?,
                    execution_count: cell["execution_count"].as_u64(),
                })
            })
    }

    /// The number of cells of all kinds.
    pub fn cell_count(&self) -> usize {
        self.cells().len()
    }

    /// The language that the notebook says it is written in.
    pub fn language(&self) -> Option<&str> {
        let metadata = self.root.get("metadata")?;
        let from = |key: &str, field: &str| metadata.get(key)?.get(field)?.as_str();
        from("kernelspec", "language").or_else(|| from("language_info", "name"))
    }

    /// Replaces a code cell's outputs and the number in `In [n]`.
    pub fn set_result(&mut self, position: usize, outputs: Vec<Value>, count: Option<u64>) {
        if let Some(cell) = self.root["cells"].get_mut(position) {
            cell["outputs"] = Value::Array(outputs);
            cell["execution_count"] = count.map_or(Value::Null, Value::from);
        }
    }

    /// Stores when a cell ran, under the keys that JupyterLab and nbclient use.
    pub fn set_timing(&mut self, position: usize, timing: Map<String, Value>) {
        if let Some(cell) = self.root["cells"].get_mut(position) {
            cell["metadata"]["execution"] = Value::Object(timing);
        }
    }

    /// Stores what the kernel said about its language, and a kernelspec if there is none yet.
    pub fn describe_kernel(&mut self, language_info: Value, kernelspec: Value) {
        let metadata = &mut self.root["metadata"];
        if language_info.is_object() {
            metadata["language_info"] = language_info;
        }
        if metadata["kernelspec"]
            .get("name")
            .is_none_or(|name| !name.is_string())
        {
            metadata["kernelspec"] = kernelspec;
        }
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        self.layout.render(&self.root)
    }

    /// Writes the notebook; a reader sees the old file or the new one, never a part.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        replaced_file::replace(path, self.to_text().as_bytes()).map_err(|source| Error::Write {
            path: path.to_owned(),
            source,
        })
    }

    fn cells(&self) -> &[Value] {
        self.root["cells"].as_array().map_or(&[], Vec::as_slice)
    }
}

/// Fails early where [`Notebook::write`] would fail after an hour of training.
pub fn check_writable(path: &Path) -> Result<(), Error> {
    replaced_file::check_replaceable(path).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;

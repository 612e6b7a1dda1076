//! Display frames: what a cell process may ask the kernel to show.
//!
//! This module gives frames their meaning; [`crate::child::scanner`] finds them in
//! the stream and the prelude's `display` module writes them.

use serde::Deserialize;
use serde_json::{Map, Value};

/// MIME bundle: MIME type to data, as Jupyter has it.
pub type Bundle = Map<String, Value>;

/// One frame of the child's stdout, as the prelude writes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum Frame {
    /// A new output below the cell.
    DisplayData {
        data: Bundle,
        #[serde(default)]
        metadata: Bundle,
        #[serde(default)]
        display_id: Option<String>,
    },
    /// Replaces every output that carries this id.
    UpdateDisplayData {
        data: Bundle,
        #[serde(default)]
        metadata: Bundle,
        display_id: String,
    },
    /// The value of the cell's last expression.
    ExecuteResult {
        data: Bundle,
        #[serde(default)]
        metadata: Bundle,
    },
    /// Removes the cell's outputs, with `wait` only when the next one arrives.
    ClearOutput {
        #[serde(default)]
        wait: bool,
    },
    /// A panic as the prelude's hook saw it; becomes the cell's error if it ends the cell.
    Panic {
        message: String,
        #[serde(default)]
        file: String,
        #[serde(default)]
        line: u32,
        #[serde(default)]
        backtrace: String,
    },
    /// An error that a failed `?` is about to report, with its chain of causes.
    Error {
        ename: String,
        evalue: String,
        #[serde(default)]
        causes: Vec<String>,
        #[serde(default)]
        file: String,
        #[serde(default)]
        line: u32,
    },
    /// The process is about to die of a full stack.
    StackOverflow,
    /// The cell waits for a line from the user.
    InputRequest {
        prompt: String,
        #[serde(default)]
        password: bool,
    },
    /// All output up to here has been handed over: the answer to a flush request.
    Barrier { id: u64 },
}

impl Frame {
    /// Reads a frame's JSON.
    ///
    /// # Errors
    /// Whatever serde finds wrong; the caller shows the line as text then, nothing is lost.
    pub fn parse(json: &str) -> serde_json::Result<Frame> {
        serde_json::from_str(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_data_without_optional_fields() {
        let frame = Frame::parse(r#"{"frame":"display_data","data":{"text/plain":"x"}}"#).unwrap();
        let Frame::DisplayData {
            data,
            metadata,
            display_id,
        } = frame
        else {
            panic!("{frame:?}")
        };
        assert_eq!(data["text/plain"], "x");
        assert!(metadata.is_empty() && display_id.is_none());
    }

    #[test]
    fn an_update_needs_its_id() {
        let error = Frame::parse(r#"{"frame":"update_display_data","data":{}}"#).unwrap_err();
        assert!(error.to_string().contains("display_id"), "{error}");
    }
}

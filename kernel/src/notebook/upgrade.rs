//! Checks that a JSON file is a notebook, and brings it to nbformat 4.5.
//!
//! After this, [`super::document`] can rely on the shape of every cell.

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Value, json};
use uuid::Uuid;

use super::error::Error;
use super::layout::split_lines;

/// A file that has been parsed but not looked at.
pub(super) struct Upgrade<'a> {
    /// For messages.
    pub(super) path: &'a Path,
}

impl Upgrade<'_> {
    /// Checks the document and upgrades 4.0 to 4.4, whose only lasting difference is that
    /// their cells have no ids.
    pub(super) fn bring_to_4_5(&self, root: &mut Value) -> Result<(), Error> {
        let version = root.get("nbformat").and_then(Value::as_i64);
        match version {
            Some(4) => {}
            Some(version @ ..4) => {
                return Err(Error::TooOld {
                    path: self.path.into(),
                    version,
                });
            }
            Some(version) => {
                return Err(Error::TooNew {
                    path: self.path.into(),
                    version,
                });
            }
            None => {
                return Err(self.misshapen("top level", "an object with `nbformat`", root));
            }
        }
        if root
            .get("nbformat_minor")
            .and_then(Value::as_i64)
            .is_none_or(|minor| minor < 5)
        {
            root["nbformat_minor"] = json!(5);
        }
        let metadata = &mut root["metadata"];
        if metadata.is_null() {
            *metadata = json!({});
        }
        self.expect_object("metadata", metadata)?;
        let Some(cells) = root.get_mut("cells").and_then(Value::as_array_mut) else {
            return Err(self.misshapen("cells", "a list", &root["cells"]));
        };
        let mut ids = HashSet::new();
        for (position, cell) in cells.iter_mut().enumerate() {
            self.check_cell(position + 1, cell)?;
            give_id(cell, &mut ids);
        }
        Ok(())
    }

    fn check_cell(&self, number: usize, cell: &mut Value) -> Result<(), Error> {
        self.expect_object(&format!("cell {number}"), cell)?;
        let kind = cell.get("cell_type").unwrap_or(&Value::Null).clone();
        if !kind.is_string() {
            let expected = "\"code\", \"markdown\" or \"raw\"";
            return Err(self.misshapen(&format!("cell {number}: cell_type"), expected, &kind));
        }
        match cell.get("source") {
            Some(Value::String(source)) => cell["source"] = split_lines(source),
            Some(Value::Array(lines)) if lines.iter().all(Value::is_string) => {}
            other => {
                let place = format!("cell {number}: source");
                let found = other.unwrap_or(&Value::Null);
                return Err(self.misshapen(&place, "a string or a list of strings", found));
            }
        }
        if cell["metadata"].is_null() {
            cell["metadata"] = json!({});
        }
        self.expect_object(&format!("cell {number}: metadata"), &cell["metadata"])?;
        if kind == "code" {
            if cell["outputs"].is_null() {
                cell["outputs"] = json!([]);
            }
            if cell.get("execution_count").is_none() {
                cell["execution_count"] = Value::Null;
            }
            let place = format!("cell {number}: outputs");
            let Some(outputs) = cell["outputs"].as_array() else {
                return Err(self.misshapen(&place, "a list", &cell["outputs"]));
            };
            outputs
                .iter()
                .try_for_each(|output| self.expect_object(&place, output))?;
        }
        Ok(())
    }

    fn expect_object(&self, place: &str, value: &Value) -> Result<(), Error> {
        if value.is_object() {
            Ok(())
        } else {
            Err(self.misshapen(place, "an object", value))
        }
    }

    fn misshapen(&self, place: &str, expected: &'static str, found: &Value) -> Error {
        let mut found = match found {
            Value::Null => "nothing".to_owned(),
            Value::Object(_) => "an object without it".to_owned(),
            Value::Array(_) => "a list of other things".to_owned(),
            other => other.to_string(),
        };
        if found.len() > 60 {
            found = format!("{}…", found.chars().take(60).collect::<String>());
        }
        Error::NotANotebook {
            path: self.path.into(),
            place: place.to_owned(),
            expected,
            found,
        }
    }
}

/// Gives the cell an id if it has none, or one that an earlier cell has (nbformat does the same).
fn give_id(cell: &mut Value, taken: &mut HashSet<String>) {
    if let Some(id) = cell.get("id").and_then(Value::as_str)
        && !id.is_empty()
        && taken.insert(id.to_owned())
    {
        return;
    }
    loop {
        let id = Uuid::new_v4().simple().to_string()[..8].to_owned();
        if taken.insert(id.clone()) {
            cell["id"] = Value::String(id);
            return;
        }
    }
}

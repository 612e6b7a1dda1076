//! How a cell's stored output is checked: read from its tags and `metadata.torchbook`.
//!
//! | tag | the new output must … | metadata.torchbook |
//! |---|---|---|
//! | `exact` (also without a tag) | equal the stored text, kinds of output included | |
//! | `contains` | contain these words | `"contains": "…"` or a list |
//! | `number` | hold a number in a range | `"number": {"min": …, "max": …}` or a list |
//! | `image` | show a picture like the stored one | optional `"image"`, see [`ImageBounds`] |
//! | `any`, `nbval-ignore-output` | be there or not | |
//! | `raises-exception` | hold an error (beside the other checks) | |
//!
//! Several tags mean several checks. The comparing is done in [`super::compare`].

use regex::Regex;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::document::CodeCell;

/// What is checked about one cell.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// The text equals the stored one.
    pub(super) exact: bool,
    /// Words that occur in the text.
    pub(super) contains: Vec<String>,
    /// Numbers in the text and their ranges.
    pub(super) numbers: Vec<NumberRange>,
    /// What the pictures look like.
    pub(super) image: Option<ImageBounds>,
    /// The cell raises.
    pub(super) raises: bool,
}

/// A number in the text and its bounds, both inclusive.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NumberRange {
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    /// Where the number stands: the first group of the last match. Without it, the last number.
    #[serde(default, deserialize_with = "regex")]
    pub(super) pattern: Option<Regex>,
}

/// Bounds for each picture of a cell; what is missing here is taken from the stored picture.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageBounds {
    /// Least and greatest width in pixels.
    pub(super) width: Option<[u32; 2]>,
    /// Least and greatest height in pixels.
    pub(super) height: Option<[u32; 2]>,
    /// Mean red, green and blue from 0 to 255.
    pub(super) mean: Option<[f64; 3]>,
    /// How far each of them may be off.
    #[serde(default = "default_tolerance")]
    pub(super) tolerance: f64,
}

/// Another font's antialiasing or a few other predictions move a figure's mean by less than 3;
/// a missing curve or an empty grid by more than this.
fn default_tolerance() -> f64 {
    10.0
}

impl Checks {
    /// Reads a cell's checks.
    ///
    /// # Errors
    /// Says which tag or metadata cannot be used and what is expected there.
    pub(super) fn of(cell: &CodeCell<'_>) -> Result<Self, String> {
        let mut checks = Checks {
            raises: cell.has_tag("raises-exception"),
            ..Checks::default()
        };
        let settings = cell.metadata.get("torchbook");
        let setting = |tag: &str| settings.and_then(|settings| settings.get(tag));
        for tag in ["contains", "number", "image"] {
            if setting(tag).is_some() && !cell.has_tag(tag) {
                return Err(format!(
                    "metadata.torchbook.{tag} has no effect without the tag `{tag}`: add the tag"
                ));
            }
        }
        if cell.has_tag("contains") {
            checks.contains = some("contains", setting("contains"), "\"some words\"")?;
        }
        if cell.has_tag("number") {
            let example = "{\"min\": 0.98, \"max\": 1.0}";
            checks.numbers = some("number", setting("number"), example)?;
            if checks
                .numbers
                .iter()
                .any(|range| range.min.is_none() && range.max.is_none())
            {
                return Err(format!(
                    "metadata.torchbook.number has no bounds: expected {example}"
                ));
            }
        }
        if cell.has_tag("image") {
            let bounds = setting("image")
                .cloned()
                .unwrap_or_else(|| serde_json::json!({}));
            checks.image = Some(one("image", bounds)?);
        }
        let has_other = cell.has_tag("contains") || cell.has_tag("number") || cell.has_tag("image");
        let ignores = cell.has_tag("any") || cell.has_tag("nbval-ignore-output");
        checks.exact = cell.has_tag("exact") || !(has_other || ignores);
        Ok(checks)
    }
}

/// One value or a list of them; none at all is an error that shows an example.
fn some<T: DeserializeOwned>(
    tag: &str,
    setting: Option<&Value>,
    example: &str,
) -> Result<Vec<T>, String> {
    match setting {
        Some(Value::Array(items)) if !items.is_empty() => {
            items.iter().map(|item| one(tag, item.clone())).collect()
        }
        None | Some(Value::Array(_)) => Err(format!(
            "the tag `{tag}` needs metadata: {{\"torchbook\": {{\"{tag}\": {example}}}}}"
        )),
        Some(item) => Ok(vec![one(tag, item.clone())?]),
    }
}

fn one<T: DeserializeOwned>(tag: &str, value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| format!("metadata.torchbook.{tag}: {error}"))
}

fn regex<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Regex>, D::Error> {
    let pattern = String::deserialize(deserializer)?;
    Regex::new(&pattern)
        .map(Some)
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::super::document::Notebook;
    use super::*;
    use serde_json::json;
    use std::path::Path;

    fn checks(tags: &[&str], settings: Value) -> Result<Checks, String> {
        let metadata = json!({"tags": tags, "torchbook": settings});
        let cell = json!({"cell_type": "code", "source": "x", "metadata": metadata});
        let text = json!({"nbformat": 4, "cells": [cell]}).to_string();
        let notebook = Notebook::parse(Path::new("a.ipynb"), &text).unwrap();
        let cell = notebook.code_cells().next().unwrap();
        Checks::of(&cell)
    }

    #[test]
    fn an_untagged_cell_is_exact() {
        assert!(checks(&[], json!({})).unwrap().exact);
        assert!(checks(&["exact", "any", "other"], json!({})).unwrap().exact);
        let raising = checks(&["raises-exception"], json!({})).unwrap();
        assert!(raising.exact && raising.raises);
    }

    #[test]
    fn other_tags_replace_exact() {
        for tag in ["any", "nbval-ignore-output", "image"] {
            assert!(!checks(&[tag], json!({})).unwrap().exact, "{tag}");
        }
        let both = checks(
            &["contains", "number"],
            json!({"contains": "a", "number": [{"min": 1}, {"max": 2, "pattern": "loss (.*)"}]}),
        );
        let both = both.unwrap();
        assert!(!both.exact && both.contains == ["a"] && both.numbers.len() == 2);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let check = |tags: &[&str], settings: Value, message: &str| {
            let error = checks(tags, settings).expect_err("should be refused");
            assert!(error.starts_with(message), "{error}");
        };
        check(
            &["number"],
            json!({}),
            "the tag `number` needs metadata: {\"torchbook\"",
        );
        check(
            &["number"],
            json!({"number": {}}),
            "metadata.torchbook.number has no bounds",
        );
        check(
            &["number"],
            json!({"number": {"mni": 1}}),
            "metadata.torchbook.number: unknown field",
        );
        check(
            &["number"],
            json!({"number": {"min": 1, "pattern": "("}}),
            "metadata.torchbook.number: regex parse error",
        );
        check(
            &["contains"],
            json!({"contains": []}),
            "the tag `contains` needs metadata",
        );
        check(
            &["image"],
            json!({"image": {"width": 3}}),
            "metadata.torchbook.image: invalid type",
        );
        check(
            &[],
            json!({"number": {"min": 1}}),
            "metadata.torchbook.number has no effect",
        );
    }
}

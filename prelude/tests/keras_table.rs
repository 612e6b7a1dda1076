//! KERAS.md says what of Keras is there: every public name of Keras has a row, what a row names is
//! exported, and arguments of models are there or named as missing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

const TRAINER: &str = include_str!("../src/training/trainer.rs");
const FIT: &str = include_str!("../src/training/fit.rs");
const TABLE: &str = include_str!("../KERAS.md");
const EXPORTS: &str = include_str!("../src/lib.rs");
const KERAS: &str = include_str!("../../tests/reference/keras_api.json");

/// Names in backquotes.
type Names = Vec<&'static str>;

/// Of each section, the rows: what is in backquotes in the first and in the second column.
fn rows() -> BTreeMap<&'static str, Vec<(Names, Names)>> {
    let mut sections: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut section = "";
    for line in TABLE.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title;
        } else if line.starts_with("| ") && !line.starts_with("| Keras ") {
            let cells: Vec<&str> = line.split('|').collect();
            let names = |cell: &&'static str| cell.split('`').skip(1).step_by(2).collect();
            let row = cells.get(1).map(names).zip(cells.get(2).map(names));
            let row = row.unwrap_or_else(|| panic!("no row: {line}"));
            sections.entry(section).or_default().push(row);
        }
    }
    sections
}

#[test]
fn every_name_of_keras_has_one_row() {
    let keras: BTreeMap<String, Value> = serde_json::from_str(KERAS).expect("JSON");
    let rows = rows();
    for (section, names) in keras.iter().filter(|(_, names)| names.is_array()) {
        let expected: Vec<&str> = names
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let actual: Vec<&str> = rows[section.as_str()]
            .iter()
            .flat_map(|(keras, _)| keras.clone())
            .collect();
        assert_eq!(actual, expected, "{section}");
    }
}

#[test]
fn what_a_row_names_is_exported() {
    let exports = &EXPORTS[EXPORTS
        .find("// ---- The user's vocabulary")
        .expect("the list")..];
    let words = |text: &'static str| text.split(|c: char| !c.is_alphanumeric() && c != '_');
    // Methods of exported traits are no exports themselves.
    let saving = include_str!("../src/saving/mod.rs");
    let known: BTreeSet<&str> = words(exports).chain(words(saving)).collect();
    let mut count = 0;
    for (section, rows) in rows() {
        for name in rows.iter().flat_map(|(_, here)| here) {
            assert!(known.contains(name), "{section}: `{name}` is not exported");
            count += 1;
        }
    }
    assert!(count > 60, "{count} names only");
}

/// An argument is one here, a call of its own, or named in the row.
#[test]
fn arguments_of_models_are_there_or_named() {
    let keras: BTreeMap<String, Value> = serde_json::from_str(KERAS).expect("JSON");
    for (method, arguments) in keras["Model arguments"].as_object().expect("methods") {
        let start = TRAINER.find(&format!("    fn {method}(")).expect(method);
        let end = TRAINER[start..].find(") ->").expect("a result");
        let signature = &TRAINER[start..start + end];
        let row = TABLE
            .lines()
            .find(|line| line.starts_with(&format!("| `Model.{method}` |")));
        let (there, left_out) = row
            .and_then(|row| row.split_once("; without "))
            .expect(method);
        for argument in arguments.as_str().expect("a list").split(", ") {
            let is_call = match method.as_str() {
                "fit" => ['(', '<']
                    .iter()
                    .any(|end| FIT.contains(&format!("pub fn {argument}{end}"))),
                "compile" => TRAINER.contains(&format!("fn {argument}(")),
                _ => false,
            };
            let name = format!("`{argument}`");
            let is_there =
                is_call || signature.contains(&format!("{argument}: ")) || there.contains(&name);
            let is_missing = left_out
                .split(", ")
                .any(|part| part.trim_end_matches(" |") == name);
            assert_ne!(is_there, is_missing, "{method}: {argument}");
        }
    }
}

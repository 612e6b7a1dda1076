//! Reads the file with a user's settings: TOML, each mistake with its line.

use super::catalogue;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A setting in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Its name.
    pub key: String,
    /// Its value as text.
    pub value: String,
    /// Its line, from 1.
    pub line: usize,
}

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// Settings whose names are known; their values are not checked yet.
    pub values: Vec<Value>,
    /// Crates from `[dependencies]`.
    pub dependencies: Vec<String>,
    /// Cells from `startup`.
    pub cells: Vec<String>,
    /// Mistakes, with file and line.
    pub problems: Vec<String>,
}

impl Read {
    /// Nothing but a problem.
    pub fn of_problem(problem: String) -> Read {
        Read {
            problems: vec![problem],
            ..Read::default()
        }
    }
}

/// Reads the text of the file at `path`.
pub fn read(path: &Path, text: &str) -> Read {
    let mut read = Read::default();
    let line_of = |offset: usize| {
        1 + text.as_bytes()[..offset.min(text.len())]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
    };
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(span.start));
            return Read::of_problem(format!(
                "{}:{line}: {}; nothing of this file is used",
                path.display(),
                error.message()
            ));
        }
    };
    for (key, value) in &table {
        let line = line_of(key.span().start);
        let result = match (key.get_ref().as_ref(), value.get_ref()) {
            ("dependencies", DeValue::Table(crates)) => {
                dependencies(text, crates).map(|mut found| {
                    read.dependencies.append(&mut found);
                })
            }
            ("startup", value) => cells(value).map(|found| read.cells = found),
            ("dependencies", _) => Err("dependencies is a table: [dependencies]".into()),
            (key, _) if catalogue::find(key).is_none() => Err(catalogue::unknown(key)),
            (key, value) => scalar(key, value).map(|value| {
                let key = key.to_owned();
                read.values.push(Value { key, value, line });
            }),
        };
        if let Err(problem) = result {
            let problem = format!("{}:{line}: {problem}", path.display());
            read.problems.push(problem);
        }
    }
    read
}

fn scalar(key: &str, value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(is_on) => Ok(is_on.to_string()),
        other => Err(format!(
            "{key}: expected a text, a number, true or false, received {}",
            other.type_str()
        )),
    }
}

/// `startup = "a cell"` or `startup = ["a cell", "another"]`.
fn cells(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let expected = || {
        let received = value.type_str();
        format!("startup: expected a text or a list of texts, received {received}")
    };
    match value {
        DeValue::String(text) => Ok(vec![text.to_string()]),
        DeValue::Array(items) => items
            .iter()
            .map(|item| {
                item.get_ref()
                    .as_str()
                    .map(str::to_owned)
                    .ok_or_else(expected)
            })
            .collect(),
        _ => Err(expected()),
    }
}

/// Each crate as Cargo and evcxr's `:dep` write it, on one line.
fn dependencies(text: &str, crates: &DeTable<'_>) -> Result<Vec<String>, String> {
    let written = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let name: &str = AsRef::<str>::as_ref(name.get_ref() as &std::borrow::Cow<'_, str>);
        let value = text.get(value.span()).unwrap_or_default();
        if !value.starts_with(['"', '\'', '{']) {
            return Err(format!(
                "{name}: write it on one line, as in {name} = {{ version = \"1\" }}"
            ));
        }
        Ok(format!("{name} = {}", value.replace('\n', " ")))
    };
    crates.iter().map(written).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Read {
        read(Path::new("/c.toml"), text)
    }

    #[test]
    fn values_keep_their_lines_and_crates_their_words() {
        let read = read_text(
            "# mine\nthreads = 4\noffline = true\nstartup = ['use std::fmt;']\n\n\
             [dependencies]\nrand = \"0.9\"\nitertools = { version = '0.14' }\n",
        );
        assert_eq!(read.problems, Vec::<String>::new());
        let values: Vec<_> = read
            .values
            .iter()
            .map(|value| (value.key.as_str(), value.value.as_str(), value.line))
            .collect();
        assert_eq!(values, [("offline", "true", 3), ("threads", "4", 2)]);
        assert_eq!(
            read.dependencies,
            ["itertools = { version = '0.14' }", "rand = \"0.9\""]
        );
        assert_eq!(read.cells, ["use std::fmt;"]);
    }

    #[test]
    fn mistakes_name_file_and_line_and_leave_the_rest() {
        let read = read_text("threads = 4\ndevcie = \"cpu\"\nlog = [1]\n");
        assert_eq!(read.values.len(), 1);
        assert_eq!(
            read.problems,
            [
                "/c.toml:2: there is no setting \"devcie\"; did you mean device?",
                "/c.toml:3: log: expected a text, a number, true or false, received array",
            ]
        );
    }

    #[test]
    fn what_is_no_toml_is_told_by_its_line() {
        let read = read_text("threads = 4\nthis is not TOML\n");
        assert!(read.values.is_empty());
        assert!(
            read.problems[0].starts_with("/c.toml:2: "),
            "{:?}",
            read.problems
        );
    }

    #[test]
    fn a_crate_spread_over_lines_is_refused_with_the_way_to_write_it() {
        let read = read_text("[dependencies.rand]\nversion = \"0.9\"\n");
        assert!(
            read.problems[0].contains("rand = { version"),
            "{:?}",
            read.problems
        );
    }
}

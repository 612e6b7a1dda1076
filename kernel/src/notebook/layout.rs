//! How a notebook's JSON is laid out: the way Jupyter writes it, unless the file was laid out otherwise.
//!
//! This is what keeps `git diff` small after a re-run. The content is [`super::document`]'s.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// The layout of one file, read off it so that it can be written back alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    indent: String,
    is_sorted: bool,
}

impl Default for Layout {
    /// What Python's `nbformat.write`, and so every Jupyter front end, produces.
    fn default() -> Self {
        Layout {
            indent: " ".to_owned(),
            is_sorted: true,
        }
    }
}

impl Layout {
    /// Reads the layout off a file. Colab, for example, indents by two and does not sort.
    pub(super) fn of(text: &str, root: &Value) -> Self {
        let indent = text
            .lines()
            .nth(1)
            .map(|line| &line[..line.len() - line.trim_start_matches([' ', '\t']).len()])
            .filter(|indent| !indent.is_empty())
            .unwrap_or(" ");
        Layout {
            indent: indent.to_owned(),
            is_sorted: is_sorted(root),
        }
    }

    /// The file's text: indented, non-ASCII characters as they are, a newline at the end.
    pub(super) fn render(&self, root: &Value) -> String {
        let mut root = root.clone();
        if self.is_sorted {
            sort(&mut root);
        }
        let mut bytes = Vec::new();
        let formatter = JupyterFormatter(PrettyFormatter::with_indent(self.indent.as_bytes()));
        root.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))
            .expect("a JSON value always serialises into memory");
        bytes.push(b'\n');
        String::from_utf8(bytes).expect("serde_json writes UTF-8")
    }
}

fn is_sorted(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.keys().is_sorted() && map.values().all(is_sorted),
        Value::Array(items) => items.iter().all(is_sorted),
        _ => true,
    }
}

fn sort(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.sort_keys();
            map.values_mut().for_each(sort);
        }
        Value::Array(items) => items.iter_mut().for_each(sort),
        _ => {}
    }
}

/// Splits text the way Python's `str.splitlines(keepends=True)` does, which is how nbformat
/// stores `source`, streams and text MIME types. A list that Jupyter would split elsewhere
/// would change in the next save.
pub(super) fn split_lines(text: &str) -> Value {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let ends_line = match character {
            '\r' => characters.peek().is_none_or(|&(_, next)| next != '\n'),
            '\n' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                true
            }
            _ => false,
        };
        if ends_line {
            let end = at + character.len_utf8();
            lines.push(Value::from(&text[start..end]));
            start = end;
        }
    }
    if start < text.len() {
        lines.push(Value::from(&text[start..]));
    }
    Value::Array(lines)
}

/// Joins what nbformat may store as one string or as a list of lines.
pub(super) fn join_lines(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

/// [`PrettyFormatter`], except that floats look as Python's `repr` prints them.
struct JupyterFormatter<'a>(PrettyFormatter<'a>);

impl Formatter for JupyterFormatter<'_> {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let magnitude = value.abs();
        if value == 0.0 || (1e-4..1e16).contains(&magnitude) {
            return write!(writer, "{value:?}");
        }
        // Rust prints 1e-5 where Python prints 1e-05.
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        match exponent.strip_prefix('-') {
            Some(exponent) => write!(writer, "{digits}e-{exponent:0>2}"),
            None => write!(writer, "{digits}e+{exponent:0>2}"),
        }
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn jupyters_layout_survives_unchanged() {
        let text = "{\n \"a\": [],\n \"b\": {\n  \"x\": \"안녕 \\u001b[0m\",\n  \"y\": 1e-05\n },\n \"c\": 0.1\n}\n";
        let root: Value = serde_json::from_str(text).unwrap();
        assert_eq!(Layout::of(text, &root).render(&root), text);
    }

    #[test]
    fn colabs_layout_survives_unchanged() {
        let text = "{\n  \"nbformat\": 4,\n  \"cells\": [\n    {}\n  ]\n}\n";
        let root: Value = serde_json::from_str(text).unwrap();
        assert_eq!(Layout::of(text, &root).render(&root), text);
    }

    #[test]
    fn a_file_on_one_line_becomes_jupyters_layout() {
        let root = json!({"a": 1});
        assert_eq!(Layout::of("{\"a\":1}", &root), Layout::default());
    }

    #[test]
    fn new_keys_are_sorted_in() {
        let root = json!({"b": 1, "a": {"d": 1, "c": 2}});
        let text = Layout::default().render(&root);
        assert_eq!(
            text,
            "{\n \"a\": {\n  \"c\": 2,\n  \"d\": 1\n },\n \"b\": 1\n}\n"
        );
    }

    #[test]
    fn floats_look_as_in_python() {
        let root = json!([1.0, 0.0001, 0.00001, 1.5e-7, 1e15, 1e16, 1.5e300, 0.0, -0.0]);
        let text = Layout::default().render(&root).replace(['\n', ' '], "");
        // Python: json.dumps([1.0, 0.0001, 0.00001, 1.5e-7, 1e15, 1e16, 1.5e300, 0.0, -0.0])
        assert_eq!(
            text,
            "[1.0,0.0001,1e-05,1.5e-07,1000000000000000.0,1e+16,1.5e+300,0.0,-0.0]"
        );
    }

    #[test]
    fn lines_split_where_python_splits_them() {
        assert_eq!(split_lines(""), json!([]));
        assert_eq!(split_lines("a\nb"), json!(["a\n", "b"]));
        assert_eq!(split_lines("a\r\nb\rc\n"), json!(["a\r\n", "b\r", "c\n"]));
        assert_eq!(
            split_lines("a\u{2028}b\u{c}"),
            json!(["a\u{2028}", "b\u{c}"])
        );
        assert_eq!(join_lines(&json!(["a\n", "b"])), "a\nb");
        assert_eq!(join_lines(&json!("a\nb")), "a\nb");
    }
}

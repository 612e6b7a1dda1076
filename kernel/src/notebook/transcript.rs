//! A cell's outputs as text: for reading on a terminal, for comparing, for searching.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::image::ImageFacts;
use super::layout::join_lines;
use super::terminal::without_escapes;

/// What a terminal can show of the outputs.
pub(super) fn for_reading(outputs: &[Value]) -> String {
    let mut text = String::new();
    for output in outputs {
        let shown = match kind(output) {
            "stream" => join_lines(&output["text"]),
            "error" => error_line(output),
            _ => match picture(output) {
                Some(png) => match ImageFacts::of_base64_png(png) {
                    Ok(facts) => format!("[picture, {}x{}]", facts.width, facts.height),
                    Err(problem) => format!("[damaged picture: {problem}]"),
                },
                None => plain(output).unwrap_or_else(|| format!("[{}]", mime_types(output))),
            },
        };
        push_lines(&mut text, &shown);
    }
    text
}

/// Everything that an exact comparison looks at, each output under a headline of its own.
///
/// Colours are left out; pictures and other rich data are there by their MIME types alone, and
/// an error by its name and message, since a traceback holds paths. What came on stderr stands
/// at the end: nothing orders it against the rest, so its place differs from run to run.
pub(super) fn for_comparing(outputs: &[Value]) -> String {
    let mut text = String::new();
    let mut stderr = String::new();
    let mut last_headline = String::new();
    for output in outputs {
        let (headline, body) = match kind(output) {
            "stream" => (name(output).to_owned(), join_lines(&output["text"])),
            "error" => ("error".to_owned(), error_line(output)),
            kind => (
                format!("{kind}: {}", mime_types(output)),
                plain(output).unwrap_or_default(),
            ),
        };
        let body = without_escapes(&body);
        match &*headline {
            "stderr" => stderr.push_str(&body),
            // Text that only stderr had cut in two; the missing newline is nobody's.
            "stdout" if last_headline == headline => text.push_str(&body),
            _ => {
                end_line(&mut text);
                let _ = writeln!(text, "[{headline}]");
                text.push_str(&body);
                last_headline = headline;
            }
        }
    }
    end_line(&mut text);
    if !stderr.is_empty() {
        let _ = writeln!(text, "[stderr]");
        push_lines(&mut text, &stderr);
    }
    text
}

/// The words of all streams, results and errors, without colours.
pub(super) fn for_searching(outputs: &[Value]) -> String {
    words(outputs.iter())
}

/// The words in which a cell's numbers are looked for: results come on stdout or as values,
/// while a warning on stderr or the size in a picture's description only looks like one.
pub(super) fn for_numbers(outputs: &[Value]) -> String {
    words(
        outputs
            .iter()
            .filter(|output| name(output) != "stderr" && picture(output).is_none()),
    )
}

/// The PNGs of the outputs, in base64.
pub(super) fn pictures(outputs: &[Value]) -> Vec<&str> {
    outputs.iter().filter_map(picture).collect()
}

/// The pictures of the outputs as addresses that contain their data.
pub(super) fn picture_addresses(outputs: &[Value]) -> Vec<String> {
    let address = |output: &Value| {
        if let Some(png) = picture(output) {
            let compact: String = png.split_ascii_whitespace().collect();
            return Some(format!("data:image/png;base64,{compact}"));
        }
        let svg = output["data"].get("image/svg+xml").map(join_lines)?;
        Some(format!(
            "data:image/svg+xml;base64,{}",
            STANDARD.encode(svg)
        ))
    };
    outputs.iter().filter_map(address).collect()
}

/// Whether the cell raised.
pub(super) fn has_error(outputs: &[Value]) -> bool {
    outputs.iter().any(|output| kind(output) == "error")
}

fn words<'a>(outputs: impl Iterator<Item = &'a Value>) -> String {
    let mut text = String::new();
    for output in outputs {
        let body = match kind(output) {
            "stream" => join_lines(&output["text"]),
            "error" => error_line(output),
            _ => plain(output).unwrap_or_default(),
        };
        push_lines(&mut text, &without_escapes(&body));
    }
    text
}

fn push_lines(text: &mut String, lines: &str) {
    text.push_str(lines);
    if !lines.is_empty() {
        end_line(text);
    }
}

fn end_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

fn kind(output: &Value) -> &str {
    output["output_type"].as_str().unwrap_or("")
}

fn name(output: &Value) -> &str {
    output["name"].as_str().unwrap_or("")
}

fn plain(output: &Value) -> Option<String> {
    output["data"].get("text/plain").map(join_lines)
}

fn picture(output: &Value) -> Option<&str> {
    output["data"].get("image/png").and_then(Value::as_str)
}

fn error_line(output: &Value) -> String {
    let part = |field: &str| output[field].as_str().unwrap_or("");
    format!("{}: {}", part("ename"), part("evalue"))
}

fn mime_types(output: &Value) -> String {
    let data = output["data"].as_object();
    let mut types: Vec<&str> = data
        .into_iter()
        .flatten()
        .map(|(mime, _)| &**mime)
        .collect();
    types.sort_unstable();
    types.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::image::test_png;
    use super::*;
    use serde_json::json;

    fn outputs() -> Vec<Value> {
        vec![
            json!({"output_type": "stream", "name": "stdout", "text": ["\u{1b}[1mloss\u{1b}[0m 0.5\n", "b"]}),
            json!({"output_type": "stream", "name": "stderr", "text": "warning 7\n"}),
            json!({"output_type": "display_data", "data": {"text/plain": "8x4 pixels", "image/png": test_png(8, 4, [9; 3])}}),
            json!({"output_type": "display_data", "data": {"text/html": "<b>"}}),
            json!({"output_type": "execute_result", "data": {"text/plain": ["(2,)"]}}),
            json!({"output_type": "error", "ename": "Panic", "evalue": "oops", "traceback": ["/tmp/x"]}),
        ]
    }

    #[test]
    fn a_terminal_shows_text_and_names_the_rest() {
        let expected = "\u{1b}[1mloss\u{1b}[0m 0.5\nb\nwarning 7\n[picture, 8x4]\n[text/html]\n\
                        (2,)\nPanic: oops\n";
        assert_eq!(for_reading(&outputs()), expected);
    }

    #[test]
    fn a_comparison_sees_every_output_and_its_kind() {
        let expected = "[stdout]\nloss 0.5\nb\n\
                        [display_data: image/png, text/plain]\n8x4 pixels\n\
                        [display_data: text/html]\n[execute_result: text/plain]\n(2,)\n\
                        [error]\nPanic: oops\n[stderr]\nwarning 7\n";
        assert_eq!(for_comparing(&outputs()), expected);
    }

    #[test]
    fn pictures_become_addresses_whatever_their_form() {
        let svg = json!({"output_type": "display_data", "data": {"text/plain": "figure", "image/svg+xml": ["<svg>", "</svg>"]}});
        let [png, svg] = &picture_addresses(&[outputs()[2].clone(), outputs()[3].clone(), svg])[..]
        else {
            panic!("expected two pictures");
        };
        assert!(png.starts_with("data:image/png;base64,iVBOR"), "{png}");
        assert_eq!(svg, "data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=");
    }

    #[test]
    fn it_does_not_matter_when_stderr_arrives() {
        let stream =
            |name: &str, text: &str| json!({"output_type": "stream", "name": name, "text": text});
        let [a, b, x, y] = [
            stream("stdout", "a"),
            stream("stdout", "b\n"),
            stream("stderr", "x"),
            stream("stderr", "y\n"),
        ];
        let together = for_comparing(&[stream("stdout", "ab\n"), stream("stderr", "xy\n")]);
        assert_eq!(together, "[stdout]\nab\n[stderr]\nxy\n");
        assert_eq!(
            for_comparing(&[a.clone(), x.clone(), b.clone(), y.clone()]),
            together
        );
        assert_eq!(for_comparing(&[x, a, y, b]), together);
    }

    #[test]
    fn numbers_are_not_looked_for_in_warnings_and_pictures() {
        let everything = "loss 0.5\nb\nwarning 7\n8x4 pixels\n(2,)\nPanic: oops\n";
        assert_eq!(for_searching(&outputs()), everything);
        assert_eq!(for_numbers(&outputs()), "loss 0.5\nb\n(2,)\nPanic: oops\n");
    }

    #[test]
    fn pictures_and_errors_are_found() {
        assert_eq!(pictures(&outputs()).len(), 1);
        assert!(has_error(&outputs()) && !has_error(&outputs()[..5]));
    }
}

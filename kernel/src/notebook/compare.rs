//! Compares a cell's new outputs with its stored ones by the cell's checks.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::checks::{Checks, ImageBounds, NumberRange};
use super::image::ImageFacts;
use super::transcript;

/// What is wrong with a cell's new outputs, as paragraphs for a reader.
///
/// Without stored outputs only those checks are made that do not need any.
pub(super) fn compare(checks: &Checks, stored: Option<&[Value]>, new: &[Value]) -> Vec<String> {
    let mut problems = Vec::new();
    if checks.raises && !transcript::has_error(new) {
        problems.push("expected an error (tag `raises-exception`), but the cell succeeded".into());
    }
    if let Some(stored) = stored
        && checks.exact
    {
        let (stored, new) = (
            transcript::for_comparing(stored),
            transcript::for_comparing(new),
        );
        if stored != new {
            problems.push(difference(&stored, &new));
        }
    }
    let text = transcript::for_searching(new);
    for words in checks
        .contains
        .iter()
        .filter(|words| !text.contains(*words))
    {
        problems.push(format!("expected to find `{words}` in\n{}", quoted(&text)));
    }
    let text = transcript::for_numbers(new);
    problems.extend(
        checks
            .numbers
            .iter()
            .filter_map(|range| check_number(range, &text)),
    );
    if let Some(bounds) = &checks.image {
        check_pictures(bounds, stored, new, &mut problems);
    }
    problems
}

/// Numbers as programs print them: `1,183,498`, `-0.5`, `1e-3`, `NaN`, and not the 2 of `conv2d`.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?:^|[^\w.])([-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|(?i:nan|inf(?:inity)?)\b))";
    Regex::new(pattern).expect("a constant pattern, tried in the tests")
});

fn check_number(range: &NumberRange, text: &str) -> Option<String> {
    let pattern = range.pattern.as_ref().unwrap_or(&NUMBER);
    let what = match &range.pattern {
        Some(pattern) => format!("the number found by `{pattern}`"),
        None => "the last number".to_owned(),
    };
    let Some(found) = pattern.captures_iter(text).last() else {
        return Some(format!("expected {what}, found none in\n{}", quoted(text)));
    };
    let found = found
        .get(1)
        .or_else(|| found.get(0))
        .map_or("", |found| found.as_str());
    let Ok(number) = found.trim().replace(',', "").parse::<f64>() else {
        return Some(format!("expected {what} to be a number, found `{found}`"));
    };
    let (min, max) = (
        range.min.unwrap_or(f64::NEG_INFINITY),
        range.max.unwrap_or(f64::INFINITY),
    );
    // NaN lies in no range.
    if number >= min && number <= max {
        return None;
    }
    let bounds = match (range.min, range.max) {
        (Some(min), Some(max)) => format!("from {min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        _ => format!("at most {max}"),
    };
    Some(format!("expected {what} to be {bounds}, found {found}"))
}

fn check_pictures(
    bounds: &ImageBounds,
    stored: Option<&[Value]>,
    new: &[Value],
    problems: &mut Vec<String>,
) {
    let pictures = transcript::pictures(new);
    let references = stored.map(transcript::pictures);
    let expected = references.as_ref().map_or(pictures.len().max(1), Vec::len);
    if pictures.len() != expected {
        problems.push(format!(
            "expected {expected} PNG pictures, found {}",
            pictures.len()
        ));
        return;
    }
    if expected == 0 {
        problems.push("the tag `image` expects a PNG picture, but none is stored".to_owned());
    }
    for (index, picture) in pictures.iter().enumerate() {
        let number = index + 1;
        let reference = references
            .as_ref()
            .map(|stored| ImageFacts::of_base64_png(stored[index]));
        match (ImageFacts::of_base64_png(picture), reference) {
            (Err(problem), _) => problems.push(format!("picture {number} is {problem}")),
            (_, Some(Err(problem))) => {
                problems.push(format!("the stored picture {number} is {problem}"));
            }
            (Ok(facts), reference) => {
                let reference = reference.and_then(Result::ok);
                if let Some(expected) = unlike(bounds, reference, facts) {
                    problems.push(format!(
                        "expected picture {number} {expected}, found {facts}"
                    ));
                }
            }
        }
    }
}

/// What the picture should have been, if it is not.
fn unlike(bounds: &ImageBounds, stored: Option<ImageFacts>, new: ImageFacts) -> Option<String> {
    if new.is_blank {
        return Some("to show something".to_owned());
    }
    let sides = [
        (
            "width",
            new.width,
            bounds.width.or(stored.map(|stored| [stored.width; 2])),
        ),
        (
            "height",
            new.height,
            bounds.height.or(stored.map(|stored| [stored.height; 2])),
        ),
    ];
    for (side, pixels, range) in sides {
        if let Some([min, max]) = range
            && !(min..=max).contains(&pixels)
        {
            return Some(format!("to have a {side} from {min} to {max}"));
        }
    }
    let [red, green, blue] = bounds.mean.or(stored.map(|stored| stored.mean))?;
    let is_close = new
        .mean
        .iter()
        .zip([red, green, blue])
        .all(|(new, expected)| (new - expected).abs() <= bounds.tolerance);
    (!is_close).then(|| {
        let tolerance = bounds.tolerance;
        format!("to have a mean colour within {tolerance} of [{red:.0}, {green:.0}, {blue:.0}]")
    })
}

/// Lines shown of a difference or a text; more does not help a reader.
const SHOWN_LINES: usize = 60;

/// A diff with three lines around each change.
fn difference(stored: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(stored, new);
    let mut lines = vec!["- stored".to_owned(), "+ now".to_owned()];
    for (index, group) in diff.grouped_ops(3).iter().enumerate() {
        if index > 0 {
            lines.push("  …".to_owned());
        }
        for change in group
            .iter()
            .flat_map(|operation| diff.iter_changes(operation))
        {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(format!("{sign} {}", change.value().trim_end_matches('\n')));
        }
    }
    limited(&lines)
}

fn quoted(text: &str) -> String {
    if text.is_empty() {
        return "  (no text)".to_owned();
    }
    limited(
        &text
            .lines()
            .map(|line| format!("  {line}"))
            .collect::<Vec<_>>(),
    )
}

fn limited(lines: &[String]) -> String {
    let hidden = lines.len().saturating_sub(SHOWN_LINES);
    let mut text = lines[..lines.len() - hidden].join("\n");
    if hidden > 0 {
        text.push_str(&format!("\n  … and {hidden} more lines"));
    }
    text
}

#[cfg(test)]
mod tests;

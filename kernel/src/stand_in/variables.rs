//! Leaves variables that a cell does not mention in evcxr's store.
//!
//! evcxr checks, takes out and puts back every variable of the notebook in each cell. One whose name
//! does not occur in the cell can stay where it is.

use std::collections::HashSet;

const CELL_FUNCTION: &str = "pub extern \"C\" fn run_user_code_";

/// The generated crate without the lines for variables that its cell does not mention.
pub fn leave_unmentioned(text: &str) -> String {
    let Some(start) = text.find(CELL_FUNCTION) else {
        return text.to_owned();
    };
    let (before, function) = text.split_at(start);
    let lines: Vec<(&str, Line)> = function
        .lines()
        .map(|line| (line, classify(line)))
        .collect();
    // A type that is written on several lines: then all variables move, as ever.
    if lines.iter().any(|(_, kind)| matches!(kind, Line::Unknown)) {
        return text.to_owned();
    }
    let mentioned: HashSet<&str> = lines
        .iter()
        .filter(|(_, kind)| matches!(kind, Line::Code))
        .flat_map(|(line, _)| words(line))
        .collect();
    let mut result = before.to_owned();
    for (line, kind) in &lines {
        match kind {
            // The line stays, empty: positions below it must not move.
            Line::Moves(name) if !mentioned.contains(name.trim_start_matches("r#")) => {}
            _ => result.push_str(line),
        }
        result.push('\n');
    }
    result
}

enum Line<'a> {
    /// Checks, takes or puts the variable of this name, and does nothing else.
    Moves(&'a str),
    /// Looks like that, but is not understood.
    Unknown,
    Code,
}

fn classify(line: &str) -> Line<'_> {
    let takes =
        line.starts_with("let ") && line.contains(" = evcxr_variable_store.take_variable::<");
    let is_store_line = takes
        || line.starts_with("vars_ok &= evcxr_variable_store.check_variable::<")
        || line.starts_with("evcxr_variable_store.put_variable::<");
    if !is_store_line {
        return Line::Code;
    }
    let name = line
        .rsplit_once("stringify!(")
        .and_then(|(_, rest)| rest.split_once(')'))
        .map(|(name, _)| name);
    match name {
        Some(name) if line.ends_with(");") => Line::Moves(name),
        _ => Line::Unknown,
    }
}

/// Everything that may be a name, also inside strings: format strings name variables.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(code: &str) -> String {
        format!(
            "mod m {{}}\n\
             {CELL_FUNCTION}3(\n\
             vars_ok &= evcxr_variable_store.check_variable::<i32>(stringify!(a));\n\
             vars_ok &= evcxr_variable_store.check_variable::<Vec<P>>(stringify!(b));\n\
             let mut a = evcxr_variable_store.take_variable::<i32>(stringify!(a));\n\
             let b = evcxr_variable_store.take_variable::<Vec<P>>(stringify!(b));\n\
             {code}\n\
             evcxr_variable_store.put_variable::<i32>(stringify!(a), a);\n\
             evcxr_variable_store.put_variable::<Vec<P>>(stringify!(b), b);\n\
             }}\n"
        )
    }

    #[track_caller]
    fn check_moved(code: &str, a: bool, b: bool) {
        let text = cell(code);
        let left = leave_unmentioned(&text);
        assert_eq!(left.lines().count(), text.lines().count());
        for (name, moved) in [("a", a), ("b", b)] {
            let lines = left.matches(&format!("stringify!({name})")).count();
            assert_eq!(lines, if moved { 3 } else { 0 }, "{name} in {left}");
        }
    }

    #[test]
    fn only_variables_that_are_mentioned_move() {
        check_moved("let c = 1;", false, false);
        check_moved("let c = a + 1;", true, false);
        check_moved("let a = b.len();", true, true);
        check_moved("println!(\"{b:?}\");", false, true);
        check_moved("let ab = 1;", false, false);
    }

    #[test]
    fn a_line_that_is_not_understood_moves_everything() {
        let text = cell("x").replace("<i32>(stringify!(a));", "<\ni32>(stringify!(a));");
        assert_eq!(leave_unmentioned(&text), text);
    }
}

//! The lines of a cell that are no Rust: evcxr's commands (`:dep`, …) and shell lines (`!ls`).
//!
//! evcxr looks for them above the first line of Rust only; so does this module. What a
//! command does is evcxr's; here are only their places and their names.

use std::ops::Range;

/// A line that starts with a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine<'a> {
    /// The first word, such as `:dep`; for a shell line it is `!`.
    pub name: &'a str,
    /// Where the first word is in the cell, in bytes.
    pub name_range: Range<usize>,
    /// Where the line is, without its end of line.
    pub line: Range<usize>,
}

/// The command and shell lines of a cell.
pub fn command_lines(code: &str) -> Vec<CommandLine<'_>> {
    let mut commands = Vec::new();
    let mut start = 0;
    for whole in code.split_inclusive('\n') {
        let text = whole.trim_end_matches(['\n', '\r']);
        let line = start..start + text.len();
        let indent = text.len() - text.trim_start_matches(' ').len();
        let word = text[indent..].split(' ').next().unwrap_or_default();
        if text.starts_with('!') {
            commands.push(CommandLine {
                name: &text[..1],
                name_range: start..start + 1,
                line,
            });
        } else if word.starts_with(':') && !word.starts_with("::") {
            commands.push(CommandLine {
                name: word,
                name_range: start + indent..start + indent + word.len(),
                line,
            });
        } else if !text.trim().is_empty() && !text.starts_with("//") {
            break;
        }
        start += whole.len();
    }
    commands
}

/// The cell with its command and shell lines replaced by spaces: the rest keeps its place.
pub fn without_commands(code: &str) -> String {
    let mut rust = code.to_owned();
    for command in command_lines(code) {
        let blank = " ".repeat(command.line.len());
        rust.replace_range(command.line, &blank);
    }
    rust
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stand_above_the_first_line_of_rust() {
        let code = "// first\n\n  :dep rand = \"0.9\"\n!ls -l\nlet a = 1;\n:vars";
        let names: Vec<&str> = command_lines(code).iter().map(|c| c.name).collect();
        assert_eq!(names, [":dep", "!"]);
        let range = command_lines(code)[0].name_range.clone();
        assert_eq!(&code[range], ":dep");
    }

    #[test]
    fn rust_keeps_its_place() {
        let code = ":dep é\nlet a = 1;";
        let rust = without_commands(code);
        assert_eq!(rust.len(), code.len());
        assert_eq!(rust.find("let"), code.find("let"));
        assert!(!rust.contains(':'));
    }

    #[test]
    fn an_absolute_path_is_rust() {
        assert_eq!(command_lines("::std::mem::drop(1);"), []);
    }
}

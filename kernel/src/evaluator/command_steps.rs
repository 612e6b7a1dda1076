//! What the kernel does about the lines above a cell's Rust before evcxr sees them.
//!
//! evcxr would run `!` lines without showing what they write, forget the prelude at `:clear`, take
//! variables for living after `:restart`, look for documentation where it was cut away, and with some commands build everything anew below the running cell process, or end the kernel.
//! [`crate::analysis::commands`] finds the lines; everything else about them is evcxr's.

use super::CellError;
use crate::analysis::commands::{CommandLine, command_lines, without_commands};
use std::ops::Range;

/// Part of a cell; the parts are done one after the other.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// For `sh`, without the `!`.
    Shell(String),
    /// evcxr forgets everything and needs the prelude again.
    Clear,
    /// The cell process ends, and another one starts.
    Restart,
    /// What is documented of this name; evcxr's rust-analyzer is shown signatures alone.
    Documentation(String),
    /// For evcxr; each line is at its place in the cell.
    Evcxr(String),
}

/// The steps of a cell.
pub fn steps(code: &str) -> Vec<Step> {
    let commands = command_lines(code);
    let mut steps = Vec::new();
    // evcxr's commands that have been seen, for the next step; and lines that are dealt with.
    let mut waiting: Vec<Range<usize>> = Vec::new();
    let mut done: Vec<Range<usize>> = Vec::new();
    for command in &commands {
        let step = match command.name {
            "!" => match code[command.line.clone()].trim_start_matches('!').trim() {
                "" => None,
                line => Some(Step::Shell(line.to_owned())),
            },
            ":clear" => Some(Step::Clear),
            ":restart" => Some(Step::Restart),
            ":doc" if !argument(code, command).is_empty() => {
                Some(Step::Documentation(argument(code, command).to_owned()))
            }
            _ => {
                waiting.push(command.line.clone());
                continue;
            }
        };
        if !waiting.is_empty() && step.is_some() {
            steps.push(Step::Evcxr(only(code, &waiting)));
            done.append(&mut waiting);
        }
        steps.extend(step);
        done.push(command.line.clone());
    }
    let rest = without(code, &done);
    let is_code = |line: &str| !line.trim().is_empty() && !line.starts_with("//");
    let has_rest = !waiting.is_empty() || rest.lines().any(is_code);
    if has_rest || steps.is_empty() {
        steps.push(Step::Evcxr(rest));
    }
    steps
}

/// The code with these lines made blank.
fn without(code: &str, lines: &[Range<usize>]) -> String {
    let mut text = code.to_owned();
    for line in lines {
        text.replace_range(line.clone(), &" ".repeat(line.len()));
    }
    text
}

/// The code with everything but these lines made blank.
fn only(code: &str, lines: &[Range<usize>]) -> String {
    let mut start = 0;
    let mut others = Vec::new();
    for whole in code.split_inclusive('\n') {
        let line = start..start + whole.trim_end_matches(['\n', '\r']).len();
        if !lines.contains(&line) {
            others.push(line);
        }
        start += whole.len();
    }
    without(code, &others)
}

/// Whether the cell only asks for the kernel's end.
pub fn is_quit(code: &str) -> bool {
    let commands = command_lines(code);
    commands.iter().any(|command| command.name == ":quit")
        && commands.len() == 1
        && without_commands(code).trim().is_empty()
}

/// Variables that cargo or the prelude's build asks for.
const BUILD_VARIABLES: [&str; 3] = ["LIBTORCH", "CARGO", "RUST"];

/// Why a cell is not run at all: one of its commands cannot be obeyed here.
pub fn refusal(code: &str) -> Option<CellError> {
    command_lines(code).iter().find_map(|command| {
        let argument = argument(code, command);
        let reason = reason(command.name, argument)?;
        Some(CellError::new(
            "CommandRefused",
            format!("{} {reason}", command.name),
        ))
    })
}

fn argument<'a>(code: &'a str, command: &CommandLine) -> &'a str {
    code[command.name_range.end..command.line.end].trim()
}

fn reason(name: &str, argument: &str) -> Option<String> {
    const REBUILDS: &str = "would build the prelude again below the running cells";
    match (name, argument) {
        (":quit", _) => Some(
            "ends the kernel, and with it all variables: use it in a cell of its own, or shut the kernel \
             down from the menu"
                .to_owned(),
        ),
        (":linker" | ":codegen_backend" | ":toolchain", "") | (":linker", "system") => None,
        (":linker" | ":codegen_backend" | ":toolchain", _) => Some(format!(
            "{REBUILDS}: everything was compiled with one toolchain and its own linker. To use another \
             toolchain, set RUSTUP_TOOLCHAIN where Jupyter is started and restart the kernel"
        )),
        (":time_passes", _) => Some(format!(
            "needs a nightly compiler and {REBUILDS}"
        )),
        (":allow_static_linking", argument) if argument != "1" => Some(format!(
            "{REBUILDS}: cells are linked with the prelude's library and with nothing else"
        )),
        (":env" | ":build_env", argument)
            if BUILD_VARIABLES.iter().any(|start| argument.starts_with(start)) =>
        {
            let variable = argument.split('=').next().unwrap_or_default();
            Some(format!(
                "{variable}: {REBUILDS}. Set it where Jupyter is started, and restart the kernel"
            ))
        }
        (":fmt" | ":types", _) => Some(
            "has no effect here: values are shown by the prelude, in a type's own display or with \
             `{:?}`. Use `println!` or `format!` for another form, `:type name` or `:vars` for types"
                .to_owned(),
        ),
        (":opt", argument) if !["", "0", "1", "2", "3", "s", "z"].contains(&level(argument)) => Some(
            format!("{argument}: expected 0, 1, 2, 3, s or z, the levels that rustc knows"),
        ),
        _ => None,
    }
}

/// The kernel itself sets a level with a remark for the stand-in.
fn level(argument: &str) -> &str {
    argument.split(" #").next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evcxr(code: &str) -> Step {
        Step::Evcxr(code.to_owned())
    }

    fn shell(line: &str) -> Step {
        Step::Shell(line.to_owned())
    }

    #[test]
    fn a_cell_without_lines_for_the_kernel_stays_whole() {
        for code in ["let a = 1;", ":dep rand\nlet a = 1;", "", "// :clear"] {
            assert_eq!(steps(code), [evcxr(code)]);
        }
    }

    #[test]
    fn lines_are_done_in_their_order_and_rust_keeps_its_place() {
        let code = "!ls\n:env A=1\n!  echo é $A\n:dep rand\nlet a = 1;\nlet b = \":clear\";";
        assert_eq!(
            steps(code),
            [
                shell("ls"),
                evcxr("   \n:env A=1\n             \n         \n          \n                 "),
                shell("echo é $A"),
                evcxr("   \n        \n             \n:dep rand\nlet a = 1;\nlet b = \":clear\";"),
            ]
        );
        assert_eq!(steps("!ls\n// done\n"), [shell("ls")]);
        assert_eq!(steps(":clear"), [Step::Clear]);
        assert_eq!(steps(":restart\n!ls"), [Step::Restart, shell("ls")]);
        let documentation = Step::Documentation("Vec".to_owned());
        assert_eq!(steps(":doc Vec"), [documentation]);
        assert_eq!(steps(":doc"), [evcxr(":doc")]);
        assert_eq!(
            steps(":clear\nlet a = 1;"),
            [Step::Clear, evcxr("      \nlet a = 1;")]
        );
    }

    #[test]
    fn what_would_rebuild_everything_is_refused_with_its_name() {
        for (code, part) in [
            (":linker lld\n1", ":linker would build"),
            (":toolchain nightly", "RUSTUP_TOOLCHAIN"),
            (":allow_static_linking 0", "would build"),
            ("  :build_env LIBTORCH=/x", "LIBTORCH: would build"),
            (":opt 7", "7: expected 0, 1"),
            ("let a = 1;\n:quit", ""),
            (":quit", "of its own"),
            (":types", "no effect"),
        ] {
            let error = refusal(code).map(|error| error.evalue).unwrap_or_default();
            assert!(
                error.contains(part) && error.is_empty() == part.is_empty(),
                "{code}: {error}"
            );
        }
        for code in [
            ":linker",
            ":linker system",
            ":env A=1",
            ":opt 3",
            ":opt 0 # by cell",
            "1",
        ] {
            assert_eq!(refusal(code), None, "{code}");
        }
    }
}

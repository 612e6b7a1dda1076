//! An evaluator without a compiler: plays what the cell's lines say.
//!
//! The protocol tests and the fuzz tests run the whole server on it, in milliseconds.
//! Start it with `torchbook kernel --scripted`. One instruction a line:
//!
//! | line | effect |
//! |---|---|
//! | `print TEXT` / `eprint TEXT` | TEXT and a newline on stdout or stderr (`\n`, `\r` are unescaped; `print-raw` adds no newline) |
//! | `display MIME DATA` | display_data; `display-id ID MIME DATA` with an id |
//! | `update ID MIME DATA` | update_display_data |
//! | `result TEXT` | execute_result |
//! | `clear` / `clear-wait` | clear_output |
//! | `input PROMPT` / `password PROMPT` | asks, then prints the answer |
//! | `error NAME MESSAGE` | the cell fails |
//! | `wait-for-interrupt` | blocks until interrupted, then fails as a cell would |
//! | `ignore-interrupt` | as a cell without safe points: only a second interrupt ends it |
//! | `flood N` | N numbered lines on stdout |
//! | `print-bytes N` | N bytes of text on stdout, in one piece |
//!
//! It completes and documents its own instructions.

use super::{
    CellError, CellIo, Evaluator, InputRefused, Interrupter, Outcome, Output, Shown, StreamName,
};
use crate::analysis::{Analysis, Completion, Completions, Detail};
use crate::display::Bundle;
use std::sync::{Arc, Condvar, Mutex};

/// See the module's documentation.
pub struct ScriptedEvaluator {
    io: Arc<dyn CellIo>,
    flag: Arc<InterruptFlag>,
}

impl ScriptedEvaluator {
    /// An evaluator whose output goes to `io`.
    pub fn new(io: Arc<dyn CellIo>) -> ScriptedEvaluator {
        ScriptedEvaluator {
            io,
            flag: Arc::default(),
        }
    }

    fn line(&self, io: &dyn CellIo, line: &str) -> Outcome {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let stream = |name, text: String| io.publish(Output::Stream { name, text });
        match word {
            "" => {}
            "print" => stream(StreamName::Stdout, unescape(rest) + "\n"),
            "print-raw" => stream(StreamName::Stdout, unescape(rest)),
            "eprint" => stream(StreamName::Stderr, unescape(rest) + "\n"),
            "display" => {
                io.publish(Output::Display {
                    data: bundle(rest)?,
                    metadata: Bundle::new(),
                    display_id: None,
                });
            }
            "display-id" => {
                let (id, rest) = rest.split_once(' ').ok_or_else(|| unknown(line))?;
                io.publish(Output::Display {
                    data: bundle(rest)?,
                    metadata: Bundle::new(),
                    display_id: Some(id.to_owned()),
                });
            }
            "update" => {
                let (id, rest) = rest.split_once(' ').ok_or_else(|| unknown(line))?;
                io.publish(Output::UpdateDisplay {
                    data: bundle(rest)?,
                    metadata: Bundle::new(),
                    display_id: id.to_owned(),
                });
            }
            "result" => {
                let data = bundle(&format!("text/plain {rest}"))?;
                io.publish(Output::Result {
                    data,
                    metadata: Bundle::new(),
                });
            }
            "clear" => io.publish(Output::Clear { wait: false }),
            "clear-wait" => io.publish(Output::Clear { wait: true }),
            "input" | "password" => match io.input(rest, word == "password") {
                Ok(answer) => stream(StreamName::Stdout, answer + "\n"),
                Err(InputRefused::NotAllowed) => {
                    return Err(CellError::new(
                        "StdinNotAllowed",
                        "the client allows no input",
                    ));
                }
                Err(InputRefused::Interrupted) => return Err(interrupted()),
            },
            "error" => {
                let (name, message) = rest.split_once(' ').unwrap_or((rest, ""));
                return Err(CellError::new(name, message));
            }
            "wait-for-interrupt" => {
                self.flag.wait(1);
                return Err(interrupted());
            }
            "ignore-interrupt" => {
                self.flag.wait(2);
                return Err(CellError::new("Interrupted", "the cell was stopped"));
            }
            "flood" => {
                let n: usize = rest.parse().map_err(|_| unknown(line))?;
                for i in 0..n {
                    stream(StreamName::Stdout, format!("line {i}\n"));
                }
            }
            "print-bytes" => {
                let n = rest.parse().map_err(|_| unknown(line))?;
                stream(StreamName::Stdout, "x".repeat(n));
            }
            _ => return Err(unknown(line)),
        }
        Ok(())
    }
}

/// Where the output of an expression goes: only its value is kept.
#[derive(Default)]
struct Kept {
    result: Mutex<Option<Shown>>,
}

impl CellIo for Kept {
    fn publish(&self, output: Output) {
        if let Output::Result { data, metadata } = output {
            *self.result.lock().unwrap_or_else(|e| e.into_inner()) = Some(Shown { data, metadata });
        }
    }

    fn input(&self, _prompt: &str, _password: bool) -> Result<String, InputRefused> {
        Err(InputRefused::NotAllowed)
    }
}

/// The instructions, for questions about them.
const INSTRUCTIONS: &[&str] = &[
    "print",
    "print-raw",
    "eprint",
    "display",
    "display-id",
    "update",
    "result",
    "clear",
    "clear-wait",
    "input",
    "password",
    "error",
    "wait-for-interrupt",
    "ignore-interrupt",
    "flood",
    "print-bytes",
];

/// Questions about instructions.
struct ScriptedAnalysis;

impl ScriptedAnalysis {
    /// Where the word before the cursor starts.
    fn word_start(code: &str, cursor: usize) -> usize {
        let is_part = |c: char| c.is_alphanumeric() || c == '-';
        code[..cursor].trim_end_matches(is_part).len()
    }
}

impl Analysis for ScriptedAnalysis {
    fn complete(&self, code: &str, cursor: usize) -> Completions {
        let range = Self::word_start(code, cursor)..cursor;
        let items = INSTRUCTIONS
            .iter()
            .filter(|name| name.starts_with(&code[range.clone()]))
            .map(|name| Completion {
                text: (*name).to_owned(),
                kind: "keyword",
                signature: "instruction".to_owned(),
            })
            .collect();
        Completions { items, range }
    }

    fn inspect(&self, code: &str, cursor: usize, detail: Detail) -> Option<Bundle> {
        let word = &code[Self::word_start(code, cursor)..cursor];
        INSTRUCTIONS.contains(&word).then(|| {
            let mut bundle = Bundle::new();
            let text = match detail {
                Detail::Documentation => format!("the instruction {word}"),
                Detail::Source => format!("the instruction {word}, with source"),
            };
            bundle.insert("text/plain".into(), text.into());
            bundle
        })
    }

    fn expect_questions(&self) {}
}

impl Evaluator for ScriptedEvaluator {
    fn execute(&mut self, code: &str, _execution_count: usize) -> Outcome {
        code.lines()
            .try_for_each(|line| self.line(&*self.io, line.trim()))
    }

    fn evaluate(&mut self, expression: &str) -> Result<Shown, CellError> {
        let kept = Kept::default();
        expression
            .lines()
            .try_for_each(|line| self.line(&kept, line.trim()))?;
        kept.result
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .ok_or_else(|| CellError::new("ScriptError", "the expression has no value"))
    }

    fn analysis(&self) -> Arc<dyn Analysis> {
        Arc::new(ScriptedAnalysis)
    }

    fn interrupter(&self) -> Arc<dyn Interrupter> {
        Arc::clone(&self.flag) as Arc<dyn Interrupter>
    }
}

#[derive(Default)]
struct InterruptFlag {
    raised: Mutex<u32>,
    changed: Condvar,
}

impl InterruptFlag {
    fn wait(&self, times: u32) {
        let mut raised = self.raised.lock().unwrap_or_else(|e| e.into_inner());
        while *raised < times {
            raised = self.changed.wait(raised).unwrap_or_else(|e| e.into_inner());
        }
    }
}

impl Interrupter for InterruptFlag {
    fn arm(&self) {
        *self.raised.lock().unwrap_or_else(|e| e.into_inner()) = 0;
    }

    fn interrupt(&self) {
        let mut raised = self.raised.lock().unwrap_or_else(|e| e.into_inner());
        *raised = raised.saturating_add(1);
        drop(raised);
        self.changed.notify_all();
    }

    fn kill(&self) {
        *self.raised.lock().unwrap_or_else(|e| e.into_inner()) = u32::MAX;
        self.changed.notify_all();
    }
}

fn interrupted() -> CellError {
    CellError::new("Interrupted", "the cell was interrupted")
}

fn unknown(line: &str) -> CellError {
    CellError::new("ScriptError", format!("no such instruction: `{line}`"))
}

fn bundle(rest: &str) -> Result<Bundle, CellError> {
    let (mime, data) = rest.split_once(' ').ok_or_else(|| unknown(rest))?;
    let mut bundle = Bundle::new();
    bundle.insert(mime.to_owned(), unescape(data).into());
    Ok(bundle)
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\r", "\r")
}

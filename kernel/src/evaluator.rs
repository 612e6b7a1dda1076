//! What the kernel asks of a language: the [`Evaluator`] trait and the words around it.
//!
//! Two implementations: [`evcxr`] compiles and runs cells, [`scripted`] plays canned
//! outcomes so that the protocol is tested in milliseconds. Nothing here knows sockets
//! or messages; [`crate::handlers::execute`] turns an [`Outcome`] into them.

pub mod backtrace;
pub mod cell_crate;
pub mod cell_places;
pub mod command_steps;
mod deaths;
pub mod dependencies;
pub mod diagnostics;
pub mod evcxr;
pub mod interrupts;
pub mod notebook_progress;
pub mod scripted;
mod shell;

use crate::analysis::Analysis;
use crate::display::Bundle;
use std::sync::Arc;

/// Something a cell shows while it runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Text of one of the two streams, as raw as it came.
    Stream { name: StreamName, text: String },
    /// A new display, updatable when it has an id.
    Display {
        data: Bundle,
        metadata: Bundle,
        display_id: Option<String>,
    },
    /// Replaces the displays with this id.
    UpdateDisplay {
        data: Bundle,
        metadata: Bundle,
        display_id: String,
    },
    /// The value of the cell's last expression.
    Result { data: Bundle, metadata: Bundle },
    /// Removes what the cell has shown so far.
    Clear { wait: bool },
}

/// The two output streams of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamName {
    Stdout,
    Stderr,
}

/// Why a cell failed, in the words of Jupyter's error message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellError {
    /// Short name of the kind of error, such as `CompileError` or `Panic`.
    pub ename: String,
    /// One sentence.
    pub evalue: String,
    /// Lines for the reader, coloured with ANSI codes.
    pub traceback: Vec<String>,
}

impl CellError {
    /// An error whose traceback is its message.
    pub fn new(ename: &str, evalue: impl Into<String>) -> CellError {
        let evalue = evalue.into();
        CellError {
            traceback: vec![format!("\u{1b}[31m{ename}\u{1b}[0m: {evalue}")],
            ename: ename.to_owned(),
            evalue,
        }
    }

    /// Adds a line below the message, such as what survives.
    #[must_use]
    pub fn with_line(mut self, line: impl Into<String>) -> CellError {
        self.traceback.push(line.into());
        self
    }
}

/// A value in the forms it can be shown in.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub data: Bundle,
    pub metadata: Bundle,
}

/// How a cell ended.
pub type Outcome = Result<(), CellError>;

/// What a running cell may reach: where its output goes, and who answers its questions.
pub trait CellIo: Send + Sync {
    /// Shows something. Blocks when the client is slow, so a flood cannot fill memory.
    fn publish(&self, output: Output);

    /// Asks the user for a line.
    ///
    /// # Errors
    /// When the client allows no input, or the cell was interrupted meanwhile.
    fn input(&self, prompt: &str, password: bool) -> Result<String, InputRefused>;
}

/// Why there is no answer to an input request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputRefused {
    /// The execute request said `allow_stdin: false`.
    NotAllowed,
    /// The cell was interrupted while it waited.
    Interrupted,
}

/// One language behind the kernel. Lives on a thread of its own; calls may block.
pub trait Evaluator: Send {
    /// Gets ready for the first cell; called once, before anything else.
    /// A failure is told again by every cell until it is mended.
    fn warm_up(&mut self) {}

    /// Does ahead what the first cell would wait for; called after [`Evaluator::warm_up`] if no cell
    /// waits.
    fn read_ahead(&mut self) {}

    /// Runs a cell. When it returns, everything the cell wrote has been published.
    fn execute(&mut self, code: &str, execution_count: usize) -> Outcome;

    /// The value of an expression, without anything being shown or asked meanwhile.
    ///
    /// # Errors
    /// As a cell that consists of the expression.
    fn evaluate(&mut self, expression: &str) -> Result<Shown, CellError>;

    /// Who answers questions about code, also while a cell runs.
    fn analysis(&self) -> Arc<dyn Analysis>;

    /// The handle that stops a running cell from another thread.
    fn interrupter(&self) -> Arc<dyn Interrupter>;
}

/// Stops a running cell; usable while [`Evaluator::execute`] is busy, and called only then.
pub trait Interrupter: Send + Sync {
    /// A new cell is about to be handed to the evaluator: forgets older interrupts.
    fn arm(&self);

    /// Asks the cell to stop; asked twice during the same cell, stops it for good.
    fn interrupt(&self);

    /// Ends everything at once, for the kernel's own end.
    fn kill(&self);
}

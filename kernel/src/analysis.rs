//! Questions about code that is not run: may it run, what may stand here, what is this?
//!
//! [`completeness`] needs the parser only. The others are answered by an [`Analysis`]: evcxr
//! has one of its own, but a running cell locks it. [`analyst`] therefore is a second one, on a
//! thread of its own, that the evaluator tells what each cell defines ([`known`]). It is loaded
//! in the background once a client shows that somebody types there, and never by a batch run.

pub mod analyst;
pub mod commands;
pub mod completeness;
mod completions;
mod inspection;
pub mod known;
pub mod workspace;

use crate::display::Bundle;
use std::ops::Range;

/// Something that may stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What is inserted.
    pub text: String,
    /// The kind of thing, in the words that JupyterLab has icons for.
    pub kind: &'static str,
    /// Its type or signature; empty where there is none.
    pub signature: String,
}

/// What may stand at the cursor, best first, and which bytes of the code it replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completions {
    pub items: Vec<Completion>,
    pub range: Range<usize>,
}

impl Completions {
    /// Nothing to insert at a position.
    pub fn none(cursor: usize) -> Completions {
        Completions {
            items: Vec::new(),
            range: cursor..cursor,
        }
    }
}

/// How much an inspection tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Type and documentation.
    Documentation,
    /// The definition's source, too, where it is known.
    Source,
}

/// Answers questions about code; usable while a cell runs. Positions are in bytes and on
/// character boundaries. Calls block.
pub trait Analysis: Send + Sync {
    /// What may stand at the cursor.
    fn complete(&self, code: &str, cursor: usize) -> Completions;

    /// What is known of the name at the cursor, as text, Markdown and HTML.
    fn inspect(&self, code: &str, cursor: usize, detail: Detail) -> Option<Bundle>;

    /// A person is at work with this kernel: questions are to be expected.
    fn expect_questions(&self);
}

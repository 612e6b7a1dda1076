//! A bar for loops of one's own.

use std::fmt;

use super::board;
use crate::display::safe_point;
use crate::training::clock::Clock;

/// Shows how far a loop has come: `for batch in progress(batches) { … }`.
///
/// Each turn of the loop is a safe point: the stop button ends the cell there. Loops inside loops
/// share one display, which keeps its last state.
///
/// # Panics
/// In the loop, if the user has pressed the stop button.
///
/// # Example
/// ```
/// use torchbook::progress;
///
/// let mut sum = 0;
/// for epoch in progress(0..3).label("epoch") {
///     let mut bar = progress([1, 2, 3].iter());
///     while let Some(number) = bar.next() {
///         sum += number;
///         bar.note(format!("sum {sum}"));
///     }
/// }
/// assert_eq!(sum, 18);
/// ```
pub fn progress<I: IntoIterator>(items: I) -> Progress<I::IntoIter> {
    let items = items.into_iter();
    let total = match items.size_hint() {
        (low, Some(high)) if low == high => Some(high),
        _ => None,
    };
    Progress {
        items,
        total,
        label: String::new(),
        done: 0,
        state: State::New,
        clock: Clock::system(),
    }
}

/// An iterator with a bar, made by [`progress`].
#[must_use = "the items are those of the loop around it"]
pub struct Progress<I> {
    items: I,
    total: Option<usize>,
    label: String,
    done: usize,
    state: State,
    clock: Clock,
}

enum State {
    New,
    /// Under this number on the board.
    Running(u64),
    Ended,
}

impl<I: Iterator> Progress<I> {
    /// What stands in front of the bar.
    pub fn label(mut self, label: &str) -> Self {
        self.label = label.to_owned();
        self
    }

    /// How many items there will be, where the iterator does not know it.
    pub fn total(mut self, total: usize) -> Self {
        self.total = Some(total);
        self
    }

    /// Says something beside the bar, such as the loss, until the next note.
    pub fn note(&mut self, text: impl Into<String>) {
        if let State::Running(id) = self.state {
            board::note(id, text.into());
        }
    }

    /// The time that the display goes by.
    #[cfg(test)]
    pub(super) fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}

impl<I> Progress<I> {
    fn end(&mut self) {
        if let State::Running(id) = std::mem::replace(&mut self.state, State::Ended) {
            board::end(id, self.done);
        }
    }
}

impl<I: Iterator> Iterator for Progress<I> {
    type Item = I::Item;

    /// # Panics
    /// If the user has pressed the stop button.
    fn next(&mut self) -> Option<I::Item> {
        safe_point();
        match self.state {
            State::New => {
                let id = board::begin(&self.label, self.total, &self.clock);
                self.state = State::Running(id);
            }
            State::Running(id) => {
                self.done += 1;
                board::advance(id, self.done);
            }
            State::Ended => {}
        }
        let item = self.items.next();
        if item.is_none() {
            self.end();
        }
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl<I: ExactSizeIterator> ExactSizeIterator for Progress<I> {}

/// A loop that is left early keeps its bar where it was.
impl<I> Drop for Progress<I> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<I> fmt::Debug for Progress<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Progress({}", self.done)?;
        match self.total {
            Some(total) => write!(f, "/{total})"),
            None => write!(f, ")"),
        }
    }
}

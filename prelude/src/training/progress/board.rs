//! Bars of loops inside loops, in one display.
//!
//! `iterator.rs` counts; here is what is shown. Each thread has a board of its own while its
//! outermost loop runs.

use std::cell::RefCell;
use std::fmt::Write;
use std::time::Duration;

use super::pace::Pace;
use super::screen::Screen;
use super::text::{Timing, final_line, running_line};
use crate::training::clock::{Clock, clock_text, rate_text};
use crate::training::history::table::escaped;
use crate::training::logs::Logs;

thread_local! {
    static BOARD: RefCell<Option<Board>> = const { RefCell::new(None) };
}

struct Board {
    screen: Screen,
    clock: Clock,
    pace: Pace,
    /// From the outermost loop inwards.
    bars: Vec<Bar>,
    count: u64,
}

/// One loop.
struct Bar {
    id: u64,
    label: String,
    note: String,
    done: usize,
    total: Option<usize>,
    started: Duration,
    /// When it ended.
    ended: Option<Duration>,
}

/// A loop begins, inside those that run. Returns what it is called from now on.
pub(super) fn begin(label: &str, total: Option<usize>, clock: &Clock) -> u64 {
    with_board(|slot| {
        let board = slot.get_or_insert_with(|| Board {
            screen: Screen::new(),
            clock: clock.clone(),
            pace: Pace::default(),
            bars: Vec::new(),
            count: 0,
        });
        // What ran at this depth before makes room.
        board.bars.retain(|bar| bar.ended.is_none());
        board.count += 1;
        let id = board.count;
        board.bars.push(Bar {
            id,
            label: label.to_owned(),
            note: String::new(),
            done: 0,
            total,
            started: board.clock.now(),
            ended: None,
        });
        board.paint_if_due();
        id
    })
}

/// So many items are done.
pub(super) fn advance(id: u64, done: usize) {
    with_board(|slot| {
        if let Some(board) = slot
            && let Some(bar) = board.bars.iter_mut().find(|bar| bar.id == id)
        {
            bar.done = done;
            board.paint_if_due();
        }
    });
}

/// What to say beside a bar, from its next paint on.
pub(super) fn note(id: u64, text: String) {
    with_board(|slot| {
        let bars = slot.iter_mut().flat_map(|board| &mut board.bars);
        if let Some(bar) = bars.into_iter().find(|bar| bar.id == id) {
            bar.note = text;
        }
    });
}

/// A loop has ended. With the outermost one the display gets its final form.
pub(super) fn end(id: u64, done: usize) {
    with_board(|slot| {
        let Some(board) = slot else { return };
        let Some(place) = board.bars.iter().position(|bar| bar.id == id) else {
            return;
        };
        let now = board.clock.now();
        let bar = &mut board.bars[place];
        (bar.done, bar.ended) = (done, Some(now));
        if place == 0 {
            board.paint(true);
            *slot = None;
        } else {
            board.paint_if_due();
        }
    });
}

/// A loop that runs while the thread ends, or inside a paint, goes on without a display.
fn with_board<T: Default>(call: impl FnOnce(&mut Option<Board>) -> T) -> T {
    let done = BOARD.try_with(|board| board.try_borrow_mut().map(|mut slot| call(&mut slot)));
    done.ok().and_then(Result::ok).unwrap_or_default()
}

impl Board {
    fn paint_if_due(&mut self) {
        let started = self.clock.now();
        if self.screen.is_live() && self.pace.is_due(started) {
            self.paint(false);
            self.pace.painted(started, self.clock.now());
        }
    }

    fn paint(&mut self, is_final: bool) {
        let now = self.clock.now();
        let lines: Vec<String> = self.bars.iter().map(|bar| bar.line(now)).collect();
        let html = || {
            let mut html = String::from("<div>");
            self.bars
                .iter()
                .for_each(|bar| bar.push_html(&mut html, now));
            Some(html + "</div>")
        };
        match is_final {
            true => self.screen.paint(&lines, None, html),
            // One line is all that a terminal can overwrite.
            false => self.screen.paint(&[], Some(&lines.join(" │ ")), html),
        }
    }
}

impl Bar {
    fn timing(&self, now: Duration) -> Timing {
        let elapsed = self.ended.unwrap_or(now).saturating_sub(self.started);
        Timing {
            done: self.done,
            total: self.total,
            elapsed,
            per_step: elapsed / self.done.clamp(1, u32::MAX as usize) as u32,
        }
    }

    fn line(&self, now: Duration) -> String {
        let timing = self.timing(now);
        let logs = Logs::default();
        let line = match self.ended {
            Some(_) => final_line(timing, &logs),
            None => running_line(timing, &logs),
        };
        let label = match self.label.is_empty() {
            true => String::new(),
            false => format!("{}: ", self.label),
        };
        let dash = if self.note.is_empty() { "" } else { " - " };
        format!("{label}{line}{dash}{}", self.note)
    }

    fn push_html(&self, html: &mut String, now: Duration) {
        let timing = self.timing(now);
        html.push_str("<div>");
        if self.ended.is_none() {
            let share = |total: usize| self.done as f64 / total.max(1) as f64;
            html.push_str(&super::html::bar(self.total.map(share)));
        }
        if !self.label.is_empty() {
            let _ = write!(html, "{}: ", escaped(&self.label));
        }
        let _ = match self.total {
            Some(total) => write!(html, "{}/{total}", self.done),
            None => write!(html, "{}", self.done),
        };
        let rate = rate_text(self.done as f64, timing.elapsed);
        let _ = match (self.ended, timing.left()) {
            (Some(_), _) => write!(html, " in {} · {rate}/s", clock_text(timing.elapsed)),
            (None, Some(left)) if self.done > 0 => {
                write!(html, " · {rate}/s · ETA {}", clock_text(left))
            }
            _ => write!(html, " · {}", clock_text(timing.elapsed)),
        };
        if !self.note.is_empty() {
            let _ = write!(html, " · {}", escaped(&self.note));
        }
        html.push_str("</div>");
    }
}

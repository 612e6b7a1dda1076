//! Asking the user for a line while a cell runs.
//!
//! The question goes out as a frame; the answer comes on the child's control thread, through
//! `child.rs`.

use std::io::BufRead;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::frames::{self, Frame};
use crate::training::interrupt;
use crate::{Error, Result};

/// How often a waiting call looks at the interrupt flag: a signal handler cannot wake a `Condvar`.
const INTERRUPT_PERIOD: Duration = Duration::from_millis(50);

/// What came back.
#[derive(Debug, PartialEq)]
pub(crate) enum Reply {
    Text(String),
    /// The client does not let cells ask.
    Refused,
    Interrupted,
}

static REPLY: Mutex<Option<Reply>> = Mutex::new(None);
static ARRIVED: Condvar = Condvar::new();

/// Asks the user for a line of text, as Python's `input` does.
///
/// # Errors
/// [`Error::InputRefused`] where the front end has no way to ask (a notebook that is executed
/// without a person), [`Error::Interrupted`] if the user stops the cell instead of answering.
pub fn input(prompt: &str) -> Result<String> {
    ask(prompt, false)
}

/// Asks the user for a line of text and takes `default` for an empty one, and where the front end
/// has no way to ask: a notebook with such a question can also be executed without a person.
///
/// # Errors
/// [`Error::Interrupted`] if the user stops the cell instead of answering.
///
/// # Example
/// ```no_run
/// use torchbook::*;
///
/// let name = input_or("What is your name? [Ferris] ", "Ferris")?;
/// # Ok::<(), Error>(())
/// ```
pub fn input_or(prompt: &str, default: &str) -> Result<String> {
    answer_or(input(prompt), default)
}

fn answer_or(answer: Result<String>, default: &str) -> Result<String> {
    match answer {
        Ok(text) if text.trim().is_empty() => Ok(default.to_owned()),
        Err(Error::InputRefused) => Ok(default.to_owned()),
        answer => answer,
    }
}

/// Asks the user for a password, which is not shown while it is typed.
///
/// # Errors
/// As [`input`].
pub fn password(prompt: &str) -> Result<String> {
    ask(prompt, true)
}

fn ask(prompt: &str, password: bool) -> Result<String> {
    // An answer that came too late for an interrupted question is not the answer to this one.
    *reply() = None;
    Frame::InputRequest { prompt, password }.emit();
    if !frames::frames_are_read() {
        return read_terminal();
    }
    let mut waiting = reply();
    loop {
        match waiting.take() {
            Some(Reply::Text(text)) => return Ok(text),
            Some(Reply::Refused) => return Err(Error::InputRefused),
            Some(Reply::Interrupted) => return Err(Error::Interrupted),
            None => interrupt::check()?,
        }
        (waiting, _) = ARRIVED
            .wait_timeout(waiting, INTERRUPT_PERIOD)
            .unwrap_or_else(PoisonError::into_inner);
    }
}

fn read_terminal() -> Result<String> {
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(0) | Err(_) => Err(Error::InputRefused),
        Ok(_) => Ok(line.trim_end_matches(['\r', '\n']).to_owned()),
    }
}

/// Hands an answer to the call that waits for it.
pub(crate) fn deliver(answer: Reply) {
    *reply() = Some(answer);
    ARRIVED.notify_all();
}

fn reply() -> MutexGuard<'static, Option<Reply>> {
    REPLY.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_stands_for_no_answer_but_not_for_an_interrupt() {
        let answered = |answer| answer_or(answer, "default").ok();
        assert_eq!(answered(Ok("Ada".to_owned())).as_deref(), Some("Ada"));
        assert_eq!(answered(Ok(" ".to_owned())).as_deref(), Some("default"));
        assert_eq!(
            answered(Err(Error::InputRefused)).as_deref(),
            Some("default")
        );
        assert!(matches!(
            answer_or(Err(Error::Interrupted), "default"),
            Err(Error::Interrupted)
        ));
    }
}

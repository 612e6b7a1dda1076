//! Shows what set-up is doing whenever it takes longer than a second.
//!
//! A [`Step`] is one piece of work with a label. A ticker thread hands its state to a [`Progress`],
//! so that the display keeps moving while the work itself is blocked in a download or a compiler.
//! Which display that is (a terminal's bar, plain lines, later a notebook) the steps do not know.
//! Child processes are run by [`super::command`].

mod displays;

use std::io::{self, IsTerminal};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use displays::{PlainLines, Silent, TerminalBar};
pub use displays::{megabytes, plain_line};

/// Steps that are over sooner than this are never shown.
const QUIET: Duration = Duration::from_secs(1);

/// The state of a step, as a display sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepView {
    /// What is being done, in a few words.
    pub label: String,
    /// The latest detail, often the last line of a child process. May be empty.
    pub message: String,
    /// Bytes done so far, 0 where bytes are not counted.
    pub done: u64,
    /// Bytes expected in all, where that is known.
    pub total: Option<u64>,
    /// Time since the step began.
    pub elapsed: Duration,
    /// Set in the last view of a step.
    pub end: Option<End>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The work is done.
    Done,
    /// It failed; the caller has the error.
    Failed,
}

/// A display for steps. One step at a time is shown, in its own thread.
pub trait Progress: Send + Sync {
    /// How often a running step is shown.
    fn interval(&self) -> Duration;

    /// Shows a step: first after a second, then after every interval, and once more at its end.
    fn show(&self, view: &StepView);

    /// Shows one line that stays: something the user should know, and no reason to stop.
    fn note(&self, text: &str);
}

/// Hands steps to a display. Cheap to clone.
#[derive(Clone)]
pub struct Reporter {
    display: Arc<dyn Progress>,
    stopped: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Reporter {
    /// Reports to the display given.
    pub fn new(display: impl Progress + 'static) -> Self {
        Self {
            display: Arc::new(display),
            stopped: Arc::new(|| false),
        }
    }

    /// The same for somebody who may stop the work: what takes long asks `stopped`.
    #[must_use]
    pub fn stopped_by(mut self, stopped: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.stopped = Arc::new(stopped);
        self
    }

    /// Whether whoever waits for the work has stopped it.
    pub fn is_stopped(&self) -> bool {
        (self.stopped)()
    }

    /// A moving bar where stderr is a terminal, plain lines every few seconds elsewhere.
    pub fn stderr() -> Self {
        if io::stderr().is_terminal() {
            Self::new(TerminalBar::default())
        } else {
            Self::new(PlainLines)
        }
    }

    /// Shows nothing.
    pub fn silent() -> Self {
        Self::new(Silent)
    }

    /// Tells the user one thing that is no reason to stop.
    pub fn note(&self, text: &str) {
        self.display.note(text);
    }

    /// Begins a step. It ends as failed when it is dropped, unless [`Step::succeed`] came first.
    pub fn step(&self, label: impl Into<String>) -> Step {
        let state = State {
            label: label.into(),
            message: String::new(),
            done: 0,
            total: None,
            end: None,
            began: Instant::now(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let ticker = {
            let (shared, display) = (shared.clone(), self.display.clone());
            std::thread::spawn(move || tick(&shared, &*display, QUIET))
        };
        Step {
            shared,
            ticker: Some(ticker),
        }
    }
}

/// A piece of work whose progress is shown.
pub struct Step {
    shared: Arc<Shared>,
    ticker: Option<JoinHandle<()>>,
}

impl Step {
    /// Replaces the detail shown behind the label.
    pub fn message(&self, message: impl Into<String>) {
        self.shared.lock().message = message.into();
    }

    /// Says how many bytes of how many are done.
    pub fn bytes(&self, done: u64, total: Option<u64>) {
        let mut state = self.shared.lock();
        (state.done, state.total) = (done, total);
    }

    /// Ends the step as done.
    pub fn succeed(mut self) {
        self.end(End::Done);
    }

    fn end(&mut self, end: End) {
        let Some(ticker) = self.ticker.take() else {
            return;
        };
        self.shared.lock().end = Some(end);
        self.shared.changed.notify_all();
        // The ticker shows the end itself, so the display is complete when the caller goes on.
        // If a display panicked, the work is not to blame.
        let _ = ticker.join();
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.end(End::Failed);
    }
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    label: String,
    message: String,
    done: u64,
    total: Option<u64>,
    end: Option<End>,
    began: Instant,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn view(&self) -> StepView {
        StepView {
            label: self.label.clone(),
            message: self.message.clone(),
            done: self.done,
            total: self.total,
            elapsed: self.began.elapsed(),
            end: self.end,
        }
    }
}

fn tick(shared: &Shared, display: &dyn Progress, quiet: Duration) {
    let mut pause = quiet;
    let mut shown = false;
    loop {
        let waiting = shared
            .changed
            .wait_timeout_while(shared.lock(), pause, |state| state.end.is_none());
        // The lock is released before the display is called: a slow terminal must not hold up work.
        let view = waiting.unwrap_or_else(PoisonError::into_inner).0.view();
        let ended = view.end.is_some();
        if shown || !ended {
            display.show(&view);
        }
        if ended {
            return;
        }
        shown = true;
        pause = display.interval();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(end: Option<End>) -> Shared {
        let state = State {
            label: "step".into(),
            message: String::new(),
            done: 0,
            total: None,
            end,
            began: Instant::now(),
        };
        Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Keeps how far each view had come, and ends the step as soon as it has been shown once.
    struct EndAfterFirst<'a>(&'a Shared, Mutex<Vec<Option<End>>>);

    impl Progress for EndAfterFirst<'_> {
        fn interval(&self) -> Duration {
            Duration::from_secs(3600)
        }

        fn show(&self, view: &StepView) {
            self.1.lock().unwrap().push(view.end);
            self.0.lock().end = Some(End::Failed);
        }

        fn note(&self, _: &str) {}
    }

    #[test]
    fn a_step_that_is_over_at_once_is_not_shown() {
        let shared = shared(Some(End::Done));
        let display = EndAfterFirst(&shared, Mutex::default());
        tick(&shared, &display, Duration::from_secs(3600));
        assert_eq!(*display.1.lock().unwrap(), []);
    }

    #[test]
    fn the_last_view_of_a_shown_step_is_its_end() {
        let shared = shared(None);
        let display = EndAfterFirst(&shared, Mutex::default());
        tick(&shared, &display, Duration::ZERO);
        assert_eq!(*display.1.lock().unwrap(), [None, Some(End::Failed)]);
    }

    #[test]
    fn a_dropped_step_stops_its_ticker() {
        let step = Reporter::silent().step("given up");
        let shared = step.shared.clone();
        drop(step);
        assert_eq!(shared.lock().end, Some(End::Failed));
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}

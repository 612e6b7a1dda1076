//! Shows on stderr what a run is doing, and on stdout what its cells put out.
//!
//! On a terminal one live line; elsewhere plain lines, one for every cell and another at least
//! every five seconds while it runs.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::ending::CellLabel;
use super::terminal::without_escapes;
use super::transcript;

/// Where text goes: shared by the displays of notebooks that are executed side by side.
type Writer = Arc<Mutex<dyn Write + Send>>;

/// The display of one command.
pub(super) struct Progress {
    /// The live line, if stderr is a terminal.
    bar: Option<ProgressBar>,
    err: Writer,
    out: Writer,
    has_colours: bool,
    /// Whether other notebooks are executed at the same time.
    is_beside_others: bool,
    /// Which of them a line is about.
    name: String,
    /// Whether the cells' text goes to `out`.
    shows_outputs: bool,
    total: usize,
    cell: Option<CellLabel>,
    /// When the kernel or the cell started.
    since: Instant,
    last_line_at: Option<Instant>,
}

impl Progress {
    /// Time between two plain lines, less than five seconds by one [`Self::period`].
    const SILENCE: Duration = Duration::from_secs(4);

    /// On this process's stderr, and stdout if `shows_outputs`.
    pub(super) fn on_terminal(shows_outputs: bool) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {wide_msg}");
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        Self::new(
            bar,
            Arc::new(Mutex::new(io::stderr())),
            Arc::new(Mutex::new(io::stdout())),
            shows_outputs,
        )
    }

    fn new(bar: Option<ProgressBar>, err: Writer, out: Writer, shows_outputs: bool) -> Self {
        let since = Instant::now();
        Progress {
            has_colours: bar.is_some(),
            bar,
            err,
            out,
            is_beside_others: false,
            name: String::new(),
            shows_outputs,
            total: 0,
            cell: None,
            since,
            last_line_at: None,
        }
    }

    /// On a test's own writers, as if there were no terminal.
    #[cfg(test)]
    pub(super) fn plain(
        err: impl Write + Send + 'static,
        out: impl Write + Send + 'static,
        shows_outputs: bool,
    ) -> Self {
        let (err, out) = (Arc::new(Mutex::new(err)), Arc::new(Mutex::new(out)));
        Self::new(None, err, out, shows_outputs)
    }

    /// A display for a notebook that is executed beside others: plain lines that name it, since
    /// several live lines would fight for one terminal.
    pub(super) fn beside_others(&self) -> Self {
        Progress {
            has_colours: self.has_colours,
            is_beside_others: true,
            ..Self::new(None, self.err.clone(), self.out.clone(), self.shows_outputs)
        }
    }

    /// This notebook is next: said once, or at the beginning of each line where there are others.
    pub(super) fn begins(&mut self, notebook: &Path) {
        let name = notebook.display().to_string();
        match self.is_beside_others {
            true => self.name = name,
            false => self.note(&name),
        }
    }

    /// Whether the reader's terminal shows colours.
    pub(super) fn has_colours(&self) -> bool {
        self.has_colours
    }

    /// How often this display wants to be told what is going on.
    pub(super) fn period(&self) -> Duration {
        // A live line should move; beside a training run, anything more often would cost it time.
        if self.bar.is_some() {
            Duration::from_millis(250)
        } else {
            Duration::from_secs(1)
        }
    }

    /// A notebook with so many code cells is next.
    pub(super) fn begin_notebook(&mut self, total: usize) {
        // The last notebook's end has taken the line away.
        if let Some(bar) = &self.bar {
            bar.reset();
        }
        self.total = total;
        self.cell = None;
        self.since = Instant::now();
        self.last_line_at = None;
    }

    /// The kernel is starting; `log` is the last line it wrote.
    pub(super) fn starting(&mut self, log: &str) {
        self.show(Instant::now(), log);
    }

    /// A cell is next.
    pub(super) fn begin_cell(&mut self, cell: &CellLabel) {
        self.cell = Some(cell.clone());
        self.since = Instant::now();
        self.last_line_at = Some(self.since);
    }

    /// The cell is running; `latest` is the last line it put out.
    pub(super) fn cell_runs(&mut self, latest: &str) {
        self.show(Instant::now(), latest);
    }

    /// The cell has ended.
    pub(super) fn end_cell(&mut self, is_ok: bool, outputs: &[Value]) {
        let line = self.line(Instant::now(), if is_ok { "" } else { "failed" });
        self.note(&line);
        if self.shows_outputs {
            self.print(&transcript::for_reading(outputs));
        }
        self.cell = None;
    }

    /// Writes a line that stays, on stderr.
    pub(super) fn note(&mut self, line: &str) {
        self.last_line_at = Some(Instant::now());
        let name = &self.name;
        let line = match name.is_empty() {
            true => format!("{line}\n"),
            false => format!("{name}  {line}\n"),
        };
        // Nobody can be told that stderr is closed.
        let write = || write_whole(&self.err, &line);
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the live line away.
    pub(super) fn finish(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Writes text on stdout.
    pub(super) fn print(&mut self, text: &str) {
        // A closed pipe (`| head`) must not end a training run.
        let write = || write_whole(&self.out, text);
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn show(&mut self, now: Instant, latest: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(self.line(now, latest));
            bar.tick();
        } else if self
            .last_line_at
            .is_none_or(|at| now.duration_since(at) >= Self::SILENCE)
        {
            let line = self.line(now, latest);
            self.note(&line);
        }
    }

    /// `[ 3/12] 8.1 s  let history = cnn.fit(…  | epoch 2/5`.
    fn line(&self, now: Instant, latest: &str) -> String {
        let elapsed = duration(now.duration_since(self.since));
        let mut line = match &self.cell {
            Some(cell) => {
                let (number, total, width) =
                    (cell.number, self.total, self.total.to_string().len());
                let source = shortened(&cell.first_line, 50);
                format!("[{number:>width$}/{total}] {elapsed:>8}  {source}")
            }
            None => format!("starting the kernel, {elapsed}"),
        };
        if !latest.is_empty() {
            let _ = write!(line, "  | {}", shortened(&without_escapes(latest), 100));
        }
        line
    }
}

/// Writes a text at once, so that those of other displays stand before or after it.
fn write_whole(writer: &Writer, text: &str) {
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = writer
        .write_all(text.as_bytes())
        .and_then(|()| writer.flush());
}

/// `0.4 s`, `12 s`, `3 min 05 s`.
pub(super) fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

/// `1 cell`, `2 cells`.
pub(super) fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// At most so many characters, with a mark where some are missing.
pub(super) fn shortened(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars()
        .take(length.saturating_sub(1))
        .chain(['…'])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::scripted_kernel::Page;
    use super::*;
    use serde_json::json;

    fn label() -> CellLabel {
        CellLabel {
            number: 3,
            position: 5,
            first_line: "let history = fit()?;".to_owned(),
        }
    }

    #[test]
    fn without_a_terminal_a_long_cell_says_something_every_few_seconds() {
        let err = Page::default();
        let mut progress = Progress::plain(err.clone(), io::sink(), false);
        progress.begin_notebook(12);
        progress.begin_cell(&label());
        let start = progress.since;
        progress.show(start + Duration::from_secs(1), "epoch 1/5");
        assert_eq!(err.text(), "");
        progress.show(
            start + Duration::from_secs(65),
            "\u{1b}[32mepoch 2/5\u{1b}[0m",
        );
        assert_eq!(
            err.text(),
            "[ 3/12] 1 min 05 s  let history = fit()?;  | epoch 2/5\n"
        );
    }

    #[test]
    fn the_start_of_the_kernel_shows_what_it_logs() {
        let err = Page::default();
        let mut progress = Progress::plain(err.clone(), io::sink(), false);
        progress.begin_notebook(2);
        let start = progress.since;
        progress.show(start, "");
        progress.show(start + Duration::from_secs(40), "building the prelude");
        let expected =
            "starting the kernel, 0.0 s\nstarting the kernel, 40 s  | building the prelude\n";
        assert_eq!(err.text(), expected);
    }

    #[test]
    fn a_cells_text_goes_to_stdout_if_asked_for() {
        let output = json!({"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]});
        for (shows_outputs, expected) in [(true, "a\nb\n"), (false, "")] {
            let (err, out) = (Page::default(), Page::default());
            let mut progress = Progress::plain(err.clone(), out.clone(), shows_outputs);
            progress.begin_notebook(3);
            progress.begin_cell(&label());
            progress.end_cell(false, std::slice::from_ref(&output));
            assert_eq!(out.text(), expected);
            assert!(err.text().starts_with("[3/3]") && err.text().ends_with("fit()?;  | failed\n"));
        }
    }

    #[test]
    fn lines_of_notebooks_side_by_side_name_theirs() {
        let err = Page::default();
        let progress = Progress::plain(err.clone(), io::sink(), false);
        for name in ["a.ipynb", "b.ipynb"] {
            let mut beside = progress.beside_others();
            beside.begins(Path::new(name));
            beside.note("[3/3] let history = fit()?;");
        }
        let expected = "a.ipynb  [3/3] let history = fit()?;\n\
                        b.ipynb  [3/3] let history = fit()?;\n";
        assert_eq!(err.text(), expected);
    }

    #[test]
    fn durations_and_lines_stay_short() {
        let shown = [400, 12_300, 185_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(shown, ["0.4 s", "12 s", "3 min 05 s"]);
        assert_eq!(shortened("가나다라", 3), "가나…");
    }
}

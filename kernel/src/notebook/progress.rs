//! Shows on stderr what a run is doing, and on stdout what its cells put out.
//!
//! On a terminal one live line; elsewhere plain lines, one for every cell and another at least
//! every five seconds while it runs.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::execute::CellLabel;
use super::image::ImageFacts;
use super::layout::join_lines;
use super::terminal::without_escapes;

/// The display of one command.
pub(super) struct Progress {
    /// The live line, if stderr is a terminal.
    bar: Option<ProgressBar>,
    err: Box<dyn Write + Send>,
    /// Where the cells' text goes, if it is to be shown.
    out: Option<Box<dyn Write + Send>>,
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
        let out = shows_outputs.then(|| Box::new(io::stdout()) as Box<dyn Write + Send>);
        Self::new(bar, Box::new(io::stderr()), out)
    }

    fn new(
        bar: Option<ProgressBar>,
        err: Box<dyn Write + Send>,
        out: Option<Box<dyn Write + Send>>,
    ) -> Self {
        let since = Instant::now();
        Progress {
            bar,
            err,
            out,
            total: 0,
            cell: None,
            since,
            last_line_at: None,
        }
    }

    /// On writers of a test's own, without a terminal.
    #[cfg(test)]
    pub(super) fn plain(err: Box<dyn Write + Send>, out: Option<Box<dyn Write + Send>>) -> Self {
        Self::new(None, err, out)
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
        if self.out.is_some() {
            let text = as_text(outputs);
            self.print(&text);
        }
        self.cell = None;
    }

    /// Writes a line that stays, on stderr.
    pub(super) fn note(&mut self, line: &str) {
        self.last_line_at = Some(Instant::now());
        let err = &mut self.err;
        let mut write = || {
            // Nobody can be told that stderr is closed.
            let _ = writeln!(err, "{line}").and_then(|()| err.flush());
        };
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

    fn print(&mut self, text: &str) {
        let Some(out) = &mut self.out else { return };
        let mut write = || {
            // A closed pipe (`| head`) must not end a training run.
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        };
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

/// `0.4 s`, `12 s`, `3 min 05 s`.
pub(super) fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
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

/// What a terminal can show of a cell's outputs.
fn as_text(outputs: &[Value]) -> String {
    let mut text = String::new();
    for output in outputs {
        let before = text.len();
        match output["output_type"].as_str() {
            Some("stream") => text.push_str(&join_lines(&output["text"])),
            Some("error") => {
                let part = |field: &str| output[field].as_str().unwrap_or("").to_owned();
                let _ = write!(text, "{}: {}", part("ename"), part("evalue"));
            }
            _ => text.push_str(&display_as_text(&output["data"])),
        }
        if text.len() > before && !text.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

fn display_as_text(data: &Value) -> String {
    if let Some(png) = data.get("image/png").and_then(Value::as_str) {
        return match ImageFacts::of_base64_png(png) {
            Ok(facts) => format!("[picture, {}x{}]", facts.width, facts.height),
            Err(problem) => format!("[damaged picture: {problem}]"),
        };
    }
    if let Some(text) = data.get("text/plain") {
        return join_lines(text);
    }
    let mimes: Vec<&str> = data
        .as_object()
        .into_iter()
        .flatten()
        .map(|(mime, _)| &**mime)
        .collect();
    format!("[{}]", mimes.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::image::test_png;
    use super::*;
    use serde_json::json;
    use std::sync::{Arc, Mutex};

    /// A writer whose text can be read afterwards.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn label() -> CellLabel {
        CellLabel {
            number: 3,
            position: 5,
            first_line: "let history = fit()?;".to_owned(),
        }
    }

    #[test]
    fn without_a_terminal_a_long_cell_says_something_every_few_seconds() {
        let (err, out) = (Shared::default(), Shared::default());
        let mut progress = Progress::plain(Box::new(err.clone()), Some(Box::new(out.clone())));
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
        let err = Shared::default();
        let mut progress = Progress::plain(Box::new(err.clone()), None);
        progress.begin_notebook(2);
        let start = progress.since;
        progress.show(start, "");
        progress.show(start + Duration::from_secs(40), "building the prelude");
        let expected =
            "starting the kernel, 0.0 s\nstarting the kernel, 40 s  | building the prelude\n";
        assert_eq!(err.text(), expected);
    }

    #[test]
    fn a_cells_text_goes_to_stdout() {
        let (err, out) = (Shared::default(), Shared::default());
        let mut progress = Progress::plain(Box::new(err.clone()), Some(Box::new(out.clone())));
        progress.begin_notebook(3);
        progress.begin_cell(&label());
        progress.end_cell(false, &[
            json!({"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]}),
            json!({"output_type": "execute_result", "data": {"text/plain": ["(2,)"]}}),
            json!({"output_type": "display_data", "data": {"image/png": test_png(8, 4, [9; 3]), "text/plain": "x"}}),
            json!({"output_type": "display_data", "data": {"text/html": "<b>"}}),
            json!({"output_type": "error", "ename": "Panic", "evalue": "oops", "traceback": []}),
        ]);
        assert_eq!(
            out.text(),
            "a\nb\n(2,)\n[picture, 8x4]\n[text/html]\nPanic: oops\n"
        );
        assert!(err.text().starts_with("[3/3]") && err.text().ends_with("fit()?;  | failed\n"));
    }

    #[test]
    fn durations_and_lines_stay_short() {
        let shown = [400, 12_300, 185_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(shown, ["0.4 s", "12 s", "3 min 05 s"]);
        assert_eq!(shortened("가나다라", 3), "가나…");
    }
}

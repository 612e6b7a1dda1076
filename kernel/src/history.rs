//! What was executed, kept on disk across kernels: the answer to history requests.
//!
//! All kernels of a user share one [`database`]. A thread of its own writes and reads it, so
//! that no cell waits for the disk; without a usable database the history of this kernel is
//! kept in memory. The protocol's words are in [`crate::handlers::history`].

pub mod database;

use database::Database;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Environment variable with the file that holds the history, or `:memory:` for none.
pub const FILE_VARIABLE: &str = "TORCHBOOK_HISTORY";

/// How long a kernel that ends waits for its history.
const PARTING_PATIENCE: Duration = Duration::from_secs(1);

/// Longer results are cut: a history is for reading, not for keeping data.
const LONGEST_OUTPUT: usize = 64 * 1024;

/// One executed cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Number of the kernel's session, from 1 on.
    pub session: i64,
    /// The cell's execution count.
    pub line: i64,
    pub source: String,
    /// The result as text; none for a cell without one.
    pub output: Option<String>,
}

/// Which entries to find. They come oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// The last `n` of all sessions.
    Tail { n: i64 },
    /// Lines `start..stop` of one session: 0 is this one, -1 the one before it, and so on.
    /// A negative line counts from the session's end, no `stop` means up to its end.
    Range {
        session: i64,
        start: i64,
        stop: Option<i64>,
    },
    /// The last `n` (or all) whose source matches a glob pattern; the same source only once
    /// if `unique`.
    Search {
        pattern: String,
        n: Option<i64>,
        unique: bool,
    },
}

enum Message {
    Input { line: i64, source: String },
    Output { line: i64, text: String },
    Find(Query, oneshot::Sender<Vec<Entry>>),
}

/// Handle to the history; cheap to clone.
#[derive(Clone)]
pub struct History {
    queue: mpsc::Sender<Message>,
}

impl History {
    /// The history in a file, or one that ends with this process.
    pub fn start(file: Option<PathBuf>) -> History {
        let (queue, messages) = mpsc::channel();
        let spawned = std::thread::Builder::new()
            .name("torchbook-history".into())
            .spawn(move || keep(file, &messages));
        if let Err(error) = spawned {
            tracing::error!(%error, "no history is kept");
        }
        History { queue }
    }

    /// The file that this environment names: [`FILE_VARIABLE`], else one in the user's data folder.
    pub fn file_of(environment: &crate::setup::Environment) -> Option<PathBuf> {
        match environment.path(FILE_VARIABLE) {
            Some(file) if file.as_os_str() == ":memory:" => None,
            Some(file) => Some(file),
            None => Some(dirs::data_dir()?.join("torchbook/history.sqlite")),
        }
    }

    /// Keeps the source of a cell that is about to run.
    pub fn input(&self, line: usize, source: &str) {
        if !source.trim().is_empty() {
            self.send(Message::Input {
                line: i64::try_from(line).unwrap_or(i64::MAX),
                source: source.trim_end_matches('\n').to_owned(),
            });
        }
    }

    /// Keeps the result of a cell whose source is kept.
    pub fn output(&self, line: usize, text: &str) {
        let end = text.floor_char_boundary(LONGEST_OUTPUT);
        self.send(Message::Output {
            line: i64::try_from(line).unwrap_or(i64::MAX),
            text: text[..end].to_owned(),
        });
    }

    /// The entries a query finds; none when there is no history.
    pub async fn find(&self, query: Query) -> Vec<Entry> {
        let (answer, entries) = oneshot::channel();
        self.send(Message::Find(query, answer));
        entries.await.unwrap_or_default()
    }

    /// Returns when everything so far is kept, or another kernel has blocked the file for too long.
    pub async fn flush(&self) {
        let kept = self.find(Query::Tail { n: 0 });
        if tokio::time::timeout(PARTING_PATIENCE, kept).await.is_err() {
            tracing::warn!("the kernel ends before its history is kept");
        }
    }

    fn send(&self, message: Message) {
        // Without its thread there is no history, which was logged when it did not start.
        let _ = self.queue.send(message);
    }
}

fn keep(file: Option<PathBuf>, messages: &mpsc::Receiver<Message>) {
    // Opened when first needed: a kernel that runs no cell leaves no trace.
    let mut database = None;
    for message in messages {
        let database = database.get_or_insert_with(|| Database::open(file.as_deref()));
        match message {
            Message::Input { line, source } => database.insert(line, &source),
            Message::Output { line, text } => database.set_output(line, &text),
            Message::Find(query, answer) => {
                // The client may have gone meanwhile.
                let _ = answer.send(database.find(&query));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::Environment;

    #[test]
    fn the_environment_names_the_file_or_none() {
        let file = |value: &str| History::file_of(&Environment::empty().with(FILE_VARIABLE, value));
        assert_eq!(file("/tmp/h.sqlite"), Some("/tmp/h.sqlite".into()));
        assert_eq!(file(":memory:"), None);
    }

    #[test]
    fn blank_cells_are_not_kept_and_long_results_are_cut() {
        let history = History::start(None);
        history.input(1, " \n");
        history.input(2, "x\n");
        history.output(2, &"é".repeat(LONGEST_OUTPUT));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let entries = runtime.block_on(history.find(Query::Tail { n: 10 }));
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].line, &*entries[0].source), (2, "x"));
        assert_eq!(entries[0].output.as_ref().unwrap().len(), LONGEST_OUTPUT);
    }
}

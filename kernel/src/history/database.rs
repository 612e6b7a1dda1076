//! The history's SQLite database: one file for all kernels of a user, written by several at once.
//!
//! Write-ahead logging lets kernels read while another writes. A file that is no database, or
//! a broken one, is set aside under another name and a new one begun; where nothing can be
//! written (a read-only folder, a full disk) this kernel goes on in memory. Nothing here
//! fails: the history is not worth a cell.

use super::{Entry, Query};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a kernel waits for another one that writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// The tables of version 1, which `user_version` counts.
const SCHEMA: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS sessions (
        session INTEGER PRIMARY KEY AUTOINCREMENT,
        started TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    );
    CREATE TABLE IF NOT EXISTS cells (
        session INTEGER NOT NULL,
        line INTEGER NOT NULL,
        source TEXT NOT NULL,
        output TEXT,
        PRIMARY KEY (session, line)
    ) WITHOUT ROWID;
    PRAGMA user_version = 1;
    COMMIT;
";

/// An open database, or its stand-in in memory.
pub struct Database {
    file: Option<PathBuf>,
    connection: Option<Connection>,
    /// This kernel's session, once it has kept a cell.
    session: Option<i64>,
}

impl Database {
    /// Opens a file, or memory without one.
    pub fn open(file: Option<&Path>) -> Database {
        let connection = file.and_then(|file| match open_or_rebuild(file) {
            Ok(connection) => Some(connection),
            Err(error) => {
                tracing::warn!(%error, file = %file.display(), "the history is kept in memory only");
                None
            }
        });
        let mut database = Database {
            file: file.filter(|_| connection.is_some()).map(Path::to_owned),
            connection,
            session: None,
        };
        if database.connection.is_none() {
            database.go_on_in_memory();
        }
        database
    }

    /// Keeps a cell's source.
    pub fn insert(&mut self, line: i64, source: &str) {
        self.attempt("keep a cell", |connection, session| {
            let session = match *session {
                Some(session) => session,
                None => {
                    connection.execute("INSERT INTO sessions DEFAULT VALUES", [])?;
                    *session.insert(connection.last_insert_rowid())
                }
            };
            connection.execute(
                "INSERT OR REPLACE INTO cells (session, line, source) VALUES (?1, ?2, ?3)",
                params![session, line, source],
            )
        });
    }

    /// Keeps a cell's result.
    pub fn set_output(&mut self, line: i64, output: &str) {
        self.attempt("keep a result", |connection, session| {
            connection.execute(
                "UPDATE cells SET output = ?3 WHERE session = ?1 AND line = ?2",
                params![*session, line, output],
            )
        });
    }

    /// What a query finds, oldest first.
    pub fn find(&mut self, query: &Query) -> Vec<Entry> {
        self.attempt("read", |connection, session| match query {
            Query::Tail { n } => select(
                connection,
                "SELECT session, line, source, output FROM cells
                 ORDER BY session DESC, line DESC LIMIT ?1",
                params![(*n).max(0)],
            ),
            Query::Range {
                session: asked,
                start,
                stop,
            } => {
                let number = session_number(connection, *session, *asked)?;
                range(connection, number, *start, *stop)
            }
            Query::Search { pattern, n, unique } => {
                // Of equal sources the newest stays. A negative limit is none.
                let newest = "AND NOT EXISTS (SELECT 1 FROM cells AS later
                    WHERE later.source = cells.source
                    AND (later.session, later.line) > (cells.session, cells.line))";
                let sql = format!(
                    "SELECT session, line, source, output FROM cells WHERE source GLOB ?1 {}
                     ORDER BY session DESC, line DESC LIMIT ?2",
                    if *unique { newest } else { "" },
                );
                select(
                    connection,
                    &sql,
                    params![pattern, n.map_or(-1, |n| n.max(0))],
                )
            }
        })
        .unwrap_or_default()
    }

    /// Does something; a broken database is rebuilt for a second try, and one that cannot be
    /// written is left alone from then on.
    fn attempt<T>(
        &mut self,
        what: &str,
        action: impl Fn(&Connection, &mut Option<i64>) -> rusqlite::Result<T>,
    ) -> Option<T> {
        for _ in 0..2 {
            let connection = self.connection.as_ref()?;
            let error = match action(connection, &mut self.session) {
                Ok(value) => return Some(value),
                Err(error) => error,
            };
            tracing::warn!(%error, what, "the history's database failed");
            let rebuilt = match &self.file {
                Some(file) if is_damage(&error) => {
                    self.connection = None;
                    open_or_rebuild(file)
                        .inspect_err(|error| tracing::warn!(%error, "no new database either"))
                        .ok()
                }
                Some(_) => None,
                // Memory: there is nothing to fall back to.
                None => return None,
            };
            self.session = None;
            match rebuilt {
                Some(connection) => self.connection = Some(connection),
                None => self.go_on_in_memory(),
            }
        }
        None
    }

    fn go_on_in_memory(&mut self) {
        self.file = None;
        self.connection = Connection::open_in_memory()
            .and_then(|connection| connection.execute_batch(SCHEMA).map(|()| connection))
            .inspect_err(|error| tracing::error!(%error, "no history is kept"))
            .ok();
    }
}

/// Opens a file; one that is damaged is renamed, and a new one made.
///
/// One kernel at a time does this: a second one must not set aside what the first has rebuilt.
fn open_or_rebuild(file: &Path) -> Result<Connection, OpenError> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let gate = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(with_suffix(file, ".lock"))?;
    gate.lock()?;
    match open_sound(file) {
        Err(error) if is_damage(&error) => {
            let aside = set_aside(file)?;
            tracing::warn!(%error, aside = %aside.display(), "a damaged history was set aside");
            Ok(open_sound(file)?)
        }
        opened => Ok(opened?),
    }
}

/// Opens a file and makes sure that it is a sound database with our tables.
fn open_sound(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode this loses at most the last cells when the power fails, and breaks nothing.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some(verdict),
        ));
    }
    connection.execute_batch(SCHEMA)?;
    // Tables of these names may be somebody else's.
    connection.prepare("SELECT session, line, source, output FROM cells")?;
    connection.prepare("SELECT session, started FROM sessions")?;
    Ok(connection)
}

/// Renames a database and its companions to names that are free; returns the database's.
fn set_aside(file: &Path) -> io::Result<PathBuf> {
    let mut number = 1;
    let aside = loop {
        let aside = with_suffix(file, &format!(".damaged-{number}"));
        if !aside.exists() {
            break aside;
        }
        number += 1;
    };
    fs::rename(file, &aside)?;
    for companion in ["-wal", "-shm"] {
        match fs::rename(with_suffix(file, companion), with_suffix(&aside, companion)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    let broken = matches!(
        code,
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
    );
    // Tables that have our names and are not ours.
    let foreign = matches!(
        error,
        rusqlite::Error::SqlInputError { .. } | rusqlite::Error::InvalidColumnType(..)
    );
    broken || foreign
}

/// The session a request means: 0 is `own` (or the next, before it has kept a cell).
fn session_number(connection: &Connection, own: Option<i64>, asked: i64) -> rusqlite::Result<i64> {
    if asked > 0 {
        return Ok(asked);
    }
    let own = match own {
        Some(own) => own,
        None => {
            let last: Option<i64> =
                connection.query_row("SELECT MAX(session) FROM sessions", [], |row| row.get(0))?;
            last.unwrap_or(0) + 1
        }
    };
    Ok(own.saturating_add(asked))
}

/// Lines of one session; negative ones count from its end.
fn range(
    connection: &Connection,
    session: i64,
    start: i64,
    stop: Option<i64>,
) -> rusqlite::Result<Vec<Entry>> {
    let last: Option<i64> = connection
        .query_row(
            "SELECT MAX(line) FROM cells WHERE session = ?1",
            [session],
            |row| row.get(0),
        )
        .optional()?
        .flatten();
    let end = last.unwrap_or(0).saturating_add(1);
    let from_end = |line: i64| {
        if line < 0 {
            line.saturating_add(end)
        } else {
            line
        }
    };
    let stop = stop.filter(|stop| *stop != 0).map_or(end, from_end);
    select(
        connection,
        "SELECT session, line, source, output FROM cells
         WHERE session = ?1 AND line >= ?2 AND line < ?3 ORDER BY line DESC",
        params![session, from_end(start), stop],
    )
}

/// Rows of a query that is ordered newest first, turned round.
fn select(
    connection: &Connection,
    sql: &str,
    parameters: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<Vec<Entry>> {
    let entry = |row: &Row| {
        Ok(Entry {
            session: row.get(0)?,
            line: row.get(1)?,
            source: row.get(2)?,
            output: row.get(3)?,
        })
    };
    let mut statement = connection.prepare(sql)?;
    let mut entries = statement
        .query_map(parameters, entry)?
        .collect::<rusqlite::Result<Vec<Entry>>>()?;
    entries.reverse();
    Ok(entries)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(transparent)]
    File(#[from] io::Error),
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
}

#[cfg(test)]
mod tests;

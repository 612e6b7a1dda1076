//! The log: what of it, where to and in which form is the user's to say.
//!
//! `TORCHBOOK_LOG` filters, `TORCHBOOK_LOG_FILE` names a file that is added to, and
//! `TORCHBOOK_LOG_FORMAT=json` writes one object per line. Every line carries the process, because
//! several kernels may share a file.

use crate::setup::Environment;
use serde_json::{Map, Value, json};
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// The variable with the filter.
pub const FILTER_VARIABLE: &str = "TORCHBOOK_LOG";

/// Starts logging for this process, and says what is wrong with the settings for it.
pub fn start(environment: &Environment) -> Option<String> {
    let mut problem = None;
    let file = environment.path("TORCHBOOK_LOG_FILE").and_then(|path| {
        let opened = File::options().create(true).append(true).open(&path);
        opened
            .map_err(|error| {
                problem = Some(format!(
                    "the log file {} cannot be opened: {error}; the log goes to stderr",
                    path.display()
                ));
            })
            .ok()
    });
    let place = Place(file.map(Arc::new));
    let filter = EnvFilter::from_env(FILTER_VARIABLE);
    let to_file = place.0.is_some();
    let builder = tracing_subscriber::fmt()
        .with_writer(place)
        .with_env_filter(filter)
        .with_ansi(!to_file);
    let is_json = environment
        .get("TORCHBOOK_LOG_FORMAT")
        .is_some_and(|format| format == "json");
    // A second start in one process, as in tests, changes nothing.
    let _ = if is_json {
        builder.event_format(JsonLines).try_init()
    } else {
        builder.try_init()
    };
    problem
}

/// A file, or stderr.
struct Place(Option<Arc<File>>);

impl<'a> MakeWriter<'a> for Place {
    type Writer = Box<dyn Write>;

    fn make_writer(&'a self) -> Self::Writer {
        match &self.0 {
            Some(file) => Box::new(Arc::clone(file)),
            None => Box::new(io::stderr()),
        }
    }
}

/// One JSON object per event: time in seconds since 1970, level, process, target, fields.
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let metadata = event.metadata();
        let time = SystemTime::now().duration_since(UNIX_EPOCH);
        let line = json!({
            "time": time.map_or(0.0, |time| time.as_secs_f64()),
            "level": metadata.level().as_str(),
            "process": std::process::id(),
            "target": metadata.target(),
            "fields": fields.0,
        });
        writeln!(writer, "{line}")
    }
}

/// Fields as JSON keeps them apart: numbers and truths as such, everything else as text.
struct Fields(Map<String, Value>);

impl Fields {
    fn keep(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.keep(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek};

    #[test]
    fn a_line_of_the_log_is_one_object_with_its_fields() {
        let mut file = tempfile::tempfile().unwrap();
        let place = Place(Some(Arc::new(file.try_clone().unwrap())));
        let subscriber = tracing_subscriber::fmt()
            .with_writer(place)
            .event_format(JsonLines)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(bytes = 7_u64, path = "/a \"b\"", "two\nlines");
        });
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["process"], std::process::id());
        assert_eq!(
            line["fields"],
            json!({ "message": "two\nlines", "bytes": 7, "path": "/a \"b\"" })
        );
    }
}

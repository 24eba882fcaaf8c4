//! Logs as ConPaaS 2.0 writes them: `2026-11-22 05:14:32,813 INFO name message`,
//! in files that people and clients read whole, so they stay small.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::server::{Colours, LogRate, bounded_line};
use crate::sys::file::{self, FileError};

/// A log is moved to `<name>.1` when it is larger.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// For finding faults.
    Debug,
    /// What was done.
    Info,
    /// Odd, but it goes on.
    Warning,
    /// Something was not done.
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warning => "WARNING",
            Level::Error => "ERROR",
        }
    }
}

/// One log file. Cheap to clone; clones are the same file.
#[derive(Debug, Clone)]
pub(crate) struct LogWriter {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    open: Mutex<Option<(File, u64)>>,
}

impl LogWriter {
    /// The log at `path`, made when the first line comes.
    #[must_use]
    pub(crate) fn new(path: PathBuf) -> Self {
        LogWriter { inner: Arc::new(Inner { path, open: Mutex::new(None) }) }
    }

    /// Where it is.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Adds a line; one that cannot be written goes to standard error. Blocking, but short.
    pub(crate) fn line(&self, level: Level, name: &str, text: &str) {
        let time = chrono::Local::now().format("%Y-%m-%d %H:%M:%S,%3f");
        let line = format!("{time} {} {name} {}\n", level.as_str(), bounded_line(text, Colours::Unused));
        if let Err(error) = self.inner.write(line.as_bytes()) {
            let _nothing_left_to_tell =
                write!(io::stderr(), "cannot write {}: {error}: {line}", self.inner.path.display());
        }
    }
}

impl Inner {
    fn write(&self, line: &[u8]) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.as_ref().is_some_and(|(_, size)| *size > MAX_BYTES) {
            let mut old = self.path.clone().into_os_string();
            old.push(".1");
            std::fs::rename(&self.path, old)?;
            *open = None;
        }
        let (file, size) = match &mut *open {
            Some(open) => open,
            none => {
                let file = OpenOptions::new().append(true).create(true).open(&self.path)?;
                let size = file.metadata()?.len();
                none.insert((file, size))
            }
        };
        file.write_all(line)?;
        *size += line.len() as u64;
        Ok(())
    }
}

/// Sends everything that this process traces to the log at `path`, and gives
/// the log. A process that traces elsewhere already goes on doing so.
///
/// # Errors
/// The log's directory cannot be made.
pub(crate) fn install(path: PathBuf) -> Result<LogWriter, FileError> {
    if let Some(directory) = path.parent() {
        file::ensure_directory(directory)?;
    }
    let writer = LogWriter::new(path);
    let targets = Targets::new().with_default(tracing::Level::WARN).with_target("conpaas", tracing::Level::INFO);
    let teller = writer.clone();
    let rate = LogRate::new(Box::new(move |text| teller.line(Level::Warning, "conpaas.log", text)));
    let layer = ToFile(writer.clone()).with_filter(rate).with_filter(targets);
    let _traced_elsewhere_already = tracing_subscriber::registry().with(layer).try_init();
    Ok(writer)
}

struct ToFile(LogWriter);

impl<S: Subscriber> Layer<S> for ToFile {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warning,
            tracing::Level::INFO => Level::Info,
            _ => Level::Debug,
        };
        let name = event.metadata().target().replace("::", ".");
        self.0.line(level, &name, &format!("{}{}", text.message, text.fields));
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _never_fails_on_a_string = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_upstream_writes_it_and_the_file_stays_small() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cpsagent.log");
        let writer = LogWriter::new(path.clone());
        writer.line(Level::Debug, "conpaas.core.manager", "STATE INIT: ");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(&text[10..11], " ");
        assert_eq!(&text[19..20], ",");
        assert_eq!(&text[23..], " DEBUG conpaas.core.manager STATE INIT: \n");
        writer.line(Level::Info, "n", "a\nb\r\x1b[2Jc\u{9b}");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with(" INFO n a; b\\r\\u{1b}[2Jc\\u{9b}\n"), "{text:?}");
        let long = "x".repeat(1024 * 1024);
        for _ in 0..1600 {
            writer.line(Level::Info, "n", &long);
        }
        let sizes = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
        let all = sizes.sum::<u64>();
        assert!(all > MAX_BYTES && all < 2 * MAX_BYTES + 64 * 1024, "{all} bytes");
    }
}

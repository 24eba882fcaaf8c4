//! The requests of the last seconds, read from the log that nginx writes anyway: they cost visitors nothing.
//!
//! nginx keeps lines back for a second. So the window ends a second before now.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::api::figures::ProxyFigures;
use crate::service::web::BACKEND_PORT;

/// How many seconds the figures tell of.
const WINDOW: u64 = 10;
/// Lines of the last second may still be in nginx.
const DELAY: u64 = 1;
/// More than a Pi writes in a window; what is before it is not read.
const MAX_READ: u64 = 8 * 1024 * 1024;

/// The log of a proxy, as far as it was read.
#[derive(Debug)]
pub(crate) struct ProxyLog {
    path: PathBuf,
    inode: u64,
    position: u64,
    /// What was asked for in each second, by the second since 1970.
    seconds: BTreeMap<u64, Second>,
    /// Nothing is known of the time before this second.
    begins: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Second {
    n_requests: u64,
    n_failed: u64,
    n_bytes: u64,
    total_ms: u64,
    n_of_backends: u64,
    total_of_backends_ms: u64,
}

/// A request, as its line in the log tells of it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    second: u64,
    status: u16,
    n_bytes: u64,
    ms: u64,
    is_of_backend: bool,
}

impl ProxyLog {
    /// A log of which nothing was read.
    pub(crate) fn new(path: &Path) -> Self {
        ProxyLog { path: path.to_owned(), inode: 0, position: 0, seconds: BTreeMap::new(), begins: 0 }
    }

    /// Reads what is new in it, and returns the figures of the last seconds before `now`, in seconds since 1970. Blocking.
    pub(crate) fn figures(&mut self, now: u64) -> ProxyFigures {
        let end = now.saturating_sub(DELAY);
        let begin = end.saturating_sub(WINDOW);
        if let Err(error) = self.read_on()
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("the requests of {} are not counted: {error}", self.path.display());
        }
        self.seconds.retain(|second, _| *second >= begin);
        let begin = begin.max(self.begins);
        let mut figures =
            ProxyFigures { window_ms: end.saturating_sub(begin).saturating_mul(1000), ..ProxyFigures::default() };
        for second in self.seconds.range(begin..end.max(begin)).map(|(_, second)| second) {
            figures.n_requests += second.n_requests;
            figures.n_failed += second.n_failed;
            figures.n_bytes = figures.n_bytes.saturating_add(second.n_bytes);
            figures.total_ms = figures.total_ms.saturating_add(second.total_ms);
            figures.n_of_backends += second.n_of_backends;
            figures.total_of_backends_ms = figures.total_of_backends_ms.saturating_add(second.total_of_backends_ms);
        }
        figures
    }

    fn read_on(&mut self) -> std::io::Result<()> {
        let mut file = File::open(&self.path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Ok(());
        }
        if found.ino() != self.inode || found.size() < self.position {
            (self.inode, self.position) = (found.ino(), 0);
        }
        let unread = found.size() - self.position;
        let is_cut = unread > MAX_READ;
        if is_cut {
            self.position = found.size() - MAX_READ;
        }
        file.seek(SeekFrom::Start(self.position))?;
        let mut bytes = Vec::new();
        file.take(unread.min(MAX_READ)).read_to_end(&mut bytes)?;
        // The last line may be written in part.
        let n_whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.position += n_whole as u64;
        let mut lines = bytes[..n_whole].split(|byte| *byte == b'\n');
        if is_cut {
            let _cut_in_two = lines.next();
        }
        let mut is_first = is_cut;
        for line in lines.filter_map(|line| Line::read(&String::from_utf8_lossy(line))) {
            if std::mem::take(&mut is_first) {
                self.begins = line.second + 1;
            }
            self.seconds.entry(line.second).or_default().add(line);
        }
        Ok(())
    }
}

impl Second {
    fn add(&mut self, line: Line) {
        self.n_requests += 1;
        self.n_failed += u64::from(line.status >= 500);
        self.n_bytes = self.n_bytes.saturating_add(line.n_bytes);
        self.total_ms = self.total_ms.saturating_add(line.ms);
        if line.is_of_backend {
            self.n_of_backends += 1;
            self.total_of_backends_ms = self.total_of_backends_ms.saturating_add(line.ms);
        }
    }
}

impl Line {
    /// Reads a line of the format `timed_requests`; nginx writes quotes inside of quoted fields as `\x22`.
    fn read(line: &str) -> Option<Line> {
        let mut fields = line.split('"');
        let (_visitor, _request) = (fields.next()?, fields.next()?);
        let mut answer = fields.next()?.split_whitespace();
        let (status, n_bytes) = (answer.next()?.parse().ok()?, answer.next()?.parse().ok()?);
        let mut last = line.rsplit('"').next()?.split_whitespace().rev();
        // Of an answer that never began there is no time.
        let seconds: f64 = last.next().map(|word| if word == "-" { "0" } else { word })?.parse().ok()?;
        let at: f64 = last.next()?.parse().ok()?;
        let server = last.next()?;
        let place = server.rsplit(':').next()?;
        let is_of_backend = place.parse() == Ok(BACKEND_PORT) || place.ends_with(".sock");
        Some(Line { second: at as u64, status, n_bytes, ms: (seconds * 1000.0).round() as u64, is_of_backend })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn line(at: u64, status: u16, seconds: &str, server: &str) -> String {
        format!(
            "10.0.0.9 - - [29/Nov/2026:12:00:00 +0000] \"GET /a\\x22b HTTP/1.1\" {status} 512 \"-\" \"curl\" {server} {at}.250 {seconds}\n"
        )
    }

    #[test]
    fn a_line_tells_when_how_long_and_who_answered() {
        let read = |server| Line::read(line(100, 200, "0.125", server).trim_end()).unwrap();
        let expected = Line { second: 100, status: 200, n_bytes: 512, ms: 125, is_of_backend: true };
        assert_eq!(read("10.0.0.3:9000"), expected);
        assert_eq!(read("10.0.0.3:9000, 10.0.0.4:9000"), expected);
        assert_eq!(read("unix:/var/run/cpsagent/fpm.sock"), expected);
        assert!(!read("10.0.0.3:8080").is_of_backend && !read("-").is_of_backend);
        let of_stream = Line::read(line(100, 101, "-", "10.0.0.3:9000").trim_end()).unwrap();
        assert_eq!((of_stream.ms, of_stream.status), (0, 101));
        for strange in ["", "\"\"", "a \"b\" c d", "- - \"GET /\" 200 x \"-\" \"-\" - 1.0 0.1"] {
            assert_eq!(Line::read(strange), None, "{strange}");
        }
    }

    #[test]
    fn the_last_seconds_are_counted_and_lines_that_come_later_too() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("access.log");
        let mut log = ProxyLog::new(&path);
        assert_eq!(log.figures(200).n_requests, 0, "there is no log yet");
        let append = |text: &str| {
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        append(
            &(line(100, 200, "9.0", "-") + &line(195, 200, "0.100", "10.0.0.3:9000") + &line(196, 502, "0.300", "-")),
        );
        append("10.0.0.9 - - [");
        let figures = log.figures(200);
        let expected = ProxyFigures {
            window_ms: 10_000,
            n_requests: 2,
            n_failed: 1,
            n_bytes: 1024,
            total_ms: 400,
            n_of_backends: 1,
            total_of_backends_ms: 100,
        };
        assert_eq!(figures, expected);
        std::fs::write(&path, line(199, 200, "0.001", "-")).unwrap();
        assert_eq!(log.figures(201).n_requests, 3, "a log that begins anew is read from its beginning");
        assert_eq!(log.figures(220).n_requests, 0);
    }

    #[test]
    fn of_a_log_that_grows_too_fast_only_the_end_is_read_and_the_window_is_shorter() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("access.log");
        let of_second = |second: u64| line(second, 200, "0.001", "-").repeat(20_000);
        let text: String = (190..200).map(of_second).collect();
        assert!(text.len() as u64 > 2 * MAX_READ);
        std::fs::write(&path, &text).unwrap();
        let figures = ProxyLog::new(&path).figures(201);
        assert!(figures.window_ms < 5_000 && figures.window_ms >= 1_000, "{figures:?}");
        assert_eq!(figures.n_requests, figures.window_ms * 20, "20,000 a second: {figures:?}");
    }
}

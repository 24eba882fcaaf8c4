//! Output that stays bounded: files that follow each other, and a pace.
//!
//! # Guarantees
//! - The files of one stream take at most `file_bytes` × `n_files` on disk.
//! - No line is lost between two files, and none is torn that fits into one.
//! - Several processes may write to files of one name: each write locks the file that has the name then.
//! - A full disk loses output, never the program that says it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How much of a program's output is kept, and how fast it may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputLimits {
    /// Largest size of one file, in bytes.
    pub file_bytes: u64,
    /// How many files there are of each stream, with the one that is written: `<name>`, `<name>.1`, …
    pub n_files: u32,
    /// How many bytes a second are taken on average; a program that says more waits.
    pub bytes_per_second: u64,
}

impl Default for OutputLimits {
    fn default() -> Self {
        OutputLimits { file_bytes: 4 << 20, n_files: 3, bytes_per_second: 4 << 20 }
    }
}

/// How often a file that others move is looked for.
const MOST_LOOKS: u32 = 100;

/// The file that is written now, and those before it.
#[derive(Debug)]
pub(crate) struct RotatedFile {
    path: PathBuf,
    limits: OutputLimits,
    file: File,
    n_bytes: u64,
    /// Whether the last line that was written has its end.
    is_at_line_start: bool,
}

impl RotatedFile {
    /// Goes on with the file at `path`, or makes it. Blocking.
    ///
    /// # Errors
    /// The directory is missing or not writable.
    pub(crate) fn open(path: &Path, limits: OutputLimits) -> io::Result<Self> {
        let file = open(path)?;
        let n_bytes = file.metadata()?.len();
        Ok(RotatedFile { path: path.to_owned(), limits, file, n_bytes, is_at_line_start: true })
    }

    /// Appends output, in as many files as it takes. Blocking.
    ///
    /// # Errors
    /// The disk is full, or the directory is gone; the rest of `bytes` is lost.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.lock()?;
        let written = self.write_locked(bytes);
        written.and(self.file.unlock())
    }

    /// Locks the file that has the name now: others may have written to it, moved or removed it.
    fn lock(&mut self) -> io::Result<()> {
        for _ in 0..MOST_LOOKS {
            self.file.lock()?;
            let own = self.file.metadata()?;
            let named = fs::metadata(&self.path).map(|named| (named.dev(), named.ino()));
            if named.is_ok_and(|named| named == (own.dev(), own.ino())) {
                self.n_bytes = own.len();
                return Ok(());
            }
            self.file = open(&self.path)?;
        }
        Err(io::Error::other("the file is moved again and again"))
    }

    fn write_locked(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = self.limits.file_bytes.max(1).saturating_sub(self.n_bytes);
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let now = if bytes.len() <= room { bytes.len() } else { self.part_that_fits(&bytes[..room]) };
            let (part, rest) = bytes.split_at(now);
            self.append(part)?;
            bytes = rest;
            if !bytes.is_empty() {
                self.rotate()?;
            }
        }
        Ok(())
    }

    /// Returns how much of what has room is written before the next file begins: up to the end of a line, if there is one.
    fn part_that_fits(&self, fitting: &[u8]) -> usize {
        match fitting.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if self.is_at_line_start && self.n_bytes > 0 => 0,
            None => fitting.len(),
        }
    }

    fn append(&mut self, part: &[u8]) -> io::Result<()> {
        let Some(last) = part.last() else { return Ok(()) };
        self.file.write_all(part)?;
        self.n_bytes += part.len() as u64;
        self.is_at_line_start = *last == b'\n';
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let n_old = self.limits.n_files.saturating_sub(1);
        let _there_may_be_fewer = fs::remove_file(numbered(&self.path, n_old));
        for number in (0..n_old).rev() {
            let _there_may_be_fewer = fs::rename(numbered(&self.path, number), numbered(&self.path, number + 1));
        }
        self.file = open(&self.path)?;
        self.file.lock()?;
        self.n_bytes = self.file.metadata()?.len();
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o640).open(path)
}

/// Returns the path of an older file; 0 is the one that is written.
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// How fast output is taken: so many bytes a second, and four seconds' worth at once.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes_per_second: i128,
    allowance: i128,
    at: Instant,
}

/// Output that was not taken for a while may come at once for that many seconds.
const BURST_SECONDS: i128 = 4;
/// Output is not looked at more often, so that many small pieces cost no more than few large ones.
const SHORTEST_PAUSE: Duration = Duration::from_millis(4);

impl Pace {
    /// Starts with a whole burst allowed.
    #[must_use]
    pub(crate) fn new(bytes_per_second: u64, now: Instant) -> Self {
        let bytes_per_second = i128::from(bytes_per_second.max(1));
        Pace { bytes_per_second, allowance: bytes_per_second * BURST_SECONDS, at: now }
    }

    /// Notes that `n_bytes` were taken, and returns how long to pause before more is taken.
    pub(crate) fn take(&mut self, n_bytes: usize, now: Instant) -> Duration {
        let elapsed = i128::try_from(now.saturating_duration_since(self.at).as_micros()).unwrap_or(i128::MAX / 2);
        let earned = elapsed.saturating_mul(self.bytes_per_second) / 1_000_000;
        let taken = i128::try_from(n_bytes).unwrap_or(i128::MAX / 2);
        self.allowance =
            self.allowance.saturating_add(earned).min(self.bytes_per_second * BURST_SECONDS).saturating_sub(taken);
        self.at = now;
        let missing = u64::try_from(-self.allowance).unwrap_or(0);
        let per_second = u64::try_from(self.bytes_per_second).unwrap_or(u64::MAX);
        Duration::from_micros(missing.saturating_mul(1_000_000) / per_second).max(SHORTEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(file_bytes: u64, n_files: u32) -> OutputLimits {
        OutputLimits { file_bytes, n_files, ..OutputLimits::default() }
    }

    fn content(path: &Path) -> Vec<String> {
        (0..9).filter_map(|number| fs::read_to_string(numbered(path, number)).ok()).collect()
    }

    #[test]
    fn lines_stay_whole_and_the_oldest_file_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stdout");
        let mut file = RotatedFile::open(&path, limits(10, 3)).unwrap();
        for line in ["one\n", "two\n", "three\n", "four\n", "fi", "ve\n", "six\nseven\n"] {
            file.write(line.as_bytes()).unwrap();
        }
        assert_eq!(content(&path), ["six\nseven\n", "four\nfive\n", "three\n"]);
    }

    #[test]
    fn nothing_is_lost_between_files_whatever_the_pieces() {
        let text: String = (0..500).map(|number| format!("line {number}\n")).collect();
        for piece in [1, 7, 64, 1000] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("stdout");
            for (at, part) in text.as_bytes().chunks(piece).enumerate() {
                // Somebody else goes on with the same files now and then.
                let mut file = RotatedFile::open(&path, limits(200, 100)).unwrap();
                assert!(file.write(part).is_ok(), "{at}");
            }
            let mut all: Vec<String> =
                (0..100).filter_map(|number| fs::read_to_string(numbered(&path, number)).ok()).collect();
            assert!(all.len() > 20 && all.iter().all(|content| content.len() <= 200));
            all.reverse();
            assert_eq!(all.concat(), text);
        }
    }

    #[test]
    fn a_line_longer_than_a_file_is_torn_and_one_file_is_enough() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stdout");
        let mut file = RotatedFile::open(&path, limits(10, 2)).unwrap();
        file.write(&[b'x'; 25]).unwrap();
        assert_eq!(content(&path), ["x".repeat(5), "x".repeat(10)]);
        let path = directory.path().join("one");
        let mut file = RotatedFile::open(&path, limits(4, 1)).unwrap();
        file.write(b"abc\ndef\n").unwrap();
        assert_eq!(content(&path), ["def\n"]);
    }

    #[test]
    fn several_writers_of_one_file_stay_within_its_bounds_together() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stdout");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    let mut file = RotatedFile::open(path, limits(2000, 1000)).unwrap();
                    for number in 0..250 {
                        file.write(format!("writer {writer} line {number}\n").as_bytes()).unwrap();
                    }
                });
            }
        });
        let all: Vec<String> =
            (0..1000).filter_map(|number| fs::read_to_string(numbered(&path, number)).ok()).collect();
        assert!(all.iter().all(|content| content.len() <= 2000), "no file grows beyond its bound");
        let mut lines: Vec<&str> = all.iter().flat_map(|content| content.lines()).collect();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), 1000, "no line is lost or torn");
    }

    #[test]
    fn a_file_that_somebody_removed_or_emptied_is_gone_on_with() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stdout");
        let mut file = RotatedFile::open(&path, limits(100, 2)).unwrap();
        file.write(b"one\n").unwrap();
        fs::remove_file(&path).unwrap();
        file.write(b"two\n").unwrap();
        assert_eq!(content(&path), ["two\n"]);
        fs::write(&path, b"").unwrap();
        file.write(b"three\n").unwrap();
        assert_eq!(content(&path), ["three\n"]);
    }

    #[test]
    fn a_flood_is_slowed_to_its_pace_and_quiet_earns_a_burst() {
        let start = Instant::now();
        let mut pace = Pace::new(1000, start);
        assert_eq!(pace.take(4000, start), SHORTEST_PAUSE);
        assert_eq!(pace.take(500, start), Duration::from_millis(500));
        let later = start + Duration::from_secs(1);
        assert_eq!(pace.take(500, later), SHORTEST_PAUSE);
        let much_later = start + Duration::from_secs(3600);
        assert_eq!(pace.take(5000, much_later), Duration::from_secs(1));
    }
}

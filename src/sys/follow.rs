//! What was added to a file that grows since somebody looked last, also when it was moved to `<name>.1` meanwhile.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::file::FileError;

/// How many older files are looked at: `<name>.1` and so on.
const N_OLDER: u32 = 4;
/// A line without an end is told when it is longer.
const LONG_LINE_BYTES: usize = 4096;

/// Up to where somebody has read: a file, by its number in the file system, and a place in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// 0 before the first file.
    inode: u64,
    offset: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.inode, self.offset)
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers =
            text.split_once('-').and_then(|(inode, offset)| Some((inode.parse().ok()?, offset.parse().ok()?)));
        let (inode, offset) =
            numbers.ok_or_else(|| format!("'{text}' is no cursor: take the one of the last answer"))?;
        Ok(Cursor { inode, offset })
    }
}

/// Returns what was added behind `cursor`, at most `max_bytes`, and up to where that is. A file that is not there has nothing;
/// one that was emptied or replaced is read from its beginning. Blocking, but never for a writer.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn read(path: &Path, cursor: Cursor, max_bytes: u64) -> Result<(Vec<u8>, Cursor), FileError> {
    let mut files = generations(path)?;
    let position = match cursor.inode {
        0 => files.len().checked_sub(1),
        inode => files.iter().position(|file| file.inode == inode && file.n_bytes >= cursor.offset),
    };
    let start = match position {
        Some(index) if cursor.inode != 0 => Some((index, cursor.offset)),
        Some(index) => Some((index, 0)),
        None if files.is_empty() => None,
        None => Some((0, 0)),
    };
    let Some((oldest, mut offset)) = start else { return Ok((Vec::new(), cursor)) };
    let (mut bytes, mut end) = (Vec::new(), cursor);
    for file in files[..=oldest].iter_mut().rev() {
        let left = max_bytes - bytes.len() as u64;
        if left == 0 {
            break;
        }
        let fail = |source| FileError::new("read", path, source);
        file.file.seek(SeekFrom::Start(offset)).map_err(fail)?;
        let n_read = (&mut file.file).take(left).read_to_end(&mut bytes).map_err(fail)? as u64;
        end = Cursor { inode: file.inode, offset: offset + n_read };
        offset = 0;
    }
    Ok((bytes, end))
}

/// Returns the same in whole lines, as text. Without a cursor the newest `max_bytes` are read.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_lines(path: &Path, cursor: Option<Cursor>, max_bytes: u64) -> Result<(String, Cursor), FileError> {
    let begin = match cursor {
        Some(cursor) => cursor,
        None => match generations(path)?.first() {
            Some(file) => Cursor { inode: file.inode, offset: file.n_bytes.saturating_sub(max_bytes) },
            None => Cursor::default(),
        },
    };
    let (mut bytes, mut end) = read(path, begin, max_bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let rest = bytes.len() - whole;
    if rest < LONG_LINE_BYTES || whole > 0 {
        bytes.truncate(whole);
        end.offset = end.offset.saturating_sub(rest as u64);
    }
    // A look at the end of a long file begins in the middle of a line.
    if cursor.is_none() && begin.offset > 0 {
        let first = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |first| first + 1);
        bytes.drain(..first);
    }
    Ok((String::from_utf8_lossy(&bytes).into_owned(), end))
}

struct Generation {
    file: File,
    inode: u64,
    n_bytes: u64,
}

/// The file and those before it, newest first.
fn generations(path: &Path) -> Result<Vec<Generation>, FileError> {
    let older = (1..=N_OLDER).map(|number| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    });
    let mut found: Vec<Generation> = Vec::new();
    for path in std::iter::once(path.to_owned()).chain(older) {
        match open(&path) {
            // It was moved while this looked.
            Ok(Some(file)) if found.iter().any(|newer| newer.inode == file.inode) => {}
            Ok(Some(file)) => found.push(file),
            Ok(None) if found.is_empty() => {}
            Ok(None) => break,
            Err(source) => return Err(FileError::new("read", &path, source)),
        }
    }
    Ok(found)
}

fn open(path: &Path) -> io::Result<Option<Generation>> {
    // A pipe of that name must not make its reader wait.
    let file = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    Ok(Some(Generation { file, inode: metadata.ino(), n_bytes: metadata.len() }))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn append(path: &Path, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn lines_are_followed_over_a_move_and_each_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let (path, older) = (directory.path().join("log"), directory.path().join("log.1"));
        let (text, cursor) = read_lines(&path, None, 1000).unwrap();
        assert_eq!((text.as_str(), cursor), ("", Cursor::default()));
        append(&path, "a\nb\nhal");
        let (text, cursor) = read_lines(&path, Some(cursor), 1000).unwrap();
        assert_eq!(text, "a\nb\n");
        append(&path, "f\nc\n");
        std::fs::rename(&path, &older).unwrap();
        append(&path, "d\n");
        let (text, cursor) = read_lines(&path, Some(cursor.to_string().parse().unwrap()), 1000).unwrap();
        assert_eq!(text, "half\nc\nd\n");
        assert_eq!(read_lines(&path, Some(cursor), 1000).unwrap(), (String::new(), cursor));
        std::fs::write(&path, "").unwrap();
        append(&path, "e\n");
        let emptied = Cursor { offset: 100, ..cursor };
        assert_eq!(read_lines(&path, Some(emptied), 1000).unwrap().0, "e\n");
    }

    #[test]
    fn a_look_at_the_end_begins_with_a_whole_line_and_what_is_read_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        append(&path, "first\nsecond\nthird\n");
        let (text, cursor) = read_lines(&path, None, 8).unwrap();
        assert_eq!(text, "third\n");
        append(&path, &"x".repeat(2 * LONG_LINE_BYTES));
        let (text, cursor) = read_lines(&path, Some(cursor), LONG_LINE_BYTES as u64).unwrap();
        assert_eq!(text.len(), LONG_LINE_BYTES);
        let (bytes, end) = read(&path, cursor, 10).unwrap();
        assert_eq!((bytes.len(), end.offset - cursor.offset), (10, 10));
        assert!("x".parse::<Cursor>().is_err() && read(directory.path(), cursor, 1).is_err());
    }
}

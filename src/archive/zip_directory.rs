//! The directory at the end of a zip file, looked at before the zip library reads it into memory.
//!
//! # Guarantees
//! - What the library then reads has as many members as were counted here, whatever the file's end says.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::budget::Budget;
use super::error::ArchiveError;

/// The end record without its comment.
const END_BYTES: usize = 22;
const END: &[u8] = b"PK\x05\x06";
/// Stands before the end record where numbers need 64 bits, and points to the record with these.
const LOCATOR_BYTES: usize = 20;
const LOCATOR: &[u8] = b"PK\x06\x07";
const LARGE_END_BYTES: usize = 56;
const LARGE_END: &[u8] = b"PK\x06\x06";
/// The head of one member, without names.
const HEAD_BYTES: usize = 46;
const HEAD: &[u8] = b"PK\x01\x02";
/// Names and attributes of all members, which the library keeps in memory several times.
const MAX_DIRECTORY_BYTES: u64 = 16 * 1024 * 1024;
const ENCRYPTED: u64 = 1;
const STORED: u64 = 0;
const DEFLATED: u64 = 8;

/// How the members of a zip file are named.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Names {
    /// Some name has a slash.
    pub(super) any_slash: bool,
}

/// Where the directory lies.
struct Place {
    begin: u64,
    n_bytes: u64,
    n_entries: u64,
}

/// Looks at every head in the directory.
///
/// # Errors
/// The directory is missing, lies, or is too large; or a member is encrypted or packed in an unknown way.
pub(super) fn check(file: &mut File, budget: &Budget) -> Result<Names, ArchiveError> {
    let place = locate(file)?;
    if place.n_bytes > MAX_DIRECTORY_BYTES {
        let mb = MAX_DIRECTORY_BYTES >> 20;
        return Err(ArchiveError::TooLarge(format!("the names of its members take more than {mb} MB")));
    }
    file.seek(SeekFrom::Start(place.begin)).map_err(|error| unreadable(&error))?;
    let mut reader = BufReader::new(file.take(place.n_bytes));
    let mut names = Names::default();
    let mut n_entries = 0;
    let mut left = place.n_bytes;
    while left > 0 {
        n_entries += 1;
        budget.check_entries(n_entries)?;
        left = check_head(&mut reader, &mut names)?.and_then(|taken| left.checked_sub(taken)).ok_or_else(broken)?;
    }
    if n_entries as u64 != place.n_entries {
        let told = place.n_entries;
        let text = format!("its end tells of {told} members, but its directory has {n_entries}; pack it again");
        return Err(ArchiveError::Format(text));
    }
    Ok(names)
}

/// Checks one head; returns how many bytes it has.
fn check_head(reader: &mut impl Read, names: &mut Names) -> Result<Option<u64>, ArchiveError> {
    let mut head = [0; HEAD_BYTES];
    reader.read_exact(&mut head).map_err(|error| unreadable(&error))?;
    if !head.starts_with(HEAD) {
        return Ok(None);
    }
    let [flags, method, n_name, n_extra, n_comment] = [8, 10, 28, 30, 32].map(|at| number(&head, at, 2));
    let mut name = vec![0; n_name as usize];
    reader.read_exact(&mut name).map_err(|error| unreadable(&error))?;
    let passed_over = n_extra + n_comment;
    io::copy(&mut reader.take(passed_over), &mut io::sink()).map_err(|error| unreadable(&error))?;
    names.any_slash |= name.contains(&b'/');
    let text = String::from_utf8_lossy(&name);
    if flags & ENCRYPTED != 0 {
        return Err(ArchiveError::member(Path::new(&*text), "is encrypted; pack it without a password"));
    }
    if ![STORED, DEFLATED].contains(&method) {
        let reason = format!("is packed in a way that is not known here (number {method}); pack it with deflate");
        return Err(ArchiveError::member(Path::new(&*text), &reason));
    }
    Ok(Some(HEAD_BYTES as u64 + n_name + passed_over))
}

fn locate(file: &mut File) -> Result<Place, ArchiveError> {
    let length = file.seek(SeekFrom::End(0)).map_err(|error| unreadable(&error))?;
    let tail_bytes = length.min((END_BYTES + LOCATOR_BYTES) as u64 + u64::from(u16::MAX));
    let tail = read_at(file, length - tail_bytes, tail_bytes as usize)?;
    // A comment may hold what looks like an end record, but only the real one reaches up to the end.
    let ends = (0..tail.len().saturating_sub(END_BYTES - 1)).rev();
    let mut ends = ends.filter(|at| tail[*at..].starts_with(END));
    let reaches = |at: &usize| at + END_BYTES + number(&tail, at + 20, 2) as usize == tail.len();
    let at = ends.find(reaches).ok_or_else(|| {
        ArchiveError::Format(
            "it is a zip archive that is cut off: its directory is missing; upload it again".to_owned(),
        )
    })?;
    if number(&tail, at + 4, 2) != 0 || number(&tail, at + 6, 2) != 0 {
        return Err(ArchiveError::Format("it is one part of a split zip archive; pack it in one file".to_owned()));
    }
    let small = Place {
        n_entries: number(&tail, at + 10, 2),
        n_bytes: number(&tail, at + 12, 4),
        begin: number(&tail, at + 16, 4),
    };
    let end = length - tail_bytes + at as u64;
    let (place, end) = match at.checked_sub(LOCATOR_BYTES).filter(|at| tail[*at..].starts_with(LOCATOR)) {
        Some(locator) => {
            let end = number(&tail, locator + 8, 8);
            (locate_large(file, end, &small)?, end)
        }
        None => (small, end),
    };
    if place.begin.checked_add(place.n_bytes) != Some(end) {
        return Err(broken());
    }
    Ok(place)
}

/// Reads the record with large numbers, which must say the same as the small one where that says anything.
fn locate_large(file: &mut File, at: u64, small: &Place) -> Result<Place, ArchiveError> {
    let record = read_at(file, at, LARGE_END_BYTES)?;
    if !record.starts_with(LARGE_END) {
        return Err(broken());
    }
    let large =
        Place { n_entries: number(&record, 32, 8), n_bytes: number(&record, 40, 8), begin: number(&record, 48, 8) };
    let agree = |small: u64, large: u64, unsaid: u32| small == u64::from(unsaid) || small == large;
    let is_same = agree(small.n_entries, large.n_entries, u32::from(u16::MAX))
        && agree(small.n_bytes, large.n_bytes, u32::MAX)
        && agree(small.begin, large.begin, u32::MAX);
    if is_same {
        return Ok(large);
    }
    let (one, other) = (small.n_entries, large.n_entries);
    let text = format!("its end tells of {one} members in one place and of {other} in another; pack it again");
    Err(ArchiveError::Format(text))
}

fn read_at(file: &mut File, at: u64, n_bytes: usize) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = vec![0; n_bytes];
    file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut bytes)).map_err(|error| unreadable(&error))?;
    Ok(bytes)
}

/// Reads a number of `n_bytes` bytes, lowest first.
fn number(bytes: &[u8], at: usize, n_bytes: usize) -> u64 {
    bytes[at..at + n_bytes].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn broken() -> ArchiveError {
    ArchiveError::Format("it is a zip archive with a broken directory; pack it again".to_owned())
}

fn unreadable(error: &io::Error) -> ArchiveError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => broken(),
        _ => ArchiveError::Storage(error.to_string()),
    }
}

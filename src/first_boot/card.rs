//! The files of the FAT partition.
//!
//! # Guarantees
//! - A file that matters is changed in its place and keeps its length: no
//!   table of the file system changes, so a power cut leaves each sector old
//!   or new. What a half-changed file says is known ([`gather`](super::gather)).

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::place::Place;
use super::settings::MAX_BYTES;
use crate::sys::file::{self, FileError};
use crate::sys::mount::{self, Mount};

/// The settings that people write.
pub(crate) const SETTINGS: &str = "conpaas.txt";
/// The settings, and the same as an editor of Windows may have saved them, which hides the ends of names.
pub(crate) const ALL_SETTINGS: [&str; 2] = [SETTINGS, "conpaas.txt.txt"];
/// The list of settings that could not be used.
const PROBLEMS: &str = "conpaas-problems.txt";
/// Begins a file whose content was taken.
const TAKEN: &str = "# Taken by the first boot of ConPaaS. ";

/// Returns the content of a file, a little more than may be used of it at most;
/// nothing where there is none. Blocking.
///
/// # Errors
/// The file or the partition cannot be read.
pub(crate) fn read(place: &Place, name: &str) -> Result<Option<Vec<u8>>, FileError> {
    let path = place.on_card(name);
    let fail = |source| FileError::new("read", &path, source);
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(fail)?;
    Ok(Some(bytes))
}

/// Returns whether the running machine should have a card and has none: then what
/// its owner wrote on it must not be passed over for ever. Blocking.
pub(crate) fn is_missing(place: &Place) -> bool {
    if !place.is_live() {
        return false;
    }
    let directory = place.on_card("");
    let target = directory.to_string_lossy().trim_end_matches('/').to_owned();
    let table = file::read_text(&place.path("/etc/fstab")).unwrap_or_default();
    let is_wanted = table.lines().any(|line| line.split_whitespace().nth(1) == Some(&target));
    // A mount that only waits to be used is none.
    let is_there = |mount: &Mount| mount.target == Path::new(&target) && mount.file_system != "autofs";
    is_wanted && mount::all().is_ok_and(|mounts| !mounts.iter().any(is_there))
}

/// Returns whether the whole content was taken by [`take`] before; a power cut may
/// have left a part of it.
pub(crate) fn is_taken(bytes: &[u8]) -> bool {
    bytes.strip_prefix(TAKEN.as_bytes()).is_some_and(|rest| rest.iter().all(u8::is_ascii_whitespace))
}

/// Changes the first bytes of a file in its place, and waits for the card. Blocking.
///
/// # Errors
/// The card cannot be written.
pub(crate) fn overwrite(place: &Place, name: &str, bytes: &[u8]) -> Result<(), FileError> {
    let path = place.on_card(name);
    let write = || -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(&path)?;
        file.write_all_at(bytes, 0)?;
        file.sync_all()
    };
    write().map_err(|source| FileError::new("write", &path, source))
}

/// Puts a comment and blanks in the place of the whole content. Blocking.
///
/// # Errors
/// The card cannot be written.
pub(crate) fn take(place: &Place, name: &str) -> Result<(), FileError> {
    let path = place.on_card(name);
    let length = std::fs::metadata(&path).map_err(|source| FileError::new("look at", &path, source))?.len();
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(16 * MAX_BYTES);
    let mut bytes: Vec<u8> = TAKEN.bytes().chain(std::iter::repeat(b' ')).take(length).collect();
    if let Some(last) = bytes.last_mut() {
        *last = b'\n';
    }
    overwrite(place, name, &bytes)
}

/// Writes down for people what could not be used; takes an older list away
/// when there is nothing. Blocking.
///
/// # Errors
/// The card cannot be written.
pub(crate) fn tell_problems(place: &Place, problems: &[String]) -> Result<(), FileError> {
    let path = place.on_card(PROBLEMS);
    if problems.is_empty() {
        return match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::new("remove", &path, error)),
            _ => Ok(()),
        };
    }
    let mut text =
        String::from("ConPaaS could not use everything that it was told; for the rest it took defaults.\r\n\r\n");
    for problem in problems {
        text.push_str(problem);
        text.push_str("\r\n");
    }
    if std::fs::read(&path).is_ok_and(|content| content == text.as_bytes()) {
        return Ok(());
    }
    write_plain(&path, text.as_bytes()).map_err(|source| FileError::new("write", &path, source))
}

/// Nothing is lost with this file, so it is simply written.
fn write_plain(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = std::fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

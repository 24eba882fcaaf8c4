//! Files that are whole or absent, whatever happens to the power.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::sys::removal;

/// A file operation that failed: what was tried, on which path.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct FileError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl FileError {
    /// Names what was tried on which path.
    #[must_use]
    pub fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        FileError { action, path: path.to_owned(), source }
    }

    /// Returns the kind of the underlying failure.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

/// Writes `bytes` to `path` with `mode`, so that a reader or a power cut
/// sees the old content or the new one, never a part. Blocking.
///
/// # Errors
/// The directory is missing, full or not writable.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let fail = |source| FileError::new("write", path, source);
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.new", crate::sys::random::alphanumeric(8)));
    let temporary = directory.join(name);
    let outcome = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(directory)?.sync_all()
    })();
    if outcome.is_err() {
        let _gone_or_never_made = fs::remove_file(&temporary);
    }
    outcome.map_err(fail)
}

/// Writes `bytes` to `path` as [`write_atomic`] does, unless it holds them already: a card wears out by being written to.
/// Blocking.
///
/// # Errors
/// As [`write_atomic`].
pub(crate) fn ensure_content(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    if read(path).is_ok_and(|found| found == bytes) { Ok(()) } else { write_atomic(path, bytes, mode) }
}

/// Reads a whole file. Blocking.
///
/// # Errors
/// The file is missing or not readable.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|source| FileError::new("read", path, source))
}

/// Reads a whole text file. Blocking.
///
/// # Errors
/// The file is missing, not readable or not UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(|source| FileError::new("read", path, source))
}

/// Makes a directory and its parents; fine if it is there. Blocking.
///
/// # Errors
/// A parent is a file or not writable.
pub(crate) fn ensure_directory(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(|source| FileError::new("create directory", path, source))
}

/// Makes a directory and its missing parents so that everybody may walk through them, and only the owner may list them;
/// what is there stays as it is. No crash and no umask leaves one that is closed. Blocking.
///
/// # Errors
/// A parent is a file or not writable.
pub(crate) fn ensure_passable_directory(path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::PermissionsExt;
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        ensure_passable_directory(parent)?;
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = Path::new(&unfinished);
    ensure_directory(unfinished)?;
    fs::set_permissions(unfinished, fs::Permissions::from_mode(0o711))
        .map_err(|source| FileError::new("open to others", unfinished, source))?;
    match fs::rename(unfinished, path) {
        // Somebody was faster, and works in it.
        Err(_) if path.is_dir() => ensure_absent(unfinished),
        renamed => renamed.map_err(|source| FileError::new("create directory", path, source)),
    }
}

/// Makes a directory that only its owner may enter; one that is there is closed to others. Blocking.
///
/// # Errors
/// Its parent is missing or not writable, or it belongs to somebody else.
pub(crate) fn ensure_private_directory(path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::PermissionsExt;
    ensure_directory(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
        .map_err(|source| FileError::new("close to others", path, source))
}

/// Removes a file or a whole tree, however deep and wide (links are not followed);
/// fine if it is not there. Blocking.
///
/// # Errors
/// Something in it cannot be removed, or is mounted in it.
pub(crate) fn ensure_absent(path: &Path) -> Result<(), FileError> {
    let outcome = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => removal::remove_tree(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::new("remove", path, error)),
        _ => Ok(()),
    }
}

/// Reads the last `max_bytes` of a file as text; broken UTF-8 becomes `U+FFFD`. Blocking, but never for a writer: a pipe in the
/// file's place is refused.
///
/// # Errors
/// The file is missing, not readable or no file.
pub(crate) fn read_tail(path: &Path, max_bytes: u64) -> Result<String, FileError> {
    use std::io::{Read, Seek, SeekFrom};
    let fail = |source| FileError::new("read", path, source);
    // A pipe of that name must not make its reader wait.
    let mut options = OpenOptions::new();
    let mut file = options.read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if !metadata.is_file() {
        return Err(fail(io::Error::other("it is no regular file")));
    }
    let length = metadata.len();
    file.seek(SeekFrom::Start(length.saturating_sub(max_bytes))).map_err(fail)?;
    let mut bytes = Vec::new();
    file.take(max_bytes).read_to_end(&mut bytes).map_err(fail)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads the last `max_bytes` of a log, also those in `<name>.1`, to which its older part was moved. Blocking.
///
/// # Errors
/// Neither file is readable.
pub(crate) fn read_log(path: &Path, max_bytes: u64) -> Result<String, FileError> {
    let mut older = path.as_os_str().to_owned();
    older.push(".1");
    let read_older = |max_bytes| read_tail(Path::new(&older), max_bytes);
    match read_tail(path, max_bytes) {
        Ok(text) if text.len() as u64 >= max_bytes => Ok(text),
        Ok(text) => Ok(read_older(max_bytes - text.len() as u64).unwrap_or_default() + &text),
        // It was moved just now.
        Err(error) => read_older(max_bytes).map_err(|_| error),
    }
}

/// Bytes that this process may still write to the file system of `path`. Blocking.
///
/// # Errors
/// The path is missing.
pub(crate) fn free_bytes(path: &Path) -> Result<u64, FileError> {
    let statistics =
        rustix::fs::statvfs(path).map_err(|errno| FileError::new("ask for the free space of", path, errno.into()))?;
    Ok(statistics.f_bavail.saturating_mul(statistics.f_frsize))
}

/// Bytes of the file system of `path`, free or not. Blocking.
///
/// # Errors
/// The path is missing.
pub(crate) fn total_bytes(path: &Path) -> Result<u64, FileError> {
    let statistics =
        rustix::fs::statvfs(path).map_err(|errno| FileError::new("ask for the size of", path, errno.into()))?;
    Ok(statistics.f_blocks.saturating_mul(statistics.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_may_walk_through_new_directories_and_old_ones_stay_as_they_are() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).unwrap();
        // What a crash left.
        fs::create_dir(place.path().join("clouds.new")).unwrap();
        let state = place.path().join("clouds/iaas");
        ensure_passable_directory(&state).unwrap();
        ensure_passable_directory(&state).unwrap();
        let modes = [place.path(), state.parent().unwrap(), &state].map(mode);
        assert_eq!(modes, [0o700, 0o711, 0o711]);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
        fs::write(place.path().join("file"), "").unwrap();
        assert!(ensure_passable_directory(&place.path().join("file/x")).is_err());
    }

    #[test]
    fn a_failed_write_leaves_the_old_content_and_no_litter() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        write_atomic(&path, b"old", 0o600).unwrap();
        fs::create_dir(directory.path().join("b")).unwrap();
        assert!(write_atomic(&directory.path().join("b"), b"new", 0o600).is_err());
        assert_eq!(read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn the_tail_of_a_file_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        write_atomic(&path, b"0123456789", 0o600).unwrap();
        assert_eq!(read_tail(&path, 4).unwrap(), "6789");
        assert_eq!(read_tail(&path, 40).unwrap(), "0123456789");
    }

    #[test]
    fn the_end_of_a_log_goes_on_in_its_older_part() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        assert!(read_log(&path, 4).is_err());
        write_atomic(&directory.path().join("log.1"), b"old", 0o600).unwrap();
        assert_eq!(read_log(&path, 4).unwrap(), "old");
        write_atomic(&path, b"new", 0o600).unwrap();
        assert_eq!(read_log(&path, 4).unwrap(), "dnew");
        assert_eq!(read_log(&path, 3).unwrap(), "new");
        assert_eq!(read_log(&path, 40).unwrap(), "oldnew");
    }

    #[test]
    fn a_pipe_in_the_place_of_a_log_is_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(read_tail(&path, 4).is_err());
    }
}

//! User-data that was found: what it says, and where it was.
//!
//! It must not know what user-data means, or which places there are.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// More than any cloud passes on.
pub(crate) const MAX_BYTES: u64 = 64 * 1024;

/// User-data, whatever it is.
pub(crate) struct Found {
    /// Where it was, for people.
    pub(crate) place: String,
    /// At most [`MAX_BYTES`] of it.
    pub(crate) content: Vec<u8>,
}

/// Reads a file that may not be there. Blocking.
pub(crate) fn read_file(path: &Path) -> Result<Option<Found>, String> {
    let place = path.display().to_string();
    let mut content = Vec::new();
    match File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut content)) {
        Ok(_) => Ok(Some(Found { place, content })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {place}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_none_and_a_long_one_is_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("user-data");
        assert!(read_file(&path).unwrap().is_none());
        std::fs::write(&path, vec![b'x'; 70_000]).unwrap();
        let found = read_file(&path).unwrap().unwrap();
        assert_eq!((found.content.len() as u64, found.place), (MAX_BYTES, path.display().to_string()));
        assert!(read_file(directory.path()).is_err_and(|reason| reason.starts_with("cannot read ")));
    }
}

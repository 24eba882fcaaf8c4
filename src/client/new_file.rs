//! A file of a manager: it has its name when it is there whole, and not before.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::Failure;

/// A file that is being written.
pub(super) struct NewFile {
    part: NamedTempFile,
    path: PathBuf,
}

impl NewFile {
    /// Begins a file that is to be at `path`. Blocking, but short.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub(super) fn beside(path: &Path) -> Result<Self, Failure> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let part = tempfile::Builder::new().prefix(".conpaas-").suffix(".part").tempfile_in(directory);
        Ok(NewFile { part: part.map_err(|error| unwritten(path, &error))?, path: path.to_owned() })
    }

    /// Returns where its bytes go until then.
    pub(super) fn path(&self) -> &Path {
        self.part.path()
    }

    /// Writes all of it and keeps it. Blocking.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.part.write_all(bytes).and_then(|()| self.part.as_file().sync_all());
        written.map_err(|error| unwritten(&self.path, &error))?;
        self.keep()
    }

    /// Puts it where it is to be; others may read it, as any file that a person saves. Blocking.
    ///
    /// # Errors
    /// It cannot have that name.
    pub(super) fn keep(self) -> Result<(), Failure> {
        let permissions = std::fs::Permissions::from_mode(0o644);
        let kept = self.part.as_file().set_permissions(permissions);
        kept.map_err(|error| unwritten(&self.path, &error))?;
        self.part.persist(&self.path).map(drop).map_err(|error| unwritten(&self.path, &error.error))
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::said(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("code.tar");
        std::fs::write(&path, "old").unwrap();
        drop(NewFile::beside(&path).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old", "what is given up changes nothing");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        NewFile::beside(&path).unwrap().write(b"new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert!(
            NewFile::beside(Path::new("/nonexistent/x"))
                .err()
                .is_some_and(|error| error.text.contains("/nonexistent/x"))
        );
    }
}

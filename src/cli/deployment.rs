//! How a kind's programs come on the air by `deploy`.

use std::path::{Path, PathBuf};

/// How a kind's programs come on the air by `deploy`.
#[derive(Debug)]
pub(crate) struct Deployment {
    /// The kind.
    pub kind: &'static str,
    /// The manager's method that enables a code version.
    pub enable_method: &'static str,
    /// Says why a directory, or a file, holds a program of this kind; `None` if it does not.
    pub looks_like: fn(&Path) -> Option<&'static str>,
    /// Says what of it is uploaded, or why nothing can be.
    pub parcel: fn(&Path) -> Result<Parcel, String>,
    /// Where visitors come in.
    pub entry: Entry,
    /// Finds the directory that visitors are to see of what is deployed; `None` for kinds without such a setting.
    pub document_root: Option<fn(&Path) -> Option<&'static str>>,
}

/// What is uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parcel {
    /// A directory, packed as tar.
    Directory(PathBuf),
    /// A directory, packed as a web application in Java.
    WebApplication(PathBuf),
    /// A file as it is.
    File(PathBuf),
}

impl Parcel {
    /// Uploads the directory itself.
    ///
    /// # Errors
    /// Returns an error if it is none.
    pub(crate) fn directory(path: &Path) -> Result<Parcel, String> {
        let shown = path.display();
        if path.is_dir() {
            return Ok(Parcel::Directory(path.to_owned()));
        }
        Err(format!("'{shown}' is no directory: unpack it first, or upload an archive with 'conpaas KIND upload_code'"))
    }
}

/// Where visitors of a service come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// At port 80 of the nodes of this role.
    Site(&'static str),
    /// Where the user's own program listens, which `run.sh` starts.
    Program,
}

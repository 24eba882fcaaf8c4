//! The places of things on the machine, or below a directory that stands for one.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::api::first_boot::{FIRST_BOOT_DIR, FIRST_LOGIN_FILE, WELCOME_FILE};
use crate::sys::file::{self, FileError};

/// The root of the machine's file system and its FAT partition.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    root: PathBuf,
    card: PathBuf,
}

impl Place {
    /// `root` stands for `/`; `card` is where the FAT partition is, by
    /// default below the root where Debian mounts it.
    #[must_use]
    pub(crate) fn new(root: &Path, card: Option<&Path>) -> Self {
        let card = card.map_or_else(|| root.join("boot/firmware"), Path::to_owned);
        Place { root: root.to_owned(), card }
    }

    /// Returns whether this is the running machine, and not a directory that stands for one.
    #[must_use]
    pub(crate) fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Returns the root itself.
    #[must_use]
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns a file of the FAT partition.
    #[must_use]
    pub(crate) fn on_card(&self, name: &str) -> PathBuf {
        self.card.join(name)
    }

    /// Returns an absolute path, below the root.
    #[must_use]
    pub(crate) fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    /// Returns a file of the first boot's own directory.
    #[must_use]
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.path(FIRST_BOOT_DIR).join(name)
    }

    pub(crate) fn first_login(&self) -> PathBuf {
        self.state(FIRST_LOGIN_FILE)
    }

    pub(crate) fn welcome(&self) -> PathBuf {
        self.state(WELCOME_FILE)
    }

    /// Makes the first boot's own directory: anybody may look, only root writes. Blocking.
    pub(crate) fn ensure_state(&self) -> Result<(), FileError> {
        let directory = self.path(FIRST_BOOT_DIR);
        file::ensure_directory(&directory)?;
        set_mode(&directory, 0o755)
    }

    /// Writes a file whole, with its directories, unless it is there already
    /// with this content and mode: a card wears out by being written to. Blocking.
    pub(crate) fn write(&self, absolute: &str, text: &str, mode: u32) -> Result<PathBuf, FileError> {
        let path = self.path(absolute);
        if let Some(directory) = path.parent() {
            file::ensure_directory(directory)?;
        }
        let is_same = fs::symlink_metadata(&path)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o7777 == mode)
            && fs::read(&path).is_ok_and(|content| content == text.as_bytes());
        if !is_same {
            file::write_atomic(&path, text.as_bytes(), mode)?;
            // The mode of a new file is cut by the process's mask.
            set_mode(&path, mode)?;
        }
        Ok(path)
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<(), FileError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|source| FileError::new("set the mode of", path, source))
}

/// Makes an account the owner of a file.
pub(crate) fn set_owner(path: &Path, user_id: u32, group_id: u32) -> Result<(), FileError> {
    chown(path, Some(user_id), Some(group_id)).map_err(|source| FileError::new("give away", path, source))
}

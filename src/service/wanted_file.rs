//! What a node is to run, in a file of its own: written down before anything is done about it.

use std::marker::PhantomData;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sys::file::{self, FileError};

/// The file that keeps what is wanted.
#[derive(Debug, Clone)]
pub(crate) struct WantedFile<T> {
    path: PathBuf,
    holds: PhantomData<T>,
}

impl<T: Default + Serialize + DeserializeOwned> WantedFile<T> {
    pub(crate) fn at(path: PathBuf) -> Self {
        WantedFile { path, holds: PhantomData }
    }

    /// Returns what is wanted; nothing on a new node. Blocking.
    ///
    /// # Errors
    /// Returns an error if the file is there and cannot be read: a node never forgets what it runs.
    pub(crate) fn read(&self) -> Result<T, FileError> {
        let text = match file::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(T::default()),
            Err(error) => return Err(error),
        };
        serde_json::from_slice(&text).map_err(|error| FileError::new("understand", &self.path, error.into()))
    }

    /// Writes it down, for root alone: it may hold passwords. Blocking.
    ///
    /// # Errors
    /// Returns an error if the disk does not take it.
    pub(crate) fn write(&self, wanted: &T) -> Result<(), FileError> {
        let text = serde_json::to_vec(wanted).map_err(|error| FileError::new("write", &self.path, error.into()))?;
        file::write_atomic(&self.path, &text, 0o600)
    }
}

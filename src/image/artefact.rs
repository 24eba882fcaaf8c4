//! What builds leave for people: files below the output directory, and the
//! record of how they were made.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::architecture::Architecture;
use super::key::{Key, hash_file, hexadecimal};
use crate::sys::file;

/// A file that was made, or found as it had been made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// Its name in the output directory.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// The hash of its content, in hexadecimal.
    pub sha256: String,
    key: String,
    /// Seconds and nanoseconds: whoever writes into the file changes it.
    modified: (i64, i64),
}

/// An image that was made.
#[derive(Debug, Clone)]
pub struct Built {
    /// Recipe, architecture and chosen kinds.
    pub name: String,
    /// The recipe.
    pub recipe: String,
    /// For which machines.
    pub architecture: Architecture,
    /// The directory that was made, if the image is one.
    pub directory: Option<PathBuf>,
    /// What is in the root file system, in bytes.
    pub content_bytes: u64,
    /// The files that were made.
    pub artefacts: Vec<Artefact>,
    /// What the smallest download may have, if somebody said.
    pub budget_mb: Option<u64>,
    /// What the seed's download had.
    pub seed_mb: Option<u64>,
}

impl Built {
    /// The smallest of the files that hold the whole image, if one was compressed.
    #[must_use]
    pub fn compressed(&self) -> Option<&Artefact> {
        self.artefacts.iter().filter(|artefact| artefact.file.ends_with(".xz")).min_by_key(|artefact| artefact.bytes)
    }
}

/// The files that were made of one image, in a file of their own.
pub(super) struct Record {
    path: PathBuf,
    artefacts: Vec<Artefact>,
}

impl Record {
    /// Reads the record; an unreadable one is an empty one, since all can be made again. Blocking.
    pub(super) fn read(path: PathBuf) -> Record {
        let artefacts = file::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Record { path, artefacts: artefacts.unwrap_or_default() }
    }

    /// The file called `name` in `directory`, if it is there, has this key, and was not touched since. Blocking.
    pub(super) fn find(&self, directory: &Path, name: &str, key: &Key) -> Option<Artefact> {
        let artefact =
            self.artefacts.iter().find(|artefact| artefact.file == name && artefact.key == key.to_string())?;
        let metadata = fs::symlink_metadata(directory.join(name)).ok()?;
        let is_same = metadata.is_file()
            && metadata.len() == artefact.bytes
            && (metadata.mtime(), metadata.mtime_nsec()) == artefact.modified;
        is_same.then(|| artefact.clone())
    }

    /// Records a whole file. Blocking.
    ///
    /// # Errors
    /// It cannot be read, or the record not be written.
    pub(super) fn add(&mut self, directory: &Path, name: &str, key: &Key) -> Result<Artefact> {
        let path = directory.join(name);
        let metadata = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let artefact = Artefact {
            file: name.to_owned(),
            bytes: metadata.len(),
            sha256: hexadecimal(&hash_file(&path)?),
            key: key.to_string(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        };
        self.artefacts.retain(|other| other.file != name);
        self.artefacts.push(artefact.clone());
        file::write_atomic(&self.path, &serde_json::to_vec_pretty(&self.artefacts)?, 0o644)?;
        Ok(artefact)
    }
}

//! Finished files below the output directory, and the record of how each was made.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::image::recipe::architecture::Architecture;
use crate::image::recipe::cache_key::{CacheKey, hash_file, hexadecimal};
use crate::sys::file;

/// The name in a work directory under which its [`Record`] is kept.
const RECORD: &str = "result.json";

/// A file that was made, or found as it had been made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Artefact {
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

impl Artefact {
    /// Returns whether the file in `directory` is as it was when it was made. Blocking.
    fn is_untouched(&self, directory: &Path) -> bool {
        let Ok(metadata) = fs::symlink_metadata(directory.join(&self.file)) else { return false };
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        metadata.is_file() && metadata.len() == self.bytes && modified == self.modified
    }
}

/// An image that was made.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    /// Recipe, architecture and chosen kinds.
    pub name: String,
    /// The directory that was made, if the image is one.
    pub directory: Option<PathBuf>,
    /// Size of the root file system's content.
    pub content_bytes: u64,
    /// The files that were made.
    pub artefacts: Vec<Artefact>,
    /// The largest size of the smallest download, if the recipe sets one.
    pub budget_mb: Option<u64>,
    /// Size of the download of the Raspberry Pi edition of old, if there was one.
    pub seed_mb: Option<u64>,
}

impl Built {
    /// Returns the smallest of the files that hold the whole image, if one was compressed.
    #[must_use]
    pub(crate) fn download(&self) -> Option<&Artefact> {
        let is_compressed =
            |artefact: &&Artefact| [".xz", ".qcow2", ".ova"].iter().any(|end| artefact.file.ends_with(end));
        self.artefacts.iter().filter(is_compressed).min_by_key(|artefact| artefact.bytes)
    }
}

/// The description of an image for people who look for one to download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offer {
    /// Its name.
    pub name: String,
    /// One sentence about it.
    pub about: String,
    /// The URL of a picture.
    pub icon: String,
    /// A page about it.
    pub website: Option<String>,
    /// For which machines it is.
    pub architecture: Architecture,
    /// Its date, in seconds since 1970.
    pub epoch: u64,
    /// The file of the whole disk.
    pub image: String,
}

/// The files that were made of one image, in a file of their own.
pub(crate) struct Record {
    path: PathBuf,
    content: Content,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    artefacts: Vec<Artefact>,
    offer: Option<Offer>,
}

impl Record {
    /// Reads the record in a work directory; an unreadable one is an empty one, since all can be made again. Blocking.
    pub(crate) fn read(work: &Path) -> Record {
        let path = work.join(RECORD);
        let content = file::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Record { path, content: content.unwrap_or_default() }
    }

    /// Returns all files that are in `directory` as they were made. Blocking.
    pub(crate) fn present(&self, directory: &Path) -> Vec<&Artefact> {
        self.content.artefacts.iter().filter(|artefact| artefact.is_untouched(directory)).collect()
    }

    /// Returns the description of the image, if it is offered to people.
    pub(crate) fn offer(&self) -> Option<&Offer> {
        self.content.offer.as_ref()
    }

    /// Returns the file called `name` in `directory`, if it is there, has this key, and was not touched since. Blocking.
    pub(crate) fn find(&self, directory: &Path, name: &str, key: &CacheKey) -> Option<Artefact> {
        let is_it = |artefact: &&Artefact| artefact.file == name && artefact.key == key.to_string();
        let artefact = self.content.artefacts.iter().find(is_it)?;
        artefact.is_untouched(directory).then(|| artefact.clone())
    }

    /// Records the description of the image, or that it is not offered. Blocking.
    ///
    /// # Errors
    /// The record cannot be written.
    pub(crate) fn set_offer(&mut self, offer: Option<Offer>) -> Result<()> {
        if self.content.offer != offer {
            self.content.offer = offer;
            self.write()?;
        }
        Ok(())
    }

    /// Records a whole file. Blocking.
    ///
    /// # Errors
    /// The file cannot be read, or the record cannot be written.
    pub(crate) fn add(&mut self, directory: &Path, name: &str, key: &CacheKey) -> Result<Artefact> {
        let path = directory.join(name);
        let metadata = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let artefact = Artefact {
            file: name.to_owned(),
            bytes: metadata.len(),
            sha256: hexadecimal(&hash_file(&path)?),
            key: key.to_string(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        };
        self.content.artefacts.retain(|other| other.file != name);
        self.content.artefacts.push(artefact.clone());
        self.write()?;
        Ok(artefact)
    }

    fn write(&self) -> Result<()> {
        Ok(file::write_atomic(&self.path, &serde_json::to_vec_pretty(&self.content)?, 0o644)?)
    }
}

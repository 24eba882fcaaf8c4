//! Keys: hashes over everything that goes into something.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::sys::file::FileError;

/// A hash over all inputs of something that was or will be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CacheKey([u8; 32]);

impl CacheKey {
    /// Returns its first 16 digits, enough for the name of a file.
    pub(crate) fn short(&self) -> String {
        self.to_string()[..16].to_owned()
    }

    /// Returns the key of a thing that is made by `purpose` of the thing of this key.
    pub(crate) fn then(&self, purpose: &str) -> CacheKey {
        let mut maker = CacheKeyBuilder::new(purpose);
        maker.bytes("of", &self.0);
        maker.finish()
    }

    /// Returns bytes for `purpose` that follow from the key.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(purpose.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        bytes
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// Takes inputs, one after the other, and makes their key.
pub(crate) struct CacheKeyBuilder(Sha256);

impl CacheKeyBuilder {
    /// Begins a key for this purpose.
    pub(crate) fn new(purpose: &str) -> Self {
        let mut maker = CacheKeyBuilder(Sha256::new());
        maker.bytes("purpose", purpose.as_bytes());
        maker
    }

    /// Adds a value under a label. Lengths go in, so that no two inputs run together to the same bytes.
    pub(crate) fn bytes(&mut self, label: &str, value: &[u8]) {
        for part in [label.as_bytes(), value] {
            self.0.update((part.len() as u64).to_be_bytes());
            self.0.update(part);
        }
    }

    /// Adds texts under a label.
    pub(crate) fn texts<T: AsRef<str>>(&mut self, label: &str, values: impl IntoIterator<Item = T>) {
        self.bytes("list", label.as_bytes());
        for value in values {
            self.bytes(label, value.as_ref().as_bytes());
        }
        self.bytes("end", label.as_bytes());
    }

    /// Adds a file or a tree: names, contents, links, and whether files are programs. A missing file is an
    /// input too. Blocking.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn tree(&mut self, label: &str, path: &Path) -> Result<(), FileError> {
        self.bytes("tree", label.as_bytes());
        let fail = |source| FileError::new("read", path, source);
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.bytes("absent", b""),
            Err(error) => return Err(fail(error)),
            Ok(_) => self.entry(path)?,
        }
        self.bytes("end", label.as_bytes());
        Ok(())
    }

    /// Returns the key of all inputs.
    pub(crate) fn finish(self) -> CacheKey {
        CacheKey(self.0.finalize().into())
    }

    fn entry(&mut self, path: &Path) -> Result<(), FileError> {
        let fail = |source| FileError::new("read", path, source);
        let metadata = fs::symlink_metadata(path).map_err(fail)?;
        if metadata.is_dir() {
            let mut entries = BTreeMap::new();
            for entry in fs::read_dir(path).map_err(fail)? {
                let entry = entry.map_err(fail)?;
                entries.insert(entry.file_name(), entry.path());
            }
            self.bytes("directory", &(entries.len() as u64).to_be_bytes());
            for (name, path) in entries {
                self.bytes("name", name.as_bytes());
                self.entry(&path)?;
            }
        } else if metadata.is_symlink() {
            let target: PathBuf = fs::read_link(path).map_err(fail)?;
            self.bytes("link", target.as_os_str().as_bytes());
        } else if metadata.is_file() {
            self.bytes(if metadata.mode() & 0o100 == 0 { "file" } else { "program" }, &hash_file(path)?);
        } else {
            self.bytes("special", &metadata.mode().to_be_bytes());
        }
        Ok(())
    }
}

/// Returns the SHA-256 of a file's content. Blocking.
///
/// # Errors
/// It cannot be read.
pub(crate) fn hash_file(path: &Path) -> Result<[u8; 32], FileError> {
    let fail = |source| FileError::new("read", path, source);
    let mut file = fs::File::open(path).map_err(fail)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).map_err(fail)?;
        if count == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(&buffer[..count]);
    }
}

/// Writes bytes as people write hashes.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(path: &Path) -> CacheKey {
        let mut maker = CacheKeyBuilder::new("test");
        maker.tree("tree", path).unwrap();
        maker.finish()
    }

    #[test]
    fn a_trees_key_follows_from_what_is_in_it_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let (one, two) = (directory.path().join("one"), directory.path().join("two"));
        for (root, names) in [(&one, ["a", "b"]), (&two, ["b", "a"])] {
            fs::create_dir_all(root.join("x")).unwrap();
            for name in names {
                fs::write(root.join("x").join(name), name).unwrap();
            }
        }
        assert_eq!(key_of(&one), key_of(&two));
        fs::write(two.join("x/a"), "other").unwrap();
        let changed = key_of(&two);
        assert_ne!(key_of(&one), changed);
        fs::rename(two.join("x/a"), two.join("a")).unwrap();
        assert_ne!(key_of(&two), changed);
        assert_ne!(key_of(&directory.path().join("absent")), key_of(&two));
    }

    #[test]
    fn inputs_do_not_run_together() {
        let key = |values: &[&str]| {
            let mut maker = CacheKeyBuilder::new("test");
            maker.texts("value", values);
            maker.finish()
        };
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_ne!(key(&[]), key(&[""]));
    }
}

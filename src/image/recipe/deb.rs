//! Debian packages of our own, which no archive has.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::architecture::Architecture;
use super::cache_key::{hash_file, hexadecimal};
use crate::sys::program;

/// A package in a file.
#[derive(Debug, Clone)]
pub(crate) struct Deb {
    /// Its name.
    pub package: String,
    /// The architecture in Debian's words; `all` fits any machine.
    pub architecture: String,
    /// Its file.
    pub path: PathBuf,
    /// The hash of the file.
    pub sha256: String,
    control: String,
    size: u64,
}

impl Deb {
    /// Reads what a package says about itself.
    ///
    /// # Errors
    /// The file is no Debian package.
    pub(crate) async fn read(path: &Path) -> Result<Deb> {
        let file = path.to_str().context("the path of a package must be plain text")?;
        let control = program::run("dpkg-deb", &["--field", file], program::LIMIT).await?;
        let field = |name: &str| {
            let line = control.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.map(str::to_owned).with_context(|| format!("{file} names no {name}"))
        };
        Ok(Deb {
            package: field("Package")?,
            architecture: field("Architecture")?,
            path: path.to_owned(),
            sha256: hexadecimal(&hash_file(path)?),
            size: std::fs::metadata(path).with_context(|| format!("cannot read {file}"))?.len(),
            control: control.trim_end().to_owned(),
        })
    }

    /// Returns whether it can be installed on such a machine.
    pub(crate) fn fits(&self, architecture: Architecture) -> bool {
        self.architecture == "all" || self.architecture == architecture.name()
    }

    /// Returns its entry in an archive's list of packages, where its file is called `name`.
    pub(crate) fn entry(&self, name: &str) -> String {
        format!("{}\nFilename: ./{name}\nSize: {}\nSHA256: {}\n", self.control, self.size, self.sha256)
    }
}

/// Reads all packages in a directory; none if there is no such directory.
///
/// # Errors
/// A file there that is called a package is none.
pub(crate) async fn read_all(directory: &Path) -> Result<Vec<Deb>> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "deb"));
    paths.sort();
    let mut debs = Vec::new();
    for path in paths {
        debs.push(Deb::read(&path).await?);
    }
    Ok(debs)
}

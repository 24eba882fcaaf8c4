//! Where an ingress keeps its files.

use std::path::{Path, PathBuf};

use super::options::IngressOptions;
use crate::sys::file::{self, FileError};

/// The account of Debian's web servers, which root's nginx serves as.
const ACCOUNT: &str = "www-data";

/// Where an ingress keeps its files.
#[derive(Debug, Clone)]
pub(super) struct Place {
    state_dir: PathBuf,
    /// The account that nginx serves as; `None` where this process is not root.
    pub(super) account: Option<&'static str>,
}

impl Place {
    /// Finds the places below the state directory, and makes them. Blocking.
    ///
    /// # Errors
    /// A directory cannot be made.
    pub(super) fn ensure(options: &IngressOptions) -> Result<Self, FileError> {
        let account = nix::unistd::geteuid().is_root().then_some(ACCOUNT);
        let place = Place { state_dir: options.state_dir.clone(), account };
        file::ensure_passable_directory(&place.state_dir)?;
        for directory in [place.run(), place.temporary()] {
            file::ensure_passable_directory(&directory)?;
        }
        file::ensure_passable_directory(&place.answers())?;
        for directory in [place.logs(), place.certificates()] {
            file::ensure_private_directory(&directory)?;
        }
        Ok(place)
    }

    /// Returns the places below a directory of a test.
    #[cfg(test)]
    pub(super) fn of_test(directory: &Path) -> Self {
        Place { state_dir: directory.to_owned(), account: None }
    }

    /// What was published last.
    pub(super) fn memory(&self) -> PathBuf {
        self.state_dir.join("sites.json")
    }

    /// The last known time.
    pub(super) fn time_record(&self) -> PathBuf {
        self.state_dir.join("time")
    }

    /// What the supervisor of programs keeps.
    pub(super) fn daemons(&self) -> PathBuf {
        self.state_dir.join("daemons")
    }

    /// The number of nginx's process.
    pub(super) fn run(&self) -> PathBuf {
        self.state_dir.join("run")
    }

    /// The file that says that nginx is to keep no connection.
    pub(super) fn mark(&self) -> PathBuf {
        self.run().join("keep-no-connection")
    }

    /// Where nginx puts what does not fit into memory.
    pub(super) fn temporary(&self) -> PathBuf {
        self.state_dir.join("tmp")
    }

    /// Certificates with their keys, and accounts at authorities.
    pub(super) fn certificates(&self) -> PathBuf {
        self.state_dir.join("certificates")
    }

    /// What an authority asks for at a name.
    pub(super) fn answers(&self) -> PathBuf {
        self.run().join("acme")
    }

    /// A log for each published service.
    pub(super) fn logs(&self) -> PathBuf {
        self.state_dir.join("logs")
    }

    /// Pages that stand in for services, once nginx serves.
    pub(super) fn pages(&self) -> PathBuf {
        self.daemons().join("nginx").join("current").join("pages")
    }

    /// Where programs start.
    pub(super) fn directory(&self) -> &Path {
        &self.state_dir
    }
}

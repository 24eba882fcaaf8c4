//! The files of one daemon.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::DaemonError;
use super::name::DaemonName;
use super::spec::{Daemon, Running};
use crate::supervise::record::Record;
use crate::sys::file::{self, FileError};
use crate::sys::last_lines::last_lines;

/// How much of a file of output is looked at for its last lines.
const TAIL_BYTES: u64 = 8 * 1024;
const N_LINES: usize = 8;

/// Where one daemon keeps its state. Everything here blocks.
#[derive(Debug, Clone)]
pub(crate) struct DaemonPlace {
    pub(crate) name: DaemonName,
    directory: PathBuf,
}

impl DaemonPlace {
    /// Returns the place of `name` below the supervisor's directory.
    pub(crate) fn new(supervisor: &Path, name: &DaemonName) -> Self {
        DaemonPlace { name: name.clone(), directory: supervisor.join(name.as_str()) }
    }

    /// Makes the directory, so that the daemon's own user may walk through it.
    pub(crate) fn ensure(&self) -> Result<(), DaemonError> {
        file::ensure_passable_directory(&self.directory).map_err(|error| self.failed(error))
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The link to the configuration files that count.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.directory.join("current")
    }

    pub(crate) fn record(&self) -> PathBuf {
        self.directory.join("process.json")
    }

    pub(crate) fn stdout(&self) -> PathBuf {
        self.directory.join("stdout")
    }

    pub(crate) fn stderr(&self) -> PathBuf {
        self.directory.join("stderr")
    }

    pub(crate) fn wanted(&self) -> Option<Daemon> {
        self.read("wanted.json")
    }

    pub(crate) fn unwanted(&self) -> Option<Daemon> {
        self.read("unwanted.json")
    }

    pub(crate) fn running(&self) -> Option<Running> {
        self.read("running.json")
    }

    /// Writes down that it is to run. From now on whoever comes next makes it so.
    pub(crate) fn want(&self, daemon: &Daemon) -> Result<(), DaemonError> {
        self.write("wanted.json", daemon)?;
        file::ensure_absent(&self.directory.join("unwanted.json")).map_err(|error| self.failed(error))
    }

    /// Writes down that it is to be stopped and forgotten.
    pub(crate) fn unwant(&self) -> Result<(), DaemonError> {
        let (wanted, unwanted) = (self.directory.join("wanted.json"), self.directory.join("unwanted.json"));
        if !wanted.exists() {
            return Ok(());
        }
        std::fs::rename(&wanted, &unwanted).map_err(|source| self.failed(FileError::new("rename", &wanted, source)))?;
        self.sync()
    }

    /// Writes down what the running program has.
    pub(crate) fn set_running(&self, running: &Running) -> Result<(), DaemonError> {
        self.write("running.json", running)
    }

    /// Forgets everything; `unwanted.json` goes last, so that a crash before it is taken up again.
    pub(crate) fn forget(&self) -> Result<(), DaemonError> {
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let last = self.directory.join("unwanted.json");
        for path in entries.map(|entry| entry.path()).filter(|path| *path != last) {
            file::ensure_absent(&path).map_err(|error| self.failed(error))?;
        }
        file::ensure_absent(&self.directory).map_err(|error| self.failed(error))
    }

    /// Returns what the program said at last: in its last run, if that has ended.
    pub(crate) fn said(&self) -> String {
        let of_run = Record::read(&self.record()).map(|record| record.last_lines).unwrap_or_default();
        let tail = |path: PathBuf| last_lines(&file::read_tail(&path, TAIL_BYTES).unwrap_or_default(), N_LINES);
        let said = [of_run, tail(self.stderr()), tail(self.stdout())].into_iter().find(|said| !said.is_empty());
        said.unwrap_or_else(|| "it said nothing".to_owned())
    }

    pub(crate) fn failed(&self, source: FileError) -> DaemonError {
        DaemonError::File { name: self.name.clone(), source }
    }

    pub(crate) fn sync(&self) -> Result<(), DaemonError> {
        let synced = std::fs::File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(|source| self.failed(FileError::new("write", &self.directory, source)))
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&file::read(&self.directory.join(name)).ok()?).ok()
    }

    fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), DaemonError> {
        let bytes = serde_json::to_vec(value).expect("plain data with text keys is always JSON");
        // Configuration files hold passwords.
        file::write_atomic(&self.directory.join(name), &bytes, 0o600).map_err(|error| self.failed(error))
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::tests::sample;
    use super::*;

    #[test]
    fn what_is_wanted_is_kept_until_it_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let daemon = sample();
        let place = DaemonPlace::new(directory.path(), &daemon.name);
        place.ensure().unwrap();
        place.want(&daemon).unwrap();
        assert_eq!((place.wanted(), place.unwanted()), (Some(daemon.clone()), None));
        place.unwant().unwrap();
        place.unwant().unwrap();
        assert_eq!((place.wanted(), place.unwanted()), (None, Some(daemon.clone())));
        place.want(&daemon).unwrap();
        assert_eq!((place.wanted(), place.unwanted()), (Some(daemon), None));
        place.forget().unwrap();
        assert!(!place.directory().exists());
    }

    #[test]
    fn the_last_words_are_those_of_the_last_run_or_of_the_files() {
        let directory = tempfile::tempdir().unwrap();
        let place = DaemonPlace::new(directory.path(), &"x".parse().unwrap());
        place.ensure().unwrap();
        assert_eq!(place.said(), "it said nothing");
        std::fs::write(place.stdout(), "hello\n").unwrap();
        assert_eq!(place.said(), "hello");
        std::fs::write(place.stderr(), "\nbad\nworse\n").unwrap();
        assert_eq!(place.said(), "bad; worse");
    }
}

//! The record of the card's settings, kept until they are applied.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::FirstBootError;
use super::place::Place;
use super::settings::{Entry, Problem};
use crate::sys::file;

const RECORD: &str = "record.json";
/// There when the first boot is over; units look for it.
const DONE: &str = "done";

/// Everything that was read from the card. Holds secrets: only root may read its file.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The entries of `conpaas.txt` when it was last read.
    pub settings: Vec<Entry>,
    /// The entries of Imager's files.
    pub imager: Vec<Entry>,
    /// The problems of Imager's files.
    pub imager_problems: Vec<Problem>,
    /// Names of Imager's files that are read and not to be read again.
    pub imager_files: Vec<String>,
    /// Everything is applied; the rest of this record is empty.
    is_finished: bool,
}

impl Record {
    /// Reads what an earlier, unfinished first boot recorded; empty when there was none. Blocking.
    pub(crate) fn load(place: &Place) -> Record {
        let path = place.state(RECORD);
        file::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    pub(crate) fn save(&self, place: &Place) -> Result<(), FirstBootError> {
        let path = place.state(RECORD);
        let bytes = serde_json::to_vec(self).map_err(|_| FirstBootError::Damaged(path.clone()))?;
        if std::fs::read(&path).is_ok_and(|content| content == bytes) {
            return Ok(());
        }
        Ok(file::write_atomic(&path, &bytes, 0o600)?)
    }

    /// Returns whether everything is applied, and only [`finish`] is left.
    pub(crate) fn is_finished(&self) -> bool {
        self.is_finished
    }
}

/// Returns whether the first boot is over. Blocking.
pub(crate) fn is_done(place: &Place) -> bool {
    place.state(DONE).exists()
}

/// Ends the first boot: the secrets go out of the record first, then the
/// record becomes the mark that units look for. May be repeated. Blocking.
pub(crate) fn finish(place: &Place) -> Result<(), FirstBootError> {
    let finished = Record { is_finished: true, ..Record::default() };
    finished.save(place)?;
    crate::task::crash_point("first-boot.finish.forget");
    let (from, to) = (place.state(RECORD), place.state(DONE));
    std::fs::rename(&from, &to).map_err(|source| file::FileError::new("rename", &from, source))?;
    let directory = to.parent().unwrap_or_else(|| Path::new("/"));
    let synced = std::fs::File::open(directory).and_then(|directory| directory.sync_all());
    Ok(synced.map_err(|source| file::FileError::new("write", directory, source))?)
}

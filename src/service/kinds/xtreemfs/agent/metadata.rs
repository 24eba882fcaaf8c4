//! The metadata of a node: how it begins, and when a copy of it may take over.
//!
//! A master writes all of its metadata once an hour, and in between what changes. A copy that begins before the first time
//! would have the changes, and nothing that they change: the master of such a copy begins empty. So metadata is written
//! whole before a master starts for the first time, and a copy without a whole state does not take over.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::daemons::{self, MASTER};
use super::place::{self, Place};
use crate::service::error::MethodError;
use crate::sys::file::{self, FileError};
use crate::sys::{self, program};

/// What metadata begins with where there is none yet.
const EMPTY: &[u8] = b"MFSM NEW";
/// What a state ends with that was written to its end.
const END: &[u8; 16] = b"[MFS EOF MARKER]";
/// The states that a master writes.
const OWN: &str = "metadata.mfs";
/// The states that a copy has of its master.
const COPIED: &str = "metadata_ml.mfs.back";
/// What a copy has not finished to fetch. A master would take it for a state.
const UNFINISHED: &str = "metadata_ml.tmp";
/// The file by which the first state is written.
const FIRST: &str = "first.cfg";
const LIMIT: Duration = Duration::from_secs(300);

/// Begins metadata where a service begins, and looks whether a copy can be gone on with where there is one.
///
/// # Errors
/// Returns an error if there is data without metadata, the copy is not whole, or the disk does not take it.
pub(super) async fn prepare(place: &Place, directory: &Path, data: Option<&Path>) -> Result<(), MethodError> {
    let (kept, at, data) = (place.clone(), directory.to_owned(), data.map(Path::to_owned));
    let Some(unwritten) = sys::blocking(move || begin(&kept, &at, data.as_deref())).await? else { return Ok(()) };
    let configuration = unwritten.join(FIRST).display().to_string();
    let written = program::run(MASTER, &["-c", &configuration, "-a", "restore"], LIMIT).await;
    written.map_err(|error| MethodError::refused(sys::chain(&error)))?;
    let there = place::metadata(directory);
    sys::blocking(move || finish(&unwritten, &there)).await
}

/// Returns whether a copy is about to become the metadata. Blocking.
pub(super) fn takes_over(directory: &Path) -> bool {
    let there = place::metadata(directory);
    there.exists() && !states(&there).iter().any(|path| name_of(path).starts_with(OWN))
}

/// Returns whether a directory has a whole state of the metadata, of its own or as a copy. Blocking.
pub(super) fn is_whole(metadata: &Path) -> bool {
    states(metadata).iter().any(|path| ends_well(path))
}

/// Makes a directory ready in which a master is to write all of its metadata: a new one, or that of a copy, of which others
/// could make no copy before. `None` if nothing is to be written. Blocking.
fn begin(place: &Place, directory: &Path, data: Option<&Path>) -> Result<Option<PathBuf>, MethodError> {
    place::expect_there(directory)?;
    let there = place::metadata(directory);
    if takes_over(directory) {
        expect_copy(&there)?;
        write_first(&there, place)?;
        return Ok(Some(there));
    }
    if there.exists() {
        return Ok(None);
    }
    if data.is_some_and(|data| place::chunks(data).exists()) {
        return Err(MethodError::refused(format!(
            "{} has no metadata, and this node has data: the volume with the metadata is missing",
            directory.display()
        )));
    }
    let new = directory.join("metadata.new");
    file::ensure_absent(&new)?;
    place.home.give(&new)?;
    let first = new.join(OWN);
    file::write_atomic(&first, EMPTY, 0o640)?;
    place.home.own(&first)?;
    write_first(&new, place)?;
    Ok(Some(new))
}

fn write_first(metadata: &Path, place: &Place) -> Result<(), MethodError> {
    let path = metadata.join(FIRST);
    file::write_atomic(&path, daemons::first_state(metadata, place)?.as_bytes(), 0o640)?;
    place.home.own(&path)
}

/// Puts metadata that was written in its place. Blocking.
fn finish(written: &Path, there: &Path) -> Result<(), MethodError> {
    if !ends_well(&written.join(OWN)) {
        return Err(MethodError::refused(format!("{MASTER} did not write the metadata of {}", written.display())));
    }
    file::ensure_absent(&written.join(FIRST))?;
    if written != there {
        fs::rename(written, there).map_err(|error| FileError::new("rename", written, error))?;
    }
    Ok(())
}

/// A copy that is not whole is refused: its master would begin empty. Blocking.
fn expect_copy(metadata: &Path) -> Result<(), MethodError> {
    if !is_whole(metadata) {
        return Err(MethodError::refused(format!(
            "{} has no whole copy of the metadata, so this node cannot take over",
            metadata.display()
        )));
    }
    Ok(file::ensure_absent(&metadata.join(UNFINISHED))?)
}

fn states(metadata: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(metadata).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| [OWN, COPIED].iter().any(|name| name_of(path).starts_with(name))).collect()
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn ends_well(path: &Path) -> bool {
    let mut end = [0; END.len()];
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::End(-(END.len() as i64)))?;
        file.read_exact(&mut end)
    });
    read.is_ok() && end == *END
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn metadata_begins_once_and_never_beside_data() {
        let disk = tempfile::tempdir().unwrap();
        let place = Place::sample(Ipv4Addr::LOCALHOST, disk.path());
        let (directory, data) = (disk.path().join("dir"), disk.path().join("osd"));
        let missing = begin(&place, &directory, None).unwrap_err().to_string();
        assert!(missing.contains("its volume is not mounted"), "{missing}");
        place.prepare(&directory).unwrap();
        let new = begin(&place, &directory, Some(&data)).unwrap().unwrap();
        let there = place::metadata(&directory);
        assert!(finish(&new, &there).is_err_and(|error| error.to_string().contains("did not write")));
        fs::write(new.join(OWN), [b"all of it", END.as_slice()].concat()).unwrap();
        finish(&new, &there).unwrap();
        assert_eq!(fs::read_dir(&there).unwrap().count(), 1, "nothing but the state");

        place.prepare(&data).unwrap();
        place.prepare_server(&data).unwrap();
        assert_eq!(begin(&place, &directory, Some(&data)).unwrap(), None);
        fs::remove_dir_all(&there).unwrap();
        let refused = begin(&place, &directory, Some(&data)).unwrap_err().to_string();
        assert!(refused.contains("the volume with the metadata is missing"), "{refused}");
        assert!(!there.exists());
    }

    #[test]
    fn a_copy_takes_over_only_if_it_is_whole() {
        let disk = tempfile::tempdir().unwrap();
        let place = Place::sample(Ipv4Addr::LOCALHOST, disk.path());
        let directory = disk.path().join("dir");
        place.prepare(&directory).unwrap();
        place.prepare_logger(&directory).unwrap();
        let there = place::metadata(&directory);
        // As a copy is whose master has not written anything yet.
        fs::write(there.join(UNFINISHED), EMPTY).unwrap();
        fs::write(there.join("changelog_ml.0.mfs"), "1: 1|SESADD()").unwrap();
        fs::write(there.join(COPIED), "half of it").unwrap();
        let refused = begin(&place, &directory, None).unwrap_err().to_string();
        assert!(refused.contains("no whole copy") && !is_whole(&there), "{refused}");
        fs::write(there.join(format!("{COPIED}.1")), [b"all of it", END.as_slice()].concat()).unwrap();
        // It is written as metadata before its master starts, so that others can copy it.
        assert_eq!(begin(&place, &directory, None).unwrap().as_ref(), Some(&there));
        assert!(takes_over(&directory) && !there.join(UNFINISHED).exists());
        assert!(finish(&there, &there).is_err());
        fs::write(there.join(OWN), [b"all of it", END.as_slice()].concat()).unwrap();
        finish(&there, &there).unwrap();
        assert!(!takes_over(&directory) && !there.join(FIRST).exists());
        assert_eq!(begin(&place, &directory, None).unwrap(), None);
    }
}

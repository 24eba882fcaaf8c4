//! The file behind a new disk of a node: empty ext4, of which there is a model for each size.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::SeekFrom;
use rustix::io::Errno;
use tokio::sync::Mutex;

use super::settings::SMALLEST_DISK;
use crate::sys::chain;
use crate::sys::file::{self, FileError};
use crate::sys::program;

/// What names of models begin with, in the directory of the cloud.
const MODEL_PREFIX: &str = "disk-";
/// Making a file system on a slow SD card.
const MAKE_LIMIT: Duration = Duration::from_secs(600);
/// What is free is given back to the machine, and tables of files that were never used are not written.
pub(super) const MOUNT_OPTIONS: &str = "discard,noinit_itable";

/// Returns the size of a new disk in bytes: `wanted`, but no more than a quarter of the file system that holds `state`. Blocking.
///
/// # Errors
/// The directory is missing.
pub(crate) fn size_bytes(wanted: u64, state: &Path) -> Result<u64, FileError> {
    let quarter = file::total_bytes(state)? / 4;
    Ok((wanted.min(quarter).max(SMALLEST_DISK) >> 20) << 20)
}

/// Makes an empty disk at `path`. It is copied from a model, which takes a tenth of the time that making one takes.
pub(super) async fn make(state: &Path, wanted: u64, path: &Path, making: &Mutex<()>) -> Result<(), String> {
    let _one_at_a_time = making.lock().await;
    let (state, path) = (state.to_owned(), path.to_owned());
    let of_state = state.clone();
    let size = crate::sys::blocking(move || size_bytes(wanted, &of_state)).await.map_err(|error| chain(&error))?;
    let model = model_of(&state, size);
    if !model.exists() {
        make_model(&state, &model, size).await?;
    }
    let copied = crate::sys::blocking(move || {
        file::ensure_absent(&path)?;
        copy_sparse(&model, &path).map_err(|source| FileError::new("make", &path, source))
    });
    copied.await.map_err(|error| chain(&error))
}

/// Returns whether a disk of this size was made before. Blocking.
pub(super) fn has_model(state: &Path, wanted: u64) -> bool {
    size_bytes(wanted, state).is_ok_and(|size| model_of(state, size).exists())
}

fn model_of(state: &Path, size: u64) -> PathBuf {
    state.join(format!("{MODEL_PREFIX}{}M.img", size >> 20))
}

/// Models of other sizes, and what was begun, go.
async fn make_model(state: &Path, model: &Path, size: u64) -> Result<(), String> {
    let new = model.with_extension("img.new");
    let (sizing, state) = (new.clone(), state.to_owned());
    let sized = crate::sys::blocking(move || {
        let entries = fs::read_dir(&state).map_err(|source| FileError::new("list", &state, source))?;
        for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(MODEL_PREFIX)) {
            file::ensure_absent(&entry.path())?;
        }
        let made = create(&sizing).and_then(|file| file.set_len(size));
        made.map_err(|source| FileError::new("make", &sizing, source))
    });
    sized.await.map_err(|error| chain(&error))?;
    let options = ["-q", "-F", "-m0", "-b4096", "-Jsize=8", "-Lconpaas"];
    let lazy = ["-E", "root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1,nodiscard"];
    let arguments = options.iter().chain(&lazy).map(std::ffi::OsStr::new);
    let arguments: Vec<_> = arguments.chain([new.as_os_str()]).collect();
    program::run("mkfs.ext4", &arguments, MAKE_LIMIT).await.map_err(|error| chain(&error))?;
    let model = model.to_owned();
    let named = crate::sys::blocking(move || {
        let named = File::open(&new).and_then(|file| file.sync_all()).and_then(|()| fs::rename(&new, &model));
        named.map_err(|source| FileError::new("make", &model, source))
    });
    named.await.map_err(|error| chain(&error))
}

/// Copies a file without the holes in it.
fn copy_sparse(from: &Path, to: &Path) -> io::Result<()> {
    let (mut from, mut to) = (File::open(from)?, create(to)?);
    to.set_len(from.metadata()?.len())?;
    let mut end = 0;
    loop {
        let start = match rustix::fs::seek(&from, SeekFrom::Data(end)) {
            // No data after this.
            Err(Errno::NXIO) => return Ok(()),
            other => other?,
        };
        end = rustix::fs::seek(&from, SeekFrom::Hole(start))?;
        from.seek(io::SeekFrom::Start(start))?;
        to.seek(io::SeekFrom::Start(start))?;
        let n_copied = io::copy(&mut (&mut from).take(end - start), &mut to)?;
        if n_copied != end - start {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        to.flush()?;
    }
}

/// No other account of this machine may read what nodes write.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_copy_has_the_same_bytes_and_the_same_holes() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        let mut file = create(&from).unwrap();
        file.set_len(64 << 20).unwrap();
        for (start, byte) in [(0, 1_u8), (8 << 20, 2), ((64 << 20) - 5, 3)] {
            file.seek(io::SeekFrom::Start(start)).unwrap();
            file.write_all(&[byte; 5]).unwrap();
        }
        copy_sparse(&from, &to).unwrap();
        assert!(fs::read(&from).unwrap() == fs::read(&to).unwrap());
        assert!(fs::metadata(&to).unwrap().blocks() * 512 < 1 << 20, "the holes are there");
        assert!(copy_sparse(&from, &to).is_err(), "nothing is written over");
    }

    #[test]
    fn a_disk_is_a_quarter_of_what_there_is_at_most() {
        let place = tempfile::tempdir().unwrap();
        let total = file::total_bytes(place.path()).unwrap();
        assert_eq!(size_bytes(u64::MAX, place.path()).unwrap(), ((total / 4).max(SMALLEST_DISK) >> 20) << 20);
        assert_eq!(size_bytes(1, place.path()).unwrap(), SMALLEST_DISK);
    }
}

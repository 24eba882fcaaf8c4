//! The directory in which an image is made: its stages, its log, and the lock that keeps a
//! second build away.
//!
//! Must not know what a stage is; it only names files and keeps them whole or absent.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use tokio_util::sync::CancellationToken;

use super::recipe::cache_key::CacheKey;
use crate::sys::{file, mount};

/// The ending of names of things that are not whole yet.
const UNFINISHED: &str = ".new";

/// The directory of one image's stages, for one build at a time.
pub(crate) struct Workspace {
    directory: PathBuf,
    _lock: Flock<File>,
}

impl Workspace {
    /// Opens `directory` (made if it is missing), waits while another build works in it, and removes the unfinished files of a
    /// build that was killed.
    ///
    /// # Errors
    /// It cannot be made or locked, or `stop` was asked for.
    pub(crate) async fn open(directory: &Path, on_wait: impl FnOnce(), stop: &CancellationToken) -> Result<Self> {
        let shown = directory.display();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(directory)
            .with_context(|| format!("cannot make {shown}"))?;
        let lock = lock(&directory.join("lock"), on_wait, stop).await?;
        let workspace = Workspace { directory: directory.to_owned(), _lock: lock };
        for entry in fs::read_dir(directory).with_context(|| format!("cannot read {shown}"))? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with(UNFINISHED) {
                remove(&path)?;
            }
        }
        Ok(workspace)
    }

    /// Returns the file of a stage with this key, there or not.
    pub(crate) fn stage(&self, stage: &str, key: &CacheKey, extension: &str) -> PathBuf {
        self.directory.join(format!("{stage}-{}.{extension}", key.short()))
    }

    /// Returns a stage of the same name in the workspace of another image. Blocking.
    pub(crate) fn same_elsewhere(&self, stage: &Path) -> Option<PathBuf> {
        let places = fs::read_dir(self.directory.parent()?).ok()?;
        let mut found = places.flatten().map(|place| place.path().join(stage.file_name().unwrap_or_default()));
        found.find(|path| path.is_file())
    }

    /// Removes files of this stage that have another key.
    pub(crate) fn forget_others(&self, stage: &str, key: &CacheKey) -> Result<()> {
        let (prefix, keep) = (format!("{stage}-"), format!("{stage}-{}.", key.short()));
        for entry in fs::read_dir(&self.directory).context("cannot read the work directory")? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&prefix) && !name.starts_with(&keep) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Makes a new directory for unfinished files; it goes when the value does.
    pub(crate) fn scratch(&self, name: &str) -> Result<Scratch> {
        let scratch = Scratch(self.directory.join(format!("{name}{UNFINISHED}")));
        remove(&scratch.0)?;
        fs::create_dir(&scratch.0).with_context(|| format!("cannot make {}", scratch.0.display()))?;
        Ok(scratch)
    }

    /// Opens the log for appending.
    pub(crate) fn log(&self) -> Result<File> {
        let path = self.log_path();
        let file = OpenOptions::new().append(true).create(true).open(&path);
        file.with_context(|| format!("cannot write {}", path.display()))
    }

    /// Returns the path of the log.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Empties the log for a new build.
    pub(crate) fn begin_log(&self) -> Result<()> {
        File::create(self.log_path()).map(drop).with_context(|| format!("cannot write {}", self.log_path().display()))
    }

    /// Returns the directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.directory
    }
}

/// Takes the lock in the file at `path`, waiting for whoever has it.
///
/// # Errors
/// The file cannot be made, or `stop` was asked for.
pub(crate) async fn lock(path: &Path, on_wait: impl FnOnce(), stop: &CancellationToken) -> Result<Flock<File>> {
    let open = || OpenOptions::new().write(true).create(true).truncate(false).open(path);
    let mut on_wait = Some(on_wait);
    let mut file = open().with_context(|| format!("cannot open {}", path.display()))?;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((file, nix::errno::Errno::EWOULDBLOCK)) => file,
            Err((_, errno)) => bail!("cannot lock {}: {errno}", path.display()),
        };
        if let Some(on_wait) = on_wait.take() {
            on_wait();
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
            () = stop.cancelled() => bail!("stopped while another build was at work"),
        }
    }
}

/// A directory that is gone when this value is.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes a new directory in it.
    pub(crate) fn directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next build.
        let _removed_later = remove(&self.0);
    }
}

/// Removes a tree that has no mounts in it; fine if it is not there. Blocking.
///
/// # Errors
/// Something is mounted in it, or it cannot be removed.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let mounts = mount::at_or_below(path)?;
    if let Some(mounted) = mounts.first() {
        bail!("{} is mounted, so {} is not removed: unmount it first", mounted.display(), path.display());
    }
    Ok(file::ensure_absent(path)?)
}

/// Renames a whole file to its final name, which then survives a power cut. Blocking.
///
/// # Errors
/// The disk is full, or the name is taken by a directory.
pub(crate) fn finish(unfinished: &Path, name: &Path) -> Result<()> {
    let told = || format!("cannot finish {}", name.display());
    File::open(unfinished).and_then(|file| file.sync_all()).with_context(told)?;
    fs::rename(unfinished, name).with_context(told)?;
    let directory = name.parent().unwrap_or_else(|| Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).with_context(told)
}

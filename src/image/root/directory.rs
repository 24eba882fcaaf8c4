//! A root file system put at its place as a directory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::job::Job;
use super::stages::{KEY_FILE, unpack};
use crate::image::recipe::cache_key::CacheKey;
use crate::image::workspace::{lock, remove};

/// Puts the root of `archive` at `target`, unless it is there. An older image at `target` is replaced at once and whole.
///
/// # Errors
/// Something else is at `target`.
pub(crate) async fn place(job: &Job<'_>, archive: &Path, target: &Path) -> Result<()> {
    let key = &job.plan.root_key;
    let name = target.file_name().context("the place of the directory has no name")?.to_string_lossy().into_owned();
    let parent = target.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let on_wait = || job.report.line("waiting for another build of the same directory");
    let _one_at_a_time = lock(&parent.join(format!(".{name}.lock")), on_wait, job.stop).await?;
    let unfinished = Unfinished(parent.join(format!(".{name}.new")));
    remove(&unfinished.0)?;
    if is_image(target, Some(key)) {
        return Ok(());
    }
    let is_there = is_replaceable(target)?;
    job.begin("directory");
    fs::create_dir(&unfinished.0).with_context(|| format!("cannot make {}", unfinished.0.display()))?;
    unpack(job, archive, &unfinished.0).await?;
    let shown = || format!("cannot finish {}", target.display());
    nix::unistd::syncfs(File::open(&unfinished.0).with_context(shown)?).with_context(shown)?;
    // What was there is then under the unfinished name, and goes with it.
    let flags = if is_there { RenameFlags::RENAME_EXCHANGE } else { RenameFlags::RENAME_NOREPLACE };
    renameat2(AT_FDCWD, &unfinished.0, AT_FDCWD, target, flags).with_context(shown)
}

/// Returns whether `target` holds the image with this key, or any image if no key is given. Blocking.
fn is_image(target: &Path, key: Option<&CacheKey>) -> bool {
    let found = fs::read_to_string(target.join(KEY_FILE));
    found.is_ok_and(|text| key.is_none_or(|key| text.trim() == key.to_string()))
}

/// Returns whether there is something at `target` that may be replaced; fails if it may not.
fn is_replaceable(target: &Path) -> Result<bool> {
    let Ok(metadata) = fs::symlink_metadata(target) else { return Ok(false) };
    let is_empty = || fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_none());
    if metadata.is_dir() && (is_image(target, None) || is_empty()) {
        return Ok(true);
    }
    bail!("{} is there and is no image of ours: remove it, or choose another place", target.display())
}

/// A directory that is gone when this value is.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next build.
        let _removed_later = remove(&self.0);
    }
}

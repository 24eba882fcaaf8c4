//! Files of the node in the place of the kernel's.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::mount::MsFlags;

use crate::sys::mount;

/// Where they are: in memory, and new whenever the node starts.
const FILES: &str = "/run/conpaas/limits";

/// Returns whether something is mounted on `file`.
pub(crate) fn is_covered(file: &Path) -> io::Result<bool> {
    mount::is_mounted(file).map_err(io::Error::other)
}

/// Makes the file `name` of the node, shows it in the place of `target`, and returns it.
pub(crate) fn cover(target: &Path, name: &str, content: &str) -> io::Result<File> {
    fs::create_dir_all(FILES)?;
    let path = Path::new(FILES).join(name);
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o444).open(&path)?;
    file.write_all_at(content.as_bytes(), 0)?;
    nix::mount::mount(Some(&path), target, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    make_read_only(target)?;
    Ok(file)
}

/// Makes what is mounted on `target` read-only.
pub(crate) fn make_read_only(target: &Path) -> nix::Result<()> {
    let safe = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | safe;
    nix::mount::mount(None::<&str>, target, None::<&str>, flags, None::<&str>)
}

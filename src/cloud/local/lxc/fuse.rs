//! The device by which programs of nodes mount file systems of their own.
//!
//! What is mounted so belongs to the node's user namespace, and the kernel lets it do nothing that root in a node may not
//! do anyway. The machine's own device is for its root alone where no udev gives it away; nodes get another one then.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use super::plan::Machine;
use crate::model::{Finding, NodeNeeds};
use crate::sys::file::FileError;
use crate::sys::{chain, memory};

/// The machine's own.
const DEVICE: &str = "/dev/fuse";
/// The one that the package makes, for a director that sees no devices and may make none.
const PACKAGED: &str = "/var/lib/conpaas/fuse";
/// What the kernel has under the major number 10.
const MISC: &str = "/proc/misc";
const FOR_ALL: u32 = 0o666;

/// Returns the device that any node may open, made if there is none; `None` where the kernel has no FUSE, or nobody may
/// make a device: nodes work without. Blocking.
pub(crate) fn device(state_directory: &Path) -> Option<PathBuf> {
    if !is_known() {
        return None;
    }
    let known = [DEVICE, PACKAGED].into_iter().map(Path::new).find(|path| is_for_all(path));
    if let Some(path) = known {
        return Some(path.to_owned());
    }
    let made = make(&state_directory.join("fuse"));
    made.inspect_err(|error| tracing::debug!(error = %chain(error), "no device of FUSE for nodes")).ok()
}

fn make(own: &Path) -> Result<PathBuf, FileError> {
    if !is_for_all(own) {
        let failed = |source: io::Error| FileError::new("make", own, source);
        let made = mknod(own, SFlag::S_IFCHR, Mode::from_bits_truncate(FOR_ALL), makedev(10, 229));
        if let Err(errno) = made
            && errno != nix::errno::Errno::EEXIST
        {
            return Err(failed(errno.into()));
        }
        fs::set_permissions(own, fs::Permissions::from_mode(FOR_ALL)).map_err(failed)?;
    }
    Ok(own.to_owned())
}

/// Refuses a node whose programs need what the machine does not have. Blocking.
///
/// # Errors
/// Returns what is missing, and what to do.
pub(crate) fn check_needs(needs: NodeNeeds, machine: &Machine) -> Result<(), String> {
    let total_mb = memory::total_bytes().map_or(u64::MAX, |bytes| bytes >> 20);
    if needs.memory_mb > total_mb {
        let least = needs.memory_mb;
        return Err(format!(
            "its programs need {least} MB of memory, and this machine has {total_mb} MB: use a larger machine"
        ));
    }
    if needs.has_fuse && machine.fuse.is_none() {
        tracing::warn!(
            "there is no FUSE: shared storage cannot be mounted in nodes; see what 'conpaas director check' says"
        );
    }
    Ok(())
}

/// Returns whether nodes can mount shared storage. Blocking.
pub(crate) fn finding() -> Finding {
    if !is_known() {
        let text = "the kernel has no FUSE: nodes cannot mount shared storage";
        return Finding::warning(text, "run 'modprobe fuse', and name it in /etc/modules-load.d/");
    }
    let whose = if is_for_all(Path::new(DEVICE)) { "" } else { "a device like " };
    Finding::good(format!("nodes mount shared storage by {whose}{DEVICE}"))
}

/// A device that is there although the kernel does not have it yet loads the module when it is opened.
fn is_known() -> bool {
    let misc = fs::read_to_string(MISC).unwrap_or_default();
    misc.lines().any(|line| line.split_whitespace().eq(["229", "fuse"])) || Path::new(DEVICE).exists()
}

fn is_for_all(path: &Path) -> bool {
    let Ok(found) = fs::metadata(path) else { return false };
    found.file_type().is_char_device() && found.rdev() == makedev(10, 229) && found.mode() & FOR_ALL == FOR_ALL
}

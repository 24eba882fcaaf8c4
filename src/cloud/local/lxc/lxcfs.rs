//! Debian's `lxcfs`, where the machine has it: files of `/proc` that tell each container its own part of the machine.
//!
//! It is not needed: without it the node's first process shows what it can itself, see [`init`](crate::init).

use std::path::Path;

use crate::sys::file::FileError;
use crate::sys::machine;
use crate::sys::mount;

/// Where its package mounts it.
pub(crate) const LXCFS: &str = "/var/lib/lxcfs";

/// What newer versions have; older ones have less.
const FILES: [&str; 8] = [
    "proc/cpuinfo",
    "proc/diskstats",
    "proc/loadavg",
    "proc/meminfo",
    "proc/stat",
    "proc/swaps",
    "proc/uptime",
    "sys/devices/system/cpu/online",
];

/// Returns those of its files that are there now: none if it is not mounted, or its daemon has died. Blocking.
///
/// # Errors
/// `/proc` is not mounted.
pub(crate) fn files() -> Result<Vec<&'static str>, FileError> {
    let top = Path::new(LXCFS);
    let is_mounted = mount::all()?.iter().any(|mount| mount.target == top && mount.file_system == "fuse.lxcfs");
    if !is_mounted {
        return Ok(Vec::new());
    }
    let there = || FILES.into_iter().filter(|file| top.join(file).exists()).collect();
    machine::inside(there).map_err(|source| FileError::new("look into", top, source))
}

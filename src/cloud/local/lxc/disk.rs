//! The disk of a node: ext4 of a fixed size in a sparse file, mounted where the node's overlay keeps what the node writes.
//!
//! So a node fills no more than that, in bytes and in files; `df` in it shows its disk; and all that it wrote goes with one
//! file. A node that was made without such a disk keeps its directory, and has no limit.
//!
//! # If the power fails, or the director is killed, on any line
//! A disk has its name only after it was mounted once, which the kernel does not do before the file's content is safe; what was
//! begun is made anew. Mounts are found by their place, loop devices by the file behind them.

use std::fs;
use std::path::Path;

use nix::mount::MsFlags;
use tokio::sync::Mutex;

use super::disk_image::{MOUNT_OPTIONS, make};
use super::plan::NodePaths;
use super::spare_disk::SpareDisk;
use super::volume::{self, Content};
use crate::sys::chain;
use crate::sys::file::{self, FileError};
use crate::sys::mount;

/// Mounts the node's disk, which is made with `wanted` bytes if the node is new, one at a time under the lock `making`,
/// or is the one that was made ahead. Fine if it is mounted, or if the node has none.
pub(crate) async fn ensure_mounted(
    node: &NodePaths,
    state: &Path,
    wanted: Option<u64>,
    making: &Mutex<()>,
    spare: &SpareDisk,
) -> Result<(), String> {
    let (disk, new, target) = (node.disk_image(), node.new_disk_image(), node.disk());
    let name = || fs::rename(&new, &disk).map_err(|source| chain(&FileError::new("make", &disk, source)));
    if mount::is_mounted(&target).map_err(|error| chain(&error))? {
        return if new.exists() && !disk.exists() { name() } else { Ok(()) };
    }
    if disk.exists() {
        return mount_disk(&disk, &target, Content::Used).await;
    }
    let Some(wanted) = wanted.filter(|_| !node.upper().exists()) else { return Ok(()) };
    if new.exists() {
        volume::release(&new).await?;
    }
    if spare.give(state, wanted, node) {
        return name();
    }
    make(state, wanted, &new, making).await?;
    mount_disk(&new, &target, Content::New).await?;
    name()
}

async fn mount_disk(disk: &Path, target: &Path, content: Content) -> Result<(), String> {
    file::ensure_directory(target).map_err(|error| chain(&error))?;
    let device = volume::attach_loop(disk, content).await?;
    let (mounting, target) = (device.path().to_owned(), target.to_owned());
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let mounted = crate::sys::blocking(move || mount::mount(&mounting, &target, "ext4", flags, MOUNT_OPTIONS)).await;
    let released = device.release().await;
    mounted.map_err(|error| chain(&error))?;
    released
}

/// Waits until no loop device stands for the disk of a node that was unmounted, and frees those that a crash left.
pub(crate) async fn release(node: &NodePaths) -> Result<(), String> {
    volume::release(&node.disk_image()).await?;
    volume::release(&node.new_disk_image()).await
}

//! A disk for the next node, made and mounted ahead: copying it and waiting for the kernel to take it takes longer than all
//! else that a director does for a start.
//!
//! # Guarantees
//! - A cloud has one at most, and a node that finds none makes its own.
//! - It is mounted nowhere in the tree: its mount and its loop device end with this process, however that ends. The file
//!   that is left is made anew.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::CWD;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen, move_mount,
};

use super::disk_image::{self, MOUNT_OPTIONS};
use super::plan::NodePaths;
use super::settings::NODE_RESERVE;
use super::{loop_device, volume};
use crate::sys::chain;
use crate::sys::file::{self, FileError};
use crate::sys::{blocking, machine};

const NAME: &str = "spare-disk.img";

/// The disk that the next node gets, if there is one.
#[derive(Default)]
pub(super) struct SpareDisk(Mutex<Spare>);

#[derive(Default)]
enum Spare {
    #[default]
    None,
    Ready(Ready),
    /// This machine could not make one; it was told so, and is not asked again.
    GivenUp,
}

/// A disk that is mounted, and where it hangs nowhere.
struct Ready {
    wanted: u64,
    mount: OwnedFd,
}

impl SpareDisk {
    /// Makes one if there is none, room for a node is left, and nodes are made at all.
    ///
    /// # Errors
    /// What failed, in words; it is not tried again. Nodes make their own then.
    pub(super) async fn ensure(
        &self,
        state: &Path,
        wanted: u64,
        making: &tokio::sync::Mutex<()>,
    ) -> Result<(), String> {
        if !matches!(*self.lock(), Spare::None) {
            return Ok(());
        }
        let made = make(state, wanted, making).await;
        let (spare, outcome) = match made {
            Ok(made) => (made.map_or(Spare::None, |mount| Spare::Ready(Ready { wanted, mount })), Ok(())),
            Err(reason) => (Spare::GivenUp, Err(reason)),
        };
        *self.lock() = spare;
        outcome
    }

    /// Mounts it as the disk of a node, under the name of a disk that is new, if it is as large as `wanted`. Returns whether
    /// it did. Blocking.
    pub(super) fn give(&self, state: &Path, wanted: u64, node: &NodePaths) -> bool {
        let Some(ready) = self.take().filter(|ready| ready.wanted == wanted) else { return false };
        let given = fs::rename(path(state), node.new_disk_image()).map_err(|error| error.to_string()).and_then(|()| {
            file::ensure_directory(&node.disk()).map_err(|error| chain(&error))?;
            let place = || move_mount(&ready.mount, "", CWD, node.disk(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH);
            machine::inside(place).and_then(|outcome| Ok(outcome?)).map_err(|error| error.to_string())
        });
        if let Err(reason) = &given {
            tracing::warn!(reason, "a disk that was made ahead cannot be used; the node gets another one");
        }
        given.is_ok()
    }

    fn take(&self) -> Option<Ready> {
        let mut spare = self.lock();
        match std::mem::take(&mut *spare) {
            Spare::Ready(ready) => Some(ready),
            other => {
                *spare = other;
                None
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Spare> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the mount; `None` if there is no room, or if no node was ever made: then there may never be one.
async fn make(state: &Path, wanted: u64, making: &tokio::sync::Mutex<()>) -> Result<Option<OwnedFd>, String> {
    let (path, looked_at) = (path(state), state.to_owned());
    let is_due = blocking(move || {
        let has_room = file::free_bytes(&looked_at)? >= NODE_RESERVE;
        Ok::<_, FileError>(has_room && disk_image::has_model(&looked_at, wanted))
    });
    if !is_due.await.map_err(|error| chain(&error))? {
        return Ok(None);
    }
    if path.exists() {
        volume::release(&path).await?;
    }
    disk_image::make(state, wanted, &path, making).await?;
    let mounted = blocking(move || {
        let mounted = machine::inside(|| mount(&path)).and_then(|outcome| outcome);
        if mounted.is_err() {
            let _made_anew_or_never_used = file::ensure_absent(&path);
        }
        mounted
    });
    mounted.await.map(Some).map_err(|error| format!("cannot mount {NAME} ahead: {error}"))
}

fn path(state: &Path) -> PathBuf {
    state.join(NAME)
}

fn mount(disk: &Path) -> io::Result<OwnedFd> {
    let device = loop_device::make(disk)?;
    let file_system = fsopen("ext4", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&file_system, "source", &device.path)?;
    for option in MOUNT_OPTIONS.split(',') {
        fsconfig_set_flag(&file_system, option)?;
    }
    fsconfig_create(&file_system)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    Ok(fsmount(&file_system, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

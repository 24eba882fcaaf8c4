//! Mounts in which all owners are shifted.
//!
//! With them one base that belongs to root serves every unprivileged container
//! without a copy, and a volume has the same owners in every node that it comes
//! to. Called only by the hidden sub-commands, which have one thread: the id
//! map is taken from a child's user namespace.
#![expect(unsafe_code, reason = "neither std, nix nor rustix has mount_setattr")]

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rustix::fs::CWD;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_string,
    fsmount, fsopen, move_mount, open_tree,
};

use super::user_namespace::UserNamespace;
use crate::model::IdMap;

/// The hidden sub-command that mounts a volume.
pub(crate) const COMMAND: &str = "lxc-mount";

/// The hidden sub-command that tries whether the kernel can do all that.
pub(crate) const TRIAL: &str = "lxc-try";

/// Mounts `source` at `target` with owners as `namespace` maps them.
pub(crate) fn mount_shifted(source: &Path, target: &Path, namespace: &File) -> io::Result<()> {
    let tree = open_tree(CWD, source, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)?;
    shift(&tree, namespace)?;
    place(&tree, target)
}

/// What the hidden sub-command is told to mount `device` at `target`: id `on_disk` is seen as `ids.first`.
pub(crate) fn volume_arguments(device: &Path, target: &Path, on_disk: u32, ids: IdMap) -> Vec<OsString> {
    let numbers = [on_disk, ids.first, ids.count].map(|number| number.to_string().into());
    [COMMAND.into(), device.into(), target.into()].into_iter().chain(numbers).collect()
}

/// Does the hidden sub-command with the words of [`volume_arguments`] behind its name; `None` if they are others.
pub(crate) fn mount_volume(words: &[OsString]) -> Option<io::Result<()>> {
    let [device, target, on_disk, first, count] = words else { return None };
    let number = |word: &OsString| word.to_str()?.parse::<u32>().ok();
    let (on_disk, ids) = (number(on_disk)?, IdMap { first: number(first)?, count: number(count)? });
    Some(mount_device(Path::new(device), Path::new(target), on_disk, ids))
}

/// What the hidden sub-command is told to try whether a node of these ids could have a root.
pub(crate) fn trial_arguments(base: &Path, scratch: &Path, ids: IdMap) -> Vec<OsString> {
    let numbers = [ids.first, ids.count].map(|number| number.to_string().into());
    [TRIAL.into(), base.into(), scratch.into()].into_iter().chain(numbers).collect()
}

/// Does the hidden sub-command with the words of [`trial_arguments`] behind its name; `None` if they are others. What
/// it mounts over the directory `scratch` nobody else sees, and ends with this process.
pub(crate) fn try_root(words: &[OsString]) -> Option<io::Result<()>> {
    let [base, scratch, first, count] = words else { return None };
    let number = |word: &OsString| word.to_str()?.parse::<u32>().ok();
    let ids = IdMap { first: number(first)?, count: number(count)? };
    Some(try_overlay(Path::new(base), Path::new(scratch), ids))
}

fn try_overlay(base: &Path, scratch: &Path, ids: IdMap) -> io::Result<()> {
    let namespace = UserNamespace::of_node(ids)?;
    unshare(CloneFlags::CLONE_NEWNS)?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
    let base = File::open(base)?;
    let base = PathBuf::from(format!("/proc/self/fd/{}", base.as_raw_fd()));
    mount(Some("tmpfs"), scratch, Some("tmpfs"), MsFlags::empty(), None::<&str>)?;
    let [lower, upper, work, root] = ["lower", "upper", "work", "root"].map(|name| scratch.join(name));
    for directory in [&lower, &upper, &work, &root] {
        std::fs::create_dir(directory)?;
    }
    mount_shifted(&base, &lower, &namespace.file()?)?;
    let options = format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
    Ok(mount(Some("overlay"), &root, Some("overlay"), MsFlags::empty(), Some(options.as_str()))?)
}

fn mount_device(device: &Path, target: &Path, on_disk: u32, ids: IdMap) -> io::Result<()> {
    let file_system = fsopen("ext4", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&file_system, "source", device)?;
    fsconfig_create(&file_system)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let tree = fsmount(&file_system, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    let namespace = UserNamespace::with_map(on_disk, ids)?;
    shift(&tree, &namespace.file()?)?;
    place(&tree, target)
}

fn shift(tree: &OwnedFd, namespace: &File) -> io::Result<()> {
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP,
        attr_clr: 0,
        propagation: 0,
        userns_fd: u64::try_from(namespace.as_raw_fd()).map_err(io::Error::other)?,
    };
    // SAFETY: the path is NUL-terminated, the structure outlives the call and its true size is given.
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn place(tree: &OwnedFd, target: &Path) -> io::Result<()> {
    Ok(move_mount(tree, "", CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

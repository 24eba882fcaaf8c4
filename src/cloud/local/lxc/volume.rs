//! Volumes: ext4 in a file, on a loop device, mounted where the node sees it.
//!
//! The loop device vanishes with its last user. Where a program has to make it,
//! a crash between two steps leaves one, which is found by the file behind it.

use std::fs;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::mount::MsFlags;

use super::loop_device::LoopDevice;
use super::plan::{NodePaths, VOLUMES_INSIDE};
use super::settings::{LxcSettings, Privilege};
use super::{id_mount, loop_device};
use crate::model::IdMap;
use crate::sys::chain;
use crate::sys::file::{self, FileError};
use crate::sys::mount::{self, Unmount};
use crate::sys::program::{self, ProgramError};
use crate::task::poll::{self, Pace};

const DISK: &str = "disk.img";
/// Making or repairing a file system on a slow SD card.
const FILE_SYSTEM_LIMIT: Duration = Duration::from_secs(600);
const DEVICE_LIMIT: Duration = Duration::from_secs(20);
/// How long the kernel may take to end a file system after its last user: it writes all that memory holds of it.
const RELEASE_LIMIT: Duration = Duration::from_secs(60);
/// Pauses between looks at that.
const RELEASE_PACE: Pace = Pace::growing(Duration::from_millis(5), Duration::from_millis(250), 4);

/// Why a volume was not taken from its node.
pub(crate) enum DetachError {
    /// A program uses it.
    Busy,
    /// Anything else, in words.
    Failed(String),
}

/// Makes the file system, once. What an interrupted making left is made anew;
/// what holds data is never touched.
pub(crate) async fn ensure_file_system(directory: &Path, size_mb: u64, privilege: Privilege) -> Result<(), String> {
    let disk = directory.join(DISK);
    if disk.exists() {
        return Ok(());
    }
    let new = directory.join(format!("{DISK}.new"));
    let making = new.clone();
    crate::sys::blocking(move || {
        file::ensure_absent(&making)?;
        let fail = |source| FileError::new("make", &making, source);
        // Users' data: no other account of this machine may read it.
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&making);
        file.and_then(|file| file.set_len(size_mb << 20)).map_err(fail)
    })
    .await
    .map_err(|error| chain(&error))?;
    let first = match privilege {
        Privilege::Unprivileged(map) => map.first,
        Privilege::Privileged => 0,
    };
    let owner = format!("root_owner={first}:{first}");
    let arguments = ["-q", "-m0", "-E", owner.as_str(), "-L", "conpaas"].map(std::ffi::OsStr::new);
    let arguments: Vec<_> = arguments.into_iter().chain([new.as_os_str()]).collect();
    program::run("mkfs.ext4", &arguments, FILE_SYSTEM_LIMIT).await.map_err(|error| chain(&error))?;
    crate::sys::blocking(move || {
        let fail = |source| FileError::new("make", &disk, source);
        fs::File::open(&new).and_then(|file| file.sync_all()).map_err(fail)?;
        fs::rename(&new, &disk).map_err(fail)
    })
    .await
    .map_err(|error| chain(&error))
}

/// Makes file and file system at least so large, also while a node uses them. May be repeated.
pub(crate) async fn grow(directory: &Path, size_mb: u64) -> Result<(), String> {
    let disk = directory.join(DISK);
    let growing = disk.clone();
    let grown = crate::sys::blocking(move || {
        let fail = |source| FileError::new("grow", &growing, source);
        let file = fs::OpenOptions::new().write(true).open(&growing).map_err(fail)?;
        let size = file.metadata().map_err(fail)?.len();
        if size < size_mb << 20 {
            file.set_len(size_mb << 20).and_then(|()| file.sync_all()).map_err(fail)?;
        }
        Ok::<_, FileError>(())
    });
    grown.await.map_err(|error| chain(&error))?;
    let words = |error: ProgramError| chain(&error);
    let Some(device) = loop_device(&disk)? else {
        // Nobody uses it: resize2fs wants it looked through before.
        let look = program::run("e2fsck", &["-f".as_ref(), "-p".as_ref(), disk.as_os_str()], FILE_SYSTEM_LIMIT).await;
        corrected(look)?;
        return program::run("resize2fs", &[disk.as_os_str()], FILE_SYSTEM_LIMIT).await.map(drop).map_err(words);
    };
    let arguments = ["--set-capacity".as_ref(), device.as_os_str()];
    program::run_in_machine("losetup", &arguments, DEVICE_LIMIT).await.map_err(words)?;
    program::run_in_machine("resize2fs", &[device.as_os_str()], FILE_SYSTEM_LIMIT).await.map(drop).map_err(words)
}

/// Where a volume comes to.
pub(crate) struct Place {
    /// Seen in the node.
    pub(crate) target: PathBuf,
    /// The node's ids outside; none if they are those of the machine.
    pub(crate) ids: Option<IdMap>,
}

/// Mounts the volume of `directory` at its place in a node. Fine if it is there.
pub(crate) async fn ensure_mounted(directory: &Path, place: &Place, settings: &LxcSettings) -> Result<(), String> {
    if is_mounted(&place.target)? {
        return Ok(());
    }
    file::ensure_directory(&place.target).map_err(|error| chain(&error))?;
    let loop_device = attach_loop(&directory.join(DISK), Content::Used).await?;
    let mounted = mount_device(loop_device.path(), place, settings).await;
    let released = loop_device.release().await;
    mounted?;
    released
}

/// The loop device of a disk that is about to be mounted.
pub(crate) enum AttachedLoop {
    /// It goes with its file system as it is.
    OfItself(LoopDevice),
    /// A program made it, or a crash left it: it must be told.
    ToBeTold(PathBuf),
}

impl AttachedLoop {
    /// Returns where it is.
    pub(crate) fn path(&self) -> &Path {
        match self {
            AttachedLoop::OfItself(device) => &device.path,
            AttachedLoop::ToBeTold(path) => path,
        }
    }

    /// Lets it go when its file system does; now, if it is not mounted.
    pub(crate) async fn release(self) -> Result<(), String> {
        match self {
            AttachedLoop::OfItself(_) => Ok(()),
            AttachedLoop::ToBeTold(path) => free_loop(&path).await,
        }
    }
}

/// What is known of the file system in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// It was just made, and no loop device stood for its file before.
    New,
    /// Power may have failed while it was mounted.
    Used,
}

/// Returns the loop device of `disk`, made now if there is none; what a power cut broke is repaired first.
pub(crate) async fn attach_loop(disk: &Path, content: Content) -> Result<AttachedLoop, String> {
    if content == Content::Used {
        if let Some(left_by_a_crash) = loop_device(disk)? {
            return Ok(AttachedLoop::ToBeTold(left_by_a_crash));
        }
        repair(disk).await?;
    }
    let making = disk.to_owned();
    match crate::sys::blocking(move || loop_device::make(&making)).await {
        Ok(device) => return Ok(AttachedLoop::OfItself(device)),
        Err(error) => tracing::debug!(disk = %disk.display(), "no loop device by the kernel alone: {error}"),
    }
    let arguments = ["--find", "--show", "--nooverlap"].map(std::ffi::OsStr::new);
    let arguments: Vec<_> = arguments.into_iter().chain([disk.as_os_str()]).collect();
    let shown = program::run_in_machine("losetup", &arguments, DEVICE_LIMIT).await.map_err(|error| chain(&error))?;
    Ok(AttachedLoop::ToBeTold(PathBuf::from(shown.trim())))
}

/// Frees a loop device; one whose file system is mounted goes with that.
async fn free_loop(device: &Path) -> Result<(), String> {
    let freed = program::run_in_machine("losetup", &["-d".as_ref(), device.as_os_str()], DEVICE_LIMIT).await;
    freed.map(drop).map_err(|error| chain(&error))
}

/// Files on disk have the ids that all nodes had once. A node with others sees them as its own.
async fn mount_device(device: &Path, place: &Place, settings: &LxcSettings) -> Result<(), String> {
    match (settings.privilege, place.ids) {
        (Privilege::Unprivileged(on_disk), Some(ids)) if ids != on_disk => {
            let arguments = id_mount::volume_arguments(device, &place.target, on_disk.first, ids);
            let program = settings.program.to_string_lossy();
            let mounted = program::run_in_machine(&program, &arguments, DEVICE_LIMIT).await;
            mounted.map(drop).map_err(|error| chain(&error))
        }
        _ => {
            let (device, target) = (device.to_owned(), place.target.clone());
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
            let mounted = crate::sys::blocking(move || mount::mount(&device, &target, "ext4", flags, "")).await;
            mounted.map_err(|error| chain(&error))
        }
    }
}

/// Whether the running node sees the mount; it does not if its director was
/// started in another mount namespace than the node.
pub(crate) fn is_seen_by(init_pid: i32, device: &str) -> bool {
    let inside = Path::new(VOLUMES_INSIDE).join(device);
    mount::of_process(init_pid).is_ok_and(|mounts| mounts.iter().any(|mount| mount.target == inside))
}

/// Takes the volume out of the node. Fine if it is not there.
pub(crate) async fn detach(
    directory: &Path,
    node: &NodePaths,
    device: &str,
    init_pid: Option<i32>,
) -> Result<(), DetachError> {
    let target = node.volumes().join(device);
    if is_mounted(&target).map_err(DetachError::Failed)? {
        if init_pid.is_some_and(|pid| is_bound_elsewhere(pid, device)) {
            return Err(DetachError::Busy);
        }
        let unmounting = target.clone();
        let outcome = crate::sys::blocking(move || mount::ensure_unmounted(&unmounting, Unmount::IfUnused)).await;
        match outcome {
            Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => return Err(DetachError::Busy),
            other => other.map_err(|error| DetachError::Failed(chain(&error)))?,
        }
    }
    release(&directory.join(DISK)).await.map_err(DetachError::Failed)?;
    match fs::remove_dir(&target) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(DetachError::Failed(chain(&FileError::new("remove", &target, error))))
        }
        _ => Ok(()),
    }
}

/// Takes all volumes out of a node that does not run.
pub(crate) async fn clear_mounts(node: &NodePaths) -> Result<(), String> {
    let volumes = node.volumes();
    let words = |error: FileError| chain(&error);
    crate::sys::blocking(move || {
        for target in mount::at_or_below(&volumes).map_err(words)? {
            mount::ensure_unmounted(&target, Unmount::Lazily).map_err(words)?;
        }
        Ok(())
    })
    .await
}

/// Waits until no loop device stands for the volume's file any more, and frees one that a crash left.
pub(crate) async fn release(disk: &Path) -> Result<(), String> {
    let ask = || async {
        let Some(device) = loop_device(disk)? else { return Ok(Some(())) };
        match program::run_in_machine("losetup", &["-d".as_ref(), device.as_os_str()], DEVICE_LIMIT).await {
            Err(error @ ProgramError::Start { .. }) => Err(chain(&error)),
            _ => Ok(None),
        }
    };
    match poll::until(RELEASE_PACE, RELEASE_LIMIT, ask).await? {
        Some(()) => Ok(()),
        None => Err(format!("the machine still uses {} after {} s", disk.display(), RELEASE_LIMIT.as_secs())),
    }
}

/// The volume's file.
pub(crate) fn disk(directory: &Path) -> PathBuf {
    directory.join(DISK)
}

/// What the volume's file takes of the disk now. Blocking.
pub(crate) fn used_bytes(directory: &Path) -> u64 {
    fs::metadata(directory.join(DISK)).map_or(0, |metadata| metadata.blocks() * 512)
}

/// The device that stands for `disk`, if one does.
pub(crate) fn loop_device(disk: &Path) -> Result<Option<PathBuf>, String> {
    let entries = fs::read_dir("/sys/block").map_err(|error| format!("cannot list /sys/block: {error}"))?;
    for entry in entries.flatten() {
        let Ok(file) = fs::read_to_string(entry.path().join("loop/backing_file")) else { continue };
        if Path::new(file.trim_end_matches('\n')) == disk {
            return Ok(Some(Path::new("/dev").join(entry.file_name())));
        }
    }
    Ok(None)
}

/// A node that lost power leaves a journal to replay, or worse.
async fn repair(disk: &Path) -> Result<(), String> {
    corrected(program::run("e2fsck", &["-p".as_ref(), disk.as_os_str()], FILE_SYSTEM_LIMIT).await)
}

fn corrected(outcome: Result<String, ProgramError>) -> Result<(), String> {
    match outcome {
        // 1 and 2: there were errors, and they were corrected.
        Err(ProgramError::Failed { status, .. }) if matches!(status.code(), Some(1 | 2)) => Ok(()),
        other => other.map(drop).map_err(|error| chain(&error)),
    }
}

/// The agent binds a volume to where its user wants it; such a mount does not
/// follow the unmounting outside.
fn is_bound_elsewhere(init_pid: i32, device: &str) -> bool {
    let inside = Path::new(VOLUMES_INSIDE).join(device);
    let Ok(mounts) = mount::of_process(init_pid) else { return false };
    let own = mounts.iter().find(|mount| mount.target == inside).map(|mount| mount.device.clone());
    own.is_some_and(|own| mounts.iter().any(|mount| mount.device == own && mount.target != inside))
}

fn is_mounted(target: &Path) -> Result<bool, String> {
    mount::is_mounted(target).map_err(|error| chain(&error))
}

//! Volumes inside a node: found, mounted at `/media/<name>`, let go.
//!
//! A volume that was attached as device `sdb` appears either as a directory
//! `/run/conpaas/volumes/sdb` (a file system that the node's cloud mounted
//! there, or a link to a directory), or as a block device (see `device`).
//!
//! # Guarantees
//! - Only a block device that holds nothing at all is formatted.
//! - Mounting what is mounted, and unmounting what is not, succeeds.
//! - What was mounted when the node lost its power is mounted again by [`Volumes::resume`].

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde::{Deserialize, Serialize};

use super::device;
use crate::config::NodeBase;
use crate::model::VolumeName;
use crate::sys::file::{self, FileError};
use crate::sys::process::NODE_VARIABLE;
use crate::sys::program::{self, ProgramError};
use crate::sys::{self, process};
use crate::task::poll::{Pace, until};

const DEVICE_LIMIT: Duration = Duration::from_secs(30);
/// Whoever starts the node attached its volumes before.
const RESUME_LIMIT: Duration = Duration::from_secs(5);
const PROBED_BYTES: u64 = 128 * 1024;
const UNMOUNT_TRIES: u32 = 50;
const KILL_LIMIT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);

/// Why a volume is not mounted, or not let go.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// A device name that is none.
    #[error("'{0}' is not a device name such as 'sdb'")]
    Name(String),
    /// It did not appear.
    #[error("device {device} did not appear within {} s", limit.as_secs())]
    NoDevice {
        /// Which one.
        device: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// It holds something that is no file system; it is left as it is.
    #[error("device {} holds data that is no known file system, and is not formatted", .0.display())]
    ForeignData(PathBuf),
    /// A file or directory.
    #[error(transparent)]
    File(#[from] FileError),
    /// `mkfs` or `mount`.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// Something still uses it.
    #[error("cannot unmount {}", path.display())]
    Busy {
        /// Where it is mounted.
        path: PathBuf,
        /// The kernel's words.
        #[source]
        source: nix::Error,
    },
}

/// The volumes of one node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Volumes {
    root: PathBuf,
    media: PathBuf,
    directories: PathBuf,
    /// [`Attached`] by name of the volume, of those that are to be mounted.
    record: PathBuf,
    /// The mark of the node's processes where it shares its machine with others.
    node_variable: Option<String>,
    device_limit: Duration,
    /// Who changes the record.
    recording: Arc<Mutex<()>>,
}

/// What is known of an attached volume. Records of older programs have the device alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Record")]
struct Attached {
    device: String,
    /// The cloud's id of it.
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Record {
    Device(String),
    Attached { device: String, id: Option<String> },
}

impl From<Record> for Attached {
    fn from(record: Record) -> Self {
        match record {
            Record::Device(device) => Attached { device, id: None },
            Record::Attached { device, id } => Attached { device, id },
        }
    }
}

enum Device {
    Directory(PathBuf),
    Block(PathBuf),
}

impl Volumes {
    /// The volumes of the node whose configuration this is.
    #[must_use]
    pub fn new(base: &NodeBase) -> Self {
        let tag = std::env::var(NODE_VARIABLE).ok().filter(|_| base.root != Path::new("/"));
        Volumes {
            root: base.root.clone(),
            media: base.rooted("/media"),
            directories: base.rooted("/run/conpaas/volumes"),
            record: base.rooted(&base.var_tmp).join("volumes.json"),
            node_variable: tag.map(|tag| format!("{NODE_VARIABLE}={tag}")),
            device_limit: DEVICE_LIMIT,
            recording: Arc::default(),
        }
    }

    /// Waits for the volume `id` (the cloud's, if it is known), which was to
    /// be attached as `device`, and mounts it at `/media/<name>`.
    ///
    /// # Errors
    /// It does not appear, holds what cannot be mounted, or the mount fails.
    pub async fn mount(&self, device: &str, id: Option<&str>, name: &VolumeName) -> Result<(), VolumeError> {
        let is_word = !device.is_empty() && device.chars().all(|c| c.is_ascii_alphanumeric());
        if !is_word {
            return Err(VolumeError::Name(device.to_owned()));
        }
        let place = self.media.join(name.as_str());
        match self.wait_for(device, id).await? {
            Device::Directory(directory) => {
                let volumes = self.clone();
                sys::blocking(move || volumes.show_directory(&directory, &place)).await?;
            }
            Device::Block(device) => mount_block(&device, &place).await?,
        }
        let (name, device, id) = (name.as_str().to_owned(), device.to_owned(), id.map(str::to_owned));
        self.remember(move |mounted| mounted.insert(name, Attached { device, id })).await
    }

    /// Mounts again what was mounted before the node stopped; what cannot be
    /// mounted is said in the log, and the node goes on without it.
    pub async fn resume(&self) {
        let volumes = self.clone();
        let mounted = sys::blocking(move || volumes.remembered()).await;
        let soon = Volumes { device_limit: self.device_limit.min(RESUME_LIMIT), ..self.clone() };
        for (name, Attached { device, id }) in mounted {
            let outcome = match name.parse::<VolumeName>() {
                Ok(name) => soon.mount(&device, id.as_deref(), &name).await.map_err(|error| sys::chain(&error)),
                Err(error) => Err(error.to_string()),
            };
            match outcome {
                Ok(()) => tracing::info!(volume = name, device, "volume mounted again"),
                Err(reason) => tracing::error!(volume = name, device, reason, "volume cannot be mounted again"),
            }
        }
    }

    /// Kills what uses `/media/<name>`, and lets it go.
    ///
    /// # Errors
    /// It is still in use.
    pub async fn unmount(&self, name: &VolumeName) -> Result<(), VolumeError> {
        let place = self.media.join(name.as_str());
        // First of all: an unmounting that a power cut breaks off must not be undone.
        let forgotten = name.as_str().to_owned();
        self.remember(move |mounted| mounted.remove(&forgotten)).await?;
        for attempt in 1..=UNMOUNT_TRIES {
            let (volumes, place) = (self.clone(), place.clone());
            match sys::blocking(move || volumes.let_go(&place)).await {
                Err(VolumeError::Busy { source: nix::Error::EBUSY, .. }) if attempt < UNMOUNT_TRIES => {}
                outcome => return outcome,
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Returns the names of the volumes that are to be mounted, in their order. Blocking.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.remembered().into_keys().collect()
    }

    async fn remember<T>(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, Attached>) -> T + Send + 'static,
    ) -> Result<(), VolumeError> {
        let volumes = self.clone();
        sys::blocking(move || {
            let _one_at_a_time = volumes.recording.lock().unwrap_or_else(PoisonError::into_inner);
            let before = volumes.remembered();
            let mut mounted = before.clone();
            change(&mut mounted);
            if mounted == before {
                return Ok(());
            }
            let bytes = serde_json::to_vec(&mounted).expect("texts by texts are plain data");
            Ok(file::write_atomic(&volumes.record, &bytes, 0o600)?)
        })
        .await
    }

    /// Blocking.
    fn remembered(&self) -> BTreeMap<String, Attached> {
        serde_json::from_slice(&file::read(&self.record).unwrap_or_default()).unwrap_or_default()
    }

    async fn wait_for(&self, device: &str, id: Option<&str>) -> Result<Device, VolumeError> {
        let found = until(Pace::every(PAUSE), self.device_limit, || async {
            let (volumes, wanted, id) = (self.clone(), device.to_owned(), id.map(str::to_owned));
            Ok::<_, VolumeError>(sys::blocking(move || volumes.find(&wanted, id.as_deref())).await)
        });
        found.await?.ok_or_else(|| VolumeError::NoDevice { device: device.to_owned(), limit: self.device_limit })
    }

    /// Blocking.
    fn find(&self, device: &str, id: Option<&str>) -> Option<Device> {
        let directory = self.directories.join(device);
        let is_link = fs::symlink_metadata(&directory).is_ok_and(|metadata| metadata.is_symlink());
        if directory.is_dir() && (is_link || is_mount_point(&directory)) {
            return Some(Device::Directory(directory));
        }
        device::find(&self.root, device, id).map(Device::Block)
    }

    /// Blocking.
    fn show_directory(&self, directory: &Path, place: &Path) -> Result<(), VolumeError> {
        let found = fs::symlink_metadata(place).ok();
        if found.is_some_and(|found| found.is_symlink()) {
            file::ensure_absent(place)?;
        }
        if is_mount_point(place) {
            return Ok(());
        }
        if self.root == Path::new("/") {
            file::ensure_directory(place)?;
            let outcome = mount(Some(directory), place, None::<&str>, MsFlags::MS_BIND, None::<&str>);
            if outcome.is_ok() {
                return Ok(());
            }
            let _empty = fs::remove_dir(place);
        }
        file::ensure_directory(&self.media)?;
        symlink(directory, place).map_err(|error| FileError::new("link", place, error).into())
    }

    /// Blocking.
    fn let_go(&self, place: &Path) -> Result<(), VolumeError> {
        let Ok(found) = fs::symlink_metadata(place) else { return Ok(()) };
        self.kill_users(place);
        if found.is_symlink() {
            return Ok(file::ensure_absent(place)?);
        }
        if is_mount_point(place) {
            umount2(place, MntFlags::empty()).map_err(|source| VolumeError::Busy { path: place.to_owned(), source })?;
        }
        // Files under the mount point itself are the user's; they stay.
        let _empty_or_not = fs::remove_dir(place);
        Ok(())
    }

    /// As `fuser -km`, but only in this node.
    fn kill_users(&self, place: &Path) {
        let Ok(place) = place.canonicalize() else { return };
        let own = std::process::id().cast_signed();
        let of_this_node = |environ: &[u8]| match &self.node_variable {
            Some(variable) => environ.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes()),
            None => self.root == Path::new("/"),
        };
        let users = || {
            let mut users = process::find("environ", of_this_node);
            users.retain(|process| process.pid != own && process::uses(process.pid, &place));
            users
        };
        if !process::kill_all(users, KILL_LIMIT) {
            tracing::warn!(path = %place.display(), "some users of a volume could not be killed");
        }
    }
}

async fn mount_block(device: &Path, place: &Path) -> Result<(), VolumeError> {
    let (place, probed) = (place.to_owned(), device.to_owned());
    let content = sys::blocking({
        let place = place.clone();
        move || {
            file::ensure_directory(&place)?;
            if is_mount_point(&place) { Ok(None) } else { probe(&probed).map(Some) }
        }
    })
    .await?;
    match content {
        None => return Ok(()),
        Some(Content::Nothing) => {
            program::run("mkfs.ext4", &["-q".as_ref(), "-m0".as_ref(), device.as_os_str()], program::LIMIT).await?;
        }
        Some(Content::FileSystem) => {}
        Some(Content::Other) => {
            let arguments =
                ["-p".as_ref(), "-o".as_ref(), "value".as_ref(), "-s".as_ref(), "TYPE".as_ref(), device.as_os_str()];
            let found = program::run("blkid", &arguments, program::LIMIT).await.unwrap_or_default();
            if found.trim().is_empty() {
                return Err(VolumeError::ForeignData(device.to_owned()));
            }
        }
    }
    program::run("mount", &[device.as_os_str(), place.as_os_str()], program::LIMIT).await?;
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    Nothing,
    FileSystem,
    Other,
}

/// Looks at the beginning of a device. Blocking.
fn probe(device: &Path) -> Result<Content, FileError> {
    const EXT_MAGIC: (usize, [u8; 2]) = (0x438, [0x53, 0xef]);
    let mut bytes = Vec::new();
    let reading = File::open(device).and_then(|file| file.take(PROBED_BYTES).read_to_end(&mut bytes));
    reading.map_err(|error: io::Error| FileError::new("read", device, error))?;
    if bytes.get(EXT_MAGIC.0..EXT_MAGIC.0 + 2) == Some(&EXT_MAGIC.1) {
        return Ok(Content::FileSystem);
    }
    Ok(if bytes.iter().all(|byte| *byte == 0) { Content::Nothing } else { Content::Other })
}

fn is_mount_point(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Some(parent) = path.parent() else { return true };
    let (Ok(own), Ok(above)) = (fs::symlink_metadata(path), fs::metadata(parent)) else { return false };
    if own.dev() != above.dev() {
        return true;
    }
    // A bind mount of the same file system shows in the table of mounts only.
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table.lines().filter_map(|line| line.split(' ').nth(4)).any(|point| Path::new(point) == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volumes(root: &Path) -> Volumes {
        Volumes {
            root: root.to_owned(),
            media: root.join("media"),
            directories: root.join("run/conpaas/volumes"),
            record: root.join("volumes.json"),
            node_variable: Some(format!("{NODE_VARIABLE}=none-has-this")),
            device_limit: Duration::from_millis(50),
            recording: Arc::default(),
        }
    }

    #[tokio::test]
    async fn a_volume_of_the_process_cloud_comes_and_goes_with_its_data() {
        let root = tempfile::tempdir().unwrap();
        let store = tempfile::tempdir().unwrap();
        let volumes = volumes(root.path());
        let name: VolumeName = "v1".parse().unwrap();
        let error = volumes.mount("sdb", None, &name).await.unwrap_err().to_string();
        assert!(error.contains("sdb did not appear"), "{error}");
        fs::create_dir_all(root.path().join("run/conpaas/volumes")).unwrap();
        symlink(store.path(), root.path().join("run/conpaas/volumes/sdb")).unwrap();
        for _ in 0..2 {
            volumes.mount("sdb", None, &name).await.unwrap();
        }
        fs::write(root.path().join("media/v1/f"), b"data").unwrap();
        // As after a power cut, when nothing is mounted any more.
        fs::remove_file(root.path().join("media/v1")).unwrap();
        volumes.resume().await;
        assert_eq!(fs::read(root.path().join("media/v1/f")).unwrap(), b"data");
        for _ in 0..2 {
            volumes.unmount(&name).await.unwrap();
        }
        volumes.resume().await;
        assert!(fs::symlink_metadata(root.path().join("media/v1")).is_err());
        assert_eq!(fs::read(store.path().join("f")).unwrap(), b"data");
        assert!(matches!(volumes.mount("../x", None, &name).await, Err(VolumeError::Name(_))));
    }

    #[tokio::test]
    async fn volumes_that_come_at_once_are_all_on_record() {
        let root = tempfile::tempdir().unwrap();
        let store = tempfile::tempdir().unwrap();
        let volumes = volumes(root.path());
        fs::create_dir_all(root.path().join("run/conpaas/volumes")).unwrap();
        let letters = ('b'..='q').map(|letter| (format!("sd{letter}"), format!("v{letter}").parse().unwrap()));
        let all: Vec<(String, VolumeName)> = letters.collect();
        for (device, _) in &all {
            symlink(store.path(), root.path().join("run/conpaas/volumes").join(device)).unwrap();
        }
        let mounts = all.iter().map(|(device, name)| volumes.mount(device, None, name));
        futures_util::future::try_join_all(mounts).await.unwrap();
        assert_eq!(volumes.names().len(), all.len());
    }

    #[test]
    fn records_of_older_programs_are_read() {
        let root = tempfile::tempdir().unwrap();
        let volumes = volumes(root.path());
        fs::write(&volumes.record, r#"{"a": "sdb", "b": {"device": "sdc", "id": "vol-1"}}"#).unwrap();
        let found: Vec<(String, Attached)> = volumes.remembered().into_iter().collect();
        let attached = |device: &str, id: Option<&str>| Attached { device: device.into(), id: id.map(str::to_owned) };
        assert_eq!(found, [("a".to_owned(), attached("sdb", None)), ("b".to_owned(), attached("sdc", Some("vol-1")))]);
    }

    #[test]
    fn only_what_holds_nothing_counts_as_empty() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("device");
        fs::write(&path, vec![0; 300_000]).unwrap();
        assert_eq!(probe(&path).unwrap(), Content::Nothing);
        fs::write(&path, [vec![0; 70_000], vec![1]].concat()).unwrap();
        assert_eq!(probe(&path).unwrap(), Content::Other);
        let mut bytes = vec![0; 4096];
        bytes[0x438..0x43a].copy_from_slice(&[0x53, 0xef]);
        fs::write(&path, bytes).unwrap();
        assert_eq!(probe(&path).unwrap(), Content::FileSystem);
    }
}

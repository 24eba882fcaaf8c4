//! Drives that a cloud adds to a machine to tell it what it is.

use std::path::Path;

use nix::mount::MsFlags;

use super::found::{Found, read_file};
use crate::sys::file;
use crate::sys::mount::{self, Unmount};
use crate::sys::program;
use crate::sys::{blocking, chain};

/// Labels (FAT writes them in capitals), and where such a drive has user-data.
const DRIVES: [(&str, &str); 4] = [
    ("config-2", "openstack/latest/user_data"),
    ("CONFIG-2", "openstack/latest/user_data"),
    ("cidata", "user-data"),
    ("CIDATA", "user-data"),
];
/// What such drives are formatted with: no other file system of a stranger is mounted.
const FILE_SYSTEMS: [&str; 2] = ["iso9660", "vfat"];
const MOUNT_POINT: &str = "/run/conpaas/invitation";

/// The user-data of the first such drive.
pub(crate) async fn read() -> Result<Option<Found>, String> {
    let mut reason = None;
    for (label, inside) in DRIVES {
        let Some(device) = device_of(label).await else { continue };
        match blocking(move || read_mounted(&device, inside)).await {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            Err(error) => reason = Some(format!("drive {label}: {error}")),
        }
    }
    reason.map_or(Ok(None), Err)
}

/// `None` also where no device can be looked at, as in a container.
async fn device_of(label: &str) -> Option<String> {
    let wanted = format!("LABEL={label}");
    // Without its cache, which would remember drives that are gone.
    let arguments = ["-c", "/dev/null", "-o", "device", "-t", &wanted];
    let found = program::run("blkid", &arguments, program::LIMIT).await.ok()?;
    found.lines().next().map(str::to_owned)
}

/// Blocking.
fn read_mounted(device: &str, inside: &str) -> Result<Option<Found>, String> {
    let place = Path::new(MOUNT_POINT);
    // What an earlier try left, when it was killed, is in the way.
    mount::ensure_unmounted(place, Unmount::Lazily).map_err(|error| chain(&error))?;
    file::ensure_private_directory(place).map_err(|error| chain(&error))?;
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let mut outcome = Err("it has no file system".to_owned());
    for file_system in FILE_SYSTEMS {
        match mount::mount(Path::new(device), place, file_system, flags, "") {
            Ok(()) => {
                outcome = read_file(&place.join(inside));
                mount::ensure_unmounted(place, Unmount::Lazily).map_err(|error| chain(&error))?;
                break;
            }
            Err(error) => outcome = Err(chain(&error)),
        }
    }
    let _empty_again = std::fs::remove_dir(place);
    outcome
}

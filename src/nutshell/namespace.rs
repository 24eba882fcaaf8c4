//! A network namespace that holds a whole nutshell.
//!
//! Without a default route nothing in it can reach the outside. liblxc
//! looks for the bridge in `/sys`, which belongs to the namespace in which
//! it was mounted: so a mount namespace goes with it, whose `/sys` is the
//! right one and still shows the control groups. That namespace is kept by a
//! file, because a director that is started again must find the mounts that
//! the one before it made.

use std::path::{Path, PathBuf};

use super::error::NutshellError;
use super::place::Place;
use crate::sys::file;
use crate::sys::program::{self, LIMIT};

/// The script that makes the mounts of the new mount namespace.
const MOUNT_SYS: &str = "set -eu
kept=$(mktemp -d /run/conpaas-cgroup.XXXXXX)
mount --rbind /sys/fs/cgroup \"$kept\"
mount -t sysfs sysfs /sys
mount --rbind \"$kept\" /sys/fs/cgroup
umount -l \"$kept\"
rmdir \"$kept\"";

/// The words that stand before a command so that it runs inside. Makes the
/// namespaces when they are not there.
///
/// # Errors
/// A program that makes them fails.
pub(crate) async fn enter(place: &Place) -> Result<Vec<String>, NutshellError> {
    let Some(name) = &place.settings.netns else { return Ok(Vec::new()) };
    ensure(name).await?;
    let network = format!("--net={}", network_file(name).display());
    let mounts = format!("--mount={}", mounts_file(name).display());
    // Paths that people typed stay right: the directory is there in both mount namespaces.
    let here = std::env::current_dir().map_err(|source| file::FileError::new("find", Path::new("."), source))?;
    let here = format!("--wd={}", here.display());
    Ok(["nsenter", &network, &mounts, &here, "--"].map(str::to_owned).to_vec())
}

/// Removes the namespaces; nothing may run in them any more. Fine if they are not there.
///
/// # Errors
/// A program that removes them fails.
pub(crate) async fn leave_and_remove(place: &Place) -> Result<(), NutshellError> {
    let Some(name) = &place.settings.netns else { return Ok(()) };
    let mounts = mounts_file(name);
    let directory = directory(name);
    // The file may carry several mounts when a make of it was ended halfway.
    for mounted in [&mounts, &directory] {
        while is_mounted(mounted)? {
            program::run("umount", &["--lazy".as_ref(), mounted.as_os_str()], LIMIT).await?;
        }
    }
    file::ensure_absent(&directory)?;
    for parent in directory.ancestors().skip(1).take(2) {
        let _others_may_use_it = std::fs::remove_dir(parent);
    }
    if network_file(name).exists() {
        program::run("ip", &["netns", "delete", name], LIMIT).await?;
    }
    Ok(())
}

async fn ensure(name: &str) -> Result<(), NutshellError> {
    let network = network_file(name);
    if !is_mounted(&network)? {
        // A plain file is what a reboot or an ended `ip` leaves.
        file::ensure_absent(&network)?;
        program::run("ip", &["netns", "add", name], LIMIT).await?;
    }
    program::run("ip", &["-netns", name, "link", "set", "lo", "up"], LIMIT).await?;
    let mounts = mounts_file(name);
    if is_mounted(&mounts)? {
        return Ok(());
    }
    let directory = directory(name);
    file::ensure_directory(&directory)?;
    let shown = directory.display().to_string();
    if !is_mounted(&directory)? {
        // A mount namespace can only be kept on a mount that is not copied into other namespaces.
        program::run("mount", &["--bind", &shown, &shown], LIMIT).await?;
    }
    program::run("mount", &["--make-private", &shown], LIMIT).await?;
    file::write_atomic(&mounts, b"", 0o600)?;
    make_mount_namespace(&network, &mounts).await
}

/// Makes the mount namespace and keeps it by the file `mounts`.
///
/// A kernel lets a mount namespace be kept only in one with a lower number.
/// Linux 6.18 hands out those numbers from a stock of each processor, so that
/// a newer namespace may have a lower number than the one it is made in: the
/// processor that made this one has a higher one. So all are tried.
async fn make_mount_namespace(network: &Path, mounts: &Path) -> Result<(), NutshellError> {
    let arguments = [
        format!("--net={}", network.display()),
        "unshare".to_owned(),
        format!("--mount={}", mounts.display()),
        "--propagation=private".to_owned(),
        "sh".to_owned(),
        "-c".to_owned(),
        MOUNT_SYS.to_owned(),
    ];
    let mut outcome = program::run("nsenter", &arguments, LIMIT).await;
    let n_processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    for processor in 0..n_processors {
        if outcome.is_ok() {
            break;
        }
        let mut pinned = vec!["--cpu-list".to_owned(), processor.to_string(), "nsenter".to_owned()];
        pinned.extend_from_slice(&arguments);
        outcome = program::run("taskset", &pinned, LIMIT).await;
    }
    outcome?;
    Ok(())
}

fn network_file(name: &str) -> PathBuf {
    Path::new("/run/netns").join(name)
}

fn directory(name: &str) -> PathBuf {
    Path::new("/run/conpaas/nutshell").join(name)
}

fn mounts_file(name: &str) -> PathBuf {
    directory(name).join("mnt")
}

/// Whether something is mounted exactly on `path`. Blocking, but only memory is read.
pub(crate) fn is_mounted(path: &Path) -> Result<bool, NutshellError> {
    Ok(mount_points()?.iter().any(|mounted| mounted == path))
}

/// All places where something is mounted, in the order of mounting.
pub(crate) fn mount_points() -> Result<Vec<PathBuf>, NutshellError> {
    let text = file::read_text(Path::new("/proc/self/mountinfo"))?;
    Ok(text.lines().filter_map(|line| line.split(' ').nth(4)).map(unescaped).collect())
}

/// The kernel writes blanks, tabs, line ends and backslashes as octal numbers.
fn unescaped(text: &str) -> PathBuf {
    let table = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    PathBuf::from(table.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_the_kernel_writes_them() {
        assert_eq!(unescaped("/a\\040b\\011c\\012d"), Path::new("/a b\tc\nd"));
        assert_eq!(unescaped("/plain"), Path::new("/plain"));
        assert_eq!(unescaped("/back\\134slash"), Path::new("/back\\slash"));
    }

    #[test]
    fn the_root_is_mounted_and_an_unknown_path_is_not() {
        assert!(is_mounted(Path::new("/proc")).unwrap());
        assert!(!is_mounted(Path::new("/no such directory")).unwrap());
    }
}

//! A control group with all below it, however many a node made, and nested deeper than a path can name.
//!
//! The way goes down and up by descriptors, of which it holds three, and each step removes something: no list of groups is kept.
//! Groups cannot be moved to other places, so the way up from one below leads back.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::sys::process::ProcessId;

/// How long a killed process has before it is looked at again.
const LOOK: Duration = Duration::from_millis(2);
/// More than the processes of a node; those that are left out are killed with the next look.
const MAX_LIST_BYTES: u64 = 1 << 20;

const GROUP: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What is left of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing.
    Nothing,
    /// Processes that do not end.
    Processes,
    /// Groups that cannot be removed, or more than the time was enough for.
    Groups,
}

/// Kills what runs in the group at `path` and below it, and removes it, until `end`. May be repeated. Blocking.
pub(crate) fn remove(path: &Path, end: Instant) -> Left {
    loop {
        let left = match try_remove(path, end) {
            // Whoever else removes groups (the container's monitor) took one away under our feet.
            Err(Errno::NOENT | Errno::NODEV) if !path.exists() => Left::Nothing,
            Err(_) => Left::Groups,
            Ok(left) => left,
        };
        if left == Left::Nothing || Instant::now() >= end {
            return left;
        }
        std::thread::sleep(LOOK);
    }
}

fn try_remove(path: &Path, end: Instant) -> Result<Left, Errno> {
    let mut here = rustix::fs::open(path, GROUP, Mode::empty())?;
    // Only the newest kernels have it; it kills all that is below too.
    let _old_kernel = write_into(&here, c"cgroup.kill", b"1");
    // Who is not killed yet makes no new ones.
    let _no_such_controller = write_into(&here, c"pids.max", b"0");
    let top = number(&here)?;
    let mut left = Left::Groups;
    while Instant::now() < end {
        if kill_members(&here)? {
            left = Left::Processes;
            std::thread::sleep(LOOK);
            continue;
        }
        left = Left::Groups;
        let (n_removed, stays) = remove_empty(&here, end)?;
        match stays {
            Some(name) => match rustix::fs::openat(&here, &*name, GROUP, Mode::empty()) {
                Err(Errno::NOENT) => {}
                below => here = below?,
            },
            None if number(&here)? == top => {
                return match rustix::fs::rmdir(path) {
                    Ok(()) | Err(Errno::NOENT) => Ok(Left::Nothing),
                    Err(_) => Ok(Left::Groups),
                };
            }
            None => {
                // Nothing is in it, and yet the kernel kept it: what was in it is still ending.
                if n_removed == 0 {
                    std::thread::sleep(LOOK);
                }
                here = rustix::fs::openat(&here, c"..", GROUP, Mode::empty())?;
            }
        }
    }
    Ok(left)
}

/// Removes the groups in `group` that are empty, up to the first that is not; returns how many, and the name of that one.
fn remove_empty(group: &OwnedFd, end: Instant) -> Result<(usize, Option<CString>), Errno> {
    let mut n_removed = 0;
    for entry in Dir::read_from(group)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type() != FileType::Directory || matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let removed = rustix::fs::unlinkat(group, name, AtFlags::REMOVEDIR);
        if !matches!(removed, Ok(()) | Err(Errno::NOENT)) || Instant::now() >= end {
            return Ok((n_removed, Some(name.to_owned())));
        }
        n_removed += 1;
    }
    Ok((n_removed, None))
}

/// Kills what runs in this one group; returns whether anything did.
fn kill_members(group: &OwnedFd) -> Result<bool, Errno> {
    let list = rustix::fs::openat(group, c"cgroup.procs", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let members = read_members(File::from(list)).unwrap_or_default();
    for member in &members {
        member.signal(Signal::SIGKILL);
    }
    Ok(!members.is_empty())
}

/// The live processes in a list of numbers; those of other process namespaces are told as 0.
fn read_members(list: impl Read) -> io::Result<Vec<ProcessId>> {
    let mut text = String::new();
    list.take(MAX_LIST_BYTES).read_to_string(&mut text)?;
    // A number that was cut off is another one.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let numbers = whole.lines().filter_map(|line| line.parse().ok()).filter(|pid: &i32| *pid > 1);
    Ok(numbers.filter_map(ProcessId::of).filter(|process| process.is_alive()).collect())
}

/// Whether a process runs in the group itself. Blocking.
pub(crate) fn has_members(path: &Path) -> bool {
    File::open(path.join("cgroup.procs")).and_then(read_members).is_ok_and(|members| !members.is_empty())
}

/// Makes the group the machine's: whoever is root in the node can make no groups in it, and write to no file of it. Fine
/// if there is none. Blocking.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn keep(path: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    chown(path, Some(0), Some(0))?;
    for entry in entries {
        let entry = entry?;
        let metadata = entry.metadata()?;
        // Some of them liblxc gives to the group of the node's root only, for which they are open too.
        if (metadata.uid(), metadata.gid()) != (0, 0) {
            chown(entry.path(), Some(0), Some(0))?;
        }
    }
    Ok(())
}

fn write_into(group: &OwnedFd, file: &CStr, bytes: &[u8]) -> Result<(), Errno> {
    let file = rustix::fs::openat(group, file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, bytes).map(drop)
}

fn number(group: &OwnedFd) -> Result<u64, Errno> {
    Ok(rustix::fs::fstat(group)?.st_ino)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_was_cut_off_is_no_process() {
        let own = std::process::id();
        let read = |text: String| read_members(text.as_bytes()).unwrap().iter().map(|id| id.pid).collect::<Vec<_>>();
        assert_eq!(read(format!("0\n1\n{own}\nx\n{own}")), [own.cast_signed()]);
        assert!(read(own.to_string()).is_empty());
    }
}

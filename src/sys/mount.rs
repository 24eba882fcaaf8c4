//! The mounts of the machine's mount namespace, see [`machine`].

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags};
use rustix::fs::{AtFlags, StatxAttributes, StatxFlags};

use crate::sys::file::FileError;
use crate::sys::machine;

/// Ten thousands of mounts. Whoever is root in a container decides how many it has, and how long their names are.
const MAX_TABLE_BYTES: u64 = 8 << 20;

/// One line of `/proc/<pid>/mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The device as `major:minor`.
    pub device: String,
    /// Where it is mounted.
    pub target: PathBuf,
    /// The file system's type, such as `ext4` or `cgroup2`.
    pub file_system: String,
    /// Options of the file system itself, such as the controllers of a `cgroup`.
    pub super_options: String,
}

/// Returns all mounts, parents before children. Blocking.
///
/// # Errors
/// `/proc` is not mounted.
pub fn all() -> Result<Vec<Mount>, FileError> {
    of_table(Path::new("/proc/thread-self/mountinfo"))
}

/// Returns all mounts that another process sees; its targets count from its own root. Blocking.
///
/// # Errors
/// There is no such process, or it sees too many.
pub fn of_process(pid: i32) -> Result<Vec<Mount>, FileError> {
    of_table(Path::new(&format!("/proc/{pid}/mountinfo")))
}

/// Targets of all mounts at `directory` and below it, children before parents. Blocking.
///
/// # Errors
/// `/proc` is not mounted.
pub fn at_or_below(directory: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mounts = all()?.into_iter().map(|mount| mount.target);
    let mut targets: Vec<PathBuf> = mounts.filter(|target| target.starts_with(directory)).collect();
    targets.reverse();
    Ok(targets)
}

/// Returns whether something is mounted exactly at `directory`. Blocking.
///
/// # Errors
/// `/proc` is not mounted.
pub fn is_mounted(directory: &Path) -> Result<bool, FileError> {
    let look = || {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        rustix::fs::statx(rustix::fs::CWD, directory, flags, StatxFlags::empty())
    };
    // One look tells what a table of all mounts would, which grows with each node.
    match machine::inside(look) {
        Ok(Ok(found)) if found.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT) => {
            Ok(found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
        }
        Ok(Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR)) => Ok(false),
        // Before Linux 5.8, or what serves the mount is dead.
        _ => Ok(all()?.iter().any(|mount| mount.target == directory)),
    }
}

/// Mounts `source` at `target`. Blocking.
///
/// # Errors
/// The kernel's reason: no such device, wrong file system, not permitted.
pub fn mount(source: &Path, target: &Path, file_system: &str, flags: MsFlags, data: &str) -> Result<(), FileError> {
    in_machine(|| nix::mount::mount(Some(source), target, Some(file_system), flags, Some(data)))
        .map_err(|error| FileError::new("mount a file system on", target, error))
}

/// Makes `directory` a mount of itself that passes later mounts on to whoever
/// binds it. Fine if it is so already. Blocking.
///
/// # Errors
/// `directory` is missing, or mounting is not permitted.
pub fn ensure_shared(directory: &Path) -> Result<(), FileError> {
    let is_there = is_mounted(directory)?;
    let share = || {
        if !is_there {
            nix::mount::mount(Some(directory), directory, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        }
        nix::mount::mount(None::<&str>, directory, None::<&str>, MsFlags::MS_SHARED, None::<&str>)
    };
    in_machine(share).map_err(|error| FileError::new("share the mounts of", directory, error))
}

/// How hard to unmount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmount {
    /// Only if no program uses it.
    IfUnused,
    /// Away from the tree now; the file system ends with its last user.
    Lazily,
}

/// Unmounts what is at `target`; fine if nothing is. Blocking.
///
/// # Errors
/// A program still uses it ([`std::io::ErrorKind::ResourceBusy`]).
pub fn ensure_unmounted(target: &Path, how: Unmount) -> Result<(), FileError> {
    let flags = match how {
        Unmount::IfUnused => MntFlags::UMOUNT_NOFOLLOW,
        Unmount::Lazily => MntFlags::UMOUNT_NOFOLLOW | MntFlags::MNT_DETACH,
    };
    let unmount = || match nix::mount::umount2(target, flags) {
        Err(Errno::EINVAL | Errno::ENOENT) => Ok(()),
        other => other,
    };
    in_machine(unmount).map_err(|error| FileError::new("unmount", target, error))
}

fn in_machine(work: impl FnOnce() -> Result<(), Errno> + Send) -> io::Result<()> {
    machine::inside(work)?.map_err(io::Error::from)
}

fn of_table(path: &Path) -> Result<Vec<Mount>, FileError> {
    let read = || {
        let mut table = Vec::new();
        fs::File::open(path)?.take(MAX_TABLE_BYTES + 1).read_to_end(&mut table)?;
        Ok(table)
    };
    let table = machine::inside(read).and_then(|outcome: io::Result<Vec<u8>>| outcome);
    let table = table.map_err(|source| FileError::new("read", path, source))?;
    if table.len() as u64 > MAX_TABLE_BYTES {
        return Err(FileError::new("read", path, io::Error::other("it names more mounts than a machine needs")));
    }
    Ok(table.split(|byte| *byte == b'\n').filter_map(line).collect())
}

/// `36 35 98:0 /root /target options [tags] - type source super-options`
fn line(line: &[u8]) -> Option<Mount> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let dash = words.iter().position(|word| *word == b"-")?;
    let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
    Some(Mount {
        device: text(words.get(2)?),
        target: PathBuf::from(OsStr::from_bytes(&unescape(words.get(4)?))),
        file_system: text(words.get(dash + 1)?),
        super_options: text(words.get(dash + 3)?),
    })
}

/// The kernel writes blanks and backslashes as `\` and three octal digits.
fn unescape(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..3).filter(|_| first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_table_is_read_with_and_without_tags() {
        let mount = line(b"36 35 98:0 /r /a\\040b\\134 rw,noatime shared:1 - ext4 /dev/loop0 rw,memory").unwrap();
        assert_eq!(mount.target, Path::new("/a b\\"));
        assert_eq!((mount.device.as_str(), mount.file_system.as_str()), ("98:0", "ext4"));
        assert_eq!(mount.super_options, "rw,memory");
        assert_eq!(line(b"1 0 0:2 / /x rw - tmpfs t rw").unwrap().file_system, "tmpfs");
        assert!(line(b"").is_none());
    }

    #[test]
    fn this_process_has_a_proc() {
        assert!(is_mounted(Path::new("/proc")).unwrap());
        assert!(!is_mounted(Path::new("/proc/self")).unwrap() && !is_mounted(Path::new("/proc/none/x")).unwrap());
        assert_eq!(at_or_below(Path::new("/proc")).unwrap().last(), Some(&PathBuf::from("/proc")));
    }
}

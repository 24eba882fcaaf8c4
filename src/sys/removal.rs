//! Trees that somebody else made are removed, however deep, wide or closed they are.
//!
//! The sub-directories of a tree are moved side by side into one new directory at its top, numbered in the order in which they
//! come, and emptied in that order. So no path is ever longer than two names, and the state of the work is two numbers.
//!
//! # Guarantees
//! - Memory, descriptors and stack do not depend on the tree, and the time grows with the number of its entries alone.
//! - No link is followed, and no mount entered: what is mounted in the tree stays, and is an error.
//! - Removal may be interrupted at any moment, and repeated.
//!
//! # Caveats
//! - Where a directory cannot be moved (the disk has no room for one name more, or the lower layer of an overlay holds it), it is
//!   emptied in its place. That takes 16 bytes of memory a level.
//! - A program that goes on filling the tree makes it an error.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, IFlags, Mode, OFlags, ResolveFlags, StatxFlags};
use rustix::io::Errno;

/// How often a directory is looked through again when something new is in it.
const N_LOOKS: usize = 16;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const WITHIN: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_XDEV)
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS);

/// Removes the directory `path` with all that is in it; fine if it is not there. Blocking.
///
/// # Errors
/// Something in it is mounted, is being filled, or belongs to somebody else.
pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let name = CString::new(name.as_bytes())?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = match rustix::fs::open(parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        other => other?,
    };
    remove_named(&parent, &name).map_err(|errno| match errno {
        Errno::XDEV | Errno::BUSY => io::Error::other("something is mounted in it"),
        Errno::NOTEMPTY | Errno::EXIST => io::Error::other("something is being put into it"),
        errno => errno.into(),
    })
}

fn remove_named(parent: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    // What is above the tree stays as it is, whatever it forbids.
    let top = match open_directory(parent, name) {
        Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ACCESS) => {
            loosen_named(parent, name);
            open_directory(parent, name)?
        }
        other => other?,
    };
    for _ in 0..N_LOOKS {
        let mut queue = Queue { top: &top, place: None, next: 0, end: 0 };
        let emptied = empty(&top, &mut queue).and_then(|()| queue.work_off());
        // What was moved goes with the next try; an empty place is not left behind.
        let closed = queue.close();
        emptied?;
        closed?;
        match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
            Err(Errno::NOTEMPTY | Errno::EXIST) => {}
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::NOTEMPTY)
}

/// The directories that are still to be emptied: those named `next` to `end` in one directory at the top of the tree.
struct Queue<'a> {
    top: &'a OwnedFd,
    place: Option<(CString, OwnedFd)>,
    next: u64,
    end: u64,
}

impl Queue<'_> {
    fn push(&mut self, directory: &OwnedFd, name: &CStr) -> Result<(), Errno> {
        let place = match &mut self.place {
            Some((_, place)) => place,
            None => {
                let new = CString::new(format!(".{}.removed", super::random::alphanumeric(16)));
                let new = new.map_err(|_| Errno::INVAL)?;
                rustix::fs::mkdirat(self.top, &*new, Mode::RWXU)?;
                let opened = open_directory(self.top, &new)?;
                &mut self.place.insert((new, opened)).1
            }
        };
        rustix::fs::renameat(directory, name, &*place, numbered(self.end).as_c_str())?;
        self.end += 1;
        Ok(())
    }

    /// Empties and removes all, and what comes to it meanwhile.
    fn work_off(&mut self) -> Result<(), Errno> {
        while self.next < self.end {
            let name = numbered(self.next);
            self.next += 1;
            self.remove(&name)?;
        }
        Ok(())
    }

    fn remove(&mut self, name: &CStr) -> Result<(), Errno> {
        for _ in 0..N_LOOKS {
            let Some((_, place)) = &self.place else { return Ok(()) };
            // A program that runs may have put something else there.
            let Some(directory) = enter(place, name)? else { return gone(unlink(place, name)) };
            empty(&directory, self)?;
            let Some((_, place)) = &self.place else { return Ok(()) };
            match rustix::fs::unlinkat(place, name, AtFlags::REMOVEDIR) {
                Err(Errno::NOTEMPTY | Errno::EXIST) => {}
                other => return gone(other),
            }
        }
        Err(Errno::NOTEMPTY)
    }

    fn close(&mut self) -> Result<(), Errno> {
        let Some((name, _)) = self.place.take() else { return Ok(()) };
        match rustix::fs::unlinkat(self.top, &*name, AtFlags::REMOVEDIR) {
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
            other => gone(other),
        }
    }
}

fn numbered(number: u64) -> CString {
    CString::new(number.to_string()).expect("digits have no NUL")
}

/// Removes what can be removed at once, and gives the sub-directories that hold something to `queue`.
fn empty(directory: &OwnedFd, queue: &mut Queue<'_>) -> Result<(), Errno> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_self_or_parent(name) || queue.place.as_ref().is_some_and(|(place, _)| **place == *name) {
            continue;
        }
        if !is_full_directory(directory, name, entry.file_type())? {
            continue;
        }
        match loosened(directory, name, || queue.push(directory, name)) {
            Err(Errno::NOSPC | Errno::DQUOT | Errno::XDEV | Errno::MLINK) => empty_in_place(directory, name)?,
            other => gone(other)?,
        }
    }
    Ok(())
}

/// Removes an entry, unless it is a directory that holds something.
fn is_full_directory(directory: &OwnedFd, name: &CStr, kind: FileType) -> Result<bool, Errno> {
    if !matches!(kind, FileType::Directory | FileType::Unknown) {
        match loosened(directory, name, || unlink(directory, name)) {
            Err(Errno::ISDIR) => {}
            other => return gone(other).map(|()| false),
        }
    }
    match loosened(directory, name, || rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR)) {
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(true),
        Err(Errno::NOTDIR) => gone(loosened(directory, name, || unlink(directory, name))).map(|()| false),
        other => gone(other).map(|()| false),
    }
}

/// Goes down and up again; on the way up each directory must be the one that it was on the way down.
fn empty_in_place(from: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    let Some(mut here) = enter(from, name)? else { return Ok(()) };
    let mut above = Vec::new();
    loop {
        if let Some(name) = first_full_directory(&here)? {
            if let Some(below) = enter(&here, &name)? {
                above.push(identity(&here)?);
                here = below;
            }
            continue;
        }
        let Some(expected) = above.pop() else { break };
        here = rustix::fs::openat(&here, c"..", DIRECTORY, Mode::empty())?;
        if identity(&here)? != expected {
            return Err(Errno::NOTEMPTY);
        }
    }
    match loosened(from, name, || rustix::fs::unlinkat(from, name, AtFlags::REMOVEDIR)) {
        // Filled anew: the caller looks again.
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        other => gone(other),
    }
}

fn first_full_directory(directory: &OwnedFd) -> Result<Option<CString>, Errno> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if !is_self_or_parent(name) && is_full_directory(directory, name, entry.file_type())? {
            return Ok(Some(name.to_owned()));
        }
    }
    Ok(None)
}

fn is_self_or_parent(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

fn unlink(directory: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    rustix::fs::unlinkat(directory, name, AtFlags::empty())
}

/// That something is gone already is fine.
fn gone(outcome: Result<(), Errno>) -> Result<(), Errno> {
    match outcome {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

/// Opens a directory; `None` if there is none, or something else has its name.
fn enter(directory: &OwnedFd, name: &CStr) -> Result<Option<OwnedFd>, Errno> {
    match loosened(directory, name, || open_directory(directory, name)) {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        other => other.map(Some),
    }
}

fn open_directory(directory: &OwnedFd, name: &CStr) -> Result<OwnedFd, Errno> {
    open_within(directory, name, DIRECTORY)
}

/// Opens an entry of a directory, by a name without slashes: no link, and nothing that is mounted there.
fn open_within(directory: &OwnedFd, name: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    match rustix::fs::openat2(directory, name, flags, Mode::empty(), WITHIN) {
        // A unit with `RestrictSUIDSGID=` has no such call: systemd cannot look into its arguments.
        Err(Errno::NOSYS) => open_in_the_same_mount(directory, name, flags),
        other => other,
    }
}

fn open_in_the_same_mount(directory: &OwnedFd, name: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    let opened = rustix::fs::openat(directory, name, flags, Mode::empty())?;
    let mount_of = |entry: &OwnedFd| {
        let status = rustix::fs::statx(entry, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
        Ok::<u64, Errno>(status.stx_mnt_id)
    };
    if mount_of(directory)? == mount_of(&opened)? { Ok(opened) } else { Err(Errno::XDEV) }
}

fn identity(directory: &OwnedFd) -> Result<(u64, u64), Errno> {
    let status = rustix::fs::fstat(directory)?;
    Ok((status.st_dev, status.st_ino))
}

/// Does it; where that is not permitted, takes away what forbids it (modes, the flags *immutable* and *append only*), and tries
/// once more.
fn loosened<T>(directory: &OwnedFd, name: &CStr, mut act: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    match act() {
        Err(Errno::ACCESS | Errno::PERM) => {
            loosen(directory);
            loosen_named(directory, name);
            act()
        }
        other => other,
    }
}

fn loosen_named(directory: &OwnedFd, name: &CStr) {
    let sight = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if let Ok(entry) = open_within(directory, name, sight) {
        loosen(&entry);
    }
}

/// Whether it helps shows in the next try. Only files and directories have flags, and opening anything else may act.
fn loosen(entry: &OwnedFd) {
    let Ok(status) = rustix::fs::fstat(entry) else { return };
    let kind = FileType::from_raw_mode(status.st_mode);
    if !matches!(kind, FileType::Directory | FileType::RegularFile) {
        return;
    }
    let path = format!("/proc/self/fd/{}", entry.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let clear = || {
        let opened = rustix::fs::open(path.as_str(), flags, Mode::empty())?;
        let found = rustix::fs::ioctl_getflags(&opened)?;
        let holding = IFlags::IMMUTABLE | IFlags::APPEND;
        if found.intersects(holding) { rustix::fs::ioctl_setflags(&opened, found - holding) } else { Ok(()) }
    };
    let _shows_in_the_next_try: Result<(), Errno> = clear();
    if kind == FileType::Directory {
        let mode = Mode::from_raw_mode(status.st_mode) | Mode::RWXU;
        let _shows_in_the_next_try = rustix::fs::chmod(path.as_str(), mode);
    }
}

#[cfg(test)]
mod tests;

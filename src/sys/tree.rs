//! Files written into a tree that somebody else may have filled.
//!
//! The root of a stopped container belongs to its user: a directory in it may
//! have become a link to the host's `/etc`. So every step of a path is opened
//! from the one before it, and a link is never followed.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat, renameat};
use nix::sys::stat::{Mode, fchmod, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, unlinkat};

use crate::sys::file::FileError;

/// Who owns what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// This process.
    Own,
    /// These ids, and for directories that a model has: the model's ids plus these.
    Shifted {
        /// The user id that stands for root.
        user_id: u32,
        /// The group id that stands for root.
        group_id: u32,
    },
}

/// Writes `content` to the absolute `path` inside `root` with `mode`, whole or
/// not at all. Missing directories are made like those of `model` (a tree that
/// the result will be laid over), else with mode 0755. Not synced: whoever
/// needs it after a power cut writes it again. Blocking.
///
/// # Errors
/// A step of the path is a link or a file, the path has `..`, or the disk is full.
pub fn write(
    root: &Path,
    path: &Path,
    content: &[u8],
    mode: u32,
    owner: Owner,
    model: Option<&Path>,
) -> Result<(), FileError> {
    let shown = root.join(path.strip_prefix("/").unwrap_or(path));
    write_beneath(root, path, content, mode, owner, model).map_err(|source| FileError::new("write", &shown, source))
}

fn write_beneath(
    root: &Path,
    path: &Path,
    content: &[u8],
    mode: u32,
    owner: Owner,
    model: Option<&Path>,
) -> io::Result<()> {
    let steps = steps(path)?;
    let (name, directories) = steps.split_last().ok_or(io::ErrorKind::InvalidInput)?;
    let mut directory = openat(AT_FDCWD, root, DIRECTORY, Mode::empty())?;
    let mut model = model.map(Path::to_owned);
    for step in directories {
        model = model.map(|model| model.join(step));
        directory = enter(&directory, step, owner, model.as_deref())?;
    }
    let mut temporary = OsStr::new(".").to_owned();
    temporary.push(name);
    temporary.push(format!(".{}.new", crate::sys::random::alphanumeric(8)));
    let outcome = (|| -> io::Result<()> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut file = std::fs::File::from(openat(&directory, &*temporary, flags, Mode::from_bits_truncate(0o600))?);
        file.write_all(content)?;
        give(&file, owner, 0, 0)?;
        fchmod(&file, Mode::from_bits_truncate(mode))?;
        Ok(renameat(&directory, &*temporary, &directory, *name)?)
    })();
    if outcome.is_err() {
        let _gone_or_never_made = unlinkat(&directory, &*temporary, UnlinkatFlags::NoRemoveDir);
    }
    outcome
}

const DIRECTORY: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

fn enter(parent: &OwnedFd, step: &OsStr, owner: Owner, model: Option<&Path>) -> io::Result<OwnedFd> {
    match openat(parent, step, DIRECTORY, Mode::empty()) {
        Ok(directory) => return Ok(directory),
        Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    mkdirat(parent, step, Mode::from_bits_truncate(0o700))?;
    let directory = openat(parent, step, DIRECTORY, Mode::empty())?;
    match model.map(std::fs::metadata) {
        Some(Ok(like)) => {
            give(&directory, owner, like.uid(), like.gid())?;
            fchmod(&directory, Mode::from_bits_truncate(like.mode() & 0o7777))?;
        }
        _ => {
            give(&directory, owner, 0, 0)?;
            fchmod(&directory, Mode::from_bits_truncate(0o755))?;
        }
    }
    Ok(directory)
}

fn give<F: std::os::fd::AsFd>(file: F, owner: Owner, user_id: u32, group_id: u32) -> io::Result<()> {
    match owner {
        Owner::Own => Ok(()),
        Owner::Shifted { user_id: user_base, group_id: group_base } => {
            let user = Uid::from_raw(user_base.saturating_add(user_id));
            Ok(fchown(file, Some(user), Some(Gid::from_raw(group_base.saturating_add(group_id))))?)
        }
    }
}

fn steps(path: &Path) -> io::Result<Vec<&OsStr>> {
    let mut steps = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(step) => steps.push(step),
            Component::ParentDir | Component::Prefix(_) => return Err(io::ErrorKind::InvalidInput.into()),
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn directories_are_made_like_the_models() {
        let directory = tempfile::tempdir().unwrap();
        let (root, model) = (directory.path().join("root"), directory.path().join("model"));
        fs::create_dir_all(model.join("root")).unwrap();
        fs::set_permissions(model.join("root"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::create_dir(&root).unwrap();
        write(&root, Path::new("/root/x/config.cfg"), b"a", 0o640, Owner::Own, Some(&model)).unwrap();
        write(&root, Path::new("/root/x/config.cfg"), b"b", 0o600, Owner::Own, Some(&model)).unwrap();
        let mode = |path: &str| fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("root"), mode("root/x"), mode("root/x/config.cfg")), (0o700, 0o755, 0o600));
        assert_eq!(fs::read(root.join("root/x/config.cfg")).unwrap(), b"b");
        assert_eq!(fs::read_dir(root.join("root/x")).unwrap().count(), 1);
    }

    #[test]
    fn a_link_never_leads_out_of_the_tree() {
        let directory = tempfile::tempdir().unwrap();
        let (root, outside) = (directory.path().join("root"), directory.path().join("outside"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, root.join("etc")).unwrap();
        std::os::unix::fs::symlink(outside.join("target"), root.join("file")).unwrap();
        assert!(write(&root, Path::new("/etc/passwd"), b"x", 0o644, Owner::Own, None).is_err());
        assert!(write(&root, Path::new("/../outside/x"), b"x", 0o644, Owner::Own, None).is_err());
        write(&root, Path::new("/file"), b"x", 0o644, Owner::Own, None).unwrap();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        assert!(fs::symlink_metadata(root.join("file")).unwrap().is_file());
    }
}

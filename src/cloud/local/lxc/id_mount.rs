//! A view of a directory in which all owners are shifted.
//!
//! With it one base that belongs to root serves every unprivileged container
//! without a copy. Called only by the hidden sub-command, which has one thread:
//! the id map is taken from a short-lived child's user namespace.
#![expect(unsafe_code, reason = "neither std nor nix has open_tree, mount_setattr and move_mount")]

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, pipe};

use super::settings::IdMap;

/// Mounts `source` at `target`; id 0 on disk is seen as `map.first`.
pub(crate) fn mount_shifted(source: &Path, target: &Path, map: IdMap) -> io::Result<()> {
    let namespace = user_namespace(map)?;
    let c_source = CString::new(source.as_os_str().as_encoded_bytes())?;
    let c_target = CString::new(target.as_os_str().as_encoded_bytes())?;
    let open_flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    // SAFETY: the path is NUL-terminated; the result is checked before use.
    let tree = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, c_source.as_ptr(), open_flags) };
    let tree = i32::try_from(checked(tree)?).map_err(io::Error::other)?;
    // SAFETY: the kernel just gave us this descriptor.
    let tree = unsafe { OwnedFd::from_raw_fd(tree) };
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP,
        attr_clr: 0,
        propagation: 0,
        userns_fd: u64::try_from(namespace.as_raw_fd()).map_err(io::Error::other)?,
    };
    let empty = c"".as_ptr();
    // SAFETY: the structure outlives the call and its true size is given.
    checked(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            empty,
            libc::AT_EMPTY_PATH,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    })?;
    // SAFETY: both paths are NUL-terminated.
    checked(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            empty,
            libc::AT_FDCWD,
            c_target.as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH,
        )
    })?;
    Ok(())
}

/// A user namespace with the map; it lives as long as the file.
fn user_namespace(map: IdMap) -> io::Result<File> {
    let (ready_reader, ready_writer) = pipe()?;
    let (done_reader, done_writer) = pipe()?;
    // SAFETY: this process has one thread, and the child only makes system calls and exits.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(done_writer);
            let is_apart = unshare(CloneFlags::CLONE_NEWUSER).is_ok();
            let told = is_apart && File::from(ready_writer).write_all(b"x").is_ok();
            if told {
                let _until_the_parent_closes = File::from(done_reader).read(&mut [0]);
            }
            // SAFETY: ends the child without running what belongs to the parent.
            unsafe { libc::_exit(0) }
        }
        ForkResult::Parent { child } => {
            drop(ready_writer);
            drop(done_reader);
            let outcome = (|| {
                File::from(ready_reader).read_exact(&mut [0])?;
                for file in ["uid_map", "gid_map"] {
                    fs::write(format!("/proc/{child}/{file}"), format!("0 {} {}\n", map.first, map.count))?;
                }
                File::open(format!("/proc/{child}/ns/user"))
            })();
            drop(done_writer);
            waitpid(child, None)?;
            outcome
        }
    }
}

fn checked(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

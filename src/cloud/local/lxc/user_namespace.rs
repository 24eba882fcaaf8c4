//! User namespaces, made by a child that is in them and holds them.
//!
//! The kernel counts inotify instances, namespaces, message queues and more in
//! every namespace on the way up, each time for the user that made the one
//! below. Were root the maker of a node's namespace, all nodes and the
//! machine's root would draw on one account, and whoever is root in a node can
//! raise what is set in his own namespace. So a node has two:
//!
//! ```text
//! machine            account of the node's own first id: only this node draws on it
//!  └─ outer          its limits are set here, and nobody in the node is in it
//!      └─ the node's own
//! ```
//!
//! Called only by the hidden sub-commands, which have one thread.
#![expect(unsafe_code, reason = "the id map is that of a child process, and nix has no capset")]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, pipe, setegid, seteuid};

use crate::model::IdMap;
use crate::sys::resource::{Resource, lower};

/// What all of a node may have of what the kernel counts by namespaces, by the names in `/proc/sys/user`. A node's own
/// namespaces are among them; programs that confine parts of themselves, such as a browser, find enough.
const LIMITS: [(&str, u32); 12] = [
    ("max_user_namespaces", 32),
    ("max_pid_namespaces", 32),
    ("max_net_namespaces", 16),
    ("max_mnt_namespaces", 64),
    ("max_uts_namespaces", 32),
    ("max_ipc_namespaces", 32),
    ("max_cgroup_namespaces", 32),
    ("max_time_namespaces", 32),
    ("max_inotify_instances", 128),
    ("max_inotify_watches", 65_536),
    ("max_fanotify_groups", 16),
    ("max_fanotify_marks", 8_192),
];

/// Likewise, by resource: bytes of message queues, waiting signals, locked bytes.
const RESOURCES: [(Resource, u64); 3] =
    [(Resource::Msgqueue, 819_200), (Resource::Sigpending, 4_096), (Resource::Memlock, 64 << 20)];

/// A user namespace, and the child that keeps it until it is dropped.
pub(crate) struct UserNamespace {
    child: Pid,
    from_child: File,
    /// When this process ends, the child reads the end of it and ends too.
    to_child: File,
}

impl UserNamespace {
    /// One in which id `inside` is `outside.first`.
    pub(crate) fn with_map(inside: u32, outside: IdMap) -> io::Result<UserNamespace> {
        let mut namespace = Self::start(|steps| {
            unshare(CloneFlags::CLONE_NEWUSER)?;
            steps.done()
        })?;
        namespace.await_step()?;
        write_map(namespace.child, inside, outside)?;
        Ok(namespace)
    }

    /// That of a node: what everything in it may have in all is bounded.
    pub(crate) fn of_node(ids: IdMap) -> io::Result<UserNamespace> {
        let mut namespace = Self::start(|steps| {
            become_user(ids.first)?;
            for (resource, limit) in RESOURCES {
                lower(resource, limit)?;
            }
            unshare(CloneFlags::CLONE_NEWUSER)?;
            steps.done()?;
            set_limits()?;
            unshare(CloneFlags::CLONE_NEWUSER)?;
            steps.done()
        })?;
        namespace.await_step()?;
        let outer = namespace.file()?;
        write_map(namespace.child, ids.first, ids)?;
        namespace.go_on()?;
        namespace.await_step()?;
        // A map may be written only from inside, or from the namespace above.
        let child = namespace.child;
        in_namespace(&outer, || write_map(child, 0, ids))?;
        Ok(namespace)
    }

    /// Stands for it while `self` lives.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/user", self.child))
    }

    /// Keeps it while it is open.
    pub(crate) fn file(&self) -> io::Result<File> {
        File::open(self.path())
    }

    fn start(work: impl FnOnce(&mut Steps) -> io::Result<()>) -> io::Result<UserNamespace> {
        let (from_child, to_parent) = pipe()?;
        let (from_parent, to_child) = pipe()?;
        // SAFETY: this process has one thread, so the child may do what it may do.
        match unsafe { fork() }? {
            ForkResult::Child => {
                drop((from_child, to_child));
                let mut steps = Steps { to_parent: to_parent.into(), from_parent: from_parent.into() };
                if let Err(error) = work(&mut steps) {
                    let _the_parent_is_gone = steps.to_parent.write_all(format!("{error}").as_bytes());
                }
                // SAFETY: ends the child without running what belongs to the parent.
                unsafe { libc::_exit(0) }
            }
            ForkResult::Parent { child } => {
                drop::<(OwnedFd, OwnedFd)>((to_parent, from_parent));
                Ok(UserNamespace { child, from_child: from_child.into(), to_child: to_child.into() })
            }
        }
    }

    /// Waits for the child's next step.
    fn await_step(&mut self) -> io::Result<()> {
        let mut said = [0; 512];
        let length = self.from_child.read(&mut said)?;
        match &said[..length] {
            STEP => Ok(()),
            reason => Err(io::Error::other(String::from_utf8_lossy(reason).into_owned())),
        }
    }

    fn go_on(&mut self) -> io::Result<()> {
        self.to_child.write_all(STEP)
    }
}

impl Drop for UserNamespace {
    fn drop(&mut self) {
        let _it_ended_before = kill(self.child, Signal::SIGKILL);
        let _it_ended_before = waitpid(self.child, None);
    }
}

const STEP: &[u8] = b".";

/// How the child goes step by step with its parent.
struct Steps {
    to_parent: File,
    from_parent: File,
}

impl Steps {
    /// Says that a step is done, and waits until the parent wants the next.
    fn done(&mut self) -> io::Result<()> {
        self.to_parent.write_all(STEP)?;
        // Without a byte there is no parent any more.
        if self.from_parent.read(&mut [0])? == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
}

/// Makes what is made from now on that of user `id`, with all capabilities: some machines let nobody else make a
/// user namespace.
fn become_user(id: u32) -> io::Result<()> {
    /// Version 3: two words of each set.
    const VERSION: u32 = 0x2008_0522;
    let mut header = [VERSION, 0];
    // Effective, permitted and inheritable, of the first 32 capabilities and of the others.
    let mut sets = [0_u32; 6];
    // SAFETY: header and sets have the size that this version has.
    let outcome = unsafe { libc::syscall(libc::SYS_capget, header.as_mut_ptr(), sets.as_mut_ptr()) };
    checked(outcome)?;
    setegid(Gid::from_raw(id))?;
    seteuid(Uid::from_raw(id))?;
    // SAFETY: as above.
    checked(unsafe { libc::syscall(libc::SYS_capset, header.as_mut_ptr(), sets.as_ptr()) })
}

/// To be called in the namespace that they are to bind.
fn set_limits() -> io::Result<()> {
    for (name, limit) in LIMITS {
        let path = format!("/proc/sys/user/{name}");
        match fs::write(&path, format!("{limit}\n")) {
            // A kernel without the thing needs no limit of it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other.map_err(|error| io::Error::new(error.kind(), format!("cannot write {path}: {error}")))?,
        }
    }
    Ok(())
}

fn write_map(process: Pid, inside: u32, outside: IdMap) -> io::Result<()> {
    for file in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{process}/{file}"), format!("{inside} {} {}\n", outside.first, outside.count))?;
    }
    Ok(())
}

/// Does `work` in a child that has entered the namespace.
fn in_namespace(namespace: &File, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: this process has one thread, so the child may do what it may do.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let outcome = setns(namespace, CloneFlags::CLONE_NEWUSER).map_err(io::Error::from).and_then(|()| work());
            let code = outcome.err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
            // SAFETY: ends the child without running what belongs to the parent.
            unsafe { libc::_exit(code) }
        }
        ForkResult::Parent { child } => match waitpid(child, None)? {
            WaitStatus::Exited(_, 0) => Ok(()),
            WaitStatus::Exited(_, code) => Err(io::Error::from_raw_os_error(code)),
            other => Err(io::Error::other(format!("a child ended with {other:?}"))),
        },
    }
}

fn checked(result: libc::c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

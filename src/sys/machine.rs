//! The machine's own mount namespace, for a program that is confined to another.
//!
//! systemd gives a confined service a view of the machine in which little can
//! be written, and what the service mounts there ends with it. Containers and
//! volumes outlive their director, so their mounts are made in the machine's
//! own mount namespace, where a restarted director finds them again.
//!
//! The director's unit hands that namespace over as standard input. Where
//! standard input is anything else, the program is in it already.
//!
//! # Guarantees
//! - Only the work that is passed to [`inside`] leaves the confined view; the
//!   rest of the program, whoever talks to it, stays there.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic;
use std::sync::OnceLock;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};

/// Does `work` in the machine's mount namespace. Blocking.
///
/// # Errors
/// There is such a namespace, and entering it is not permitted.
///
/// # Panics
/// Passes on a panic of `work`.
pub(crate) fn inside<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let Some(namespace) = namespace() else { return Ok(work()) };
    // Of a thread it can be changed, of a process with several threads it cannot.
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("machine".to_owned());
        let outcome = thread.spawn_scoped(scope, || enter(namespace).map(|()| work()))?.join();
        outcome.unwrap_or_else(|payload| panic::resume_unwind(payload))
    })
}

fn enter(namespace: &OwnedFd) -> io::Result<()> {
    unshare(CloneFlags::CLONE_FS)?;
    setns(namespace, CloneFlags::CLONE_NEWNS)?;
    Ok(())
}

/// Returns the namespace that was handed over, if one was.
fn namespace() -> Option<&'static OwnedFd> {
    static NAMESPACE: OnceLock<Option<OwnedFd>> = OnceLock::new();
    let found = NAMESPACE.get_or_init(|| {
        let stdin = io::stdin();
        let is_namespace = fstatfs(stdin.as_fd()).is_ok_and(|status| status.filesystem_type() == NSFS_MAGIC);
        is_namespace.then(|| stdin.as_fd().try_clone_to_owned().ok()).flatten()
    });
    found.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_namespace_the_work_is_done_where_it_is() {
        let here = thread::current().id();
        assert_eq!(inside(|| thread::current().id()).unwrap(), here);
    }
}

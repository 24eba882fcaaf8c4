//! Limits of this process, which have 64 bits on 32-bit machines too. The programs that it starts have them as well.

use std::io;

use rustix::process::{Rlimit, getrlimit, setrlimit};

pub(crate) use rustix::process::Resource;

/// Sets both limits of `resource` to `limit`, or to the hard one if that is lower.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn bound(resource: Resource, limit: u64) -> io::Result<()> {
    let limit = lower_of(getrlimit(resource).maximum, limit);
    Ok(setrlimit(resource, Rlimit { current: limit, maximum: limit })?)
}

/// Lowers each limit of `resource` that is above `limit`.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn lower(resource: Resource, limit: u64) -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(resource);
    Ok(setrlimit(resource, Rlimit { current: lower_of(current, limit), maximum: lower_of(maximum, limit) })?)
}

fn lower_of(before: Option<u64>, limit: u64) -> Option<u64> {
    Some(before.map_or(limit, |before| before.min(limit)))
}

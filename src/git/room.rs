//! Room for one fetch or push: a place among those that go on, memory, and disk.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::serve::Service;
use crate::service::git::{Rules, place};
use crate::sys::file;
use crate::sys::lock::DirectoryLock;

/// How long somebody waits for a place.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);
/// Free space that a push leaves for what else the node keeps.
const RESERVE_BYTES: u64 = 64 << 20;
/// Beyond the largest push: what git adds to a file.
const FILE_SLACK_BYTES: u64 = 64 << 20;
const MEMORY_BYTES: std::ops::RangeInclusive<u64> = 64 << 20..=256 << 20;

/// Takes a place for `service`: one of one for pushes, one of two for fetches. It is given back when this process ends.
///
/// # Errors
/// The sentence for the user.
pub(super) fn take_place(service: Service) -> Result<DirectoryLock, String> {
    let names: &[&str] = match service {
        Service::Push => &["push"],
        Service::Fetch => &["fetch-0", "fetch-1"],
    };
    let end = Instant::now() + PATIENCE;
    loop {
        for name in names {
            let taken = DirectoryLock::try_take(&Path::new(place::SLOTS).join(name));
            if let Some(lock) = taken.map_err(|error| crate::sys::chain(&error))? {
                return Ok(lock);
            }
        }
        if Instant::now() >= end {
            return Err("others fetch or push all the time: try again later".to_owned());
        }
        std::thread::sleep(PAUSE);
    }
}

/// Bounds the memory of each program that is started from here on to a quarter of the node's, and the size of each
/// file that it writes.
///
/// # Errors
/// The sentence for the user.
pub(super) fn bound_programs(rules: &Rules) -> Result<(), String> {
    let memory = std::fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(total_memory).unwrap_or_default();
    let memory = (memory / 4).clamp(*MEMORY_BYTES.start(), *MEMORY_BYTES.end());
    for (resource, wanted) in [
        (Resource::RLIMIT_DATA, memory),
        (Resource::RLIMIT_FSIZE, rules.max_bytes.saturating_add(FILE_SLACK_BYTES)),
        (Resource::RLIMIT_CORE, 0),
    ] {
        let set = getrlimit(resource).and_then(|(_, most)| {
            let wanted = wanted.min(most);
            setrlimit(resource, wanted, wanted)
        });
        set.map_err(|errno| format!("the memory of git cannot be bounded: {errno}"))?;
    }
    Ok(())
}

/// Returns how many bytes a push may have: what the rules allow, and half of the free space, as the code is unpacked
/// beside it.
///
/// # Errors
/// The sentence for the user when nothing is left.
pub(super) fn bytes_of_push(rules: &Rules) -> Result<u64, String> {
    let free = file::free_bytes(Path::new(place::REPOSITORY)).map_err(|error| crate::sys::chain(&error))?;
    let room = free.saturating_sub(RESERVE_BYTES) / 2;
    if room == 0 {
        return Err("the manager's disk is full: delete code versions, or ask the operator for more".to_owned());
    }
    Ok(rules.max_bytes.min(room))
}

fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_the_kernel_shows_it() {
        assert_eq!(total_memory("MemTotal:         524288 kB\nMemFree: 1 kB\n"), Some(512 << 20));
        assert_eq!(total_memory("MemFree: 1 kB\n"), None);
    }
}

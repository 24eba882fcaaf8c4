//! Room for one fetch or push: a place among those that go on, memory, and disk.

use std::path::Path;
use std::time::{Duration, Instant};

use super::request::Service;
use crate::service::git::{Rules, place};
use crate::sys::file;
use crate::sys::lock::DirectoryLock;
use crate::sys::resource::{self, Resource};

/// How long somebody waits for a place.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);
/// Free space that a push leaves for what else the node keeps.
const RESERVE_BYTES: u64 = 64 << 20;
/// Beyond the largest push: what git adds to a file.
const FILE_SLACK_BYTES: u64 = 64 << 20;
const MEMORY_BYTES: std::ops::RangeInclusive<u64> = 64 << 20..=512 << 20;

/// Takes the place for `service`: one pushes at a time, and one fetches. It is given back when this process ends.
///
/// # Errors
/// The sentence for the user.
pub(super) fn take_place(service: Service) -> Result<DirectoryLock, String> {
    let name = match service {
        Service::Push => "push",
        Service::Fetch => "fetch",
    };
    let path = Path::new(place::SLOTS).join(name);
    let end = Instant::now() + PATIENCE;
    loop {
        let taken = DirectoryLock::try_take(&path);
        if let Some(lock) = taken.map_err(|error| crate::sys::chain(&error))? {
            return Ok(lock);
        }
        if Instant::now() >= end {
            return Err("others fetch or push all the time: try again later".to_owned());
        }
        std::thread::sleep(PAUSE);
    }
}

/// Bounds the memory of each program that is started from here on to a part of the node's, and the size of each file
/// that it writes. A fetch has half of the memory, as it packs what is asked for; a push a quarter.
///
/// # Errors
/// The sentence for the user.
pub(super) fn bound_programs(service: Service, rules: &Rules) -> Result<(), String> {
    let part = match service {
        Service::Push => 4,
        Service::Fetch => 2,
    };
    let memory = (rules.memory_bytes / part).clamp(*MEMORY_BYTES.start(), *MEMORY_BYTES.end());
    for (kind, wanted) in [
        (Resource::Data, memory),
        (Resource::Fsize, rules.max_bytes.saturating_add(FILE_SLACK_BYTES)),
        (Resource::Core, 0),
    ] {
        resource::bound(kind, wanted).map_err(|error| format!("the memory of git cannot be bounded: {error}"))?;
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

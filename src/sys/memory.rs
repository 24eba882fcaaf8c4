//! How much memory there is. Programs in a node are told of the node's limit where others are told of the machine.

use std::path::Path;

use super::file;

const MEMINFO: &str = "/proc/meminfo";

/// Returns all memory, in bytes; `None` if that is not known. Blocking.
#[must_use]
pub(crate) fn total_bytes() -> Option<u64> {
    total_of(&file::read_text(Path::new(MEMINFO)).ok()?)
}

fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_the_kernel_shows_it() {
        assert_eq!(total_of("MemTotal:         131072 kB\nMemFree: 1 kB\n"), Some(128 << 20));
        assert_eq!(total_of("MemFree: 5 kB\nMemTotal:         262144 kB\n"), Some(256 << 20));
        assert_eq!(total_of("MemTotal:         524288 kB\nMemFree: 1 kB\n"), Some(512 << 20));
        assert_eq!(total_of("MemFree: 1 kB\n"), None);
        assert!(total_bytes().is_some_and(|bytes| bytes > 0));
    }
}

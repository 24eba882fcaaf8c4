//! How much of the node's memory the server takes, by what the node may have.

use serde::Serialize;

use crate::sys::memory;

/// The server's shares; the numbers fit nodes from 128 MB on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Memory {
    /// Pages of tables, in MB.
    pub pool_mb: u64,
    /// The log of changes on the disk, in MB.
    pub log_mb: u64,
    /// Pages of temporary tables, in MB.
    pub aria_mb: u64,
    /// Changes that are kept for members that come back, in MB of the disk.
    pub gcache_mb: u64,
    /// Clients at once; each takes about half a megabyte.
    pub connections: u64,
}

impl Memory {
    /// Returns the shares in a node of `total_mb`.
    #[must_use]
    pub(super) fn of(total_mb: u64) -> Self {
        if total_mb < 256 {
            return Memory { pool_mb: 16, log_mb: 16, aria_mb: 1, gcache_mb: 16, connections: 20 };
        }
        // A machine that is no container of ours has its memory for others, too.
        let pool_mb = (total_mb / 4).clamp(64, 1024);
        Memory {
            pool_mb,
            log_mb: (pool_mb / 2).clamp(32, 256),
            aria_mb: 8,
            gcache_mb: (total_mb / 8).clamp(64, 128),
            connections: (total_mb / 8).clamp(40, 200),
        }
    }

    /// Returns the shares in this node. Blocking.
    #[must_use]
    pub(super) fn of_this_node() -> Self {
        Memory::of(memory::total_bytes().unwrap_or_default() >> 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_node_is_not_filled_and_a_large_one_is_used() {
        let small = Memory::of(128);
        assert!(small.pool_mb + small.connections / 2 < 40, "{small:?}");
        assert_eq!(Memory::of(0), small, "nothing is known: the least is taken");
        let usual = Memory::of(512);
        assert_eq!((usual.pool_mb, usual.connections), (128, 64));
        assert_eq!(Memory::of(24 * 1024).pool_mb, 1024);
    }
}

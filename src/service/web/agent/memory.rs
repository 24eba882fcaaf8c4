//! How much memory Java may take: no more than its node has, beside what else runs there.

use crate::sys::memory;

/// What a node has that does not say how much that is.
const USUAL_MB: u64 = 512;
/// What else runs in a node: the agent, nginx, and what the kernel keeps for them.
const OTHERS_MB: u64 = 48;

/// How much memory Java may take, in megabytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct JavaMemory {
    /// What the program keeps.
    pub heap_mb: u64,
    /// Its classes.
    pub classes_mb: u64,
    /// Its machine code.
    pub code_mb: u64,
    /// Whether there is too little for the compiler that thinks long.
    pub is_small: bool,
}

impl JavaMemory {
    /// Returns the share of a node with this much memory.
    #[must_use]
    pub(super) fn of(node_mb: u64) -> Self {
        let free = node_mb.saturating_sub(OTHERS_MB);
        JavaMemory {
            heap_mb: (free / 2).clamp(64, 4096),
            classes_mb: (free / 4).clamp(48, 512),
            code_mb: (free / 8).clamp(24, 240),
            is_small: node_mb < 1024,
        }
    }

    /// Returns the share of this node: what it is told of its memory is its limit. Blocking.
    #[must_use]
    pub(super) fn of_this_node() -> Self {
        JavaMemory::of(memory::total_bytes().map_or(USUAL_MB, |bytes| bytes >> 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_and_what_else_runs_fit_into_the_node() {
        for node_mb in [256, 512, 1024, 4096] {
            let JavaMemory { heap_mb, classes_mb, code_mb, .. } = JavaMemory::of(node_mb);
            // The machine of Java itself and the stacks of its threads take about 30 MB more.
            assert!(heap_mb + classes_mb + code_mb + 30 <= node_mb, "{node_mb}: {heap_mb} {classes_mb} {code_mb}");
            assert!(heap_mb * 5 >= node_mb * 2, "{node_mb}: {heap_mb}");
        }
        assert!(JavaMemory::of(64).heap_mb >= 64);
    }
}

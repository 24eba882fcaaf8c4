//! Ranges of user and group ids of this machine, one for each node.

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// User and group ids from 0 in a node are those from `first` outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IdMap {
    /// What root is outside.
    pub first: u32,
    /// How many ids there are.
    pub count: u32,
}

impl IdMap {
    /// The id after the last one.
    pub(crate) fn end(self) -> u64 {
        u64::from(self.first) + u64::from(self.count)
    }

    /// Whether an id is in both.
    pub(crate) fn overlaps(self, other: IdMap) -> bool {
        u64::from(self.first) < other.end() && u64::from(other.first) < self.end()
    }
}

impl std::fmt::Display for IdMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.first, self.end().saturating_sub(1))
    }
}

/// The ids that nodes get their ranges from, written `first-last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdPool(IdMap);

impl IdPool {
    /// 1024 ranges of 65,536 ids, from 0x70000000. systemd's table of ids names no
    /// use of them, `useradd` gives none of them, and they are positive in 32 bits.
    pub(crate) const USUAL: IdPool = IdPool(IdMap { first: 0x7000_0000, count: 1024 << 16 });

    /// All of its ids.
    pub(crate) fn ids(self) -> IdMap {
        self.0
    }

    /// How many ranges of `size` ids it has.
    pub(crate) fn n_ranges(self, size: u32) -> u32 {
        self.0.count / size
    }

    /// Returns a range of `size` ids that shares none with `used`. The search begins at
    /// a place that depends on `owner`, so that two directors on one machine, which
    /// do not see each other's nodes, hardly meet.
    pub(crate) fn free(self, size: u32, used: &BTreeSet<IdMap>, owner: &Path) -> Option<IdMap> {
        use sha2::{Digest, Sha256};
        let ranges = self.n_ranges(size);
        let hash = Sha256::digest(owner.as_os_str().as_encoded_bytes());
        let start = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]).checked_rem(ranges)?;
        let numbers = (start..ranges).chain(0..start);
        let mut candidates = numbers.map(|number| IdMap { first: self.0.first + number * size, count: size });
        candidates.find(|candidate| !used.iter().any(|taken| taken.overlaps(*candidate)))
    }
}

impl FromStr for IdPool {
    type Err = String;

    fn from_str(text: &str) -> Result<IdPool, String> {
        let wrong =
            || format!("'{text}' is not a range of ids: write the first and the last, such as {}", IdPool::USUAL.0);
        let (first, last) = text.split_once('-').ok_or_else(wrong)?;
        let number = |word: &str| word.trim().parse::<u32>().map_err(|_| wrong());
        let (first, last) = (number(first)?, number(last)?);
        // 4294967295 means "no id", and 0 to 65535 are the machine's own.
        if first < 65_536 || last == u32::MAX {
            return Err(format!("'{text}' must lie between 65536 and {}", u32::MAX - 1));
        }
        let count = last.checked_sub(first).ok_or_else(wrong)? + 1;
        Ok(IdPool(IdMap { first, count }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_given_only_while_nobody_has_an_id_of_it() {
        let pool: IdPool = "1000000-1196607".parse().unwrap();
        assert_eq!(pool.n_ranges(65_536), 3);
        // Of another size, and across the border of two ranges.
        let mut used: BTreeSet<IdMap> = [IdMap { first: 1_065_535, count: 2 }].into();
        let last = pool.free(65_536, &used, Path::new("/a")).unwrap();
        assert_eq!(last, IdMap { first: 1_131_072, count: 65_536 });
        used.insert(last);
        assert_eq!(pool.free(65_536, &used, Path::new("/a")), None);
        used.remove(&last);
        assert_eq!(pool.free(65_536, &used, Path::new("/b")), Some(last));
        assert_eq!(pool.free(200_000, &BTreeSet::new(), Path::new("/a")), None, "not one range fits");
    }

    #[test]
    fn clouds_begin_at_different_places_of_the_pool() {
        let first = |owner: &str| IdPool::USUAL.free(65_536, &BTreeSet::new(), Path::new(owner)).unwrap();
        assert_ne!(first("/var/lib/conpaas/clouds/iaas"), first("/var/tmp/nutshell/clouds/iaas"));
        assert!(IdPool::USUAL.n_ranges(65_536) >= 64);
    }

    #[test]
    fn pools_that_cannot_be_are_refused() {
        for text in ["", "5", "7-70000", "200000-100000", "65536-4294967295", "65536-99999999999", "a-b"] {
            assert!(text.parse::<IdPool>().is_err(), "{text}");
        }
        assert_eq!("65536-131071".parse::<IdPool>().unwrap().ids().to_string(), "65536-131071");
    }
}

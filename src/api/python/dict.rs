//! The order in which Python 2 lists the keys of a dictionary: that of their places in its table.
//!
//! # Assumptions
//! Python 2.7 on 64 bits, without `-R`; the keys were added one by one. The table of a literal of
//! eight keys and more can be larger: an answer of that size is a struct, whose fields stand in the
//! order that was recorded.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::model::ServiceId;

const SMALLEST_TABLE: usize = 8;
const PERTURB_SHIFT: u32 = 5;
/// Above so many keys a table grows by two instead of four.
const LARGE: usize = 50_000;

/// A key of a dictionary.
pub(crate) trait Key {
    /// Returns what Python 2's `hash` returns, as its bits.
    fn python_hash(&self) -> u64;
}

impl Key for String {
    fn python_hash(&self) -> u64 {
        let Some(first) = self.chars().next() else { return 0 };
        let mut hash = u64::from(u32::from(first)) << 7;
        let mut length = 0;
        for c in self.chars() {
            hash = hash.wrapping_mul(1_000_003) ^ u64::from(u32::from(c));
            length += 1;
        }
        hash ^= length;
        // -1 is an error's number there.
        if hash == u64::MAX { u64::MAX - 1 } else { hash }
    }
}

impl Key for ServiceId {
    fn python_hash(&self) -> u64 {
        let bits = self.0.cast_unsigned();
        if bits == u64::MAX { u64::MAX - 1 } else { bits }
    }
}

/// Puts items into the order of a dictionary to which they were added in the given order under
/// the keys that `key` returns; no two have the same key.
#[must_use]
pub(crate) fn dict_order<T, K: Key + ?Sized>(items: Vec<T>, key: impl Fn(&T) -> &K) -> Vec<T> {
    let hashes: Vec<u64> = items.iter().map(|item| key(item).python_hash()).collect();
    let mut table: Vec<Option<usize>> = vec![None; SMALLEST_TABLE];
    for index in 0..items.len() {
        place(&mut table, &hashes, index);
        let used = index + 1;
        if used * 3 >= table.len() * 2 {
            let wanted = if used > LARGE { used * 2 } else { used * 4 };
            let mut larger = vec![None; (wanted + 1).next_power_of_two().max(SMALLEST_TABLE)];
            table.into_iter().flatten().for_each(|index| place(&mut larger, &hashes, index));
            table = larger;
        }
    }
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    table.into_iter().flatten().filter_map(|index| items[index].take()).collect()
}

/// Writes a map in the order of a dictionary (`serialize_with`).
///
/// # Errors
/// The serializer's.
pub(crate) fn serialize_dict<K, V, S>(map: &BTreeMap<K, V>, serializer: S) -> Result<S::Ok, S::Error>
where
    K: Key + Serialize,
    V: Serialize,
    S: Serializer,
{
    serializer.collect_map(dict_order(map.iter().collect(), |(key, _)| *key))
}

/// Looks for a free place as `lookdict` does, from the hash on.
fn place(table: &mut [Option<usize>], hashes: &[u64], index: usize) {
    let mask = table.len() as u64 - 1;
    let mut at = hashes[index];
    let mut perturb = at;
    while table[(at & mask) as usize].is_some() {
        at = at.wrapping_mul(5).wrapping_add(perturb).wrapping_add(1);
        perturb >>= PERTURB_SHIFT;
    }
    table[(at & mask) as usize] = Some(index);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(keys: &[&str]) -> Vec<String> {
        dict_order(keys.iter().map(|key| (*key).to_owned()).collect(), |key| key)
    }

    #[test]
    fn keys_stand_as_python_prints_them() {
        let tables: [(&[&str], &[&str]); 6] = [
            (&["service_id", "cloud", "nodes"], &["service_id", "nodes", "cloud"]),
            (&["a", "b", "c", "d", "e", "f", "g"], &["a", "c", "b", "e", "d", "g", "f"]),
            (
                &["init.sh", "notify.sh", "run.sh", "interrupt.sh", "cleanup.sh"],
                &["run.sh", "interrupt.sh", "init.sh", "notify.sh", "cleanup.sh"],
            ),
            (&["", "é", "日本", "x y"], &["", "é", "x y", "日本"]),
            (&["iaasi-00000013", "iaasi-00000014"], &["iaasi-00000013", "iaasi-00000014"]),
            (&[], &[]),
        ];
        for (added, shown) in tables {
            assert_eq!(order(added), shown, "{added:?}");
        }
        let numbers = |ids: &[i64]| dict_order(ids.iter().map(|id| ServiceId(*id)).collect(), |id| id);
        assert_eq!(numbers(&[0, 9, 2, 8]).iter().map(|id| id.0).collect::<Vec<_>>(), [0, 9, 2, 8]);
        assert_eq!(numbers(&[0, 1, 2]).iter().map(|id| id.0).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn no_key_is_lost_however_many_there_are() {
        let keys: Vec<String> = (0..3000).map(|n| format!("key-{n}")).collect();
        let mut shown = dict_order(keys.clone(), |key| key);
        assert_ne!(shown, keys);
        shown.sort_unstable_by_key(|key| key[4..].parse::<u32>().unwrap());
        assert_eq!(shown, keys);
    }
}

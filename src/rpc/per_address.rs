//! How many connections each address has.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts the connections of each address.
#[derive(Default)]
pub(super) struct PerAddress {
    counts: Mutex<HashMap<IpAddr, usize>>,
}

impl PerAddress {
    /// Takes a seat for a connection from `address`, if fewer than `max` are taken.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr, max: usize) -> Option<Seat> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Seat { room: Arc::clone(self), address })
    }
}

/// The place of one connection; it is free again when this value is dropped.
pub(super) struct Seat {
    room: Arc<PerAddress>,
    address: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.room.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let room = Arc::new(PerAddress::default());
        let (one, other): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let first = room.enter(one, 2);
        let second = room.enter(one, 2);
        assert!(first.is_some() && second.is_some() && room.enter(one, 2).is_none());
        assert!(room.enter(other, 2).is_some());
        drop(first);
        assert!(room.enter(one, 2).is_some());
        drop(second);
        assert!(room.counts.lock().unwrap().is_empty(), "an address without connections takes no memory");
    }
}

//! Which ports of the machine nginx can have: one that another program holds would keep all others from being opened.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

/// Returns those of `wanted` that are held by another program; nginx holds `own`. Blocking.
pub(super) fn taken(wanted: impl Iterator<Item = SocketAddr>, own: &BTreeSet<SocketAddr>) -> BTreeSet<SocketAddr> {
    wanted.filter(|address| !own.contains(address) && is_taken(*address)).collect()
}

fn is_taken(address: SocketAddr) -> bool {
    let refused = TcpListener::bind(address).err().map(|error| error.kind());
    matches!(refused, Some(ErrorKind::AddrInUse | ErrorKind::PermissionDenied | ErrorKind::AddrNotAvailable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_program_holds_is_told_from_what_is_free_or_our_own() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let held = listener.local_addr().unwrap();
        assert_eq!(taken([held].into_iter(), &BTreeSet::new()), BTreeSet::from([held]));
        assert!(taken([held].into_iter(), &BTreeSet::from([held])).is_empty());
        drop(listener);
        assert!(taken([held].into_iter(), &BTreeSet::new()).is_empty());
    }
}

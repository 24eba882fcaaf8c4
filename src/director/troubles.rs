//! What ingresses say of published services that are not found.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::api::Troubles;

/// Machines with an ingress, and what each may say of a site.
const MAX_INGRESSES: usize = 16;
const MAX_TROUBLE_CHARS: usize = 200;

/// What each ingress said last of the sites that it serves.
#[derive(Default)]
pub(crate) struct KnownTroubles(Mutex<BTreeMap<IpAddr, Said>>);

/// What an ingress says of the sites that it serves, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Why sites are not found.
    pub(crate) troubles: Troubles,
    /// Sites whose names open by HTTPS.
    pub(crate) secure: BTreeSet<i64>,
}

impl KnownTroubles {
    /// Remembers what the ingress at an address says.
    pub(crate) fn remember(&self, ingress: IpAddr, mut said: Said) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for text in said.troubles.values_mut() {
            *text = text.chars().filter(|c| !c.is_control()).take(MAX_TROUBLE_CHARS).collect();
        }
        if known.len() >= MAX_INGRESSES && !known.contains_key(&ingress) {
            known.pop_first();
        }
        known.insert(ingress, said);
    }

    /// Returns what one of them says of a published service.
    pub(crate) fn of(&self, number: i64) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().find_map(|said| said.troubles.get(&number).cloned())
    }

    /// Returns whether one of them serves the name of a published service by HTTPS.
    pub(crate) fn is_secure(&self, number: i64) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().any(|said| said.secure.contains(&number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_ingress_says_has_bounds() {
        let troubles = KnownTroubles::default();
        for last in 0..=255u8 {
            let troubles_of_one = Troubles::from([(i64::from(last), "x\n".repeat(500))]);
            let said = Said { troubles: troubles_of_one, secure: BTreeSet::from([i64::from(last)]) };
            troubles.remember(IpAddr::from([10, 0, 0, last]), said);
        }
        assert_eq!(troubles.0.lock().unwrap().len(), MAX_INGRESSES);
        assert_eq!(troubles.of(255).map(|text| text.len()), Some(MAX_TROUBLE_CHARS));
        assert_eq!(troubles.of(0), None);
        assert!(troubles.is_secure(255) && !troubles.is_secure(0));
    }
}

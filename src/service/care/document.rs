//! What is set of the care for a service, and what it has to remember.

use serde::{Deserialize, Serialize};

use super::scaling::Scaling;
use crate::model::ServiceId;
use crate::store::StoreError;
use crate::store::manager::{self as store, Transaction};

/// How far back healings are counted, in seconds.
const HEALING_WINDOW: f64 = 3600.0;
/// More in that time means that new nodes die as well: making more would cost credit and mend nothing.
const MAX_HEALED: usize = 6;
/// Seconds to wait before the next one, for each in that time.
const PAUSE_EACH: f64 = 10.0;

/// Whether dead nodes may be made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Healing {
    /// They may.
    Now,
    /// In a while.
    Later,
    /// The owner of the service does not want it.
    Off,
    /// Too many died lately.
    TooMany,
    /// The owner of the service has no credit for more.
    NoCredit,
}

impl Healing {
    /// Returns what keeps nodes from being made anew until somebody does something about it, in words for the history.
    #[must_use]
    pub(crate) fn obstacle(self) -> Option<&'static str> {
        match self {
            Healing::Now | Healing::Later => None,
            Healing::Off => Some("self-healing is off"),
            Healing::TooMany => Some("too many died within an hour, so no more are made"),
            Healing::NoCredit => Some("there is no credit for another one"),
        }
    }
}

/// What is set of the care for a service, and what it has to remember.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CareDocument {
    /// Whether nodes that died are made anew.
    pub self_healing: bool,
    /// When nodes were made anew, in seconds since 1970, one entry a node.
    pub healed_at: Vec<f64>,
    /// How nodes come and go with the load, if they do.
    pub scaling: Option<Scaling>,
    /// When the last ones came or went by that, in seconds since 1970.
    pub scaled_at: Option<f64>,
}

impl Default for CareDocument {
    fn default() -> Self {
        CareDocument { self_healing: true, healed_at: Vec::new(), scaling: None, scaled_at: None }
    }
}

impl CareDocument {
    /// Reads that of a service; one that was never set has its default.
    ///
    /// # Errors
    /// The database fails, or holds a document of another program.
    pub(crate) fn read(tx: &Transaction<'_>, sid: ServiceId) -> Result<Self, StoreError> {
        Ok(store::find_care(tx, sid)?.unwrap_or_default())
    }

    /// Changes that of a service.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) fn change(
        tx: &Transaction<'_>,
        sid: ServiceId,
        change: impl FnOnce(&mut CareDocument),
    ) -> Result<(), StoreError> {
        let mut document = CareDocument::read(tx, sid)?;
        change(&mut document);
        store::set_care(tx, sid, &document)
    }

    /// Returns whether `n` more nodes may be made anew at `now`.
    #[must_use]
    pub(crate) fn healing(&self, n: usize, now: f64) -> Healing {
        let lately = self.healed_at.iter().filter(|at| now - **at < HEALING_WINDOW);
        let n_lately = lately.clone().count();
        let last = lately.fold(f64::NEG_INFINITY, |last, at| last.max(*at));
        match (self.self_healing, n_lately + n <= MAX_HEALED) {
            (false, _) => Healing::Off,
            (true, false) => Healing::TooMany,
            (true, true) if now >= last && now - last < PAUSE_EACH * n_lately as f64 => Healing::Later,
            (true, true) => Healing::Now,
        }
    }

    /// Notes that `n` nodes are made anew at `now`.
    pub(crate) fn note_healing(&mut self, n: usize, now: f64) {
        self.healed_at.retain(|at| now - *at < HEALING_WINDOW);
        self.healed_at.extend(std::iter::repeat_n(now, n));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_not_made_anew_without_end() {
        let mut document = CareDocument::default();
        for n_before in 0..MAX_HEALED {
            let now = 100.0 * n_before as f64;
            assert_eq!(document.healing(1, now), Healing::Now);
            document.note_healing(1, now);
            let next = if n_before + 1 < MAX_HEALED { Healing::Later } else { Healing::TooMany };
            assert_eq!(document.healing(1, now + 1.0), next);
        }
        assert_eq!(document.healing(1, HEALING_WINDOW + 1.0), Healing::Now, "the first one is long ago");
        document.note_healing(1, 3.0 * HEALING_WINDOW);
        assert_eq!(document.healed_at.len(), 1);
        document.self_healing = false;
        assert_eq!(document.healing(1, 9.0 * HEALING_WINDOW), Healing::Off);
    }
}

//! Bytes that the parties of a listener share: what is held at once, and what came within an hour.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::party::Party;

const HOUR: Duration = Duration::from_secs(3600);

/// Bytes of one sort.
#[derive(Debug)]
pub(in crate::rpc) struct Budget {
    /// Held by all at once.
    max_held: u64,
    /// Held by one at once.
    max_share: u64,
    /// Taken by one within an hour, given back or not.
    max_hourly: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: HashMap<Party, u64>,
    /// What was taken, as it is forgotten: all of `max_hourly` in an hour.
    taken: HashMap<Party, (Instant, u64)>,
}

/// Why a party gets no more bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rpc) enum Refusal {
    /// Others, or its own other requests, hold them at the moment.
    Held,
    /// It took too many within an hour.
    Hourly,
}

impl Budget {
    /// Returns a budget of `max_held` bytes, of which one party may hold `max_share`, and take `max_hourly`
    /// within an hour.
    pub(in crate::rpc) fn new(max_held: u64, max_share: u64, max_hourly: u64) -> Arc<Self> {
        Arc::new(Budget { max_held, max_share, max_hourly, state: Mutex::default() })
    }

    /// Returns a part of it that is empty yet.
    pub(in crate::rpc) fn grant(self: &Arc<Self>, party: Party) -> Grant {
        Grant { budget: Arc::clone(self), party, n_bytes: 0 }
    }

    fn take(&self, party: Party, n_bytes: u64, now: Instant) -> Result<(), Refusal> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (state.held.values().sum::<u64>(), state.held.get(&party).copied().unwrap_or(0));
        if all + n_bytes > self.max_held || own + n_bytes > self.max_share {
            return Err(Refusal::Held);
        }
        if self.max_hourly != u64::MAX {
            state.taken.retain(|_, (since, taken)| *taken > self.forgotten(now.duration_since(*since)));
            let before = state
                .taken
                .get(&party)
                .map_or(0, |(since, taken)| taken.saturating_sub(self.forgotten(now.duration_since(*since))));
            if before + n_bytes > self.max_hourly {
                return Err(Refusal::Hourly);
            }
            state.taken.insert(party, (now, before + n_bytes));
        }
        state.held.insert(party, own + n_bytes);
        Ok(())
    }

    fn forgotten(&self, time: Duration) -> u64 {
        let part = u128::from(self.max_hourly) * time.as_millis() / HOUR.as_millis();
        u64::try_from(part).unwrap_or(u64::MAX)
    }

    fn give_back(&self, party: Party, n_bytes: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = state.held.get_mut(&party) {
            *held = held.saturating_sub(n_bytes);
            if *held == 0 {
                state.held.remove(&party);
            }
        }
    }
}

/// What one request holds of a budget; given back when this value is dropped.
#[derive(Debug)]
pub(in crate::rpc) struct Grant {
    budget: Arc<Budget>,
    party: Party,
    n_bytes: u64,
}

impl Grant {
    /// Takes `n_bytes` more.
    ///
    /// # Errors
    /// There are none for this party; what was taken before stays.
    pub(in crate::rpc) fn extend(&mut self, n_bytes: u64) -> Result<(), Refusal> {
        self.budget.take(self.party, n_bytes, Instant::now())?;
        self.n_bytes += n_bytes;
        Ok(())
    }

    /// Returns an empty part of the same budget for another party.
    pub(in crate::rpc) fn of(&self, party: Party) -> Grant {
        self.budget.grant(party)
    }

    /// Returns all of it, and leaves nothing.
    pub(in crate::rpc) fn split(&mut self) -> Grant {
        Grant { budget: Arc::clone(&self.budget), party: self.party, n_bytes: std::mem::take(&mut self.n_bytes) }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.budget.give_back(self.party, self.n_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserId;

    const ALICE: Party = Party::User(UserId(1));
    const BOB: Party = Party::User(UserId(2));

    #[test]
    fn each_has_a_share_and_all_have_the_whole() {
        let budget = Budget::new(100, 60, u64::MAX);
        let (mut first, mut second, mut of_bob) = (budget.grant(ALICE), budget.grant(ALICE), budget.grant(BOB));
        assert_eq!(first.extend(50), Ok(()));
        assert_eq!(second.extend(11), Err(Refusal::Held), "her share");
        assert_eq!(of_bob.extend(51), Err(Refusal::Held), "the whole");
        assert_eq!(of_bob.extend(50), Ok(()));
        drop(first);
        assert_eq!(second.extend(50), Ok(()));
        drop((second, of_bob));
        assert!(budget.state.lock().unwrap().held.is_empty(), "who holds nothing takes no memory");
    }

    #[test]
    fn what_was_taken_is_forgotten_within_an_hour() {
        let budget = Budget::new(u64::MAX / 2, u64::MAX / 2, 3600);
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        assert_eq!(budget.take(ALICE, 3600, at(0)), Ok(()));
        budget.give_back(ALICE, 3600);
        assert_eq!(budget.take(ALICE, 1, at(0)), Err(Refusal::Hourly));
        assert_eq!(budget.take(BOB, 3600, at(0)), Ok(()), "others are not held up");
        assert_eq!(budget.take(ALICE, 600, at(600)), Ok(()));
        assert_eq!(budget.take(ALICE, 1, at(600)), Err(Refusal::Hourly));
        assert_eq!(budget.take(ALICE, 3600, at(4200)), Ok(()));
    }
}

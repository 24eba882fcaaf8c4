//! The places for connections. A new connection always finds one; the party with most of them, now and of late,
//! loses its oldest.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::party::Party;

/// All places of a listener.
pub(in crate::rpc) struct Seats {
    max_strangers: usize,
    max_known: usize,
    state: Mutex<State>,
}

/// A connection of a stranger counts for so long, and each later one of the same stranger for as much longer.
const REMEMBERED: Duration = Duration::from_secs(1);
const LONGEST_REMEMBERED: Duration = Duration::from_secs(60);

#[derive(Default)]
struct State {
    next_id: u64,
    strangers: Room,
    known: Room,
    /// Until when a stranger is held for one who came often of late.
    often: HashMap<Party, Instant>,
}

impl State {
    /// Counts a new connection of a stranger.
    fn came(&mut self, party: Party, now: Instant) {
        self.often.retain(|_, until| *until > now);
        let until = self.often.get(&party).copied().unwrap_or(now) + REMEMBERED;
        self.often.insert(party, until.min(now + LONGEST_REMEMBERED));
    }

    /// Ends one connection of a stranger that nobody works on.
    fn evict_stranger(&mut self, now: Instant) -> bool {
        let often = &self.often;
        // Whole units: who came once is as good as others who did.
        self.strangers
            .evict(|party| often.get(&party).map_or(0, |until| until.saturating_duration_since(now).as_secs()))
    }
}

/// The places of one sort, by party; ids grow with time.
#[derive(Default)]
struct Room {
    held: HashMap<Party, BTreeMap<u64, Held>>,
}

struct Held {
    /// The request is there and the answer is not: somebody works on it, and it has a bound of its own.
    is_at_work: bool,
    end: CancellationToken,
}

impl Seats {
    /// Returns places for so many connections of strangers and of known parties.
    pub(in crate::rpc) fn new(max_strangers: usize, max_known: usize) -> Arc<Self> {
        Arc::new(Seats { max_strangers: max_strangers.max(1), max_known, state: Mutex::default() })
    }

    /// Takes a place for a stranger's connection; `None` if all are at work.
    pub(in crate::rpc) fn enter(self: &Arc<Self>, party: Party) -> Option<Seat> {
        self.with(|state| {
            let now = Instant::now();
            state.came(party, now);
            if state.strangers.len() >= self.max_strangers && !state.evict_stranger(now) {
                return None;
            }
            let (id, end) = (state.next_id, CancellationToken::new());
            state.next_id += 1;
            state.strangers.add(party, id, Held { is_at_work: false, end: end.clone() });
            Some(Seat { seats: Arc::clone(self), id, end, party: Mutex::new(party) })
        })
    }

    /// Ends one connection of a stranger, if there is one that nobody works on.
    pub(in crate::rpc) fn evict_stranger(&self) {
        self.with(|state| state.evict_stranger(Instant::now()));
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A known party may take half of the places.
    fn max_of_one(&self) -> usize {
        self.max_known.div_ceil(2)
    }
}

impl Room {
    fn len(&self) -> usize {
        self.held.values().map(BTreeMap::len).sum()
    }

    fn add(&mut self, party: Party, id: u64, held: Held) {
        self.held.entry(party).or_default().insert(id, held);
    }

    fn remove(&mut self, party: Party, id: u64) -> Option<Held> {
        let of_party = self.held.get_mut(&party)?;
        let held = of_party.remove(&id);
        if of_party.is_empty() {
            self.held.remove(&party);
        }
        held
    }

    /// Ends the oldest connection that nobody works on of the party that has most of these, and came most `often`:
    /// who connects anew as soon as he has lost a place must not take everybody else's.
    fn evict(&mut self, often: impl Fn(Party) -> u64) -> bool {
        let idle = self.held.iter().filter_map(|(party, of_party)| {
            let (oldest, _) = of_party.iter().find(|(_, held)| !held.is_at_work)?;
            let n_idle = of_party.values().filter(|held| !held.is_at_work).count();
            let weight = often(*party) + n_idle as u64;
            Some((weight, std::cmp::Reverse(*oldest), *party))
        });
        match idle.max() {
            Some((_, oldest, party)) => self.end(party, oldest.0),
            None => false,
        }
    }

    /// The same among the connections of one party.
    fn evict_of(&mut self, party: Party) -> bool {
        let idle = |of_party: &BTreeMap<u64, Held>| Some(*of_party.iter().find(|(_, held)| !held.is_at_work)?.0);
        match self.held.get(&party).and_then(idle) {
            Some(oldest) => self.end(party, oldest),
            None => false,
        }
    }

    fn end(&mut self, party: Party, id: u64) -> bool {
        self.remove(party, id).is_some_and(|held| {
            held.end.cancel();
            true
        })
    }
}

/// The place of one connection; it is free again when this value is dropped.
pub(in crate::rpc) struct Seat {
    seats: Arc<Seats>,
    id: u64,
    end: CancellationToken,
    party: Mutex<Party>,
}

impl Seat {
    /// Returns the sign that this connection must give its place up.
    pub(in crate::rpc) fn end(&self) -> CancellationToken {
        self.end.clone()
    }

    /// Returns who holds it.
    pub(in crate::rpc) fn party(&self) -> Party {
        *self.party.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place among the known ones instead. Returns whether there is one; if not, it stays a stranger's.
    pub(in crate::rpc) fn become_known(&self, party: Party) -> bool {
        let mut own = self.party.lock().unwrap_or_else(PoisonError::into_inner);
        if *own == party {
            return true;
        }
        self.seats.with(|state| {
            let n_own = state.known.held.get(&party).map_or(0, BTreeMap::len);
            let has_room = (n_own < self.seats.max_of_one() || state.known.evict_of(party))
                && (state.known.len() < self.seats.max_known || state.known.evict(|_| 0));
            // A stranger whose place was taken meanwhile is about to end.
            if !has_room {
                return false;
            }
            let held = state.strangers.remove(*own, self.id).or_else(|| state.known.remove(*own, self.id));
            let Some(held) = held else { return false };
            state.known.add(party, self.id, held);
            *own = party;
            true
        })
    }

    /// Says whether somebody works on the request: then the place is not taken away.
    pub(in crate::rpc) fn set_at_work(&self, is_at_work: bool) {
        let party = self.party();
        self.seats.with(|state| {
            for room in [&mut state.strangers, &mut state.known] {
                if let Some(held) = room.held.get_mut(&party).and_then(|of_party| of_party.get_mut(&self.id)) {
                    held.is_at_work = is_at_work;
                }
            }
        });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let party = self.party();
        self.seats.with(|state| {
            state.strangers.remove(party, self.id);
            state.known.remove(party, self.id);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::origin::Origins;
    use super::*;
    use crate::model::UserId;

    fn stranger(host: u8) -> Party {
        Party::Stranger(Origins::default().of([10, 0, 0, host].into()))
    }

    fn ended(seats: &[Seat]) -> Vec<usize> {
        (0..seats.len()).filter(|at| seats[*at].end.is_cancelled()).collect()
    }

    #[test]
    fn a_newcomer_finds_a_place_and_the_greediest_loses_its_oldest() {
        let seats = Seats::new(4, 4);
        let held: Vec<Seat> = [1, 2, 1, 1].map(|host| seats.enter(stranger(host)).unwrap()).into();
        assert!(ended(&held).is_empty());
        let newcomer = seats.enter(stranger(3)).unwrap();
        assert_eq!(ended(&held), [0], "the oldest of the one with three");
        let _another = seats.enter(stranger(4)).unwrap();
        assert_eq!(ended(&held), [0, 2], "the oldest of the one with two");
        let _more = seats.enter(stranger(5)).unwrap();
        assert_eq!(ended(&held), [0, 2, 3], "the last of the one who came three times");
        assert!(!newcomer.end.is_cancelled());
        drop(held);
        assert_eq!(seats.with(|state| state.strangers.len()), 3, "a place that was given up is not freed twice");
    }

    #[test]
    fn who_comes_again_and_again_takes_no_place_of_others() {
        let seats = Seats::new(4, 4);
        let _of_a_flood: Vec<Seat> = (1..=4).map(|host| seats.enter(stranger(host)).unwrap()).collect();
        let alice = seats.enter(stranger(9)).unwrap();
        for host in (1..=4).cycle().take(400) {
            drop(seats.enter(stranger(host)).unwrap());
            let _again = seats.enter(stranger(host)).unwrap();
            assert!(!alice.end.is_cancelled());
        }
    }

    #[test]
    fn a_place_at_work_is_kept_and_one_that_answers_is_not() {
        let seats = Seats::new(2, 2);
        let held: Vec<Seat> = [1, 1].map(|host| seats.enter(stranger(host)).unwrap()).into();
        held.iter().for_each(|seat| seat.set_at_work(true));
        assert!(seats.enter(stranger(2)).is_none(), "all are at work");
        held[1].set_at_work(false);
        assert!(seats.enter(stranger(2)).is_some());
        assert_eq!(ended(&held), [1]);
    }

    #[test]
    fn known_ones_have_places_that_no_stranger_takes_and_each_half_of_them() {
        let seats = Seats::new(2, 4);
        let (alice, mallory) = (Party::User(UserId(1)), Party::User(UserId(2)));
        let known = |party| {
            let seat = seats.enter(stranger(1)).unwrap();
            assert!(seat.become_known(party));
            seat
        };
        let of_mallory: Vec<Seat> = (0..3).map(|_| known(mallory)).collect();
        assert_eq!(ended(&of_mallory), [0], "the third is beyond his half");
        let of_alice: Vec<Seat> = (0..2).map(|_| known(alice)).collect();
        let _strangers: Vec<Seat> = (0..50).map(|_| seats.enter(stranger(3)).unwrap()).collect();
        assert!(ended(&of_alice).is_empty());
        of_alice.iter().chain(&of_mallory).for_each(|seat| seat.set_at_work(true));
        let seat = seats.enter(stranger(1)).unwrap();
        assert!(!seat.become_known(Party::Director), "all are at work");
        drop(of_alice);
        assert!(seat.become_known(Party::Director));
        drop((seat, of_mallory));
        assert!(seats.with(|state| state.known.held.is_empty()), "parties without places take no memory");
    }
}

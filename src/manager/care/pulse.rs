//! Which nodes are dead: pure, from who answered when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So many questions in a row without an answer mean death; a program that was killed is back before.
const MAX_MISSED: u32 = 3;
/// A node that worked before this manager began may be on its way up, as after a power cut.
const FIRST_ANSWER_LIMIT: Duration = Duration::from_secs(180);

/// The answers of the nodes of a service.
#[derive(Debug)]
pub(super) struct Pulse {
    /// Nodes that were there when the manager began; others have answered to the operation that put them to work.
    old: Arc<BTreeSet<String>>,
    nodes: BTreeMap<String, Beat>,
}

#[derive(Debug)]
struct Beat {
    has_answered: bool,
    n_missed: u32,
    since: Instant,
    is_told: bool,
}

impl Pulse {
    /// Begins where nodes of `old` were there when the manager began.
    pub(super) fn new(old: Arc<BTreeSet<String>>) -> Self {
        Pulse { old, nodes: BTreeMap::new() }
    }

    /// Takes who answered at `now`, and forgets nodes that are not asked any more. Returns the nodes that are dead.
    pub(super) fn take(&mut self, answers: &[(String, bool)], now: Instant) -> Vec<String> {
        self.nodes.retain(|id, _| answers.iter().any(|(asked, _)| asked == id));
        let mut dead = Vec::new();
        for (id, is_there) in answers {
            let new = Beat { has_answered: !self.old.contains(id), n_missed: 0, since: now, is_told: false };
            let beat = self.nodes.entry(id.clone()).or_insert(new);
            if *is_there {
                *beat = Beat { has_answered: true, n_missed: 0, since: now, is_told: false };
                continue;
            }
            beat.n_missed += 1;
            let is_late = beat.has_answered || now.duration_since(beat.since) >= FIRST_ANSWER_LIMIT;
            if is_late && beat.n_missed >= MAX_MISSED {
                dead.push(id.clone());
            }
        }
        dead
    }

    /// Returns whether a node does not answer at the moment.
    pub(super) fn is_uncertain(&self) -> bool {
        self.nodes.values().any(|beat| beat.n_missed > 0)
    }

    /// Returns those of `dead` whose death was not told yet, and counts it as told.
    pub(super) fn untold(&mut self, dead: &[String]) -> Vec<String> {
        let mut untold = Vec::new();
        for id in dead {
            if let Some(beat) = self.nodes.get_mut(id)
                && !std::mem::replace(&mut beat.is_told, true)
            {
                untold.push(id.clone());
            }
        }
        untold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(old: &[&str]) -> Pulse {
        Pulse::new(Arc::new(old.iter().map(|id| (*id).to_owned()).collect()))
    }

    fn answers(of: &[(&str, bool)]) -> Vec<(String, bool)> {
        of.iter().map(|(id, is_there)| ((*id).to_owned(), *is_there)).collect()
    }

    #[test]
    fn a_node_is_dead_after_some_questions_and_told_so_once() {
        let (mut pulse, now) = (pulse(&[]), Instant::now());
        assert!(pulse.take(&answers(&[("a", true), ("b", true)]), now).is_empty());
        assert!(pulse.take(&answers(&[("a", true), ("b", false)]), now).is_empty() && pulse.is_uncertain());
        assert!(pulse.take(&answers(&[("a", true), ("b", true)]), now).is_empty(), "it was busy for a moment");
        for _ in 1..MAX_MISSED {
            assert!(pulse.take(&answers(&[("a", true), ("b", false)]), now).is_empty());
        }
        let dead = pulse.take(&answers(&[("a", true), ("b", false)]), now);
        assert_eq!(dead, ["b"]);
        assert_eq!(pulse.untold(&dead), ["b"]);
        assert!(pulse.untold(&dead).is_empty());
        assert!(pulse.take(&answers(&[("a", true)]), now).is_empty() && !pulse.is_uncertain());
    }

    #[test]
    fn a_node_of_an_earlier_manager_has_time_to_come_up_and_a_new_one_was_up() {
        let (mut pulse, now) = (pulse(&["a"]), Instant::now());
        for _ in 0..10 * MAX_MISSED {
            assert!(pulse.take(&answers(&[("a", false)]), now).is_empty());
        }
        assert_eq!(pulse.take(&answers(&[("a", false)]), now + FIRST_ANSWER_LIMIT), ["a"]);
        for _ in 1..MAX_MISSED {
            assert!(pulse.take(&answers(&[("a", true), ("b", false)]), now).is_empty());
        }
        assert_eq!(pulse.take(&answers(&[("a", true), ("b", false)]), now), ["b"]);
    }
}

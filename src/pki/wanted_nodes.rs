//! Which nodes of an application are wanted, as the director says: the certificates of all others are refused.
//!
//! Numbers of nodes only grow, and a node that was removed never comes back. So one number and the few nodes that are
//! wanted tell of every certificate up to that number, and what was said once stays true.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::serial::NodeNumber;

/// What is known of the nodes of one application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WantedNodes {
    /// The highest number that any node had then. Nothing is known of nodes after it.
    up_to: i64,
    /// The numbers of the nodes up to there that are wanted.
    numbers: BTreeSet<i64>,
}

impl WantedNodes {
    /// Returns that of all nodes up to the number `up_to` only those of these numbers are wanted.
    #[must_use]
    pub(crate) fn new(up_to: i64, numbers: BTreeSet<i64>) -> Self {
        WantedNodes { up_to, numbers }
    }

    /// Returns the number up to which something is known.
    pub(crate) fn up_to(&self) -> i64 {
        self.up_to
    }

    /// Returns the numbers of the nodes that are wanted.
    pub(crate) fn numbers(&self) -> &BTreeSet<i64> {
        &self.numbers
    }

    /// Returns whether the node was removed.
    #[must_use]
    pub(crate) fn is_removed(&self, node: NodeNumber) -> bool {
        self.is_unwanted(node.get())
    }

    /// Returns what both know, in whichever order it was said.
    pub(crate) fn with(&self, other: &WantedNodes) -> WantedNodes {
        let all = self.numbers.union(&other.numbers).copied();
        let numbers = all.filter(|number| !self.is_unwanted(*number) && !other.is_unwanted(*number)).collect();
        WantedNodes { up_to: self.up_to.max(other.up_to), numbers }
    }

    fn is_unwanted(&self, number: i64) -> bool {
        number <= self.up_to && !self.numbers.contains(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(up_to: i64, numbers: &[i64]) -> WantedNodes {
        WantedNodes::new(up_to, numbers.iter().copied().collect())
    }

    fn removed(of: &WantedNodes) -> Vec<i64> {
        (1..8).filter(|number| of.is_removed(NodeNumber::new(*number).unwrap())).collect()
    }

    #[test]
    fn what_is_not_wanted_was_removed_and_of_later_nodes_nothing_is_known() {
        assert_eq!(removed(&WantedNodes::default()), [0; 0]);
        assert_eq!(removed(&wanted(4, &[2, 4])), [1, 3]);
    }

    #[test]
    fn what_was_said_stays_true_in_whichever_order_it_comes() {
        let said = [wanted(3, &[1, 2, 3]), wanted(3, &[1, 3]), wanted(5, &[1, 5]), WantedNodes::default()];
        for first in &said {
            for second in &said {
                let both = first.with(second);
                assert_eq!(both, second.with(first));
                assert_eq!(both.with(first), both);
                let mut each = [removed(first), removed(second)].concat();
                each.sort_unstable();
                each.dedup();
                assert_eq!(removed(&both), each, "{first:?} {second:?}");
            }
        }
    }
}

//! What a node costs: one credit for each started hour.

/// What is due for one node now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charge {
    /// Credits to take from the owner now.
    pub due: i64,
    /// Credits charged for this node in all, after taking `due`.
    pub charged_in_all: i64,
}

/// Computes the charge of one node from its whole life, so that no tick, no
/// restart and no missed tick can make it drift.
///
/// `age_seconds` is how long the node has been up while its director's
/// machine ran; see [`RunningMark`](super::RunningMark). A negative age
/// charges nothing. `charged_already` is what earlier calls took for this node.
#[must_use]
pub(crate) fn plan_charge(age_seconds: i64, charged_already: i64) -> Charge {
    let started_hours = if age_seconds < 0 { 0 } else { age_seconds / 3600 + 1 };
    let charged_in_all = started_hours.max(charged_already);
    Charge { due: charged_in_all - charged_already, charged_in_all }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_costs_one_credit_at_once_and_one_at_each_full_hour() {
        let table = [(0, 0, 1), (3599, 1, 0), (3600, 1, 1), (7199, 2, 0), (7200, 2, 1), (36_000, 0, 11), (-5, 3, 0)];
        for (age, already, due) in table {
            assert_eq!(plan_charge(age, already).due, due, "age {age}, charged {already}");
        }
    }

    #[test]
    fn charging_late_or_often_comes_to_the_same_sum() {
        let mut charged = 0;
        for age in (0..100_000).step_by(17) {
            charged = plan_charge(age, charged).charged_in_all;
        }
        assert_eq!(charged, plan_charge(99_994, 0).charged_in_all);
    }
}

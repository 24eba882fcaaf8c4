//! Whether nodes of a service are to come or go: computed purely from what its nodes do.
//!
//! ```text
//!        answers are too slow, or requests wait, for some seconds
//!   stay ─────────────────────────────────────────────────────────▶ add    within the limits of nodes and credit
//!        fewer nodes would answer quickly as well, for a minute or the cool-down
//!   stay ─────────────────────────────────────────────────────────▶ remove within the limits of nodes
//! ```
//!
//! After either there is a pause (the cool-down), so that the next decision sees what the last one did. Between "too slow"
//! and "quick enough with fewer" lies a wide band in which nothing happens. What one node less would mean is computed as
//! if requests came at random to one queue a node; programs that work on several at once do better.
//!
//! Must not know: how nodes come and go, where figures come from.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// For how long answers have to be too slow before nodes come.
const BUSY_FOR: Duration = Duration::from_secs(8);
/// For how long fewer nodes have to be enough before nodes go, where the cool-down is not shorter.
const IDLE_FOR: Duration = Duration::from_secs(60);
/// Requests that wait at all backends together, for each of them, mean too much load whatever the time of answers.
const MAX_WAITING_EACH: f64 = 1.0;
/// Nodes that work on fewer requests at the same time, each of them on the average, are not slow because of the load.
const MIN_BUSY_EACH: f64 = 0.25;
/// With one node less they have to be well below that.
const QUIET_EACH: f64 = 0.2;
/// How much of their time the nodes may be at work after one is gone.
const MAX_USED: f64 = 0.8;

/// How much is done at which load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Strategy {
    /// As few nodes as the wanted time allows.
    Low,
    /// Nearer to few.
    MediumDown,
    /// Between both.
    Medium,
    /// Nearer to many.
    MediumUp,
    /// Nodes before they are needed.
    High,
}

/// What a strategy means in numbers.
#[derive(Debug, Clone, Copy)]
struct Habit {
    /// Nodes come when answers take this part of the wanted time.
    add_at: f64,
    /// How many come at once.
    step: u32,
    /// Nodes go when fewer of them would still answer within this part of the wanted time.
    remove_at: f64,
}

/// What was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scaling {
    /// The shortest time between two changes.
    pub cool_down: Duration,
    /// The time within which visitors are to have their answers.
    pub response_time: Duration,
    /// How much is done at which load.
    pub strategy: Strategy,
    /// Nodes that always stay.
    pub min_nodes: u32,
    /// Nodes that are never exceeded.
    pub max_nodes: u32,
}

/// What the nodes do.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Load {
    /// Nodes that play the scaled role alone.
    pub n_nodes: u32,
    /// The mean time until an answer, in milliseconds; `None` if nobody asked for anything.
    pub response_ms: Option<f64>,
    /// Requests that were worked on at the same time, on the average.
    pub busy: f64,
    /// Connections that nobody has taken yet.
    pub n_waiting: u64,
    /// What the owner may still spend: one credit is one node for an hour. `None` if nobody knows.
    pub credit: Option<i64>,
}

/// Since when something holds, in seconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Trend {
    busy_since: Option<f64>,
    idle_since: Option<f64>,
}

/// What is to be done, with the reason for the history of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing.
    Stay,
    /// So many nodes are to come.
    Add(u32, String),
    /// So many nodes are to go.
    Remove(u32, String),
    /// Nodes should come and cannot.
    CannotAdd(String),
}

impl Scaling {
    /// Who wants changes to follow each other quickly does not want to wait for the first one.
    fn idle_for(&self) -> Duration {
        self.cool_down.clamp(BUSY_FOR, IDLE_FOR)
    }
}

impl Strategy {
    /// The words of ConPaaS 2.0.
    pub(crate) const ALL: [(&'static str, Strategy); 5] = [
        ("low", Strategy::Low),
        ("medium_down", Strategy::MediumDown),
        ("medium_up", Strategy::MediumUp),
        ("medium", Strategy::Medium),
        ("high", Strategy::High),
    ];

    fn habit(self) -> Habit {
        let (add_at, step, remove_at) = match self {
            Strategy::Low => (1.0, 1, 0.7),
            Strategy::MediumDown => (1.0, 1, 0.6),
            Strategy::Medium => (0.9, 1, 0.5),
            Strategy::MediumUp => (0.8, 2, 0.4),
            Strategy::High => (0.7, 2, 0.3),
        };
        Habit { add_at, step, remove_at }
    }
}

/// Decides what is to be done at `now`, in seconds since 1970. `changed_at` is when nodes last came or went by a decision.
/// Returns what the next decision has to know, too.
#[must_use]
pub(crate) fn decide(
    scaling: &Scaling,
    load: &Load,
    trend: Trend,
    changed_at: Option<f64>,
    now: f64,
) -> (Decision, Trend) {
    let habit = scaling.strategy.habit();
    let busy = too_much(scaling, habit, load);
    let idle = if busy.is_none() { enough_with_fewer(scaling, habit, load) } else { None };
    let since = |holds: bool, before: Option<f64>| holds.then(|| before.filter(|at| *at <= now).unwrap_or(now));
    let next = Trend {
        busy_since: since(busy.is_some(), trend.busy_since),
        idle_since: since(idle.is_some(), trend.idle_since),
    };
    let is_cool = changed_at.is_none_or(|at| now - at >= scaling.cool_down.as_secs_f64() || at > now);
    let has_held = |since: Option<f64>, long: Duration| since.is_some_and(|at| now - at >= long.as_secs_f64());
    if !is_cool {
        return (Decision::Stay, next);
    }
    let decision = match (busy, idle) {
        (Some(reason), _) if has_held(next.busy_since, BUSY_FOR) => add(scaling, habit, load, &reason),
        (None, Some(reason)) if has_held(next.idle_since, scaling.idle_for()) => Decision::Remove(1, reason),
        _ => return (Decision::Stay, next),
    };
    // After a change the load is another one, and what held before says nothing.
    (decision, Trend::default())
}

fn add(scaling: &Scaling, habit: Habit, load: &Load, reason: &str) -> Decision {
    let room = scaling.max_nodes.saturating_sub(load.n_nodes);
    if room == 0 {
        return Decision::CannotAdd(format!("{reason}, but there are {} nodes, as many as are allowed", load.n_nodes));
    }
    let payable =
        load.credit.map_or(0, |credit| u32::try_from(credit).unwrap_or(if credit > 0 { u32::MAX } else { 0 }));
    if payable == 0 {
        return Decision::CannotAdd(format!("{reason}, but there is no credit for another node"));
    }
    Decision::Add(habit.step.min(room).min(payable), reason.to_owned())
}

/// Returns why the nodes have too much to do, if they have.
fn too_much(scaling: &Scaling, habit: Habit, load: &Load) -> Option<String> {
    let wanted = scaling.response_time.as_millis() as f64;
    let limit = wanted * habit.add_at;
    let n_nodes = f64::from(load.n_nodes.max(1));
    let is_loaded = load.busy / n_nodes >= MIN_BUSY_EACH;
    if let Some(took) = load.response_ms.filter(|took| is_loaded && *took > limit) {
        return Some(format!("answers take {took:.0} ms, more than {limit:.0} ms"));
    }
    if load.n_waiting as f64 > MAX_WAITING_EACH * n_nodes {
        return Some(format!("{} requests wait for {n_nodes:.0} nodes", load.n_waiting));
    }
    None
}

/// Returns why one node less is enough, if it is.
fn enough_with_fewer(scaling: &Scaling, habit: Habit, load: &Load) -> Option<String> {
    if load.n_nodes <= scaling.min_nodes || load.n_nodes == 0 || load.n_waiting > 0 {
        return None;
    }
    // Without the last one the first node works alone for all, as before any came.
    let (n_nodes, left) = (f64::from(load.n_nodes), f64::from((load.n_nodes - 1).max(1)));
    let Some(took) = load.response_ms else { return Some("nobody asks for anything".to_owned()) };
    let (used, used_then) = (used(load.busy / n_nodes), used(load.busy / n_nodes) * n_nodes / left);
    if used_then > MAX_USED {
        return None;
    }
    let then = took * (1.0 - used) / (1.0 - used_then);
    let limit = scaling.response_time.as_millis() as f64 * habit.remove_at;
    if then <= limit {
        return Some(format!("answers take {took:.0} ms, and with one node less about {then:.0} ms"));
    }
    let is_quiet = used_then / (1.0 - used_then) < QUIET_EACH;
    is_quiet.then(|| format!("{:.1} requests are under way at a time, which one node less can do", load.busy))
}

/// Returns which part of its time a node is at work that has so many requests under way, if they come at random.
fn used(n_under_way: f64) -> f64 {
    n_under_way / (1.0 + n_under_way)
}

#[cfg(test)]
mod tests;

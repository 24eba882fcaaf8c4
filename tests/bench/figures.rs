//! What was measured.

use std::time::Duration;

use crate::support::memory::Memory;

/// Everything, one entry a round.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) floor: Vec<Duration>,
    /// The floor's part until liblxc says that the container runs.
    pub(crate) floor_liblxc: Vec<Duration>,
    pub(crate) application_start: Vec<Duration>,
    /// Processor time of each, of all processes that take part; empty where the kernel does not count it.
    pub(crate) floor_processor: Vec<Duration>,
    pub(crate) application_processor: Vec<Duration>,
    pub(crate) service_processor: Vec<Duration>,
    /// The director's part of an application's start.
    pub(crate) in_director: Vec<Duration>,
    pub(crate) service_start: Vec<Duration>,
    /// The manager's part of a service's start, and what it asks of the director.
    pub(crate) in_manager: Vec<Duration>,
    pub(crate) one_node: Vec<Duration>,
    pub(crate) eight_nodes: Vec<Duration>,
    /// A request on a connection of its own, one after the other.
    pub(crate) one_request: Vec<Duration>,
    /// A certificate with its key.
    pub(crate) certificate: Vec<Duration>,
    /// A small file that is safe on the disk.
    pub(crate) disk: Vec<Duration>,
    /// Requests in a second.
    pub(crate) hello_rate: Vec<f64>,
    pub(crate) director_rate: Vec<f64>,
    pub(crate) idle_director: Memory,
    pub(crate) loaded_director: Memory,
    pub(crate) director_after_logins: Memory,
    pub(crate) manager: Memory,
    pub(crate) agent: Memory,
}

/// The value in the middle, which one disturbed round does not move; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => 0.0,
        (n, middle) if n % 2 == 1 => sorted[middle],
        (_, middle) => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The median in milliseconds.
pub(crate) fn median_ms(times: &[Duration]) -> f64 {
    let milliseconds: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1000.0).collect();
    median(&milliseconds)
}

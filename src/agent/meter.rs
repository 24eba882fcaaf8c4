//! What the node uses, looked at every ten seconds, and kept for some minutes in memory.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::api::node_metrics::{MAX_POINTS, NodeMetrics, NodePoint};
use crate::clock::Clock;
use crate::sys::usage::Usage;
use crate::sys::{self, file};

const PAUSE: Duration = Duration::from_secs(10);

/// What the node used. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Meter(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    last: Option<Look>,
    points: VecDeque<NodePoint>,
    disk_size: u64,
}

#[derive(Clone, Copy)]
struct Look {
    usage: Usage,
    at: Instant,
}

impl Meter {
    /// Looks again and again, until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        loop {
            let own = self.clone();
            sys::blocking(move || own.look()).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Returns what is known.
    pub(super) fn metrics(&self) -> NodeMetrics {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        NodeMetrics {
            memory_limit: kept.last.and_then(|look| look.usage.memory_limit_bytes),
            disk_size: kept.disk_size,
            points: kept.points.iter().copied().collect(),
        }
    }

    fn look(&self) {
        let (usage, at, time) = (Usage::now(), Instant::now(), Clock::system().unix_seconds());
        let root = Path::new("/");
        // A node without a root does not run.
        let (size, free) = (file::total_bytes(root).unwrap_or_default(), file::free_bytes(root).unwrap_or_default());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.disk_size = size;
        kept.add(Look { usage, at }, time, size.saturating_sub(free));
    }
}

impl Kept {
    /// Rates need a look before.
    fn add(&mut self, look: Look, time: i64, disk_used: u64) {
        if let Some(last) = self.last.replace(look) {
            let elapsed_us = look.at.duration_since(last.at).as_micros().max(1) as u64;
            let since = |now: Option<u64>, before: Option<u64>| {
                now.zip(before).map_or(0, |(now, before)| now.saturating_sub(before))
            };
            let rate = |now, before| since(now, before).saturating_mul(1_000_000) / elapsed_us;
            self.points.push_back(NodePoint {
                time,
                cpu_percent: since(look.usage.cpu_us, last.usage.cpu_us).saturating_mul(100) / elapsed_us,
                memory: look.usage.memory_bytes.unwrap_or_default(),
                tasks: look.usage.n_tasks,
                read_rate: rate(look.usage.read_bytes, last.usage.read_bytes),
                write_rate: rate(look.usage.written_bytes, last.usage.written_bytes),
                disk_used,
            });
        }
        if self.points.len() > MAX_POINTS {
            self.points.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_since_the_look_before_and_the_oldest_goes() {
        let began = Instant::now();
        let look = |n: u64| Look {
            usage: Usage {
                cpu_us: Some(n * 500_000),
                memory_bytes: Some(n),
                written_bytes: Some(n * 2048),
                ..Usage::default()
            },
            at: began + Duration::from_secs(n),
        };
        let mut kept = Kept::default();
        kept.add(look(0), 0, 0);
        assert!(kept.points.is_empty());
        (1..=100).for_each(|n| kept.add(look(n), n as i64, 7));
        assert_eq!((kept.points.len(), kept.points[0].time), (MAX_POINTS, 11));
        let wanted = NodePoint {
            time: 100,
            cpu_percent: 50,
            memory: 100,
            tasks: None,
            read_rate: 0,
            write_rate: 2048,
            disk_used: 7,
        };
        assert_eq!(kept.points.back(), Some(&wanted));
        kept.add(look(1), 101, 7);
        assert_eq!(kept.points.back().unwrap().cpu_percent, 0, "a counter that begins anew is no use");
    }
}

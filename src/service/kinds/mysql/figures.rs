//! What a machine is doing, as the performance monitor shows it: read from `/proc`, without a daemon.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::api::mysql::Figures;

/// Rates of a shorter time say nothing.
const SHORTEST: Duration = Duration::from_millis(800);
const KB_OF_GB: f64 = 1024.0 * 1024.0;

/// Counts since the last question; the first one is answered with zeros.
pub(super) struct Meter {
    last: Mutex<Option<(Instant, Counters, Figures)>>,
}

/// What only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counters {
    idle: u64,
    all: u64,
    bytes_in: u64,
    pkts_in: u64,
    bytes_out: u64,
    pkts_out: u64,
}

impl Meter {
    pub(super) const fn new() -> Self {
        Meter { last: Mutex::new(None) }
    }

    /// Returns the figures of this node, with those of the file system of `disk`. Blocking.
    pub(super) fn figures(&self, disk: &Path) -> Figures {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let now = (Instant::now(), Counters::read(&read("/proc/stat"), &read("/proc/net/dev")));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let rates = match *last {
            Some((at, _, figures)) if now.0 - at < SHORTEST => figures,
            Some((at, before, _)) => rates(before, now.1, now.0 - at),
            None => Figures { cpu_idle: 100.0, ..Figures::default() },
        };
        if last.as_ref().is_none_or(|(at, ..)| now.0 - *at >= SHORTEST) {
            *last = Some((now.0, now.1, rates));
        }
        let meminfo = read("/proc/meminfo");
        let (disk_total, disk_free) = nix::sys::statvfs::statvfs(disk).map_or((0.0, 0.0), |disk| {
            let block_gb = disk.fragment_size() as f64 / 1024.0 / KB_OF_GB;
            (disk.blocks() as f64 * block_gb, disk.blocks_available() as f64 * block_gb)
        });
        Figures {
            mem_total: line(&meminfo, "MemTotal:"),
            mem_free: line(&meminfo, "MemFree:"),
            disk_total,
            disk_free,
            ..rates
        }
    }
}

impl Counters {
    fn read(stat: &str, net: &str) -> Self {
        let times: Vec<u64> =
            stat.lines().next().unwrap_or_default().split_whitespace().skip(1).flat_map(str::parse).collect();
        let mut counters = Counters {
            idle: times.get(3).copied().unwrap_or(0),
            all: times.iter().take(8).sum(),
            ..Counters::default()
        };
        for line in net.lines() {
            let Some((name, values)) = line.split_once(':') else { continue };
            let values: Vec<u64> = values.split_whitespace().flat_map(str::parse).collect();
            if name.trim() == "lo" || values.len() < 10 {
                continue;
            }
            counters.bytes_in += values[0];
            counters.pkts_in += values[1];
            counters.bytes_out += values[8];
            counters.pkts_out += values[9];
        }
        counters
    }
}

fn rates(before: Counters, now: Counters, elapsed: Duration) -> Figures {
    let per_second = |before: u64, now: u64| now.saturating_sub(before) as f64 / elapsed.as_secs_f64();
    let all = now.all.saturating_sub(before.all);
    let idle = now.idle.saturating_sub(before.idle).min(all);
    Figures {
        cpu_idle: if all == 0 { 100.0 } else { idle as f64 * 100.0 / all as f64 },
        bytes_in: per_second(before.bytes_in, now.bytes_in),
        bytes_out: per_second(before.bytes_out, now.bytes_out),
        pkts_in: per_second(before.pkts_in, now.pkts_in),
        pkts_out: per_second(before.pkts_out, now.pkts_out),
        ..Figures::default()
    }
}

fn line(meminfo: &str, name: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_what_grew_in_the_time_between() {
        let stat = |idle: u64, user: u64| format!("cpu  {user} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 1 1 1\n");
        let net = |bytes: u64| {
            format!(
                "Inter-| Receive\n face |bytes\n  lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n eth0: {bytes} 10 0 0 0 0 0 0 {bytes} 4 0 0 0 0 0 0\n"
            )
        };
        let before = Counters::read(&stat(100, 100), &net(1000));
        let now = Counters::read(&stat(150, 250), &net(5000));
        let figures = rates(before, now, Duration::from_secs(2));
        assert_eq!((figures.cpu_idle, figures.bytes_in, figures.bytes_out), (25.0, 2000.0, 2000.0));
        assert_eq!(rates(now, now, Duration::from_secs(1)).cpu_idle, 100.0);
        assert!(Meter::new().figures(Path::new("/")).mem_total > 0);
    }
}

//! The long form: servers are killed at random for minutes, then all of them at once, twenty times.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;

use super::{Cluster, LIMIT, count, more, servers};
use crate::support::wait::eventually_within;

const MINUTES: u64 = 10;
const AT_ONCE: usize = 20;

/// Returns whether the long form was asked for.
pub(super) fn is_long() -> bool {
    std::env::var_os("CONPAAS_TEST_LONG").is_some()
}

/// Kills while somebody writes what was acknowledged to `done`, and prints how long nobody served.
pub(super) async fn run(cluster: &Cluster, done: &Path) {
    let minutes = std::env::var("CONPAAS_TEST_MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(MINUTES);
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let (mut n_kills, before) = (0, count(done));
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| u64::from(time.subsec_nanos()));
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(clock);
    println!("SEED={seed}");
    let mut random = Random(seed | 1);
    while Instant::now() < end {
        more(done, 1).await;
        let found = servers();
        if !found.is_empty() {
            found[random.below(found.len())].signal(Signal::SIGKILL);
            n_kills += 1;
        }
        // Sometimes the next one dies before this one is back.
        let pause = Duration::from_millis(200 + random.below(20_000) as u64);
        tokio::time::sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
    }
    more(done, 1).await;
    println!("{n_kills} servers killed in {minutes} minutes, {} transactions acknowledged", count(done) - before);
    cluster.serve(3).await;
    let mut times = Vec::new();
    for _ in 0..AT_ONCE {
        let before = count(done);
        for server in servers() {
            server.signal(Signal::SIGKILL);
        }
        let began = Instant::now();
        // One that was on its way at that moment may be acknowledged yet.
        let acknowledged = eventually_within(LIMIT, "somebody serves again", async || {
            (count(done) > before + 2).then(|| began.elapsed())
        });
        times.push(acknowledged.await);
        cluster.serve(3).await;
    }
    let shown: Vec<String> = times.iter().map(|time| format!("{:.1}", time.as_secs_f32())).collect();
    println!("all killed at once {AT_ONCE} times, back after seconds: {}", shown.join(" "));
}

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap_or_default()
    }
}

//! The long form: servers are killed at random for minutes, then all of them at once, twenty times.

use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;

use super::{Cluster, LIMIT, count, more, servers};

const MINUTES: u64 = 10;
const AT_ONCE: usize = 20;

/// Returns whether the long form was asked for.
pub(super) fn is_long() -> bool {
    std::env::var_os("CONPAAS_TEST_LONG").is_some()
}

/// Kills while somebody writes what was acknowledged to `done`, and prints how long nobody served.
pub(super) async fn run(cluster: &Cluster, done: &Path) {
    at_random(cluster, done).await;
    all_at_once(cluster, done).await;
}

async fn at_random(cluster: &Cluster, done: &Path) {
    let minutes = number("CONPAAS_TEST_MINUTES", MINUTES);
    let (began, end) = (now_s(), Instant::now() + Duration::from_secs(60 * minutes));
    let (mut n_kills, before) = (0, count(done));
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| u64::from(time.subsec_nanos()));
    let seed = number("SEED", clock);
    println!("SEED={seed}");
    let mut random = Random(seed | 1);
    while Instant::now() < end {
        served(cluster, done, "in the middle of kills").await;
        let found = servers();
        if !found.is_empty() {
            found[random.below(found.len())].signal(Signal::SIGKILL);
            n_kills += 1;
        }
        // Sometimes the next one dies before this one is back.
        let pause = Duration::from_millis(200 + random.below(20_000) as u64);
        tokio::time::sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
    }
    served(cluster, done, "after the last kill").await;
    println!("{n_kills} servers killed in {minutes} minutes, {} transactions acknowledged", count(done) - before);
    let last = Instant::now();
    cluster.serve(3).await;
    println!("all three serve again after {:.1} s", last.elapsed().as_secs_f32());
    Availability::of(done, began, now_s()).print("while servers were killed at random");
    cluster.expect_acknowledged(done).await;
    println!("all that was acknowledged is there, on all three");
}

async fn all_at_once(cluster: &Cluster, done: &Path) {
    let n_times = number("CONPAAS_TEST_AT_ONCE", AT_ONCE);
    let began = now_s();
    let mut times: Vec<Duration> = Vec::new();
    for round in 1..=n_times {
        more(done, 3).await;
        let before = count(done);
        for server in servers() {
            server.signal(Signal::SIGKILL);
        }
        let killed = Instant::now();
        // One that was on its way at that moment may be acknowledged yet.
        let what = format!("somebody serves again, round {round}");
        let is_back = || (count(done) > before + 2).then(|| killed.elapsed());
        times.push(eventually_or(cluster, &what, is_back).await);
        cluster.serve(3).await;
        cluster.expect_acknowledged(done).await;
    }
    let shown: Vec<String> = times.iter().map(|time| format!("{:.1}", time.as_secs_f32())).collect();
    println!("all killed at once {n_times} times, nothing lost, back after seconds: {}", shown.join(" "));
    Availability::of(done, began, now_s()).print("while all were killed at once");
}

/// Waits until one more is acknowledged.
async fn served(cluster: &Cluster, done: &Path, when: &str) {
    let before = count(done);
    eventually_or(cluster, &format!("more is acknowledged {when}"), || (count(done) > before).then_some(())).await;
}

/// Waits for something; if it does not come, prints first how the members are.
async fn eventually_or<T>(cluster: &Cluster, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(value) = ask() {
            return value;
        }
        if Instant::now() > end {
            cluster.diagnose().await;
            panic!("waited in vain until {what}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// In how much of a time something was acknowledged.
struct Availability {
    n_seconds: usize,
    n_served: usize,
    longest_gap_s: f64,
}

impl Availability {
    /// Of the time from `began` to `ended`, in seconds since 1970.
    fn of(done: &Path, began: f64, ended: f64) -> Self {
        let text = std::fs::read_to_string(done).unwrap();
        let times = text.lines().filter_map(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        let times: Vec<f64> = times.filter(|at| (began..=ended).contains(at)).collect();
        let mut served: Vec<u64> = times.iter().map(|at| (at - began) as u64).collect();
        served.dedup();
        let edges = std::iter::once(began).chain(times.iter().copied()).chain([ended]);
        let edges: Vec<f64> = edges.collect();
        let longest_gap_s = edges.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        Availability { n_seconds: (ended - began).ceil() as usize, n_served: served.len(), longest_gap_s }
    }

    fn print(&self, when: &str) {
        let Availability { n_seconds, n_served, longest_gap_s } = self;
        let percent = 100.0 * *n_served as f64 / (*n_seconds).max(1) as f64;
        println!(
            "{when}: something was acknowledged in {n_served} of {n_seconds} seconds ({percent:.1} %), \
             longest gap {longest_gap_s:.1} s"
        );
    }
}

fn number<T: FromStr>(variable: &str, usual: T) -> T {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
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

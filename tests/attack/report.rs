//! One line an attack: before, during and after it, and whether the others held.

use serde::Serialize;

use super::probe::{Latency, Notice};

/// A 95th percentile may become so many times as long while somebody attacks,
const MAX_RATIO: f64 = 2.0;
/// and this much is noise on any machine.
const FLOOR_MS: f64 = 50.0;

/// What an attack came to.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) before: Notice,
    pub(crate) during: Notice,
    pub(crate) after: Notice,
    /// Room that the director and its nodes take, in megabytes: before and after.
    pub(crate) taken_mb: [u64; 2],
    /// What did not hold.
    pub(crate) broken: Vec<String>,
    pub(crate) figures: Vec<String>,
}

impl Line {
    /// Aims of time that were missed: machines are noisy.
    pub(crate) fn missed(&self) -> Vec<String> {
        let pairs = self.before.requests().into_iter().zip(self.during.requests());
        let slow = pairs.filter_map(|((name, before), (_, during))| {
            let limit = before.p95_ms * MAX_RATIO + FLOOR_MS;
            (during.p95_ms > limit).then(|| format!("{name}: p95 {:.0} ms, aim <= {limit:.0} ms", during.p95_ms))
        });
        slow.collect()
    }

    /// Prints the line, with what did not hold below it.
    pub(crate) fn print(&self) {
        let [page, director, manager] = [0, 1, 2].map(|number| {
            let of = |notice: &Notice| times(notice.requests()[number].1);
            format!("{} {} {}", of(&self.before), of(&self.during), of(&self.after))
        });
        let memory = [&self.before, &self.during, &self.after].map(|notice| format!("{:.0}", notice.director_mb));
        let missed = self.missed();
        let verdict = match (self.broken.is_empty(), missed.is_empty()) {
            (false, _) => "BROKEN",
            (true, true) => "held",
            (true, false) => "held, slower",
        };
        let (name, memory) = (self.name, memory.join(" "));
        println!("{name:<18} {page:>26} {director:>26} {manager:>26} {memory:>14}  {verdict}");
        for text in &self.figures {
            println!("{:<18}   {text}", "");
        }
        for text in &missed {
            println!("{:<18}   missed: {text}", "");
        }
        for text in &self.broken {
            println!("{:<18}   BROKEN: {text}", "");
        }
    }
}

/// Prints what the columns are.
pub(crate) fn print_head() {
    let (a, b, c, d) = ("page of a neighbour", "director", "neighbour's manager", "director's MB");
    println!("{:<18} {a:>26} {b:>26} {c:>26} {d:>14}", "");
    let phases = "before during after";
    println!("{:<18} {phases:>26} {phases:>26} {phases:>26} {:>14}  (p50/p95 in ms)", "", "");
}

fn times(latency: &Latency) -> String {
    format!("{:.0}/{:.0}", latency.p50_ms, latency.p95_ms)
}

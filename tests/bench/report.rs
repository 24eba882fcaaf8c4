//! The table, and the same as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::figures::{Figures, median, median_ms};
use crate::support::memory::Memory;

/// One line of the table.
struct Line {
    name: &'static str,
    /// What was measured, with its unit.
    measured: String,
    /// The number that is compared; `None` on a line that only informs.
    number: Option<f64>,
    aim: Option<Aim>,
}

#[derive(Clone, Copy)]
enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

impl Aim {
    fn is_met(self, number: f64) -> bool {
        match self {
            Aim::AtMost(limit) => number <= limit,
            Aim::AtLeast(limit) => number >= limit,
        }
    }

    fn text(self) -> String {
        match self {
            Aim::AtMost(limit) => format!("<= {limit}"),
            Aim::AtLeast(limit) => format!(">= {limit}"),
        }
    }
}

/// Prints everything to standard output.
pub(crate) fn print(figures: &Figures, is_json: bool) {
    let lines = lines(figures);
    if is_json {
        let rows: Vec<Value> = lines.iter().map(row).collect();
        println!("{:#}", Value::from(rows));
        return;
    }
    println!("{:<32} {:>30} {:>8} {:>8}  ", "", "measured", "ratio/MB", "aim");
    for line in &lines {
        let number = line.number.map(|number| format!("{number:.2}")).unwrap_or_default();
        let aim = line.aim.map(Aim::text).unwrap_or_default();
        println!("{:<32} {:>30} {number:>8} {aim:>8}  {}", line.name, line.measured, verdict(line));
    }
}

fn lines(figures: &Figures) -> Vec<Line> {
    let floor = median_ms(&figures.floor);
    let application = median_ms(&figures.application_start);
    let service = median_ms(&figures.service_start);
    let (one, eight) = (median_ms(&figures.one_node), median_ms(&figures.eight_nodes));
    let (hello, director) = (median(&figures.hello_rate), median(&figures.director_rate));
    let part = |name, time: f64| Line { name, measured: format!("{time:.0} ms"), number: None, aim: None };
    let small = |name, time: f64| Line { name, measured: format!("{time:.2} ms"), number: None, aim: None };
    let processor = |name, times: &[Duration]| small(name, median_ms(times));
    let ratio = |name, measured, number: f64, aim| Line { name, measured, number: Some(number), aim: Some(aim) };
    vec![
        part("bare liblxc, agent answers", floor),
        part("  of it in liblxc", median_ms(&figures.floor_liblxc)),
        processor("  processor time", &figures.floor_processor),
        ratio("application start", format!("{application:.0} ms"), application / floor, Aim::AtMost(1.5)),
        part("  of it in the director", median_ms(&figures.in_director)),
        processor("  processor time", &figures.application_processor),
        ratio("service start", format!("{service:.0} ms"), service / floor, Aim::AtMost(1.5)),
        part("  of it in the manager", median_ms(&figures.in_manager)),
        processor("  processor time", &figures.service_processor),
        small("a request with its handshakes", median_ms(&figures.one_request)),
        small("a certificate with its key", median_ms(&figures.certificate)),
        small("a write that is safe on the disk", median_ms(&figures.disk)),
        ratio("add_nodes, eight to one", format!("{eight:.0} ms to {one:.0} ms"), eight / one, Aim::AtMost(2.5)),
        ratio(
            "/listapp to a bare server",
            format!("{director:.0}/s to {hello:.0}/s"),
            director / hello,
            Aim::AtLeast(0.6),
        ),
        size("director, idle", figures.idle_director, Some(Aim::AtMost(30.0))),
        size("director, after the requests", figures.loaded_director, None),
        size("director, after 250 logins", figures.director_after_logins, Some(Aim::AtMost(60.0))),
        size("manager, idle", figures.manager, Some(Aim::AtMost(15.0))),
        size("agent, idle", figures.agent, Some(Aim::AtMost(10.0))),
    ]
}

fn size(name: &'static str, memory: Memory, aim: Option<Aim>) -> Line {
    let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let (rss, pss) = (megabytes(memory.rss), megabytes(memory.pss));
    Line { name, measured: format!("RSS {rss:.1} MB, PSS {pss:.1} MB"), number: Some(rss), aim }
}

fn verdict(line: &Line) -> &'static str {
    match (line.number, line.aim) {
        (Some(number), Some(aim)) if aim.is_met(number) => "met",
        (Some(_), Some(_)) => "missed",
        _ => "",
    }
}

fn row(line: &Line) -> Value {
    json!({
        "name": line.name.trim(),
        "measured": line.measured,
        "number": line.number,
        "aim": line.aim.map(Aim::text),
        "is_met": line.number.zip(line.aim).map(|(number, aim)| aim.is_met(number)),
    })
}

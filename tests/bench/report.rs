//! What was measured of nodes, director and manager, in lines.

use std::time::Duration;

use super::figures::{Figures, median, median_ms};
use super::line::{Aim, Line};
use crate::support::memory::Memory;

/// Returns what was measured, in lines.
pub(super) fn lines(figures: &Figures) -> Vec<Line> {
    let floor = median_ms(&figures.floor);
    let application = median_ms(&figures.application_start);
    let service = median_ms(&figures.service_start);
    let (one, eight) = (median_ms(&figures.one_node), median_ms(&figures.eight_nodes));
    let (hello, director) = (median(&figures.hello_rate), median(&figures.director_rate));
    let processor = |name, times: &[Duration]| Line::short_time(name, median_ms(times));
    let ratio = |name, measured, number: f64, aim| Line::number(name, measured, number, Some(aim));
    vec![
        Line::time("bare liblxc, agent answers", floor),
        Line::time("  of it in liblxc", median_ms(&figures.floor_liblxc)),
        processor("  processor time", &figures.floor_processor),
        ratio("application start", format!("{application:.0} ms"), application / floor, Aim::AtMost(1.5)),
        Line::time("  of it in the director", median_ms(&figures.in_director)),
        processor("  processor time", &figures.application_processor),
        ratio("service start", format!("{service:.0} ms"), service / floor, Aim::AtMost(1.5)),
        Line::time("  of it in the manager", median_ms(&figures.in_manager)),
        processor("  processor time", &figures.service_processor),
        Line::short_time("a request with its handshakes", median_ms(&figures.one_request)),
        Line::short_time("a certificate with its key", median_ms(&figures.certificate)),
        Line::short_time("a write that is safe on the disk", median_ms(&figures.disk)),
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
    Line::number(name, format!("RSS {rss:.1} MB, PSS {pss:.1} MB"), rss, aim)
}

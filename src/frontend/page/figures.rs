//! `/applications/<aid>/services/<sid>/figures`: what each node of a service uses.

use indicatif::HumanBytes;
use maud::{Markup, html};

use super::tabs::{self, Tab};
use crate::api::node_metrics::{MAX_POINTS, MetricsOfNode, NodeMetrics, NodePoint};
use crate::frontend::frame::Page;
use crate::frontend::outcome::Shown;
use crate::frontend::text::{Texts, fill};
use crate::frontend::ui::{chart, table};
use crate::frontend::visit::{Place, Visit};
use crate::model::State;

pub(super) async fn show(visit: &Visit) -> Shown {
    let place = visit.place().await?;
    if place.application.status != State::Running {
        return Ok(page(visit.t, &place, &[]));
    }
    let nodes = visit.client.node_metrics(&place.found).await?;
    Ok(page(visit.t, &place, &nodes))
}

pub(super) fn page(t: &'static Texts, place: &Place, nodes: &[MetricsOfNode]) -> Page {
    let content = html! {
        @if nodes.is_empty() { section.card { p.muted { (t.no_nodes) } } }
        @for node in nodes { (of_node(t, node)) }
        @if !nodes.is_empty() { p.hint { (t.figures_hint) } }
    };
    tabs::page(t, place, Tab::Figures).with_live("figures", content)
}

fn of_node(t: &Texts, node: &MetricsOfNode) -> Markup {
    let title = format!("{} · {}", node.id, node.ip);
    let known = node.metrics.as_ref().and_then(|metrics| Some((metrics, metrics.points.last()?)));
    let content = match (known, &node.metrics) {
        (Some((metrics, last)), _) => charts(t, metrics, last),
        (None, Some(_)) => html! { p.muted { (t.no_figures_yet) } },
        (None, None) => html! { p.muted { (t.cannot_be_reached) } },
    };
    table::card(&title, &content)
}

fn charts(t: &Texts, metrics: &NodeMetrics, last: &NodePoint) -> Markup {
    let rate = |bytes| fill(t.in_a_second, &[&HumanBytes(bytes)]);
    let memory = match metrics.memory_limit {
        Some(limit) => fill(t.amount_of, &[&HumanBytes(last.memory), &HumanBytes(limit)]),
        None => HumanBytes(last.memory).to_string(),
    };
    let disk = fill(t.disk_in_use, &[&HumanBytes(last.disk_used), &HumanBytes(metrics.disk_size)]);
    let is_disk_low = is_above(last.disk_used, Some(metrics.disk_size), DISK_PERCENT);
    let is_memory_low = is_above(last.memory, metrics.memory_limit, MEMORY_PERCENT);
    html! {
        div.stack {
            (line(t.processors, &fill(t.percent_of_one, &[&last.cpu_percent]), metrics, |point| point.cpu_percent))
            (line(t.memory, &memory, metrics, |point| point.memory))
            (line(t.disk_read, &rate(last.read_rate), metrics, |point| point.read_rate))
            (line(t.disk_written, &rate(last.write_rate), metrics, |point| point.write_rate))
            div.row {
                (level(&disk, is_disk_low))
                @if is_memory_low { (level(&fill(t.memory_is_low, &[&MEMORY_PERCENT]), true)) }
                @if let Some(tasks) = last.tasks { span.muted { (fill(t.n_tasks, &[&tasks])) } }
            }
        }
    }
}

/// From how many percent on it is told that little is left, as in ConPaaS 2.0.
const MEMORY_PERCENT: u64 = 75;
const DISK_PERCENT: u64 = 85;

fn is_above(used: u64, size: Option<u64>, percent: u64) -> bool {
    size.is_some_and(|size| size > 0 && u128::from(used) * 100 > u128::from(size) * u128::from(percent))
}

fn level(text: &str, is_low: bool) -> Markup {
    html! { span class=(if is_low { "state bad long" } else { "muted" }) { (text) } }
}

/// A name, the newest value, and the line of all.
fn line(name: &str, now: &str, metrics: &NodeMetrics, value: fn(&NodePoint) -> u64) -> Markup {
    let newest = metrics.points.iter().rev().take(MAX_POINTS).rev();
    let values: Vec<u64> = newest.map(value).collect();
    html! {
        div {
            div.row.apart { b { (name) } span { (now) } }
            (chart::draw(&values, MAX_POINTS, name))
        }
    }
}

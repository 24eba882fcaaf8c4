//! What a service does for others: the requests of a site, the statements of a database. Drawn from what the manager
//! says each time somebody looks.

use std::time::Instant;

use maud::{Markup, html};

use crate::api::mysql::MeanLoad;
use crate::api::web::Performance;
use crate::frontend::history::MAX_VALUES;
use crate::frontend::text::{Texts, fill};
use crate::frontend::ui::{chart, table};
use crate::frontend::visit::{Place, Visit};

/// What a service does now, and did of late; the newest is last.
pub(super) enum Traffic {
    /// Of nginx before a site.
    Site {
        /// Now.
        now: Performance,
        /// Requests a second.
        requests: Vec<u64>,
        /// Milliseconds until an answer.
        times: Vec<u64>,
    },
    /// Of MariaDB.
    Database {
        /// Statements a second that read.
        reads: Vec<u64>,
        /// Statements a second that change something.
        writes: Vec<u64>,
        /// Changes that wait to be made, on the average of the members.
        queue: f64,
    },
}

/// Returns what a service does that has nodes and runs; `None` where its kind does nothing for others.
pub(super) async fn of(visit: &Visit, place: &Place) -> Option<Traffic> {
    let (client, found, history) = (&visit.client, &place.found, &visit.site.requests);
    match place.service.kind.as_str() {
        "php" | "java" => {
            let now = client.service::<Performance>(found, "get_service_performance").await.ok()?;
            let requests = history.add(found, "requests", now.request_rate);
            let times = history.add(found, "times", now.response_time);
            Some(Traffic::Site { now, requests, times })
        }
        "mysql" => {
            let load = client.service::<MeanLoad>(found, "getMeanLoad").await.ok()?;
            let asked = Instant::now();
            let line = |name, total| {
                let rate = history.rate(found, name, total, asked)?;
                Some(history.add(found, name, rate))
            };
            let reads = line("reads", sum(&[&load.selects]));
            let writes = line("writes", sum(&[&load.inserts, &load.updates, &load.deletes]));
            let queue = load.mean_load;
            Some(Traffic::Database { reads: reads.unwrap_or_default(), writes: writes.unwrap_or_default(), queue })
        }
        _ => None,
    }
}

/// Counters of members come as texts; one that is none counts nothing.
fn sum(counters: &[&Vec<String>]) -> u64 {
    counters.iter().flat_map(|all| all.iter()).filter_map(|text| text.trim().parse::<u64>().ok()).sum()
}

/// Shows what a service does.
pub(super) fn card(t: &Texts, traffic: &Traffic) -> Markup {
    match traffic {
        Traffic::Site { now, requests, times } => table::card(t.requests, &site(t, now, requests, times)),
        Traffic::Database { reads, writes, queue } => table::card(t.statements, &database(t, (reads, writes), *queue)),
    }
}

fn site(t: &Texts, now: &Performance, requests: &[u64], times: &[u64]) -> Markup {
    html! {
        div #traffic .stack {
            div.row.apart {
                b { (fill(t.requests_a_second, &[&now.request_rate])) }
                span.muted { (fill(t.kilobytes_a_second, &[&(now.throughput / 1000)])) }
                span class=(if now.error_rate == 0 { "state stop" } else { "state bad" }) {
                    (fill(t.failed_a_second, &[&now.error_rate]))
                }
            }
            (chart::draw(requests, MAX_VALUES, t.requests))
            b { (fill(t.answered_in, &[&now.response_time])) }
            (chart::draw(times, MAX_VALUES, t.answer_times))
            p.hint { (t.requests_hint) }
        }
    }
}

fn database(t: &Texts, (reads, writes): (&[u64], &[u64]), queue: f64) -> Markup {
    let last = |values: &[u64]| values.last().copied().unwrap_or_default();
    html! {
        div #traffic .stack {
            div.row.apart {
                b { (fill(t.reads_a_second, &[&last(reads)])) }
                span.muted { (fill(t.changes_waiting, &[&format!("{queue:.1}")])) }
            }
            (chart::draw(reads, MAX_VALUES, t.reads))
            b { (fill(t.writes_a_second, &[&last(writes)])) }
            (chart::draw(writes, MAX_VALUES, t.writes))
            p.hint { (t.statements_hint) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::text::LANGUAGES;

    #[test]
    fn a_database_shows_what_it_reads_and_writes() {
        let counters = ["12".to_owned(), "x".to_owned(), " 30 ".to_owned()].to_vec();
        assert_eq!(sum(&[&counters, &vec![]]), 42);
        let traffic = Traffic::Database { reads: vec![1, 2], writes: vec![0, 7], queue: 0.25 };
        let shown = card(LANGUAGES[0], &traffic).into_string();
        assert!(shown.matches("<polyline").count() == 2 && shown.contains("0.2") && shown.contains('7'), "{shown}");
        assert!(!shown.contains("style="), "{shown}");
    }
}

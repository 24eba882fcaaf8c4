//! Logs: which there are, and each as it grows.

use maud::{Markup, html};

use super::tabs::{self, Tab};
use crate::api::manager::LogText;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::frontend::frame::{Page, Section};
use crate::frontend::outcome::Shown;
use crate::frontend::text::Texts;
use crate::frontend::ui::table::{self, Row};
use crate::frontend::visit::Visit;
use crate::model::{ServiceId, State};

/// By which word the log of a manager is meant where a node can be named.
const MANAGER: &str = "manager";
/// The first of a row of reads.
const BEGIN: &str = "";
/// What a page shows of a log at first.
const MAX_CHARS: usize = 200_000;

/// `/applications/<aid>/services/<sid>/logs`.
pub(super) async fn list(visit: &Visit) -> Shown {
    let (t, place) = (visit.t, visit.place().await?);
    let page = tabs::page(t, &place, Tab::Logs);
    if place.application.status != State::Running {
        return Ok(page.with("logs", html! { section.card { p.muted { (t.start_first) } } }));
    }
    let path = format!("{}/logs", place.path());
    let link = |node: &str, file: &str| {
        let encoded = |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
        format!("{path}/{}/{}", encoded(node), encoded(file))
    };
    let mut rows: Vec<Row> = vec![vec![
        html! { a href=(link(MANAGER, MANAGER)) { (t.manager) } },
        html! { (t.manager) },
        html! { (t.log_of_manager) },
    ]];
    let mut ids: Vec<String> = visit.client.nodes(&place.found).await?.into_values().flatten().collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        // A node that goes at this moment has no logs any more.
        let Ok(node) = visit.client.node(&place.found, &id).await else { continue };
        rows.extend(node.logs.iter().map(|log| -> Row {
            vec![
                html! { a href=(link(&id, &log.filename)) { (log.filename) } },
                html! { (id) },
                html! { (log.description) },
            ]
        }));
    }
    Ok(page.with("logs", table::card(t.logs, &table::show(&[t.log, t.node, t.about], &rows, ""))))
}

/// `/applications/<aid>/services/<sid>/logs/<node>/<file>`.
pub(super) async fn show(visit: &Visit) -> Shown {
    let (t, place) = (visit.t, visit.place().await?);
    let log = read(visit, BEGIN).await?;
    let (node, file) = (visit.argument(2), visit.argument(3));
    let title = if node == MANAGER { t.log_of_manager.to_owned() } else { format!("{file} · {node}") };
    let page = tabs::below(t, &place, title).below(format!("{}/logs", place.path()), t.logs);
    Ok(with_log(page, t, log))
}

/// `/applications/<aid>/log`.
pub(super) async fn of_application(visit: &Visit) -> Shown {
    let (t, app) = (visit.t, visit.application().await?);
    let log = read(visit, BEGIN).await?;
    let page = Page::new(Section::Applications, t.log_of_manager)
        .below("/", t.applications)
        .below(format!("/applications/{}", app.aid), app.name);
    Ok(with_log(page, t, log))
}

/// Reads what was added to the log that the path names behind `cursor`.
pub(in crate::frontend) async fn read(visit: &Visit, cursor: &str) -> Result<LogText, Failure> {
    let not_there = |_| Failure::said(visit.t.not_found);
    let application = visit.argument(0).parse().map_err(not_there)?;
    let service = match visit.argument(1) {
        "" => ServiceId::MANAGER,
        text => text.parse().map_err(not_there)?,
    };
    let found = FoundService { application, service };
    match visit.argument(2) {
        "" | MANAGER => visit.client.service_log(&found, Some(cursor)).await,
        node => visit.client.node_log(&found, node, Some(visit.argument(3)), Some(cursor)).await,
    }
}

fn with_log(mut page: Page, t: &'static Texts, log: LogText) -> Page {
    page.log_cursor = log.cursor;
    page.with("log", shown(t, &log.log))
}

fn shown(t: &Texts, text: &str) -> Markup {
    let skipped = text.chars().count().saturating_sub(MAX_CHARS);
    let end: String = text.chars().skip(skipped).collect();
    html! {
        pre.card.log tabindex="0" role="log" aria-label=(t.log) { "\n" (end) }
        p.hint { (t.log_follows) }
    }
}

//! `/activity`: what happened to applications and services, and why.

use maud::{Markup, html};

use crate::api::EventView;
use crate::client::event;
use crate::clock::Clock;
use crate::frontend::frame::{Page, Section};
use crate::frontend::outcome::Shown;
use crate::frontend::ui::{state, table, time};
use crate::frontend::visit::Visit;

const MAX_ROWS: usize = 100;

pub(super) async fn show(visit: &Visit) -> Shown {
    let (t, client) = (visit.t, &visit.client);
    let (applications, newest) = tokio::try_join!(client.applications(), event::newest(client, None))?;
    let failed = applications.iter().filter_map(|app| Some((app, app.reason.as_ref()?)));
    let failures: Vec<Markup> = failed
        .map(|(app, reason)| {
            html! { li {
                (state::show(app.status, t)) a href={ "/applications/" (app.aid) } { (app.name) } span.said { (reason) }
            } }
        })
        .collect();
    let now = Clock::system().unix_seconds();
    let is_there = |event: &EventView| applications.iter().any(|app| app.aid == event.app_id);
    let content = html! {
        @if failures.is_empty() && newest.events.is_empty() { section.card { p.muted { (t.nothing_happened) } } }
        @if !failures.is_empty() { (table::card(t.failed, &html! { ul.plain { @for one in &failures { (one) } } })) }
        @if !newest.events.is_empty() {
            section.card { ul.plain { @for one in newest.events.iter().rev().take(MAX_ROWS) { li {
                (state::show(one.state, t))
                @if is_there(one) { a href=(path(one)) { (name(one)) } } @else { span { (name(one)) } }
                span.grow.said { (one.reason) }
                (time::ago(one.seconds(), now, t))
            } } } }
        }
    };
    Ok(Page::new(Section::Activity, t.activity).with_live("events", content))
}

fn path(event: &EventView) -> String {
    match event.service_id {
        Some(sid) => format!("/applications/{}/services/{sid}", event.app_id),
        None => format!("/applications/{}", event.app_id),
    }
}

fn name(event: &EventView) -> String {
    match event.service() {
        Some(service) => format!("{} · {service}", event.app_name),
        None => event.app_name.clone(),
    }
}

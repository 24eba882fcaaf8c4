//! `/activity`: what happened to applications and services, and why.

use maud::{Markup, html};

use crate::api::manager::StateChange;
use crate::client::lookup::FoundService;
use crate::clock::Clock;
use crate::frontend::frame::{Page, Section};
use crate::frontend::outcome::Shown;
use crate::frontend::ui::{state, table, time};
use crate::frontend::visit::Visit;
use crate::model::State;

/// Services whose managers are asked for one page.
const MAX_SERVICES: usize = 24;
const MAX_ROWS: usize = 100;

/// Something that happened.
struct Happened {
    path: String,
    name: String,
    change: StateChange,
}

pub(super) async fn show(visit: &Visit) -> Shown {
    let (t, client) = (visit.t, &visit.client);
    let (applications, services) = tokio::try_join!(client.applications(), client.services())?;
    let failed = applications.iter().filter_map(|app| Some((app, app.reason.as_ref()?)));
    let failures: Vec<Markup> = failed
        .map(|(app, reason)| {
            html! { li {
                (state::show(app.status, t)) a href={ "/applications/" (app.aid) } { (app.name) } span.said { (reason) }
            } }
        })
        .collect();
    let mut happened = Vec::new();
    for one in services.iter().filter(|one| one.application.status == State::Running).take(MAX_SERVICES) {
        client.learn_manager(&one.application);
        let found = FoundService { application: one.application.aid, service: one.service.sid };
        let path = format!("/applications/{}/services/{}", found.application, found.service);
        // A manager that is away for a moment has nothing to tell.
        let Ok(changes) = client.service_history(&found).await else { continue };
        let name = format!("{} · {}", one.application.name, one.service.name);
        happened.extend(changes.into_iter().map(|change| Happened { path: path.clone(), name: name.clone(), change }));
    }
    happened.sort_by(|one, other| other.change.time.total_cmp(&one.change.time));
    happened.truncate(MAX_ROWS);
    let now = Clock::system().unix_seconds();
    let content = html! {
        @if failures.is_empty() && happened.is_empty() { section.card { p.muted { (t.nothing_happened) } } }
        @if !failures.is_empty() { (table::card(t.failed, &html! { ul.plain { @for one in &failures { (one) } } })) }
        @if !happened.is_empty() {
            section.card { ul.plain { @for one in &happened { li {
                (state::show(one.change.state, t))
                a href=(one.path) { (one.name) }
                span.grow.said { (one.change.reason) }
                (time::ago(seconds(one.change.time), now, t))
            } } } }
        }
    };
    Ok(Page::new(Section::Activity, t.activity).with_live("events", content))
}

#[expect(clippy::cast_possible_truncation, reason = "times of this era fit")]
fn seconds(time: f64) -> i64 {
    time as i64
}

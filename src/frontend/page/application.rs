//! `/applications/<aid>`: one application and its services.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::api::{ApplicationView, ResourceView, ServiceAndApplication};
use crate::frontend::frame::{Page, Section};
use crate::frontend::outcome::Shown;
use crate::frontend::text::{Texts, fill};
use crate::frontend::ui::form::{self, Field};
use crate::frontend::ui::icon::{self, Icon};
use crate::frontend::ui::{state, table};
use crate::frontend::visit::Visit;
use crate::model::{NodeRole, ServiceId, State};

/// What the page shows.
pub(super) struct View {
    pub(super) application: ApplicationView,
    pub(super) services: Vec<ServiceAndApplication>,
    pub(super) nodes: Vec<ResourceView>,
    pub(super) clouds: Vec<String>,
    /// As its manager says; `None` when it has none, or when it does not answer.
    pub(super) states: Option<BTreeMap<ServiceId, State>>,
}

pub(super) async fn show(visit: &Visit) -> Shown {
    let (application, client) = (visit.application().await?, &visit.client);
    let (mut services, mut nodes, clouds) = tokio::try_join!(client.services(), client.resources(), client.clouds())?;
    services.retain(|one| one.application.aid == application.aid);
    nodes.retain(|node| node.app_id == application.aid);
    let states = match application.status {
        State::Running => client.app_info(application.aid).await.ok().map(|info| info.states),
        _ => None,
    };
    Ok(page(visit.t, &View { application, services, nodes, clouds, states }))
}

pub(super) fn page(t: &'static Texts, view: &View) -> Page {
    let app = &view.application;
    let mut page = Page::new(Section::Applications, app.name.as_str()).below("/", t.applications);
    let is_any_passing = view.states.iter().flat_map(BTreeMap::values).any(|state| state::is_passing(*state));
    page.is_busy = state::is_passing(app.status) || is_any_passing;
    page.head = head(t, view);
    page.with_live("services", services(t, view))
        .beside_live("manager", manager(t, view))
        .beside("rename", rename(t, app))
}

fn head(t: &Texts, view: &View) -> Markup {
    let app = &view.application;
    let path = format!("/applications/{}", app.aid);
    html! {
        (state::show(app.status, t))
        @match app.status {
            State::Init | State::Stopped | State::Error => {
                @for cloud in &view.clouds {
                    @let word = if view.clouds.len() == 1 { t.start.to_owned() } else { fill(t.start_in, &[cloud]) };
                    (form::post_value(&format!("{path}/start"), "cloud", cloud, &word, "primary"))
                }
                a.button.danger href={ (path) "/delete" } { (t.delete) }
            }
            _ => {
                a.button href={ (path) "/log" } { (t.log) }
                a.button.danger href={ (path) "/stop" } { (t.stop) }
            }
        }
    }
}

fn services(t: &Texts, view: &View) -> Markup {
    let app = &view.application;
    html! {
        @if let Some(reason) = &app.reason {
            div.note.bad { (icon::draw(Icon::Warn)) div.said { (reason) } }
        }
        div.row.apart {
            h2 { (t.services) }
            @if app.status == State::Running {
                a.button.primary href={ "/applications/" (app.aid) "/add" } { (icon::draw(Icon::Plus)) (t.add_service) }
            }
        }
        @if view.services.is_empty() {
            section.card.center {
                p.muted { @if app.status == State::Running { (t.no_service_yet) } @else { (t.start_first) } }
            }
        }
        @for one in &view.services { (service(t, view, one)) }
    }
}

fn service(t: &Texts, view: &View, one: &ServiceAndApplication) -> Markup {
    let own = &one.service;
    let n_nodes = view.nodes.iter().filter(|node| node.service_id == own.sid).count();
    let state = view.states.as_ref().and_then(|states| states.get(&own.sid));
    html! {
        article.card.link {
            div.row {
                span.tile { (icon::draw(Icon::of_kind(&own.kind))) }
                div.grow {
                    h2 { a href={ "/applications/" (view.application.aid) "/services/" (own.sid) } { (own.name) } }
                    span.muted.small { (own.kind) " · " (fill(t.n_nodes, &[&n_nodes])) }
                }
                @match state {
                    Some(state) => (state::show(*state, t)),
                    None => @if view.application.status == State::Running { (state::unreachable(t)) },
                }
            }
        }
    }
}

fn manager(t: &Texts, view: &View) -> Markup {
    let node = view.nodes.iter().find(|node| node.role == NodeRole::Manager);
    html! {
        section.card {
            header {
                h2 { (t.manager) }
                @if view.application.status == State::Running && view.states.is_none() { (state::unreachable(t)) }
            }
            @match node {
                None => p.muted { (t.no_manager) },
                Some(node) => dl.facts {
                    dt { (t.node) } dd { (node.vmid) }
                    dt { (t.address) } dd { (node.ip) }
                    dt { (t.cloud) } dd { (node.cloud) }
                },
            }
            p.hint { (fill(t.credits_an_hour, &[&view.nodes.len()])) }
        }
    }
}

fn rename(t: &Texts, app: &ApplicationView) -> Markup {
    table::card(
        t.rename,
        &html! {
            form.stack method="post" action={ "/applications/" (app.aid) "/rename" } {
                (Field { value: &app.name, ..Field::text("name", t.name) }.show())
                button { (t.rename) }
                @if app.status == State::Running {
                    a.small href={ "/applications/" (app.aid) "/manifest.json" } { (t.download_manifest) }
                }
            }
        },
    )
}

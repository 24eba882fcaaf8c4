//! `/`: all applications of the visitor.

use maud::{Markup, html};

use crate::api::{ApplicationView, ResourceView, ServiceAndApplication};
use crate::frontend::frame::{Page, Piece, Section};
use crate::frontend::outcome::Shown;
use crate::frontend::text::{Texts, fill};
use crate::frontend::ui::form::{self, Field};
use crate::frontend::ui::{state, table};
use crate::frontend::visit::Visit;
use crate::model::State;

/// What the page shows.
pub(super) struct View {
    pub(super) applications: Vec<ApplicationView>,
    pub(super) services: Vec<ServiceAndApplication>,
    pub(super) nodes: Vec<ResourceView>,
}

pub(super) async fn show(visit: &Visit) -> Shown {
    let client = &visit.client;
    let (applications, services, nodes) =
        tokio::try_join!(client.applications(), client.services(), client.resources())?;
    // Everybody begins with one application.
    let is_first = services.is_empty() && applications.iter().all(|app| app.status == State::Init);
    let mut page = page(visit.t, &View { applications, services, nodes });
    if is_first {
        let piece = Piece { id: "first", html: first(visit), is_live: false };
        page.main.insert(0, piece);
    }
    Ok(page)
}

/// What somebody does who has nothing yet.
fn first(visit: &Visit) -> Markup {
    let t = visit.t;
    table::card(
        &fill(t.welcome, &[&visit.username]),
        &html! {
            ol.steps {
                @if visit.site.authority.is_some() { li { a href="/trust" { (t.trust_title) } p.hint { (t.first_trust) } } }
                li { a href="#create" { (t.new_application) } p.hint { (t.first_application) } }
                li {
                    (form::post("/example", t.show_example, "primary"))
                    p.hint { (t.first_demo) }
                }
            }
        },
    )
}

pub(super) fn page(t: &'static Texts, view: &View) -> Page {
    let mut page = Page::new(Section::Applications, t.applications);
    page.is_busy = view.applications.iter().any(|app| state::is_passing(app.status));
    page.with_live("applications", list(t, view)).beside_live("glance", glance(t, view)).beside("create", create(t))
}

fn list(t: &Texts, view: &View) -> Markup {
    html! {
        @if view.applications.is_empty() {
            section.card.center { h2 { (t.no_application) } p.muted { (t.what_is_an_application) } }
        }
        div.grid {
            @for app in &view.applications { (card(t, view, app)) }
        }
    }
}

fn card(t: &Texts, view: &View, app: &ApplicationView) -> Markup {
    let kinds: Vec<&ServiceAndApplication> =
        view.services.iter().filter(|one| one.application.aid == app.aid).collect();
    let n_nodes = view.nodes.iter().filter(|node| node.app_id == app.aid).count();
    html! {
        article.card.link {
            div.row.apart {
                h2 { a href={ "/applications/" (app.aid) } { (app.name) } }
                (state::show(app.status, t))
            }
            div.row {
                @for one in &kinds { span.tag { (one.service.kind) } }
                @if kinds.is_empty() { span.muted { (t.no_service) } }
            }
            p.small.muted { (fill(t.n_nodes, &[&n_nodes])) }
            @if let Some(reason) = &app.reason { p.small.said { (reason) } }
        }
    }
}

fn glance(t: &Texts, view: &View) -> Markup {
    let n_nodes = view.nodes.len();
    table::card(
        t.at_a_glance,
        &html! { p { (fill(t.n_nodes, &[&n_nodes])) } p.hint { (fill(t.credits_an_hour, &[&n_nodes])) } },
    )
}

fn create(t: &Texts) -> Markup {
    table::card(
        t.new_application,
        &html! {
            form.stack method="post" action="/applications" {
                (Field::text("name", t.name).show())
                button.primary { (t.create) }
                a.small href="/manifest" { (t.from_manifest) }
            }
        },
    )
}

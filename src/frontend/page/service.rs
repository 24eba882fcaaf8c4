//! `/applications/<aid>/services/<sid>`: how a service does.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::tabs::{self, Tab};
use super::traffic::{self, Traffic};
use super::{published, scale};
use crate::api::manager::{Greetings, ScriptsOfNodes, ServiceInfo};
use crate::api::{PublishedView, ResourceView};
use crate::frontend::frame::Page;
use crate::frontend::outcome::Shown;
use crate::frontend::text::{Texts, fill};
use crate::frontend::ui::form::{self, Field};
use crate::frontend::ui::icon::{self, Icon};
use crate::frontend::ui::table::Row;
use crate::frontend::ui::{state, table};
use crate::frontend::visit::{Place, Visit};
use crate::model::State;

/// The scripts of a generic service, in the order of its life.
const SCRIPTS: [&str; 5] = ["init.sh", "notify.sh", "run.sh", "interrupt.sh", "cleanup.sh"];
/// The internal name of the cloud that users know as the default one.
const DEFAULT_CLOUD: (&str, &str) = ("default", "iaas");

/// What the page shows.
pub(super) struct View {
    pub(super) place: Place,
    pub(super) info: ServiceInfo,
    /// Ids of nodes by role.
    pub(super) by_role: BTreeMap<String, Vec<String>>,
    /// All nodes of the application.
    pub(super) resources: Vec<ResourceView>,
    pub(super) scripts: Option<ScriptsOfNodes>,
    pub(super) greetings: Option<String>,
    /// What visitors of a site get, or clients of a database.
    pub(super) traffic: Option<Traffic>,
    /// Where others reach it.
    pub(super) published: Option<PublishedView>,
}

pub(super) async fn show(visit: &Visit) -> Shown {
    let place = visit.place().await?;
    if place.application.status != State::Running {
        return Ok(not_running(visit.t, &place));
    }
    let (client, found) = (&visit.client, &place.found);
    let (info, by_role, mut resources, published) =
        tokio::try_join!(client.service_info(found), client.nodes(found), client.resources(), client.published())?;
    let published =
        published.into_iter().find(|one| (one.app_id, one.service_id) == (found.application, found.service));
    resources.retain(|node| node.app_id == found.application);
    let has_nodes = !by_role.is_empty();
    let scripts = match place.service.kind.as_str() {
        "generic" if has_nodes => client.script_status(found).await.ok(),
        _ => None,
    };
    let greetings = match place.service.kind.as_str() {
        "helloworld" if has_nodes && info.state == State::Running => {
            client.service::<Greetings>(found, "get_helloworld").await.ok().map(|answer| answer.helloworld)
        }
        _ => None,
    };
    let traffic = match has_nodes && info.state == State::Running {
        true => traffic::of(visit, &place).await,
        false => None,
    };
    Ok(page(visit.t, &View { place, info, by_role, resources, scripts, greetings, traffic, published }))
}

/// The manager went with the application's stop.
fn not_running(t: &'static Texts, place: &Place) -> Page {
    let mut page = tabs::page(t, place, Tab::Overview);
    page.head = state::show(place.application.status, t);
    page.is_busy = state::is_passing(place.application.status);
    page.with_live("state", html! { section.card { p.muted { (t.start_first) } } })
}

pub(super) fn page(t: &'static Texts, view: &View) -> Page {
    let mut page = tabs::page(t, &view.place, Tab::Overview);
    let is_script_running = view.scripts.iter().flat_map(|all| all.agents.values()).flat_map(BTreeMap::values);
    page.is_busy = state::is_passing(view.info.state)
        || is_script_running.into_iter().any(|status| *status == crate::api::agent::ScriptStatus::Running);
    page.head = head(t, view);
    page = page.with_live("overview", overview(t, view));
    // These come and go with the state; what somebody types in them changes nothing.
    let is_running = view.info.state == State::Running;
    if view.place.service.kind == "generic" {
        page = page.with_live(
            "life",
            if is_running {
                life(t, view)
            } else {
                html! {}
            },
        );
    }
    page = page.beside("published", published::card(t, &view.place.path(), view.published.as_ref()));
    page.beside_live(
        "scale",
        if is_running {
            scale::form(t, &view.place)
        } else {
            html! {}
        },
    )
}

fn head(t: &Texts, view: &View) -> Markup {
    let path = view.place.path();
    html! {
        (state::show(view.info.state, t))
        @match view.info.state {
            State::Init | State::Stopped => {
                (form::post(&format!("{path}/start"), t.start, "primary"))
                a.button.danger href={ (path) "/remove" } { (t.remove) }
            }
            State::Running | State::Error => a.button.danger href={ (path) "/stop" } { (t.stop) },
            State::Prologue | State::Adapting | State::Epilogue => {},
        }
    }
}

fn overview(t: &Texts, view: &View) -> Markup {
    html! {
        @if let Some(reason) = &view.info.reason {
            div.note.bad { (icon::draw(Icon::Warn)) div.said { (reason) } }
        }
        (access(t, view))
        (nodes(t, view))
        @if let Some(now) = &view.traffic { (traffic::card(t, now)) }
        @if let Some(scripts) = &view.scripts { (script_table(t, scripts)) }
        @if let Some(greetings) = &view.greetings {
            (table::card(t.greetings, &html! { pre.said { (greetings) } }))
        }
    }
}

/// How the service is reached, where that is the same for all of its kind.
fn access(t: &Texts, view: &View) -> Markup {
    let first_of = |role: &str| {
        let id = view.by_role.get(role)?.first()?;
        view.resources.iter().find(|node| node_id(node) == *id).map(|node| node.ip.clone())
    };
    match view.place.service.kind.as_str() {
        "php" | "java" => {
            let Some(address) = first_of("proxy") else { return html! {} };
            let url = format!("http://{address}/");
            table::card(
                t.address,
                &html! { div.stack { (form::copy(&url, t.copy)) a.button href=(url) rel="noreferrer" { (t.open) } } },
            )
        }
        "mysql" => {
            let balanced = first_of("glb").map(|address| (address, 8010));
            let Some((address, port)) = balanced.or_else(|| first_of("mysql").map(|address| (address, 3306))) else {
                return html! {};
            };
            let command = format!("mysql --host={address} --port={port} -u mysqldb -p");
            table::card(t.connect, &form::copy(&command, t.copy))
        }
        _ => html! {},
    }
}

fn nodes(t: &Texts, view: &View) -> Markup {
    let ids: BTreeSet<&String> = view.by_role.values().flatten().collect();
    let row = |id: &&String| -> Row {
        let node = view.resources.iter().find(|node| node_id(node) == ***id);
        let roles = view.by_role.iter().filter(|(_, ids)| ids.contains(id)).map(|(role, _)| role);
        vec![
            html! { (id) },
            html! { @if let Some(node) = node { (node.ip) } },
            html! { @for role in roles { span.tag.on { (role) } " " } },
            html! { @if let Some(node) = node { (node.cloud) } },
            html! {
                a.button.tiny href={ (view.place.path()) "/nodes/" (encoded(id)) "/command" } { (t.command) } " "
                a.button.tiny href={ (view.place.path()) "/nodes/" (encoded(id)) "/terminal" } { (t.terminal) }
            },
        ]
    };
    let rows: Vec<Row> = ids.iter().map(row).collect();
    table::card(t.nodes, &table::show(&[t.node, t.address, t.roles, t.cloud, ""], &rows, t.no_nodes))
}

fn encoded(id: &str) -> percent_encoding::PercentEncode<'_> {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC)
}

/// The manager's name for a node: that of its cloud, then the cloud's own for it.
fn node_id(node: &ResourceView) -> String {
    let cloud = if node.cloud == DEFAULT_CLOUD.0 { DEFAULT_CLOUD.1 } else { &node.cloud };
    format!("{cloud}{}", node.vmid)
}

fn script_table(t: &Texts, scripts: &ScriptsOfNodes) -> Markup {
    let rows: Vec<Row> = scripts
        .agents
        .iter()
        .map(|(id, all)| {
            let cells = SCRIPTS.iter().map(|name| state::script(all.get(*name), t));
            std::iter::once(html! { (id) }).chain(cells).collect()
        })
        .collect();
    let columns: Vec<&str> = std::iter::once(t.node).chain(SCRIPTS).collect();
    table::card(t.scripts, &table::show(&columns, &rows, t.no_nodes))
}

fn life(t: &Texts, view: &View) -> Markup {
    let path = view.place.path();
    table::card(
        t.life_cycle,
        &html! {
            form.stack method="post" action={ (path) "/scripts" } {
                (Field { is_required: false, ..Field::text("parameters", t.parameters) }.show())
                div.row {
                    button.primary name="script" value="run" { (t.run) }
                    button name="script" value="interrupt" { (t.interrupt) }
                    button name="script" value="cleanup" { (t.clean_up) }
                }
                p.hint { (fill(t.scripts_wait, &[])) }
            }
        },
    )
}

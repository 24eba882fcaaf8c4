//! Scaling: how many nodes of which role more or fewer, and what that costs.

use maud::{Markup, html};

use super::tabs;
use crate::client::manager::Counts;
use crate::frontend::outcome::{Problem, Shown};
use crate::frontend::text::{Texts, fill};
use crate::frontend::ui::table;
use crate::frontend::visit::{Place, Visit};

/// More at once makes no sense on a small cluster.
const MAX_NODES: i64 = 64;

/// Returns the roles of a kind that a user chooses nodes for.
fn roles(kind: &str) -> &'static [&'static str] {
    match kind {
        "php" | "java" => &["backend", "proxy", "web"],
        "mysql" => &["mysql", "glb"],
        "xtreemfs" => &["osd", "dir"],
        _ => &["count"],
    }
}

/// Where one has said how many.
pub(super) fn form(t: &Texts, place: &Place) -> Markup {
    let about = |role: &str| match role {
        "backend" => t.about_backend,
        "proxy" => t.about_proxy,
        "web" => t.about_web,
        "mysql" => t.about_mysql_role,
        "glb" => t.about_glb,
        "osd" => t.about_osd,
        "dir" => t.about_dir,
        _ => "",
    };
    let roles = roles(&place.service.kind);
    table::card(
        t.scale,
        &html! {
            form.stack method="get" action={ (place.path()) "/scale" } {
                @for role in roles {
                    @let id = format!("scale-{role}");
                    div.row.apart {
                        div.grow {
                            label for=(id) { @if *role == "count" { (t.nodes) } @else { (role) } }
                            div.hint { (about(role)) }
                        }
                        input id=(id) type="number" name=(role) min="0" max=(MAX_NODES)
                            value=(i64::from(roles.first() == Some(role)));
                    }
                }
                div.row {
                    button.primary name="way" value="add" { (t.add_nodes) }
                    button name="way" value="remove" { (t.remove_nodes) }
                }
                p.hint { (t.price_comes_first) }
            }
        },
    )
}

/// The price, before anything is done.
pub(super) async fn show(visit: &Visit) -> Shown {
    let (t, place) = (visit.t, visit.place().await?);
    let change = Change::read(visit, &place)?;
    let nodes = visit.client.resources().await?;
    let before = i64::try_from(nodes.len()).unwrap_or(i64::MAX);
    let after = if change.is_more { before + change.total } else { (before - change.total).max(0) };
    let (title, effect) = match change.is_more {
        true => (fill(t.n_nodes_more, &[&change.total]), t.nodes_cost),
        false => (fill(t.n_nodes_less, &[&change.total]), t.nodes_are_lost),
    };
    let class = if change.is_more { "primary" } else { "primary danger" };
    let content = html! {
        section.card.stack {
            p { (fill(t.price, &[&after, &before])) }
            p.muted { (effect) }
            form.row method="post" action={ (place.path()) "/scale" } {
                input type="hidden" name="way" value=(if change.is_more { "add" } else { "remove" });
                @for (role, count) in &change.counts { input type="hidden" name=(role) value=(count); }
                button class=(class) { (title) }
                a.button href=(place.path()) { (t.cancel) }
            }
        }
    };
    Ok(tabs::below(t, &place, title.as_str()).with("price", content))
}

/// A change that was asked for.
pub(in crate::frontend) struct Change {
    pub(in crate::frontend) is_more: bool,
    pub(in crate::frontend) counts: Counts,
    total: i64,
}

impl Change {
    /// Reads it from a form.
    pub(in crate::frontend) fn read(visit: &Visit, place: &Place) -> Result<Self, Problem> {
        let wrong = || Problem::Form(visit.t.how_many_nodes.to_owned());
        let mut counts = Counts::new();
        for role in roles(&place.service.kind) {
            let count = match visit.field(role) {
                "" => 0,
                text => text.parse::<i64>().ok().filter(|n| (0..=MAX_NODES).contains(n)).ok_or_else(wrong)?,
            };
            counts.insert(role, count);
        }
        let total = counts.values().sum();
        let is_more = match visit.field("way") {
            "add" => true,
            "remove" => false,
            _ => return Err(wrong()),
        };
        if total == 0 { Err(wrong()) } else { Ok(Change { is_more, counts, total }) }
    }
}

//! `/nodes`: all nodes that cost credit.

use maud::html;

use crate::frontend::frame::{Page, Section};
use crate::frontend::outcome::Shown;
use crate::frontend::text::fill;
use crate::frontend::ui::table::{self, Row};
use crate::frontend::visit::Visit;

pub(super) async fn show(visit: &Visit) -> Shown {
    let t = visit.t;
    let nodes = visit.client.resources().await?;
    let rows: Vec<Row> = nodes
        .iter()
        .map(|node| -> Row {
            vec![
                html! { (node.vmid) div.hint { (node.ip) } },
                html! { a href={ "/applications/" (node.app_id) } { (node.app_name) } },
                html! { (node.role) },
                html! { (node.cloud) },
                html! { (node.created.split('.').next().unwrap_or_default()) },
                html! { (node.charged) },
            ]
        })
        .collect();
    let columns = [t.node, t.application, t.role, t.cloud, t.since, t.credits];
    let content = html! {
        section.card { (table::show(&columns, &rows, t.no_nodes)) }
        p.hint { (fill(t.credits_an_hour, &[&nodes.len()])) }
    };
    Ok(Page::new(Section::Nodes, t.nodes).with_live("nodes", content))
}

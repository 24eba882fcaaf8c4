//! `/applications/<aid>/services/<sid>/nodes/<node>/command`: a command in a node, and what it said.

use maud::{Markup, html};

use super::tabs;
use crate::frontend::frame::Page;
use crate::frontend::outcome::{Problem, Shown};
use crate::frontend::text::{Texts, fill};
use crate::frontend::ui::table;
use crate::frontend::visit::{Place, Visit};

/// What a command came to.
pub(in crate::frontend) struct Ran<'a> {
    pub(in crate::frontend) command: &'a str,
    pub(in crate::frontend) output: &'a str,
    /// With which code it ended.
    pub(in crate::frontend) code: Option<i32>,
    /// Why it was ended.
    pub(in crate::frontend) reason: Option<&'a str>,
}

pub(super) async fn show(visit: &Visit) -> Shown {
    let (place, node) = node_of(visit).await?;
    Ok(page(visit.t, &place, &node, None))
}

/// Returns the service and the node that the path names, which is one of the service's.
pub(in crate::frontend) async fn node_of(visit: &Visit) -> Result<(Place, String), Problem> {
    let place = visit.place().await?;
    let node = visit.argument(2).to_owned();
    let by_role = visit.client.nodes(&place.found).await?;
    if by_role.values().flatten().any(|id| *id == node) { Ok((place, node)) } else { Err(Problem::NotFound) }
}

/// Returns the path of a node's pages.
pub(super) fn node_path(place: &Place, node: &str) -> String {
    let encoded = percent_encoding::utf8_percent_encode(node, percent_encoding::NON_ALPHANUMERIC);
    format!("{}/nodes/{encoded}", place.path())
}

/// Shows where a command is written, and what the last one said.
pub(in crate::frontend) fn page(t: &'static Texts, place: &Place, node: &str, ran: Option<&Ran<'_>>) -> Page {
    let action = format!("{}/command", node_path(place, node));
    let last = ran.map_or("", |ran| ran.command);
    let field = html! {
        form.stack method="post" action=(action) {
            div {
                label for="field-command" { (t.command) }
                input.code id="field-command" name="command" value=(last) autocomplete="off" autocapitalize="off"
                    spellcheck="false" required autofocus;
                p.hint { (t.command_hint) }
            }
            div { button.primary { (t.run) } }
        }
    };
    let page = tabs::below(t, place, node).with("command", table::card(t.run_command, &field));
    match ran {
        Some(ran) => page.with("output", said(t, ran)),
        None => page,
    }
}

fn said(t: &Texts, ran: &Ran<'_>) -> Markup {
    table::card(
        t.output,
        &html! {
            div.stack {
                pre.output tabindex="0" role="region" aria-label=(t.output) { "\n" (ran.output) }
                @if let Some(code) = ran.code {
                    p { span class=(if code == 0 { "state stop" } else { "state bad" }) { (fill(t.ended_with, &[&code])) } }
                }
                @if let Some(reason) = ran.reason { p.hint { (reason) } }
            }
        },
    )
}

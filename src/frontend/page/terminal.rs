//! `/applications/<aid>/services/<sid>/nodes/<node>/terminal`: a shell in a node, for browsers with the script.

use maud::html;

use super::command::{node_of, node_path};
use super::tabs;
use crate::frontend::outcome::Shown;
use crate::frontend::ui::table;
use crate::frontend::visit::Visit;

/// Keys that phones do not have: a name of the script, and what stands on the button.
const KEYS: [(&str, &str); 5] =
    [("interrupt", "Ctrl+C"), ("Tab", "Tab"), ("Escape", "Esc"), ("ArrowUp", "↑"), ("ArrowDown", "↓")];

pub(super) async fn show(visit: &Visit) -> Shown {
    let (place, node) = node_of(visit).await?;
    let (t, path) = (visit.t, node_path(&place, &node));
    let content = html! {
        div.stack {
            noscript { p { (t.terminal_needs_script) " " a href={ (path) "/command" } { (t.run_command) } } }
            div.terminal data-terminal={ (path) "/terminal" } {
                pre tabindex="0" role="log" aria-label=(t.output) {}
                textarea aria-label=(t.terminal_keys) rows="1" autocomplete="off" autocapitalize="off" spellcheck="false" {}
            }
            p #terminal-note.said role="status" {}
            div.row { @for (name, word) in KEYS { button.tiny type="button" data-key=(name) hidden { (word) } } }
            p.hint { (t.terminal_hint) }
        }
    };
    let mut page = tabs::below(t, &place, &node).with("terminal", table::card(t.terminal, &content));
    page.has_terminal = true;
    Ok(page)
}

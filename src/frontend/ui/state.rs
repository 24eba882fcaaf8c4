//! States: a colour, a shape and a word.

use maud::{Markup, html};

use crate::api::agent::ScriptStatus;
use crate::frontend::text::Texts;
use crate::model::State;

/// Shows where an application or a service is in its life.
pub(in crate::frontend) fn show(state: State, t: &Texts) -> Markup {
    let (class, word) = match state {
        State::Init => ("state init", t.never_started),
        State::Prologue => ("state run busy", t.starting),
        State::Running => ("state run", t.running),
        State::Adapting => ("state run busy", t.changing),
        State::Epilogue => ("state stop busy", t.stopping),
        State::Stopped => ("state stop", t.stopped),
        State::Error => ("state bad", t.failed),
    };
    html! { span class=(class) data-state=(state.as_str()) { (word) } }
}

/// Returns whether a state is on the way to another.
pub(in crate::frontend) fn is_passing(state: State) -> bool {
    matches!(state, State::Prologue | State::Adapting | State::Epilogue)
}

/// Shows that a manager does not answer.
pub(in crate::frontend) fn unreachable(t: &Texts) -> Markup {
    html! { span class="state lost" { (t.unreachable) } }
}

/// Shows what became of a script.
pub(in crate::frontend) fn script(status: Option<&ScriptStatus>, t: &Texts) -> Markup {
    let (class, word) = match status {
        None => ("state lost", t.unknown.to_owned()),
        Some(ScriptStatus::NeverStarted) => ("state init", t.never.to_owned()),
        Some(ScriptStatus::Running) => ("state run busy", t.running.to_owned()),
        Some(ScriptStatus::Stopped(0)) => ("state stop", "exit 0".to_owned()),
        Some(ScriptStatus::Stopped(code)) => ("state bad", format!("exit {code}")),
    };
    html! { span class=(class) { (word) } }
}

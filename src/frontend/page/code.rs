//! The code versions of a service: uploaded, pushed, activated.

use maud::{Markup, html};

use super::tabs::{self, Tab};
use crate::api::manager::{CodeVersion, DoorState, GitInfo, before};
use crate::clock::Clock;
use crate::frontend::outcome::{Problem, Shown};
use crate::frontend::text::{Texts, fill};
use crate::frontend::ui::form::Upload;
use crate::frontend::ui::table::Row;
use crate::frontend::ui::{form, table, time};
use crate::frontend::visit::{Place, Visit};
use crate::model::State;

pub(super) async fn show(visit: &Visit) -> Shown {
    let (t, place) = (visit.t, visit.place().await?);
    if !tabs::has_code(&place.service.kind) {
        return Err(Problem::NotFound);
    }
    let mut page = tabs::page(t, &place, Tab::Code);
    if place.application.status != State::Running {
        return Ok(page.with("versions", html! { section.card { p.muted { (t.start_first) } } }));
    }
    let (client, found) = (&visit.client, &place.found);
    let (info, versions, git, host) = tokio::try_join!(
        client.service_info(found),
        client.code_versions(found),
        client.git_info(found),
        client.manager_host(found.application)
    )?;
    page.is_busy = info.state == State::Adapting;
    page.head = crate::frontend::ui::state::show(info.state, t);
    Ok(page
        .with("upload", upload(t, &place))
        .with_live("versions", list(t, &place, &versions))
        .beside("git", pushing(t, &place, &git, &host)))
}

fn upload(t: &Texts, place: &Place) -> Markup {
    let extra = html! {
        label.check { input type="checkbox" name="enable" value="yes" checked; (t.activate_at_once) }
    };
    let action = format!("{}/code", place.path());
    let upload =
        Upload { action: &action, name: "code", label: t.drop_archive, word: t.upload, hint: t.which_archives };
    table::card(t.new_version, &upload.show(t, &extra))
}

fn list(t: &Texts, place: &Place, versions: &[CodeVersion]) -> Markup {
    let now = Clock::system().unix_seconds();
    let row = |version: &CodeVersion| -> Row {
        let id = percent_encoding::utf8_percent_encode(&version.id, percent_encoding::NON_ALPHANUMERIC);
        let path = format!("{}/code/{id}", place.path());
        #[expect(clippy::cast_possible_truncation, reason = "times of this era fit")]
        let time = version.time as i64;
        vec![
            html! {
                (version.filename)
                div.hint { code { (version.id) } " " @if time > 0 { (time::ago(time, now, t)) } }
                @if !version.description.is_empty() { div.hint { (version.description) } }
                @for note in &version.notes { div.hint { (note) } }
            },
            html! {
                @if version.current { span.tag.on { (t.active) } }
                @else { (form::post(&format!("{path}/enable"), t.activate, "tiny")) }
            },
            html! {
                div.row {
                    a.button.tiny href={ (path) "/download" } { (t.download) }
                    @if !version.current { a.button.tiny.danger href={ (path) "/delete" } { (t.delete) } }
                }
            },
        ]
    };
    let rows: Vec<Row> = versions.iter().map(row).collect();
    let before = before(versions);
    table::card(
        t.code_versions,
        &html! {
            @if let Some(before) = before { (back_to(t, place, before)) }
            (table::show(&[t.version, t.state, ""], &rows, t.no_version))
        },
    )
}

/// One click for what is wanted in a hurry.
fn back_to(t: &Texts, place: &Place, version: &CodeVersion) -> Markup {
    let id = percent_encoding::utf8_percent_encode(&version.id, percent_encoding::NON_ALPHANUMERIC);
    let name = Some(version.filename.as_str()).filter(|name| !name.is_empty()).unwrap_or(&version.id);
    html! {
        div #back .row {
            (form::post(&format!("{}/code/{id}/enable", place.path()), &fill(t.roll_back, &[&name]), "tiny"))
            span.hint { (t.roll_back_hint) }
        }
    }
}

fn pushing(t: &Texts, place: &Place, git: &GitInfo, host: &str) -> Markup {
    let url = match git.port {
        22 => format!("{}@{host}:{}", git.user, git.repository),
        port => format!("ssh://{}@{host}:{port}/~/{}", git.user, git.repository),
    };
    table::card(
        t.with_git,
        &html! {
            div.stack {
                @match git.state {
                    DoorState::Open => {
                        (form::copy(&format!("git clone {url}"), t.copy))
                        @if let Some(directory) = &git.directory { p.small { (t.directory) " " code { (directory) } } }
                        @if let Some(fingerprint) = &git.fingerprint { p.hint { (t.fingerprint) " " code { (fingerprint) } } }
                    }
                    DoorState::Closed => p.muted { (t.key_first) },
                    DoorState::Failed => p.muted { (git.reason.as_deref().unwrap_or(t.unreachable)) },
                }
                form.stack method="post" action={ (place.path()) "/keys" } {
                    div {
                        label for="field-key" { (t.public_key) }
                        textarea id="field-key" name="key" rows="3" required placeholder="ssh-ed25519 AAAA…" {}
                    }
                    button { (t.add_key) }
                }
            }
        },
    )
}

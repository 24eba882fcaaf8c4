//! The settings of a service: its name, startup script, volumes, and what its kind has.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::shared_volumes;
use super::tabs::{self, Tab};
use crate::api::manager::VolumeView;
use crate::api::texts;
use crate::api::web::PhpConfiguration;
use crate::api::xtreemfs::SharedVolumeView;
use crate::frontend::frame::Page;
use crate::frontend::outcome::{Problem, Shown};
use crate::frontend::text::Texts;
use crate::frontend::ui::form::{Field, Upload};
use crate::frontend::ui::state;
use crate::frontend::ui::table::{self, Row};
use crate::frontend::visit::{Place, Visit};
use crate::model::State;

pub(super) async fn show(visit: &Visit) -> Shown {
    let (t, place) = (visit.t, visit.place().await?);
    let page = tabs::page(t, &place, Tab::Settings);
    let rename = rename(t, &place);
    if place.application.status != State::Running {
        return Ok(page.with("rename", rename));
    }
    let (client, found) = (&visit.client, &place.found);
    let (info, script) = tokio::join!(client.service_info(found), client.startup_script(found));
    let script = match script {
        Err(failure) if failure.text == texts::NO_STARTUP_SCRIPT => String::new(),
        outcome => outcome?,
    };
    let info = info?;
    let mut page = of_kind(visit, &place, page, info.state).await?;
    page.is_busy = state::is_passing(info.state);
    page.head = state::show(info.state, t);
    Ok(page.with("startup", startup(t, &place, &script)).beside("rename", rename))
}

async fn of_kind(visit: &Visit, place: &Place, page: Page, state: State) -> Result<Page, Problem> {
    let (t, client, found) = (visit.t, &visit.client, &place.found);
    let is_running = state == State::Running;
    Ok(match place.service.kind.as_str() {
        "generic" if is_running => {
            let (volumes, by_role) = tokio::try_join!(client.volumes(found), client.nodes(found))?;
            page.with("volumes", volumes_of(t, place, &volumes, &by_role))
        }
        "php" => {
            let configuration: PhpConfiguration = client.service(found, "get_configuration").await?;
            page.with_live("php-values", php_values(t, &configuration)).with("php", php(t, place))
        }
        "mysql" if is_running => page.with("data", dumps(t, place)).beside("password", password(t, place)),
        "xtreemfs" if is_running => {
            let volumes: Vec<SharedVolumeView> = client.service(found, "get_volumes").await?;
            page.with("volumes", shared_volumes::show(t, place, &volumes))
        }
        _ => page,
    })
}

fn rename(t: &Texts, place: &Place) -> Markup {
    table::card(
        t.rename,
        &html! {
            form.stack method="post" action={ (place.path()) "/rename" } {
                (Field { value: &place.service.name, ..Field::text("name", t.name) }.show())
                button { (t.rename) }
            }
        },
    )
}

fn startup(t: &Texts, place: &Place, script: &str) -> Markup {
    table::card(
        t.startup_script,
        &html! {
            form.stack method="post" action={ (place.path()) "/startup" } {
                div {
                    label for="field-script" { (t.runs_at_start) }
                    textarea id="field-script" name="script" rows="8" spellcheck="false" { "\n" (script) }
                }
                button { (t.save) }
            }
        },
    )
}

fn volumes_of(t: &Texts, place: &Place, volumes: &[VolumeView], by_role: &BTreeMap<String, Vec<String>>) -> Markup {
    let row = |volume: &VolumeView| -> Row {
        let name = percent_encoding::utf8_percent_encode(&volume.vol_name, percent_encoding::NON_ALPHANUMERIC);
        vec![
            html! { (volume.vol_name) },
            html! { (volume.vol_size) " MB" },
            html! { (volume.vm_id) },
            html! { a.button.tiny.danger href={ (place.path()) "/volumes/" (name) "/delete" } { (t.delete) } },
        ]
    };
    let rows: Vec<Row> = volumes.iter().map(row).collect();
    table::card(
        t.volumes,
        &html! {
            div.stack {
                (table::show(&[t.name, t.size, t.node, ""], &rows, t.no_volume))
                form.row.end method="post" action={ (place.path()) "/volumes" } {
                    div.grow { (Field::text("name", t.name).show()) }
                    div { (Field { value: "64", kind: "number", ..Field::text("size", t.size_mb) }.show()) }
                    div.grow {
                        label for="field-node" { (t.node) }
                        select id="field-node" name="node" {
                            @for id in by_role.values().flatten() { option value=(id) { (id) } }
                        }
                    }
                    button { (t.create) }
                }
            }
        },
    )
}

/// They change when all nodes have taken them.
fn php_values(t: &Texts, configuration: &PhpConfiguration) -> Markup {
    let rows: Vec<Row> = configuration
        .phpconf
        .iter()
        .map(|(key, value)| vec![html! { code { (key) } }, html! { code { (value) } }])
        .collect();
    table::card(t.php_settings, &table::show(&[t.key, t.value], &rows, t.all_by_default))
}

fn php(t: &Texts, place: &Place) -> Markup {
    html! {
        section.card.stack {
            form.row.end method="post" action={ (place.path()) "/php" } {
                div.grow { (Field::text("key", t.key).show()) }
                div.grow { (Field { is_required: false, ..Field::text("value", t.value) }.show()) }
                button { (t.save) }
            }
            p.hint { (t.php_hint) }
        }
    }
}

fn password(t: &Texts, place: &Place) -> Markup {
    table::card(
        t.database_password,
        &html! {
            form.stack method="post" action={ (place.path()) "/password" } {
                p.muted { (t.password_of_mysqldb) }
                (Field::password("password", t.new_password, "new-password").show())
                (Field::password("again", t.once_more, "new-password").show())
                button.primary { (t.save) }
            }
        },
    )
}

fn dumps(t: &Texts, place: &Place) -> Markup {
    let action = format!("{}/dump", place.path());
    let upload = Upload { action: &action, name: "dump", label: t.drop_dump, word: t.load, hint: "" };
    table::card(
        t.data,
        &html! {
            div.stack {
                (upload.show(t, &html! {}))
                div { a.button href=(action) { (t.download_dump) } }
            }
        },
    )
}

//! Manifests: an application from one text, and how far it is.

use maud::html;

use crate::api::OperationStatus;
use crate::frontend::frame::{Page, Section};
use crate::frontend::outcome::{Problem, Shown};
use crate::frontend::ui::icon::{self, Icon};
use crate::frontend::ui::table;
use crate::frontend::visit::Visit;

const EXAMPLE: &str = "{\n    \"Application\": \"shop\",\n    \"Services\": [\n        {\"Type\": \"php\",                        \"ServiceName\": \"site\"}\n    ]\n}";

/// `/manifest`: where one is written.
pub(super) async fn show(visit: &Visit) -> Shown {
    let t = visit.t;
    let clouds = visit.client.clouds().await?;
    let content = html! {
        form.stack method="post" action="/manifest" {
            div {
                label for="field-manifest" { (t.manifest) }
                textarea id="field-manifest" name="manifest" rows="14" spellcheck="false" required placeholder=(EXAMPLE) {}
                p.hint { (t.manifest_hint) }
            }
            @if clouds.len() > 1 {
                div {
                    label for="field-cloud" { (t.cloud) }
                    select id="field-cloud" name="cloud" { @for cloud in &clouds { option { (cloud) } } }
                }
            }
            div { button.primary { (t.create) } }
        }
    };
    let page = Page::new(Section::Applications, t.from_manifest).below("/", t.applications);
    Ok(page.with("manifest", table::card(t.manifest, &content)))
}

/// `/applications/<aid>/making/<operation>`: how far it is.
pub(super) async fn making(visit: &Visit) -> Shown {
    let (t, app) = (visit.t, visit.application().await?);
    let operation = visit.argument(1);
    if operation.is_empty() || !operation.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(Problem::NotFound);
    }
    let view = visit.client.start_outcome(operation, 0).await?;
    let path = format!("/applications/{}", app.aid);
    let content = html! {
        section.card.stack {
            @match view.status {
                OperationStatus::Running => {
                    span class="state run busy" { (t.being_made) }
                    p.muted { (view.progress.as_deref().unwrap_or_default()) }
                }
                OperationStatus::Failed => {
                    div.note.bad { (icon::draw(Icon::Warn)) div.said { (view.reason.as_deref().unwrap_or(t.unknown)) } }
                }
                OperationStatus::Done => span class="state run" { (t.is_made) },
            }
            div { a.button.primary href=(path) { (t.to_the_application) } }
        }
    };
    let mut page =
        Page::new(Section::Applications, app.name.as_str()).below("/", t.applications).below(path.as_str(), app.name);
    page.is_busy = view.status == OperationStatus::Running;
    Ok(page.with_live("making", content))
}

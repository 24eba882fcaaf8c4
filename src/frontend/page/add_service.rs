//! `/applications/<aid>/add`: which kind of service is added.

use maud::html;

use crate::frontend::frame::{Page, Section};
use crate::frontend::outcome::Shown;
use crate::frontend::ui::form;
use crate::frontend::ui::icon::{self, Icon};
use crate::frontend::visit::Visit;

pub(super) async fn show(visit: &Visit) -> Shown {
    let (t, app) = (visit.t, visit.application().await?);
    let kinds = visit.client.service_kinds().await?;
    let path = format!("/applications/{}", app.aid);
    let about = |kind: &str| match kind {
        "generic" => t.about_generic,
        "helloworld" => t.about_helloworld,
        "java" => t.about_java,
        "mysql" => t.about_mysql,
        "php" => t.about_php,
        "xtreemfs" => t.about_xtreemfs,
        _ => "",
    };
    let content = html! {
        div.grid { @for kind in &kinds {
            section.card.stack id={ "kind-" (kind) } {
                div.row { span.tile { (icon::draw(Icon::of_kind(kind))) } h2 { (kind) } }
                p.muted { (about(kind)) }
                (form::post_value(&format!("{path}/services"), "kind", kind, t.add, "primary"))
            }
        } }
    };
    Ok(Page::new(Section::Applications, t.add_service)
        .below("/", t.applications)
        .below(path.as_str(), app.name)
        .with("kinds", content))
}

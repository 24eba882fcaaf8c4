//! Where others reach a service: its card on the page of the service.

use maud::{Markup, html};

use crate::api::PublishedView;
use crate::frontend::text::Texts;
use crate::frontend::ui::form::{self, Field};
use crate::frontend::ui::icon::{self, Icon};
use crate::frontend::ui::table;
use crate::template::Qr;

/// Returns the card: the addresses with a picture for phones, or the way to get one.
pub(super) fn card(t: &Texts, path: &str, published: Option<&PublishedView>) -> Markup {
    let name = published.and_then(|published| published.name.as_deref()).unwrap_or_default();
    let content = html! {
        div.stack {
            @match published {
                Some(published) => (addresses(t, published)),
                None => p.muted { (t.publish_hint) },
            }
            form.stack method="post" action={ (path) "/publish" } {
                (Field { is_required: false, value: name, ..Field::text("name", t.publish_name) }.show())
                div { button.primary[published.is_none()] { (t.publish) } }
            }
            @if published.is_some() { (form::post(&format!("{path}/unpublish"), t.unpublish, "")) }
        }
    };
    table::card(t.published, &content)
}

fn addresses(t: &Texts, published: &PublishedView) -> Markup {
    html! {
        @if let Some(trouble) = &published.trouble {
            div.note.bad { (icon::draw(Icon::Warn)) div.said { (trouble) } }
        }
        @for url in &published.urls {
            (form::copy(url, t.copy))
            @if published.protocol == "http" { div { a.button href=(url) rel="noreferrer" { (t.open) } } }
        }
        @if let Some((url, code)) = published.urls.first().and_then(|url| Some((url, Qr::of(url)?))) {
            div.center { svg.qr viewBox=(code.view_box) role="img" aria-label=(url) { path d=(code.path) {} } }
        }
    }
}

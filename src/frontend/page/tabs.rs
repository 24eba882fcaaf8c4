//! The tabs of a service, and what its pages share.

use maud::{Markup, html};

use crate::frontend::frame::{Page, Section};
use crate::frontend::text::Texts;
use crate::frontend::visit::Place;

/// A tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Code,
    Figures,
    Settings,
    Logs,
}

/// Returns an empty page of a service.
pub(super) fn page(t: &'static Texts, place: &Place, tab: Tab) -> Page {
    let mut page = below(t, place, place.service.name.as_str());
    page.crumbs.pop();
    page.tabs = Some(show(t, place, tab));
    page
}

/// Returns an empty page below that of a service.
pub(super) fn below(t: &'static Texts, place: &Place, title: impl Into<String>) -> Page {
    Page::new(Section::Applications, title)
        .below("/", t.applications)
        .below(format!("/applications/{}", place.found.application), place.application.name.as_str())
        .below(place.path(), place.service.name.as_str())
}

/// Returns whether services of a kind run code of their user.
pub(super) fn has_code(kind: &str) -> bool {
    matches!(kind, "generic" | "php" | "java")
}

fn show(t: &Texts, place: &Place, current: Tab) -> Markup {
    let tabs = [
        (Tab::Overview, "", t.overview),
        (Tab::Code, "/code", t.code),
        (Tab::Figures, "/figures", t.figures),
        (Tab::Settings, "/settings", t.settings),
        (Tab::Logs, "/logs", t.logs),
    ];
    let shown = tabs.into_iter().filter(|(tab, _, _)| *tab != Tab::Code || has_code(&place.service.kind));
    html! {
        nav.tabs aria-label=(t.this_service) {
            @for (tab, end, name) in shown {
                a href={ (place.path()) (end) } aria-current=[(tab == current).then_some("page")] { (name) }
            }
        }
    }
}

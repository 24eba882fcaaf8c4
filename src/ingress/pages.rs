//! Pages that stand in for services.

use serde::Serialize;

use crate::api::SiteState;
use crate::template::{TemplateError, Templates, markup};

const PAGES: Templates =
    Templates { escape: |text| Some(markup(text)), files: &[("page.html", include_str!("page/page.html"))] };
/// The page of a name that is nobody's.
pub(super) const UNKNOWN: &str = "unknown.html";
/// What a visitor sees while a service does not answer.
pub(super) const STARTING: &str = "starting.html";

/// A page.
#[derive(Serialize)]
struct Page {
    title: &'static str,
    text: &'static str,
    /// After how many seconds a browser looks again; 0 if it does not.
    again: u32,
}

/// Returns the page that stands in for a service in a state.
#[must_use]
pub(super) fn of(state: SiteState) -> &'static str {
    match state {
        SiteState::Running | SiteState::Starting => STARTING,
        SiteState::Stopped => "stopped.html",
        SiteState::Maintenance => "maintenance.html",
    }
}

/// Returns after how many seconds somebody may ask again.
#[must_use]
pub(super) fn retry_after(state: SiteState) -> u32 {
    match state {
        SiteState::Running | SiteState::Starting => 5,
        SiteState::Stopped | SiteState::Maintenance => 300,
    }
}

/// Returns the name and the text of every page.
///
/// # Errors
/// A template is broken.
pub(super) fn all() -> Result<Vec<(&'static str, String)>, TemplateError> {
    let pages = [
        (UNKNOWN, Page { title: "Nothing here", text: "Nothing is published under this name.", again: 0 }),
        (STARTING, Page { title: "Just a moment", text: "This site is starting. The page comes by itself.", again: 5 }),
        (of(SiteState::Stopped), Page { title: "Closed", text: "This site is switched off at the moment.", again: 0 }),
        (
            of(SiteState::Maintenance),
            Page { title: "Back soon", text: "This site is being worked on. Come back in some minutes.", again: 0 },
        ),
    ];
    pages.into_iter().map(|(name, page)| Ok((name, PAGES.render("page.html", &page)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_page() {
        let pages = all().unwrap();
        for state in [SiteState::Running, SiteState::Starting, SiteState::Stopped, SiteState::Maintenance] {
            let (_, text) = pages.iter().find(|(name, _)| *name == of(state)).unwrap();
            assert_eq!(text.contains("http-equiv=\"refresh\""), of(state) == STARTING, "{text}");
            assert!(retry_after(state) > 0);
        }
    }
}

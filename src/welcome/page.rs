//! The pages' text, from the files in `pages/`.

use std::net::IpAddr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::api::first_boot::{FirstLogin, Welcome};
use crate::template::{Qr, Templates, markup};

/// The style of all pages.
pub(crate) const STYLE: &str = include_str!("style.css");

const PAGES: Templates = Templates {
    escape: |text| Some(markup(text)),
    files: &[
        ("frame.html", include_str!("pages/frame.html")),
        ("welcome.html", include_str!("pages/welcome.html")),
        ("first_login.html", include_str!("pages/first_login.html")),
        ("taken.html", include_str!("pages/taken.html")),
        ("refusal.html", include_str!("pages/refusal.html")),
    ],
};

/// What the welcome page tells.
pub(crate) struct Facts {
    pub welcome: Welcome,
    pub addresses: Vec<IpAddr>,
    pub has_first_login: bool,
    pub is_director_up: bool,
    pub now: DateTime<Utc>,
    /// What is wrong with the clock, if that is known.
    pub clock_problem: Option<String>,
    pub token: String,
}

/// Returns `/`.
pub(crate) fn welcome(facts: &Facts) -> String {
    #[derive(Serialize)]
    struct Values<'a> {
        title: String,
        machine: &'a Welcome,
        addresses: String,
        /// Only while there is a first login to be shown.
        token: Option<&'a str>,
        is_director_up: bool,
        now: String,
        clock_problem: Option<&'a str>,
        /// Where the pages are, for a phone.
        qr: Option<Qr>,
    }
    let pages = facts.welcome.director.as_ref().and_then(|director| director.pages.as_ref());
    let addresses: Vec<String> = facts.addresses.iter().map(ToString::to_string).collect();
    let values = Values {
        title: format!("ConPaaS on {}", facts.welcome.hostname),
        machine: &facts.welcome,
        addresses: addresses.join(", "),
        token: facts.has_first_login.then_some(facts.token.as_str()),
        is_director_up: facts.is_director_up,
        now: facts.now.to_rfc3339_opts(SecondsFormat::Secs, true),
        clock_problem: facts.clock_problem.as_deref(),
        qr: pages.and_then(|pages| Qr::of(&pages.url)),
    };
    render("welcome.html", &values)
}

/// Returns the answer to the button.
pub(crate) fn first_login(welcome: &Welcome, login: &FirstLogin) -> String {
    #[derive(Serialize)]
    struct Values<'a> {
        title: &'static str,
        hostname: &'a str,
        login: &'a FirstLogin,
    }
    render("first_login.html", &Values { title: "The first login", hostname: &welcome.hostname, login })
}

/// Returns what is said when somebody was faster.
pub(crate) fn taken() -> String {
    #[derive(Serialize)]
    struct Values {
        title: &'static str,
    }
    render("taken.html", &Values { title: "The first login was taken" })
}

/// Returns why something is refused.
pub(crate) fn refusal(text: &str) -> String {
    #[derive(Serialize)]
    struct Values<'a> {
        title: &'static str,
        text: &'a str,
    }
    render("refusal.html", &Values { title: "ConPaaS", text })
}

fn render(name: &str, values: &impl Serialize) -> String {
    PAGES.render(name, values).expect("the values of each page are a type, and a test fills each page")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::first_boot::{Login, WelcomeDirector, WelcomePages};

    #[test]
    fn nothing_that_is_told_becomes_markup() {
        let hostile = "</title><script>\"'&";
        let welcome_facts = Welcome {
            hostname: hostile.into(),
            account: hostile.into(),
            address: [172, 16, 0, 11].into(),
            first_container: [172, 16, 0, 32].into(),
            last_container: [172, 16, 0, 61].into(),
            director: Some(WelcomeDirector {
                url: hostile.into(),
                user: hostile.into(),
                authority_pem: hostile.into(),
                fingerprint: hostile.into(),
                pages: Some(WelcomePages {
                    url: hostile.into(),
                    authority_pem: hostile.into(),
                    fingerprint: hostile.into(),
                }),
            }),
            n_problems: 1,
        };
        let login = Login { name: hostile.into(), password: hostile.into() };
        let both = FirstLogin { conpaas: Some(login.clone()), system: Some(login) };
        let facts = Facts {
            addresses: Vec::new(),
            has_first_login: true,
            is_director_up: false,
            now: DateTime::UNIX_EPOCH,
            clock_problem: Some(hostile.into()),
            token: hostile.into(),
            welcome: welcome_facts.clone(),
        };
        for page in [welcome(&facts), first_login(&welcome_facts, &both), refusal(hostile), taken()] {
            assert!(!page.contains("<script") && !page.contains("\"'&<"), "{page}");
            assert_eq!(page.matches("</title>").count(), 1, "{page}");
            assert!(!page.contains("style=") && !page.contains("//example"), "{page}");
        }
    }
}

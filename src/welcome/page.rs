//! The pages' text.

use std::fmt::{Display, Write as _};
use std::net::IpAddr;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::api::first_boot::{FirstLogin, Login, Welcome, WelcomeDirector};

/// The style of all pages.
pub(crate) const STYLE: &str = include_str!("style.css");

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

/// `/`.
pub(crate) fn welcome(facts: &Facts) -> String {
    let welcome = &facts.welcome;
    let mut page = Page::new(&format!("ConPaaS on {}", welcome.hostname));
    if facts.has_first_login {
        page.raw("<section class=\"login\"><p>This machine made up passwords when it started for the first time. They are shown \
                  once, to whoever presses this button first; have something ready to keep them in.</p>\
                  <form method=\"post\" action=\"/first-login\">");
        page.raw(&format!("<input type=\"hidden\" name=\"token\" value=\"{}\">", escaped(&facts.token)));
        page.raw("<button>Show the first login</button></form></section>");
    }
    page.raw("<h2>This machine</h2><dl>");
    page.fact("Name", &format!("{}.local", welcome.hostname));
    let addresses: Vec<String> = facts.addresses.iter().map(ToString::to_string).collect();
    page.fact("Addresses", &addresses.join(", "));
    page.fact("Containers", &format!("{} to {}", welcome.first_container, welcome.last_container));
    page.fact("Clock", &facts.now.to_rfc3339_opts(SecondsFormat::Secs, true));
    page.raw("</dl>");
    match &facts.clock_problem {
        Some(problem) => page.paragraph("bad", problem),
        None => page.paragraph("", "Z means universal time; in your own time zone the clock shows something else."),
    }
    if welcome.n_problems > 0 {
        let text = format!(
            "{} of the settings could not be used: read conpaas-problems.txt beside conpaas.txt on the card.",
            welcome.n_problems
        );
        page.paragraph("bad", &text);
    }
    match &welcome.director {
        Some(director) => tell_director(&mut page, director, facts),
        None => page.paragraph("", "This machine has no director: it works for another one."),
    }
    page.end()
}

fn tell_director(page: &mut Page, director: &WelcomeDirector, facts: &Facts) {
    page.raw("<h2>Director</h2><dl>");
    page.fact("URL", &director.url);
    page.fact("Fingerprint", &director.fingerprint);
    page.raw("</dl>");
    match facts.is_director_up {
        true => page.paragraph("good", "The director is up."),
        false => page.paragraph("bad", "The director does not answer. Right after the start it needs a minute; then look at `journalctl -u conpaas-director`."),
    }
    page.raw("<p><a href=\"/ca_cert.pem\">Certificate of its authority</a>, for programs that ask for it.</p>");
    page.raw("<h2>From your own computer</h2><p>Install the command line client, the program <code>conpaas</code> of the same \
              release as this image, then:</p>");
    let lines = format!(
        "mkdir -p ~/.conpaas\ncat > ~/.conpaas/cps-tools.conf <<END\n[cps-tools]\nDIRECTOR_URL = {}\nUSERNAME = {}\nEND\n\
         conpaas user get_certificate\nconpaas application list",
        director.url, director.user
    );
    let _a_string_takes_all = write!(page.html, "<pre>{}</pre>", escaped(&lines));
    page.paragraph(
        "",
        "The client shows the fingerprint of the authority: compare it with the one on this machine's console.",
    );
    page.raw("<h2>Or on this machine</h2>");
    let line = format!("ssh {}@{}.local", facts.welcome.account, facts.welcome.hostname);
    let _a_string_takes_all = write!(page.html, "<pre>{}</pre>", escaped(&line));
    page.paragraph("", "The command line client is there already.");
}

/// The answer to the button.
pub(crate) fn first_login(welcome: &Welcome, login: &FirstLogin) -> String {
    let mut page = Page::new("The first login");
    page.paragraph("", "Keep it now: it was shown this once, and is gone from this machine and its console.");
    let mut tell = |what: &str, login: &Option<Login>| {
        if let Some(Login { name, password }) = login {
            let (name, password) = (escaped(name), escaped(password));
            let _a_string_takes_all = write!(
                page.html,
                "<section class=\"login\"><h2>{what}</h2><dl><dt>Name</dt><dd><code>{name}</code></dd>\
                 <dt>Password</dt><dd><code>{password}</code></dd></dl></section>"
            );
        }
    };
    tell("User of ConPaaS", &login.conpaas);
    tell("Account of this system", &login.system);
    if let Some(system) = &login.system {
        let line = format!("ssh {}@{}.local", system.name, welcome.hostname);
        let _a_string_takes_all = write!(page.html, "<pre>{}</pre>", escaped(&line));
    }
    page.raw("<p><a href=\"/\">Back</a></p>");
    page.end()
}

/// Somebody was faster.
pub(crate) fn taken() -> String {
    let mut page = Page::new("The first login was taken");
    page.paragraph(
        "",
        "It was shown once and is gone. If it was not you who took it, somebody else on this network did: \
                        write the card anew, or log in to the system and change the passwords.",
    );
    page.raw("<p><a href=\"/\">Back</a></p>");
    page.end()
}

/// Why something is refused.
pub(crate) fn refusal(text: &str) -> String {
    let mut page = Page::new("ConPaaS");
    page.paragraph("", text);
    page.end()
}

struct Page {
    html: String,
}

impl Page {
    fn new(title: &str) -> Self {
        let title = escaped(title);
        let html = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <link rel=\"stylesheet\" href=\"/style.css\"></head><body><h1>{title}</h1>\n"
        );
        Page { html }
    }

    /// Text of ours.
    fn raw(&mut self, html: &str) {
        self.html.push_str(html);
    }

    fn fact(&mut self, name: &str, value: &dyn Display) {
        let value = escaped(&value.to_string());
        let _a_string_takes_all = writeln!(self.html, "<dt>{name}</dt><dd>{value}</dd>");
    }

    fn paragraph(&mut self, class: &str, text: &str) {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let _a_string_takes_all = writeln!(self.html, "<p{class}>{}</p>", escaped(text));
    }

    fn end(mut self) -> String {
        self.html.push_str("</body></html>\n");
        self.html
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for page in [welcome(&facts), first_login(&welcome_facts, &both), refusal(hostile)] {
            assert!(!page.contains("<script") && !page.contains("\"'&<"), "{page}");
            assert_eq!(page.matches("</title>").count(), 1, "{page}");
            assert!(!page.contains("style=") && !page.contains("//example"), "{page}");
        }
    }
}

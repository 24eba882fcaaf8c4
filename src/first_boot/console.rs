//! The text of the console above its login: where ConPaaS is, and the first
//! login until it was taken.
//!
//! The text lies in `/run`, so that a power cut takes it away together with
//! what it says; it is written anew at every boot.

use std::net::IpAddr;

use super::error::FirstBootError;
use super::login;
use super::place::Place;
use crate::api::first_boot::{FirstLogin, Login, Welcome};
use crate::sys::address::{self, OwnAddress};
use crate::sys::file;
use crate::sys::program;

const ISSUE: &str = "/run/issue.d/conpaas.issue";

/// Writes the console's text and has it shown. May be repeated.
///
/// # Errors
/// The first boot has not come so far, or a file cannot be written.
pub(crate) async fn announce(place: &Place) -> Result<(), FirstBootError> {
    {
        let place = place.clone();
        crate::sys::blocking(move || {
            let _held = login::lock(&place)?;
            show(&place)
        })
        .await?;
    }
    reload(place).await;
    Ok(())
}

/// Tells the programs that wait for a login to show the text again. Nobody may be waiting.
pub(crate) async fn reload(place: &Place) {
    if place.is_live() {
        let _no_getty_runs_yet = program::run("agetty", &["--reload"], program::LIMIT).await;
    }
}

/// Writes the console's text. The caller holds the lock. Blocking.
pub(crate) fn show(place: &Place) -> Result<(), FirstBootError> {
    let path = place.welcome();
    let welcome: Welcome =
        serde_json::from_slice(&file::read(&path)?).map_err(|_| FirstBootError::Damaged(path.clone()))?;
    let login = login::read(place)?;
    let addresses = address::own().unwrap_or_default();
    let text = text(&welcome, login.as_ref(), &addresses);
    // It holds passwords: agetty, which shows it, is root.
    place.write(ISSUE, &text, 0o600)?;
    Ok(())
}

/// Writes the text without backslashes, which would be orders to agetty.
fn text(welcome: &Welcome, login: Option<&FirstLogin>, addresses: &[OwnAddress]) -> String {
    let mut lines = vec![String::new(), format!("  ConPaaS on {}", welcome.hostname), String::new()];
    let mut line = |name: &str, value: &str| lines.push(format!("    {name:<14}{value}"));
    line("Welcome page", &format!("http://{}.local/", welcome.hostname));
    for address in reachable(addresses) {
        line("", &format!("http://{address}/"));
    }
    if let Some(director) = &welcome.director {
        line("Director", &director.url);
        for (name, fingerprint) in [("Fingerprint", &director.fingerprint)]
            .into_iter()
            .chain(director.pages.iter().map(|pages| ("of the pages", &pages.fingerprint)))
        {
            let (first, second) = fingerprint.split_at(fingerprint.len().min(48));
            line(name, first);
            line("", second);
        }
        if let Some(pages) = &director.pages {
            line("In a browser", &pages.url);
        }
    }
    if welcome.n_problems > 0 {
        line("Settings", &format!("{} problem(s): see conpaas-problems.txt on the card", welcome.n_problems));
    }
    if let Some(login) = login {
        let shown = |login: &Login| format!("{}   password {}", login.name, login.password);
        line("", "");
        if let Some(conpaas) = &login.conpaas {
            line("ConPaaS user", &shown(conpaas));
        }
        if let Some(system) = &login.system {
            line("This system", &shown(system));
        }
        line("", "Shown until it is taken: on the welcome page,");
        line("", "or here by `sudo conpaas first-boot take`.");
    }
    lines.push(String::new());
    lines.into_iter().map(|line| line.replace('\\', "/").trim_end().to_owned() + "\n").collect()
}

/// IPv4 addresses by which others find this machine, each once: several of its cards may have the same.
pub(crate) fn reachable(addresses: &[OwnAddress]) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for address in addresses.iter().map(|own| own.address) {
        if address.is_ipv4() && !address.is_loopback() && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::first_boot::WelcomeDirector;

    #[test]
    fn the_console_says_where_it_is_and_shows_the_login_until_it_is_taken() {
        let director = WelcomeDirector {
            url: "https://attic.local:5555".into(),
            user: "conpaas".into(),
            authority_pem: String::new(),
            fingerprint: ["AB"; 32].join(":"),
            pages: None,
        };
        let welcome = Welcome {
            hostname: "attic".into(),
            account: "pi".into(),
            address: [172, 16, 0, 11].into(),
            first_container: [172, 16, 0, 32].into(),
            last_container: [172, 16, 0, 61].into(),
            director: Some(director),
            n_problems: 2,
        };
        let own = |address: &str| OwnAddress { interface: "x".into(), address: address.parse().unwrap(), prefix: 24 };
        let all = ["127.0.0.1", "172.16.0.11", "192.168.1.7", "fe80::1", "172.16.0.11"];
        let addresses = all.map(own);
        let login = Login { name: "conpaas".into(), password: "k7mw-x2ph-9dqa-t5ne".into() };
        let both = FirstLogin { conpaas: Some(login), system: None };
        let shown = text(&welcome, Some(&both), &addresses);
        for part in [
            "http://attic.local/",
            "http://192.168.1.7/",
            "https://attic.local:5555",
            "2 problem(s)",
            "conpaas   password k7mw-x2ph-9dqa-t5ne",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert_eq!(shown.matches("http://172.16.0.11/").count(), 1, "{shown}");
        assert!(!shown.contains("127.0.0.1") && !shown.contains('\\'), "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "fits a console: {shown}");
        assert!(!text(&welcome, None, &addresses).contains("password"));
    }
}

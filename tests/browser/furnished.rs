//! An application with a service of every kind, and the pages that there are of it.

use crate::support::frontend::Browser;
use crate::support::wait::wait_until;

/// The kinds, in the order of their services. Those of the first three run: what the others need is not on every
/// machine.
const KINDS: [&str; 6] = ["generic", "helloworld", "php", "java", "mysql", "xtreemfs"];
const N_RUNNING: usize = 3;

/// Makes it for somebody who is signed in. Returns the path of the application.
pub(super) fn application(browser: &mut Browser) -> String {
    let made = browser.post("/applications", &[("name", "Weather station")]);
    let app = made.header("location").unwrap().to_owned();
    browser.post(&format!("{app}/start"), &[("cloud", "default")]);
    wait_until("it runs", || browser.get(&app).text.contains("data-state=\"RUNNING\"").then_some(()));
    for (at, kind) in KINDS.iter().enumerate() {
        let added = browser.post(&format!("{app}/services"), &[("kind", kind)]);
        let service = added.header("location").unwrap().to_owned();
        assert_eq!(service, format!("{app}/services/{}", at + 1));
        if at < N_RUNNING {
            browser.post(&format!("{service}/start"), &[]);
            wait_until(&format!("{kind} runs"), || {
                browser.get(&service).text.contains("data-state=\"RUNNING\"").then_some(())
            });
        }
    }
    app
}

/// Returns the paths of all pages of somebody who has that application, each with a name.
pub(super) fn pages(browser: &mut Browser, app: &str) -> Vec<(String, String)> {
    let mut pages: Vec<(String, String)> = [
        ("applications", "/".to_owned()),
        ("manifest", "/manifest".to_owned()),
        ("nodes", "/nodes".to_owned()),
        ("activity", "/activity".to_owned()),
        ("account", "/account".to_owned()),
        ("health", "/health".to_owned()),
        ("not-found", "/nothing".to_owned()),
        ("application", app.to_owned()),
        ("add", format!("{app}/add")),
        ("stop", format!("{app}/stop")),
        ("delete", format!("{app}/delete")),
        ("log", format!("{app}/log")),
    ]
    .into_iter()
    .map(|(name, path)| (name.to_owned(), path))
    .collect();
    for (at, kind) in KINDS.iter().enumerate() {
        let service = format!("{app}/services/{}", at + 1);
        for end in [
            "",
            "/figures",
            "/code",
            "/settings",
            "/logs",
            "/stop",
            "/remove",
            "/scale?way=add&count=1&backend=1&mysql=1&osd=1",
        ] {
            if end == "/code" && ["helloworld", "mysql", "xtreemfs"].contains(kind) {
                continue;
            }
            let name = end.trim_start_matches('/').split('?').next().unwrap_or_default();
            pages.push((format!("{kind}-{name}"), format!("{service}{end}")));
        }
    }
    let generic = browser.get(&format!("{app}/services/1"));
    let command = links(&generic.text).find(|link| link.ends_with("/command")).unwrap();
    pages.push(("command".to_owned(), command.to_owned()));
    let terminal = links(&generic.text).find(|link| link.ends_with("/terminal")).unwrap();
    pages.push(("terminal".to_owned(), terminal.to_owned()));
    let logs = browser.get(&format!("{app}/services/3/logs"));
    let log = links(&logs.text).find(|link| link.contains("/logs/iaas")).unwrap();
    pages.push(("log-of-node".to_owned(), log.to_owned()));
    pages
}

fn links(page: &str) -> impl Iterator<Item = &str> {
    page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next())
}

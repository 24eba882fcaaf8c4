//! Everybody can use every page: axe-core finds nothing that shuts somebody out, by day and by night, on a desk and on a
//! phone.

use serde_json::json;

use super::furnished;
use crate::support::browser::axe;
use crate::support::browser::chromium::{Chromium, Scripts, phone};
use crate::support::director::{World, succeed};
use crate::support::frontend::Frontend;

/// Shown to people who are not signed in.
const OF_GUESTS: [&str; 3] = ["/login", "/register", "/trust"];

/// Alice is user 1, Bob is user 2.
const OF_ADMINISTRATORS: [&str; 6] = ["/users", "/users/1", "/users/2", "/users/2/remove", "/invitations", "/health"];

/// Whether what is wrong is found.
fn sees_a_picture_without_words(program: &str) -> bool {
    let chromium = Chromium::start(Scripts::On);
    chromium.go("data:text/html,<html lang=en><title>x</title><main><h1>x</h1><img src=x></main>");
    axe::violations(&chromium.driver, program).iter().any(|found| found.starts_with("image-alt"))
}

#[test]
fn no_page_shuts_anybody_out() {
    let Some(program) = axe::program() else {
        println!("skipped: .ci/axe has fetched no axe-core, for want of npm");
        return;
    };
    let world = World::start();
    world.add_user("alice");
    world.add_user("bob");
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    let origin = browser.origin();
    browser.sign_in("alice");
    let app = furnished::application(&mut browser);
    let mut pages = furnished::pages(&mut browser, &app);
    succeed(&mut world.command(&["director", "user", "administrator", "alice"]));
    pages.extend(OF_ADMINISTRATORS.map(|path| (path.to_owned(), path.to_owned())));
    let (mut found, mut n_looked_at) = (Vec::new(), 0);
    for (device, options) in [("desktop", json!({})), ("phone", phone())] {
        let chromium = Chromium::start_with(Scripts::On, &options);
        for look in ["light", "dark"] {
            let mut examine = |name: &str, path: &str| {
                chromium.go(&format!("{origin}{path}"));
                let shown = chromium.driver.script("return document.documentElement.dataset.theme", &[]).unwrap();
                assert!(shown == json!(look) || path == "/login" && shown.is_null(), "{path} is {shown}");
                n_looked_at += 1;
                for violation in axe::violations(&chromium.driver, &program) {
                    found.push(format!("{name}, {device}, {look}: {violation}"));
                }
            };
            chromium.go(&format!("{origin}/login"));
            let cookie = format!("document.cookie = '__Host-look={look}; Path=/; Secure; SameSite=Lax'");
            chromium.driver.script(&cookie, &[]).unwrap();
            OF_GUESTS.iter().for_each(|path| examine(path, path));
            chromium.sign_in(&origin, "bob");
            examine("nothing-yet", "/");
            chromium.sign_in(&origin, "alice");
            pages.iter().for_each(|(name, path)| examine(name, path));
            chromium.go(&format!("{origin}/account"));
            chromium.click("#head button");
            chromium.await_element("[name=username]");
        }
    }
    assert!(sees_a_picture_without_words(&program), "axe-core finds something where something is wrong");
    println!("axe-core looked at {n_looked_at} pages");
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}

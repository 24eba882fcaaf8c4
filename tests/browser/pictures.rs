//! Pictures of the pages, on a desk and on a phone, in `target/tmp/browser`.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::chromium::{Chromium, Scripts};
use crate::support::director::World;
use crate::support::frontend::{Browser, Frontend};
use crate::support::wait::wait_until;

/// Starts an application with two services; returns the path of the first one.
fn furnish(browser: &mut Browser) -> String {
    browser.sign_in("alice");
    let made = browser.post("/applications", &[("name", "Weather station")]);
    let app = made.header("location").unwrap().to_owned();
    browser.post(&format!("{app}/start"), &[("cloud", "default")]);
    wait_until("it runs", || browser.get(&app).text.contains("data-state=\"RUNNING\"").then_some(()));
    browser.post(&format!("{app}/services"), &[("kind", "helloworld")]);
    let added = browser.post(&format!("{app}/services"), &[("kind", "generic")]);
    let service = added.header("location").unwrap().to_owned();
    browser.post(&format!("{service}/start"), &[]);
    wait_until("its service runs", || browser.get(&service).text.contains("data-state=\"RUNNING\"").then_some(()));
    service
}

#[test]
fn pages_have_their_pictures_and_none_is_wider_than_its_screen() {
    let world = World::start();
    world.add_user("alice");
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    let service = furnish(&mut browser);
    let app = service.split("/services").next().unwrap().to_owned();
    let origin = browser.origin();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    std::fs::create_dir_all(&directory).unwrap();
    let phone = json!({"mobileEmulation": {"deviceMetrics": {"width": 390, "height": 844, "pixelRatio": 2.0}}});
    for (device, options) in [("desktop", json!({})), ("phone", phone)] {
        let chromium = Chromium::start_with(Scripts::On, &options);
        let pages = [
            ("login", "/login".to_owned()),
            ("trust", "/trust".to_owned()),
            ("applications", "/".to_owned()),
            ("application", app.clone()),
            ("service", service.clone()),
            ("code", format!("{service}/code")),
            ("settings", format!("{service}/settings")),
            ("log", format!("{app}/log")),
            ("nodes", "/nodes".to_owned()),
            ("account", "/account".to_owned()),
        ];
        for (name, path) in pages {
            if name == "applications" {
                chromium.sign_in(&origin, "alice");
            }
            chromium.go(&format!("{origin}{path}"));
            let picture = STANDARD.decode(chromium.driver.picture()).unwrap();
            std::fs::write(directory.join(format!("{name}-{device}.png")), picture).unwrap();
            let excess = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            let excess = chromium.driver.script(excess, &[]).unwrap();
            assert_eq!(excess, json!(0), "{name} on a {device}");
        }
    }
}

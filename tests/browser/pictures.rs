//! Pictures of the pages, on a desk and on a phone, in `target/tmp/browser`. `make pictures` makes small ones of some of
//! them for the documents.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::furnished;
use crate::support::browser::chromium::{Chromium, Scripts, phone};
use crate::support::director::World;
use crate::support::frontend::Frontend;

/// Where small pictures go, if they are wanted.
const SMALL: &str = "CONPAAS_PICTURES";
/// What documents show: page, device.
const SHOWN: [(&str, &str); 11] = [
    ("first", "desktop"),
    ("applications", "desktop"),
    ("application", "desktop"),
    ("generic-", "desktop"),
    ("php-", "desktop"),
    ("php-code", "desktop"),
    ("command", "desktop"),
    ("terminal", "desktop"),
    ("trust", "desktop"),
    ("application", "phone"),
    ("generic-", "phone"),
];
/// What somebody types into a terminal: nothing that tells of the machine of the test.
const COLOURS: &str = "const keys = document.querySelector('.terminal textarea'); \
                       keys.value = 'PS1=\"# \"; clear; for n in 1 2 3 4 5 6; do printf \"\\\\033[3${n}mcolour $n\\\\033[0m\\\\n\"; \
                       done\\n'; \
                       keys.dispatchEvent(new InputEvent('input', { bubbles: true }))";
/// No picture of a document is larger.
const MAX_BYTES: usize = 60_000;

/// Takes a small picture of a page, if documents show it.
fn take_small(chromium: &Chromium, name: &str, device: &str) {
    let Some(directory) = std::env::var_os(SMALL) else { return };
    if !SHOWN.contains(&(name, device)) {
        return;
    }
    let (size, scale) = if device == "phone" { ((390, 844), 0.4) } else { ((1280, 760), 0.6) };
    let picture = STANDARD.decode(chromium.driver.small_picture(size, scale)).unwrap();
    assert!(picture.len() <= MAX_BYTES, "the picture of {name} has {} bytes", picture.len());
    let name = name.trim_end_matches('-');
    std::fs::write(Path::new(&directory).join(format!("{name}-{device}.png")), picture).unwrap();
}

#[test]
fn pages_have_their_pictures_and_none_is_wider_than_its_screen() {
    let world = World::start();
    world.add_user("alice");
    world.add_user("bob");
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    browser.sign_in("alice");
    let app = furnished::application(&mut browser);
    let pages = furnished::pages(&mut browser, &app);
    let origin = browser.origin();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    std::fs::create_dir_all(&directory).unwrap();
    for (device, options) in [("desktop", json!({})), ("phone", phone())] {
        let chromium = Chromium::start_with(Scripts::On, &options);
        let take = |name: &str, path: &str| {
            chromium.go(&format!("{origin}{path}"));
            if name == "terminal" {
                chromium.await_element(".terminal .cursor");
                chromium.driver.script(COLOURS, &[]).unwrap();
                chromium.await_text("colour 6");
            }
            let picture = STANDARD.decode(chromium.driver.picture()).unwrap();
            std::fs::write(directory.join(format!("{name}-{device}.png")), picture).unwrap();
            take_small(&chromium, name, device);
            let excess = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            let excess = chromium.driver.script(excess, &[]).unwrap();
            assert_eq!(excess, json!(0), "{name} on a {device}");
        };
        [("login", "/login"), ("trust", "/trust"), ("register", "/register")].iter().for_each(|(n, p)| take(n, p));
        chromium.sign_in(&origin, "bob");
        take("first", "/");
        chromium.sign_in(&origin, "alice");
        pages.iter().for_each(|(name, path)| take(name, path));
    }
}

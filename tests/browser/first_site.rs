//! Somebody who has never been here: from the registration to a web site that others see, and back.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::all_ports::inside;
use crate::support::browser::chromium::{Chromium, DROP, Scripts};
use crate::support::director::World;
use crate::support::frontend::Frontend;

/// A site that tells by which program it was made.
const PAGE: &str = "<?php echo '<h1>Attic ', 6 * 7, '</h1>';";

fn site() -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("index.php", SimpleFileOptions::default()).unwrap();
    zip.write_all(PAGE.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

/// Real nginx and php-fpm, as processes of this machine.
#[test]
fn a_newcomer_brings_a_site_on_the_air_and_takes_it_off_again() {
    let name = "browser::first_site::a_newcomer_brings_a_site_on_the_air_and_takes_it_off_again";
    inside(name, async || go_all_the_way());
}

fn go_all_the_way() {
    let world = World::start_with(&[("director.REGISTRATION", "open")], &[]);
    let frontend = Frontend::start(&world);
    let origin = frontend.browser().origin();
    let chromium = Chromium::start(Scripts::On);

    chromium.go(&format!("{origin}/"));
    chromium.click("p.muted a");
    for (name, text) in [
        ("username", "carol"),
        ("email", "carol@example.org"),
        ("password", "carol-secret"),
        ("again", "carol-secret"),
        ("credit", "20"),
    ] {
        chromium.write(name, text);
    }
    chromium.click("form button.primary");
    chromium.await_element("#first");
    chromium.write("name", "Attic");
    chromium.click("#create button.primary");
    chromium.click("#head button.primary");
    chromium.await_element("#head [data-state=RUNNING]");

    chromium.click("#services a.primary");
    chromium.click("#kind-php button");
    chromium.await_element("#head [data-state=INIT]");
    let page = chromium.driver.url();
    chromium.click("#head button.primary");
    chromium.await_element("#head [data-state=RUNNING]");

    chromium.click(".tabs a[href$='/code']");
    chromium.await_element("form[data-upload]");
    chromium.driver.script(DROP, &[json!("attic.zip"), json!(STANDARD.encode(site()))]).unwrap();
    chromium.await_text("attic.zip");
    chromium.await_element("#versions tbody tr:nth-child(1) .on");
    chromium.await_element("#head [data-state=RUNNING]");

    chromium.go(&page);
    chromium.click("#overview a.button[rel=noreferrer]");
    chromium.await_text("Attic 42");

    // Two nodes for the program; what it costs comes first.
    chromium.go(&page);
    chromium.await_element("#head [data-state=RUNNING]");
    chromium.write("backend", "2");
    chromium.click("#scale button.primary");
    chromium.await_text("4 credits an hour instead of 2.");
    chromium.click("#price button.primary");
    chromium.await_element("#overview tbody tr:nth-child(3)");
    chromium.await_element("#head [data-state=RUNNING]");
    let url = chromium.driver.find("#overview a.button[rel=noreferrer]");
    assert_eq!(url.len(), 1, "it has one address");
    chromium.click("#overview a.button[rel=noreferrer]");
    chromium.await_text("Attic 42");

    // What visitors asked for is drawn while the page is open.
    chromium.go(&page);
    chromium.await_element("#traffic svg polyline");

    // A setting arrives, and the log of requests has been written to.
    chromium.go(&format!("{page}/settings"));
    chromium.write("key", "memory_limit");
    chromium.write("value", "48M");
    chromium.click("#php button");
    chromium.await_text("48M");
    chromium.go(&format!("{page}/logs"));
    chromium.await_element("#logs tbody tr:nth-child(2)");
    chromium.click("#logs tbody tr:nth-child(2) a");
    chromium.await_element("pre.log");

    chromium.go(&page);
    chromium.click("#head a.danger");
    chromium.click("#question button.danger");
    chromium.await_element("#head [data-state=STOPPED]");
}

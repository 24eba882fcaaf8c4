//! From a login to a program that runs on two nodes: with the script, and without it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::browser::chromium::{Chromium, DROP, Scripts};
use crate::support::director::World;
use crate::support::frontend::Frontend;

fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in [("init.sh", "#!/bin/sh\n"), ("run.sh", "#!/bin/sh\necho here I am\n")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        header.set_cksum();
        builder.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Makes an application with a generic service that runs; ends on the page of the service.
fn service(chromium: &Chromium) {
    chromium.write("name", "attic");
    chromium.click("#create button.primary");
    chromium.click("#head button.primary");
}

#[test]
fn a_program_comes_to_run_by_a_drop_and_the_page_follows() {
    let world = World::start();
    world.add_user("alice");
    let mut frontend = Frontend::start(&world);
    let origin = frontend.browser().origin();
    let chromium = Chromium::start(Scripts::On);
    chromium.sign_in(&origin, "alice");

    service(&chromium);
    chromium.await_element("[data-state=RUNNING]");
    chromium.click("#services a.primary");
    chromium.click("#kind-generic button");
    chromium.await_element("[data-state=INIT]");
    chromium.click("#head button.primary");
    chromium.await_element("#head [data-state=RUNNING]");
    chromium.await_text("exit 0");
    let page = chromium.driver.url();

    chromium.click(".tabs a[href$='/code']");
    chromium.await_element("form[data-upload]");
    let file = [json!("attic.tar"), json!(STANDARD.encode(archive()))];
    chromium.driver.script(DROP, &file).unwrap();
    chromium.await_element("#versions tbody tr:nth-child(2)");
    chromium.await_text("attic.tar");

    chromium.go(&page);
    chromium.await_element("#head [data-state=RUNNING]");
    chromium.await_text("exit 0");
    chromium.click("#life button.primary");
    chromium.await_element("#overview td:nth-child(4) .stop");

    // Another node, its price first; the page was never loaded again by hand.
    chromium.click("#scale button.primary");
    chromium.await_text("3 credits an hour instead of 2.");
    chromium.click("#price button.primary");
    chromium.await_element("#overview tbody tr:nth-child(2)");
    chromium.await_element("#head [data-state=RUNNING]");

    // A log follows.
    chromium.click(".tabs a[href$='/logs']");
    chromium.click("#logs tbody tr:nth-child(1) a");
    chromium.await_element("pre.log");

    // The frontend starts anew under an open page, which then follows again.
    chromium.go(&page);
    chromium.await_element("#head [data-state=RUNNING]");
    frontend.kill();
    chromium.await_text("The connection is lost");
    frontend.run();
    let mut other = frontend.browser();
    other.sign_in("alice");
    let path = page.strip_prefix(&origin).unwrap();
    assert_eq!(other.post(&format!("{path}/scale"), &[("way", "remove"), ("count", "1")]).status, 303);
    chromium.await_element("#overview tbody tr:only-child");

    chromium.await_element("#head [data-state=RUNNING]");
    chromium.click("#head a.danger");
    chromium.click("#question button.danger");
    chromium.await_element("#head [data-state=STOPPED]");
    let errors =
        chromium.driver.script("return performance.getEntriesByType('resource').map((one) => one.name)", &[]).unwrap();
    for name in errors.as_array().unwrap() {
        assert!(name.as_str().unwrap().starts_with(&origin), "{name} is loaded from elsewhere");
    }
}

#[test]
fn everything_works_without_a_script() {
    let world = World::start();
    world.add_user("alice");
    let frontend = Frontend::start(&world);
    let origin = frontend.browser().origin();
    let chromium = Chromium::start(Scripts::Off);
    chromium.sign_in(&origin, "alice");
    service(&chromium);
    let page = chromium.driver.url();
    let again = |selector: &str| {
        // Without a script a person loads the page again.
        for _ in 0..600 {
            chromium.go(&page);
            let found = chromium.driver.find(selector);
            if !found.is_empty() {
                return;
            }
        }
        panic!("{page} never has {selector}");
    };
    again("[data-state=RUNNING]");
    chromium.click("#services a.primary");
    chromium.click("#kind-generic button");
    chromium.await_element("[data-state=INIT]");
    chromium.click(".tabs a[href$='/code']");
    let file = world.path("attic.tar");
    std::fs::write(&file, archive()).unwrap();
    let field = chromium.driver.find("#file-code").remove(0);
    chromium.driver.choose(&field, file.to_str().unwrap());
    chromium.click("#upload button.primary");
    chromium.await_text("attic.tar");
    chromium.go(&page);
    chromium.click("#head a.danger");
    chromium.click("#question button.danger");
    again("[data-state=STOPPED]");
}

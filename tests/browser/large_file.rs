//! A file of 200 MB on its way: how far it is, that it can be called back, and that it arrives.

use std::fs::File;
use std::io::Read;

use crate::support::browser::chromium::{Chromium, Scripts};
use crate::support::director::World;
use crate::support::frontend::Frontend;
use crate::support::wait::wait_until;

const SIZE: u64 = 200_000_000;
/// So slow that there is time to call it back.
const SLOW: u32 = 10_000_000;
/// So fast that it arrives in a few seconds.
const FAST: u32 = 200_000_000;

#[test]
fn a_large_file_tells_how_far_it_is_and_can_be_called_back() {
    let world = World::start();
    world.add_user("alice");
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    browser.sign_in("alice");
    let made = browser.post("/applications", &[("name", "attic")]);
    let app = made.header("location").unwrap().to_owned();
    browser.post(&format!("{app}/start"), &[("cloud", "default")]);
    wait_until("it runs", || browser.get(&app).text.contains("data-state=\"RUNNING\"").then_some(()));
    let added = browser.post(&format!("{app}/services"), &[("kind", "generic")]);
    let code = format!("{}/code", added.header("location").unwrap());

    let archive = world.path("large.tar");
    let content = world.path("content");
    let mut random = File::open("/dev/urandom").unwrap().take(SIZE);
    std::io::copy(&mut random, &mut File::create(&content).unwrap()).unwrap();
    let mut tar = tar::Builder::new(File::create(&archive).unwrap());
    tar.append_path_with_name(&content, "content").unwrap();
    tar.into_inner().unwrap();

    let chromium = Chromium::start(Scripts::On);
    chromium.sign_in(&browser.origin(), "alice");
    chromium.go(&format!("{}{code}", browser.origin()));
    let choose = || {
        let field = chromium.driver.find("#file-code").remove(0);
        chromium.driver.choose(&field, archive.to_str().unwrap());
        chromium.click("#upload button.primary");
    };
    chromium.driver.slow_down(SLOW);
    choose();
    chromium.await_text_in("#upload output", " / 200.0 MB");
    let value = "const bar = document.querySelector('#upload progress'); return bar.value > 0 && bar.value < bar.max";
    assert_eq!(chromium.driver.script(value, &[]).unwrap(), true);
    chromium.click("#upload [data-cancel]");
    chromium.await_text("The upload is cancelled");
    let left = || std::fs::read_dir(frontend.state.join("uploads")).unwrap().count();
    wait_until("nothing of it is left", || (left() == 0).then_some(()));
    assert!(!browser.get(&code).text.contains("large.tar"));

    chromium.driver.slow_down(FAST);
    choose();
    chromium.await_text("large.tar");
    chromium.await_element("#versions tbody tr:nth-child(2)");
    assert!(browser.get(&code).text.contains("large.tar"));
    assert_eq!(left(), 0);
}

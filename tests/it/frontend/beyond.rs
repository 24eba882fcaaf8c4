//! Manifests, commands in nodes, the way back to an older version, and pages that are packed.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::it::node::bench::tar_of;
use crate::support::director::World;
use crate::support::frontend::{Browser, Frontend};
use crate::support::wait::wait_until;

const HOSTILE: &str = "<script>alert(1)</script>";

/// A frontend, and the browser of alice in it; mallory has an account, too.
fn signed_in_beside_mallory() -> (World, Frontend, Browser) {
    let world = World::start();
    world.add_user("alice");
    world.add_user("mallory");
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    browser.sign_in("alice");
    (world, frontend, browser)
}

/// Waits until a page has a text; returns the page.
fn await_text(browser: &mut Browser, path: &str, text: &str) -> String {
    wait_until(&format!("{path} has '{text}'"), || {
        let page = browser.get(path);
        (page.status == 200 && page.text.contains(text)).then_some(page.text)
    })
}

#[test]
fn an_application_comes_from_a_manifest_and_becomes_one() {
    let (_world, frontend, mut browser) = signed_in_beside_mallory();
    let first = browser.get("/");
    assert!(first.text.contains("Welcome, alice") && first.text.contains("/example"), "{}", first.text);

    // What cannot be read is said with its place, as a text.
    let wrong = format!("{{\"Application\": \"{HOSTILE}\", \"Servises\": []}}");
    let referer = format!("{}/manifest", browser.origin());
    let from = [("sec-fetch-site", "same-origin"), ("referer", referer.as_str())];
    let answer = browser.post_from(&from, "/manifest", &[("manifest", &wrong)]);
    assert_eq!(answer.header("location"), Some("/manifest"));
    let page = browser.get("/manifest").text;
    assert!(page.contains("is not valid") && page.contains("Servises") && !page.contains(HOSTILE), "{page}");

    let made = browser.post("/example", &[]);
    let path = made.header("location").unwrap().to_owned();
    let mut mallory = frontend.browser();
    mallory.sign_in("mallory");
    assert_eq!(mallory.get(&path).status, 404);
    await_text(&mut browser, &path, "Everything is made.");
    let app = path.split("/making").next().unwrap().to_owned();
    await_text(&mut browser, &format!("{app}/services/1"), "Greetings");
    assert!(!browser.get("/").text.contains("Welcome"), "who has something is no newcomer");
    let manifest = browser.get(&format!("{app}/manifest.json"));
    assert!(manifest.text.contains("\"Type\": \"helloworld\""), "{}", manifest.text);
    assert!(manifest.header("content-disposition").unwrap().contains("hello.json"), "{}", manifest.head);

    // What a manifest fails at is told where it was followed.
    let failing =
        "{\"Application\": \"fails\", \"Services\": [{\"Type\": \"generic\", \"Run\": [\"sh\", \"-c\", \"exit 3\"]}]}";
    let made = browser.post("/manifest", &[("manifest", failing)]);
    await_text(&mut browser, made.header("location").unwrap(), "note bad");
}

#[test]
fn a_command_runs_in_a_node_and_an_older_version_comes_back() {
    let (_world, frontend, mut browser) = signed_in_beside_mallory();
    let manifest = "{\"Application\": \"tools\", \"Services\": [{\"Type\": \"generic\"}]}";
    let made = browser.post("/manifest", &[("manifest", manifest)]);
    let path = made.header("location").unwrap().to_owned();
    await_text(&mut browser, &path, "Everything is made.");
    let service = format!("{}/services/1", path.split("/making").next().unwrap());
    let page = await_text(&mut browser, &service, "/command\"");
    let command = page.split("href=\"").find(|rest| rest.split('"').next().unwrap().ends_with("/command")).unwrap();
    let command = command.split('"').next().unwrap().to_owned();

    let said = browser.post(&command, &[("command", "echo '<script>alert(1)</script>'; echo two >&2; exit 7")]);
    assert_eq!(said.status, 200, "{}", said.text);
    assert!(said.text.contains("&lt;script&gt;alert(1)") && !said.text.contains(HOSTILE), "{}", said.text);
    assert!(said.text.contains("two") && said.text.contains("It ended with 7."), "{}", said.text);
    let long = browser.post(&command, &[("command", "yes")]);
    assert!(long.status == 200 && long.body.len() < 400_000, "what says too much is ended: {}", long.body.len());
    let elsewhere = command.replace("/nodes/", "/nodes/x");
    assert_eq!(browser.post(&elsewhere, &[("command", "id")]).status, 404);
    assert_eq!(browser.get(&elsewhere).status, 404);
    let mut mallory = frontend.browser();
    mallory.sign_in("mallory");
    assert_eq!(mallory.post(&command, &[("command", "id")]).status, 404);

    // Each version has a name; one click leads to the one before.
    let code = format!("{service}/code");
    assert!(!browser.get(&code).text.contains("id=\"back\""), "there is nothing to go back to");
    let archive = tar_of(&[("run.sh", "#!/bin/sh\n")]);
    browser.upload(&code, &[("enable", "yes")], ("code", "second.tar", &archive));
    let page = await_text(&mut browser, &code, "Back to code-default.tar");
    let back = page.split("action=\"").find(|rest| rest.contains("Back to")).unwrap();
    let back = back.split('"').next().unwrap().to_owned();
    assert_eq!(browser.post(&back, &[]).status, 303);
    wait_until("the first version is active again", || (!browser.get(&code).text.contains("Back to")).then_some(()));
}

#[test]
fn pages_are_packed_for_browsers_that_take_them_so() {
    let world = World::start();
    world.add_user("alice");
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    browser.sign_in("alice");
    let style = browser.get("/").text.split("href=\"").find(|rest| rest.contains(".css\"")).unwrap().to_owned();
    let style = style.split('"').next().unwrap();
    for path in ["/", "/login", style] {
        let plain = browser.get(path);
        let packed = browser.ask("GET", path, &[("accept-encoding", "br, gzip")], b"");
        assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), (None, Some("gzip")));
        assert_eq!(plain.header("vary"), Some("accept-encoding"));
        assert!(packed.body.len() < plain.body.len() * 2 / 3, "{path}: {}", packed.body.len());
        let mut text = String::new();
        GzDecoder::new(&*packed.body).read_to_string(&mut text).unwrap();
        assert_eq!(text, plain.text, "{path}");
    }
}

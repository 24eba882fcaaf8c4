//! A shell in a node, as the script of its page has it: opened, typed into, heard, resized and ended.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::director::World;
use crate::support::frontend::{Browser, Frontend};
use crate::support::wait::wait_until;

/// Makes an application with one node; returns the path of the node.
fn node(browser: &mut Browser) -> String {
    let manifest = "{\"Application\": \"tools\", \"Services\": [{\"Type\": \"generic\"}]}";
    let made = browser.post("/manifest", &[("manifest", manifest)]);
    let path = made.header("location").unwrap().to_owned();
    wait_until("everything is made", || browser.get(&path).text.contains("Everything is made.").then_some(()));
    let service = format!("{}/services/1", path.split("/making").next().unwrap());
    let page = wait_until("the node is shown", || {
        let text = browser.get(&service).text;
        text.contains("/terminal\"").then_some(text)
    });
    let link = page.split("href=\"").find(|rest| rest.split('"').next().unwrap().ends_with("/terminal")).unwrap();
    link.split('"').next().unwrap().strip_suffix("/terminal").unwrap().to_owned()
}

/// Reads what a shell says until it has this text.
fn hear(events: &mut crate::support::frontend::Events, text: &str) -> String {
    let mut said = String::new();
    while !said.contains(text) {
        let lines = events.until("event: out") + &events.until("data: ");
        let data = lines.lines().last().and_then(|line| line.strip_prefix("data: ")).unwrap().to_owned();
        said.push_str(&String::from_utf8_lossy(&STANDARD.decode(data).unwrap()));
    }
    said
}

#[test]
fn a_shell_in_a_node_is_typed_into_and_heard() {
    let world = World::start();
    world.add_user("alice");
    world.add_user("mallory");
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    browser.sign_in("alice");
    let node = node(&mut browser);
    let path = format!("{node}/terminal");

    let page = browser.get(&path);
    assert!(page.text.contains("/terminal.js\"") && page.text.contains("<noscript>"), "{}", page.text);
    assert!(!browser.get("/").text.contains("terminal.js"), "other pages do without it");

    let size = [("columns", "90"), ("rows", "20")];
    for wrong in
        [[("columns", "0"), ("rows", "20")], [("columns", "90"), ("rows", "9999")], [("columns", "x"), ("rows", "")]]
    {
        assert_eq!(browser.post(&format!("{path}/open"), &wrong).status, 303, "{wrong:?}");
    }
    let opened = browser.post(&format!("{path}/open"), &size);
    assert_eq!(opened.status, 200, "{opened:?}");
    let id = opened.text.trim().to_owned();
    let mut events = browser.clone().open(&format!("{path}?exec={id}"));
    let input = |browser: &mut Browser, text: &str| {
        let answer = browser.post(&format!("{path}/input"), &[("exec", &id), ("input", text)]);
        assert_eq!(answer.status, 200, "{text}: {answer:?}");
    };
    input(&mut browser, "stty size; echo \"$TERM <b>\" \u{00fc}$((6*7))\r");
    let said = hear(&mut events, "\u{00fc}42");
    assert!(said.contains("20 90") && said.contains("xterm <b>"), "{said}");
    let resized = [("exec", id.as_str()), ("columns", "100"), ("rows", "30")];
    assert_eq!(browser.post(&format!("{path}/resize"), &resized).status, 200);
    input(&mut browser, "stty size\r");
    hear(&mut events, "30 100");

    // Others neither open, nor hear, nor type, nor end.
    let mut mallory = frontend.browser();
    mallory.sign_in("mallory");
    assert_eq!(mallory.get(&path).status, 404);
    assert_eq!(mallory.post(&format!("{path}/open"), &size).status, 404);
    assert_eq!(mallory.get(&format!("/live{path}?exec={id}")).status, 404);
    assert_ne!(mallory.post(&format!("{path}/input"), &[("exec", &id), ("input", "touch /tmp/x\r")]).status, 200);
    assert_ne!(mallory.post(&format!("{path}/close"), &[("exec", &id)]).status, 200);
    let mut stranger = frontend.browser();
    assert_eq!(stranger.post(&format!("{path}/input"), &[("exec", &id)]).header("location"), Some("/login"));
    assert_eq!(stranger.get(&format!("/live{path}?exec={id}")).status, 401);
    let foreign = [("sec-fetch-site", "cross-site")];
    assert_eq!(browser.post_from(&foreign, &format!("{path}/open"), &size).status, 403);

    // It ends by itself or by hand, and its end is told.
    input(&mut browser, "exit 3\r");
    assert!(events.until("It ended with").contains("event: end"));
    let second = browser.post(&format!("{path}/open"), &size).text.trim().to_owned();
    let mut events = browser.clone().open(&format!("{path}?exec={second}"));
    assert_eq!(browser.post(&format!("{path}/close"), &[("exec", &second)]).status, 200);
    events.until("event: end");
    let mut events = browser.clone().open(&format!("{path}?exec=unknown"));
    events.until("event: end");
    wait_until("it is recorded", || {
        browser.get("/activity").text.contains("A terminal is opened in node").then_some(())
    });
}

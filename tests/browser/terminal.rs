//! A shell in a node, in a real browser: keys go there, colours and places come back, and its end is told.

use serde_json::json;

use super::furnished;
use crate::support::browser::chromium::{Chromium, Scripts};
use crate::support::director::World;
use crate::support::frontend::Frontend;

const TYPE: &str = "const keys = document.querySelector('.terminal textarea'); keys.focus(); keys.value = arguments[0]; \
                    keys.dispatchEvent(new InputEvent('input', { bubbles: true }))";
const PRESS: &str = "document.querySelector('.terminal textarea').dispatchEvent(new KeyboardEvent('keydown', \
                     { key: arguments[0], ctrlKey: arguments[1], bubbles: true, cancelable: true }))";
const LINES: &str = "return Array.from(document.querySelectorAll('.terminal pre div:not([hidden])'))\
                     .map((one) => one.textContent.trimEnd())";

#[test]
fn a_terminal_shows_what_programs_write() {
    let world = World::start();
    world.add_user("alice");
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    let origin = browser.origin();
    browser.sign_in("alice");
    let app = furnished::application(&mut browser);
    let pages = furnished::pages(&mut browser, &app);
    let path = &pages.iter().find(|(name, _)| name == "terminal").unwrap().1;

    let plain = Chromium::start(Scripts::Off);
    plain.sign_in(&origin, "alice");
    plain.go(&format!("{origin}{path}"));
    plain.await_text("A terminal needs scripts");

    let chromium = Chromium::start(Scripts::On);
    chromium.sign_in(&origin, "alice");
    chromium.go(&format!("{origin}{path}"));
    let run = |command: &str| {
        chromium.driver.script(TYPE, &[json!(command)]).unwrap();
        chromium.driver.script(PRESS, &[json!("Enter"), json!(false)]).unwrap();
    };
    // The shell is there once it answers.
    chromium.await_element(".terminal .cursor");
    run("PS1='$ '; clear; echo answer $((6*7))");
    chromium.await_text("answer 42");
    run("printf '\\033[31;1mred\\033[0m <b>x</b>\\n'");
    chromium.await_element(".terminal .c1.bold");
    chromium.await_text("<b>x</b>");
    // Places, erasing, a part that scrolls, the other screen and back.
    run("clear; printf '\\033[3;5Hhere\\033[3;1Hab\\033[Kcd\\n'");
    chromium.await_text("abcd");
    let lines = chromium.driver.script(LINES, &[]).unwrap();
    let lines: Vec<&str> = lines.as_array().unwrap().iter().filter_map(|line| line.as_str()).collect();
    assert!(lines.contains(&"abcd"), "{lines:?}");
    run("printf '\\033[?1049h\\033[2J\\033[Hsecond screen'; sleep 1; printf '\\033[?1049l'; echo back again");
    chromium.await_text("second screen");
    chromium.await_text("back again");
    let lines = chromium.driver.script(LINES, &[]).unwrap().to_string();
    assert!(lines.contains("abcd") && !lines.contains("\"second screen\""), "{lines}");
    // More than the screen has stays above it; a key stops what runs.
    run("clear; seq 1 300");
    chromium.await_text("300");
    run("echo go$((1+1)); sleep 1000");
    chromium.await_text("go2");
    chromium.driver.script(PRESS, &[json!("c"), json!(true)]).unwrap();
    run("echo interrupted $((40+2))");
    chromium.await_text("interrupted 42");
    run("exit 4");
    chromium.await_text("It ended with 4.");
}

//! What others try.

use serde_json::json;

use crate::support::browser::chromium::{Chromium, Scripts};
use crate::support::director::World;
use crate::support::frontend::Frontend;

#[test]
fn a_wrong_password_and_a_foreign_form_lead_nowhere() {
    let world = World::start();
    world.add_user("alice");
    let frontend = Frontend::start(&world);
    let origin = frontend.browser().origin();
    let chromium = Chromium::start(Scripts::On);
    chromium.go(&format!("{origin}/"));
    chromium.write("username", "alice");
    chromium.write("password", "wrong");
    chromium.click("form button.primary");
    chromium.await_text("The name or the password is wrong.");
    chromium.sign_in(&origin, "alice");
    let cookies = chromium.driver.script("return document.cookie", &[]).unwrap();
    assert_eq!(cookies, json!(""), "no script sees the session");

    // The visitor's own cookie would go with it, if the browser took it for a page of the site.
    let form = format!(
        "<form method=post action={origin}/applications><input name=name value=stolen><button>x</button></form>"
    );
    chromium.go(&format!("data:text/html,{form}"));
    chromium.click("button");
    chromium.await_text("was not sent by a page of this site");
    chromium.go(&format!("{origin}/"));
    chromium.await_element("#applications");
    let shown = chromium.driver.script("return document.body.innerText", &[]).unwrap();
    assert!(!shown.as_str().unwrap().contains("stolen"), "{shown}");
}

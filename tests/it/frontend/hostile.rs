//! Whatever others write is text and nothing more.

use crate::support::director::World;
use crate::support::frontend::Frontend;

const MARKUP: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>";

#[test]
fn hostile_texts_are_texts_on_every_page() {
    let world = World::start();
    world.add_user("alice");
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    let agent = [("user-agent", MARKUP), ("sec-fetch-site", "same-origin")];
    let fields = [("username", "alice"), ("password", "alice-secret")];
    assert_eq!(browser.post_from(&agent, "/login", &fields).status, 303);

    let made = browser.post("/applications", &[("name", MARKUP)]);
    let path = made.header("location").unwrap().to_owned();
    browser.post(&format!("{path}/rename"), &[("name", &format!("{MARKUP}2"))]);
    for path in ["/", &path, &format!("{path}/stop"), "/account"] {
        let page = browser.get(path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.contains("&lt;script&gt;alert"), "{path}: {}", page.text);
        assert!(!page.text.contains("<script>alert") && !page.text.contains("<img src=x"), "{path}: {}", page.text);
    }

    // A failure comes back to the page of the form, and what it says is text, too.
    let referer = format!("{}{path}", browser.origin());
    let from = [("sec-fetch-site", "same-origin"), ("referer", referer.as_str())];
    let answer = browser.post_from(&from, &format!("{path}/start"), &[("cloud", MARKUP)]);
    assert_eq!(answer.header("location"), Some(path.as_str()));
    let page = browser.get(&path);
    assert!(page.text.contains("Unknown cloud name") && !page.text.contains("<script>alert"), "{}", page.text);
    for referer in ["https://x//evil.example/", "https://x/\\evil.example", "javascript:alert(1)"] {
        let from = [("sec-fetch-site", "same-origin"), ("referer", referer)];
        let answer = browser.post_from(&from, &format!("{path}/start"), &[("cloud", "none")]);
        assert_eq!(answer.header("location"), Some("/"), "{referer}");
    }
    let answer = browser.post(&format!("{path}/rename"), &[("name", "  ")]);
    assert_eq!(answer.status, 303);
    assert!(browser.get("/").text.contains("must be filled in"));
    let cookie = format!(".{MARKUP}").replace(['"', '>', '<', ' '], "%3C");
    browser.cookies.insert("__Host-note".to_owned(), cookie);
    assert!(!browser.get("/login").text.contains("<script>alert"));
}

//! Who gets in, from where, and what of it survives.

use crate::support::director::{World, entries};
use crate::support::frontend::Frontend;
use crate::support::totp::code_of;

const FOREIGN: [&[(&str, &str)]; 4] = [
    &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
    &[("origin", "https://evil.example")],
    &[("sec-fetch-site", "none")],
    &[],
];

#[test]
fn a_password_opens_a_session_and_nothing_else_does() {
    let world = World::start();
    world.add_user("alice");
    let mut frontend = Frontend::start(&world);
    let mut browser = frontend.browser();

    let answer = browser.get("/");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/login")));
    let answer = browser.post("/login", &[("username", "alice"), ("password", "wrong")]);
    assert_eq!(answer.header("location"), Some("/login"));
    assert!(!browser.cookies.contains_key("__Host-conpaas"));
    let page = browser.get("/login");
    assert!(page.text.contains("The name or the password is wrong."), "{}", page.text);
    assert!(!browser.get("/login").text.contains("password is wrong"), "a note is shown once");

    let fields = [("username", "alice"), ("password", "alice-secret")];
    for from in FOREIGN {
        let answer = browser.post_from(from, "/login", &fields);
        assert_eq!(answer.status, 403, "{from:?}");
    }
    assert!(!browser.cookies.contains_key("__Host-conpaas"));

    browser.sign_in("alice");
    let page = browser.get("/");
    assert_eq!(page.status, 200);
    assert!(page.text.contains("New Application") && page.text.contains("50 credits"), "{}", page.text);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!page.text.contains("style=") && !page.text.contains("onclick"), "{}", page.text);
    assert_eq!(page.head.matches("content-security-policy").count(), 1);

    // A foreign name that means this machine, and a form of another site.
    assert_eq!(browser.ask("GET", "/", &[("host", "evil.example")], b"").status, 421);
    for from in FOREIGN {
        assert_eq!(browser.post_from(from, "/applications", &[("name", "x")]).status, 403);
    }

    // The session survives the frontend, and its file opens nothing.
    frontend.kill();
    let sessions = frontend.state.join("sessions");
    for entry in std::fs::read_dir(&sessions).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("PRIVATE KEY") && !text.contains(&browser.cookies["__Host-conpaas"]), "{text}");
    }
    frontend.run();
    assert!(browser.get("/").text.contains("New Application"));
    let mut thief = frontend.browser();
    let name = std::fs::read_dir(&sessions).unwrap().next().unwrap().unwrap().file_name();
    thief.cookies.insert("__Host-conpaas".to_owned(), name.into_string().unwrap());
    assert_eq!(thief.get("/").status, 303, "the name of a file is no secret of a session");

    // A second login of the same browser ends the first one.
    let first = browser.cookies["__Host-conpaas"].clone();
    browser.sign_in("alice");
    assert_ne!(browser.cookies["__Host-conpaas"], first);
    assert_eq!(entries(&sessions), 1);
    let mut other = frontend.browser();
    other.sign_in("alice");
    assert_eq!(entries(&sessions), 2);
    assert_eq!(other.post("/account/sign-out-others", &[]).status, 303);
    assert_eq!(browser.get("/").header("location"), Some("/login"));

    // Another password, for the old one; it ends all other sessions.
    browser.sign_in("alice");
    let change = |old| [("password", old), ("new_password", "new one"), ("again", "new one")];
    other.post("/account/password", &change("wrong"));
    assert!(other.get("/account").text.contains("password is wrong"));
    other.post("/account/password", &change("alice-secret"));
    assert!(other.get("/account").text.contains("The password is changed"));
    assert_eq!(browser.get("/").header("location"), Some("/login"));
    assert_eq!(browser.post("/login", &fields).header("location"), Some("/login"), "the old one is of no use");

    // A copy of the cookie is of no use after the end.
    let copy = other.clone();
    assert_eq!(other.post("/logout", &[]).header("location"), Some("/login"));
    assert!(!other.cookies.contains_key("__Host-conpaas") && entries(&sessions) == 0);
    assert_eq!({ copy }.get("/").header("location"), Some("/login"));
}

#[test]
fn visitors_register_and_their_tries_are_counted_by_their_own_address() {
    let options =
        [("director.REGISTRATION", "open"), ("director.LOGIN_ATTEMPTS_PER_MINUTE", "1"), ("director.LOGIN_BURST", "3")];
    let world = World::start_with(&options, &[]);
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    let form = |again| {
        let account = [("username", "bob"), ("email", "bob@example.org"), ("password", "bob-secret"), ("credit", "7")];
        [&account[..], &[("again", again)]].concat()
    };
    assert_eq!(browser.post("/register", &form("other")).header("location"), Some("/register"));
    assert!(browser.get("/register").text.contains("not the same"));
    assert_eq!(browser.post("/register", &form("bob-secret")).header("location"), Some("/"));
    assert!(browser.get("/account").text.contains("bob@example.org"));
    assert!(browser.get("/").text.contains("7 credits"));
    let mut second = frontend.browser();
    second.post("/register", &form("bob-secret"));
    assert!(second.get("/register").text.contains("already taken"));

    // The director refuses one who tries too often, and says so.
    let mut guesser = frontend.browser();
    let wrong = [("username", "bob"), ("password", "guess")];
    let refused = (0..10).any(|_| {
        guesser.post("/login", &wrong);
        guesser.get("/login").text.contains("too many attempts")
    });
    assert!(refused);
}

#[test]
fn a_device_is_told_how_to_trust_these_pages() {
    let world = World::start();
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    let page = browser.get("/trust");
    let pem = std::fs::read_to_string(world.path("certs/web_ca_cert.pem")).unwrap();
    assert!(page.text.contains(&conpaas::pki::fingerprint(&pem).unwrap()), "{}", page.text);
    let file = browser.get("/trust.crt");
    assert_eq!((file.header("content-type"), &file.text), (Some("application/x-x509-ca-cert"), &pem));
    let german = browser.ask("GET", "/login", &[("accept-language", "de-CH,en;q=0.5")], b"");
    assert!(german.text.contains("Anmelden") && german.text.contains("lang=\"de\""), "{}", german.text);
}

#[test]
fn a_visitor_switches_one_time_codes_on_and_signs_in_by_a_recovery_code() {
    let world = World::start();
    world.add_user("alice");
    let frontend = Frontend::start(&world);
    let mut browser = frontend.browser();
    browser.sign_in("alice");
    assert!(browser.get("/account").text.contains("action=\"/account/totp\""));
    let shown = browser.post("/account/totp", &[("password", "alice-secret")]);
    let value = |name: &str| {
        let text = shown.text.split(&format!("name=\"{name}\" value=\"")).nth(1).expect("the field");
        text.split('"').next().expect("its value").replace("&amp;", "&")
    };
    let (secret, url) = (value("secret"), value("url"));
    assert!(shown.text.contains("<svg class=\"qr\"") && url.contains(&secret), "{}", shown.text);
    let again = browser.post("/account/totp/confirm", &[("totp", "12345x"), ("secret", &secret), ("url", &url)]);
    assert!(again.text.contains("The code is wrong") && again.text.contains(&secret), "{}", again.text);
    let code = code_of(&secret, 0);
    let codes = browser.post("/account/totp/confirm", &[("totp", &code), ("secret", &secret), ("url", &url)]);
    let spare =
        codes.text.split("<li><code>").nth(1).and_then(|text| text.split('<').next()).expect("a code").to_owned();
    assert!(browser.get("/account").text.contains("10 recovery codes"));

    let mut other = frontend.browser();
    let fields = [("username", "alice"), ("password", "alice-secret"), ("totp", spare.as_str())];
    assert_eq!(other.post("/login", &fields[..2]).header("location"), Some("/login"));
    let page = other.get("/login").text;
    assert!(page.contains("needs a one-time code, too") && page.contains("<details open"), "{page}");
    assert_eq!(other.post("/login", &fields).header("location"), Some("/"));
    other.post("/account/totp/off", &[("password", "alice-secret"), ("totp", &spare)]);
    assert!(other.get("/account").text.contains("was used before"));
}

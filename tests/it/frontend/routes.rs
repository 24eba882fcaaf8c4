//! Every path with every sort of visitor.

use crate::support::director::{World, succeed};
use crate::support::frontend::{Browser, Frontend};

/// Pages of nobody in particular.
const OWN: [&str; 6] = ["/", "/manifest", "/nodes", "/activity", "/account", "/health"];

/// What belongs to one application, by GET.
const OF_APPLICATION: [&str; 18] = [
    "",
    "/making/0123456789abcdef",
    "/services/1/nodes/iaas1/command",
    "/add",
    "/log",
    "/stop",
    "/delete",
    "/services/1",
    "/services/1/figures",
    "/services/1/code",
    "/services/1/settings",
    "/services/1/logs",
    "/services/1/logs/manager/manager",
    "/services/1/scale?way=add&count=1",
    "/services/1/stop",
    "/services/1/remove",
    "/services/1/code/code-default/delete",
    "/services/1/volumes/data/delete",
];

const FILES: [&str; 3] = ["/manifest.json", "/services/1/code/code-default/download", "/services/1/dump"];

/// What is done to one application, by POST.
const DONE: [&str; 23] = [
    "/services/1/nodes/iaas1/command",
    "/start",
    "/stop",
    "/delete",
    "/rename",
    "/services",
    "/services/1/start",
    "/services/1/stop",
    "/services/1/remove",
    "/services/1/rename",
    "/services/1/publish",
    "/services/1/unpublish",
    "/services/1/scale",
    "/services/1/scripts",
    "/services/1/startup",
    "/services/1/volumes",
    "/services/1/volumes/data/delete",
    "/services/1/php",
    "/services/1/password",
    "/services/1/dump",
    "/services/1/code/code-default/enable",
    "/services/1/code/code-default/delete",
    "/services/1/keys",
];

/// Fields that every action finds what it asks for in.
const FIELDS: [(&str, &str); 11] = [
    ("command", "id"),
    ("name", "stolen"),
    ("kind", "generic"),
    ("way", "add"),
    ("count", "1"),
    ("script", "run"),
    ("size", "1"),
    ("node", "iaas1"),
    ("key", "ssh-ed25519 AAAA"),
    ("password", "x"),
    ("again", "x"),
];

#[test]
fn every_path_is_for_its_owner_and_for_nobody_else() {
    let world = World::start();
    world.add_user("alice");
    world.add_user("mallory");
    let frontend = Frontend::start(&world);
    let (mut stranger, mut alice, mut mallory) = (frontend.browser(), frontend.browser(), frontend.browser());
    alice.sign_in("alice");
    mallory.sign_in("mallory");

    for path in OWN {
        assert_eq!(stranger.get(path).header("location"), Some("/login"), "{path}");
        assert_eq!(alice.get(path).status, 200, "{path}");
    }
    only_administrators_see_users(&world, &frontend, &mut mallory);
    let path_of = |end: &&str| format!("/applications/1{end}");
    for path in OF_APPLICATION.iter().chain(&FILES).map(path_of) {
        assert_eq!(stranger.get(&path).header("location"), Some("/login"), "{path}");
        assert_eq!(mallory.get(&path).status, 404, "{path}");
        assert_eq!(stranger.get(&format!("/live{path}")).status, 401, "{path}");
    }
    for path in DONE.iter().map(path_of) {
        assert_eq!(stranger.post(&path, &FIELDS).header("location"), Some("/login"), "{path}");
        assert_eq!(mallory.post(&path, &FIELDS).status, 404, "{path}");
        assert!(alice.get(&path).status != 303, "a GET of {path} does nothing");
    }
    for path in
        ["/manifest", "/example", "/applications", "/logout", "/account/look", "/account/password", "/account/totp"]
    {
        assert_eq!(stranger.post(path, &FIELDS).header("location"), Some("/login"), "{path}");
    }
    let before = alice.get("/applications/1");
    assert!(before.text.contains("New Application") && before.text.contains("Never started"), "{}", before.text);
    for path in ["/account/certs.zip", "/account/cps-tools.conf"] {
        assert_eq!(stranger.get(path).header("location"), Some("/login"), "{path}");
    }
    let zip = alice.get("/account/certs.zip");
    assert_eq!((&zip.body[..2], zip.header("cache-control")), (&b"PK"[..], Some("no-store")));
    assert!(alice.get("/account/cps-tools.conf").text.contains("USERNAME = alice"));
    for path in ["/nothing", "/applications/99", "/applications/x", "/applications/1/services/9", "/live/nothing"] {
        assert_eq!(alice.get(path).status, 404, "{path}");
    }
    assert_eq!(alice.ask("DELETE", "/", &[], b"").status, 405);
    links_lead_somewhere(&mut alice);
}

/// Others find no such pages, and change nothing. Alice is user 1.
fn only_administrators_see_users(world: &World, frontend: &Frontend, mallory: &mut Browser) {
    world.add_user("root");
    let (mut stranger, mut root) = (frontend.browser(), frontend.browser());
    root.sign_in("root");
    let pages = ["/users", "/users/1", "/users/1/remove"];
    let done = ["/users/1/credit", "/users/1/password", "/users/1/remove"];
    let fields = [("credit", "7"), ("new_password", "x"), ("again", "x")];
    for path in pages {
        assert_eq!(stranger.get(path).header("location"), Some("/login"), "{path}");
        assert_eq!(mallory.get(path).status, 404, "{path}");
        assert_eq!(root.get(path).status, 404, "{path}");
    }
    for path in done {
        assert_eq!(stranger.post(path, &fields).header("location"), Some("/login"), "{path}");
        assert_eq!(mallory.post(path, &fields).status, 404, "{path}");
    }
    succeed(&mut world.command(&["director", "user", "administrator", "root"]));
    assert!(root.get("/account").text.contains("href=\"/users\""));
    for path in pages {
        assert_eq!(root.get(path).status, 200, "{path}");
    }
    assert!(!root.get("/users/3").text.contains("/users/3/remove"), "nobody removes himself");
    assert_eq!(root.post("/users/1/credit", &fields).status, 303);
    assert!(root.get("/users/1").text.contains("alice has 57 credits now."));
    world.add_user("bob");
    assert_eq!(root.post("/users/4/password", &fields).status, 303);
    assert!(root.get("/users/4").text.contains("bob has the new password."));
    assert_eq!(root.post("/users/4/remove", &[]).status, 303);
    assert_eq!(root.get("/users/4").status, 404);
    succeed(&mut world.command(&["director", "user", "administrator", "root", "--off"]));
    assert_eq!(root.get("/users").status, 404, "at once");
}

/// Follows every link and looks at every form that the pages show.
fn links_lead_somewhere(browser: &mut Browser) {
    let mut seen = std::collections::BTreeSet::new();
    let mut next = vec!["/".to_owned()];
    while let Some(path) = next.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let page = browser.get(&path);
        assert_eq!(page.status, 200, "{path}");
        let links = page.text.split(" href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        next.extend(links.filter(|link| link.starts_with('/')).map(str::to_owned));
        let ids: Vec<&str> = page.text.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let unique: std::collections::BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "{path} has an id twice: {ids:?}");
    }
    assert!(seen.len() > 10, "{seen:?}");
}

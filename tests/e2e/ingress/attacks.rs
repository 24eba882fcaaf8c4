//! What strangers try at the ingress, and tenants at each other.

use super::super::world;
use super::house::{House, PI};

/// What a client sends, and the statuses that it may get: none reaches the program as two requests. An answer without a
/// status is one of the oldest HTTP, which has no headers and ends the connection.
const REQUESTS: [(&str, &str, &[&str]); 10] = [
    (
        "two lengths",
        r"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 40\r\n\r\nabc",
        &["400"],
    ),
    (
        "length and chunks",
        r"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        &["400"],
    ),
    (
        "odd chunks",
        r"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        &["400", "501"],
    ),
    ("two hosts", r"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", &["400"]),
    ("no host", r"GET / HTTP/1.1\r\n\r\n", &["400"]),
    ("a host that is none", r"GET / HTTP/1.1\r\nHost: a/../b\r\n\r\n", &["400"]),
    ("a line end in the path", r"GET /\nX: y HTTP/1.1\r\nHost: a\r\n\r\n", &["400", "-"]),
    ("a tunnel", r"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n", &["400", "405"]),
    ("an internal page", r"GET /-/starting.html HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &["404"]),
    ("no HTTP", r"\x16\x03\x01\x00\xa5\x01\x00\x00", &["400", "-"]),
];
/// What a client says of itself and others, and what the program must never see.
const LIES: [&str; 10] = [
    "X-Forwarded-For: 6.6.6.6",
    "X_Forwarded_For: 6.6.6.6",
    "X-Real-IP: 6.6.6.6",
    "Forwarded: for=6.6.6.6",
    "X-Forwarded-Host: 6.6.6.6",
    "X-Forwarded-Proto: 6.6.6.6",
    "X-Original-URL: /6.6.6.6",
    "X-Forwarded-Prefix: /6.6.6.6",
    "True-Client-IP: 6.6.6.6",
    "Proxy: 6.6.6.6",
];

#[test]
fn nobody_takes_what_is_anothers() {
    let image = world::engines_base();
    world::inside("e2e::ingress::attacks::nobody_takes_what_is_anothers", |state| async move {
        let house = House::new(&state, &image);
        house.deploy_echo();
        house.client("publish echo 1 --name echo --port 8200");
        house.await_page("8200", &[], "200");
        for (what, text, statuses) in REQUESTS {
            let said = house.phone(&["raw", PI, "8200", text]);
            assert!(statuses.contains(&said.as_str()), "{what}: {said}");
        }
        let huge = format!("X: {}", "x".repeat(40_000));
        assert!(house.phone(&["get", PI, "8200", "/", &huge]).starts_with("400"), "a header without an end");
        let lies = house.phone(&[&["get", PI, "8200", "/a%2fb/../c?d=%20"][..], &LIES].concat());
        assert!(lies.starts_with("200") && !lies.contains("6.6.6.6"), "{lies}");
        assert!(lies.contains(r#""X-Forwarded-For", "192.168.1.2""#) && lies.contains("for=192.168.1.2"), "{lies}");
        assert!(lies.contains(r#""path": "/a%2fb/../c?d=%20""#), "byte by byte: {lies}");
        // Another host in the line of the request than in the header.
        let confused = house.phone(&["get", PI, "80", "http://echo.local/x", "Host: evil.example"]);
        assert!(confused.starts_with("200") && !confused.contains("evil.example"), "{confused}");
        assert!(house.phone(&["get", PI, "8200", "/accel"]).ends_with(" no"), "it leads into no other place");
        assert_eq!(house.phone(&["slow", PI, "8200", "200"]), "200 True");

        for name in ["router", "wpad", "localhost", "conpaas.local", "a.b.local", "1.2.3.4", "x.onion", "a;b", "_x"] {
            let said = house.refused(&format!("publish echo 1 --name {name}"));
            assert!(said.contains("\"name\" is not usable"), "{name}: {said}");
        }
        let own = nix::unistd::gethostname().expect("it has a name").into_string().expect("of letters");
        assert!(house.refused(&format!("publish echo 1 --name {own}")).contains("not usable"), "the machine's own");
        for port in ["22", "80", "5555", "9000"] {
            let said = house.refused(&format!("publish echo 1 --port {port}"));
            assert!(said.contains("\"port\" is not usable"), "{port}: {said}");
        }
        assert!(house.refused("publish echo 1 --tcp").contains("neither a name nor a password"));
        a_second_tenant(&house);
    });
}

/// A name and a port stay with who took them first, and what is another's is not there.
fn a_second_tenant(house: &House) {
    house.client("application create copy");
    house.client("application start copy");
    house.client("generic add copy");
    assert!(house.refused("publish copy 1 --name echo").contains("echo.local is taken"));
    assert!(house.refused("publish copy 1 --port 8200").contains("8200 is taken"));
    // Published before it runs: the page says so, and nothing else answers there.
    house.client("publish copy 1 --port 8201");
    let page = house.await_page("8201", &[], "503");
    assert!(page.contains("starting"), "{page}");
}

//! Sites, programs and databases open on the phone, by port and by name, once they are published and not before.

use nix::sys::signal::Signal;

use super::super::php::{Site, enable};
use super::super::world;
use super::house::{House, PI, wait_refused};

#[test]
fn what_is_published_opens_on_a_phone() {
    let image = world::engines_base();
    world::inside("e2e::ingress::opens::what_is_published_opens_on_a_phone", |state| async move {
        let mut house = House::new(&state, &image);
        for words in ["application create shop", "application start shop", "php add shop", "php start shop 1"] {
            house.client(words);
        }
        enable(&Site { nutshell: &house.nutshell, directory: &state }, "<?php echo 'from the shop';\n");
        assert!(house.phone(&["get", PI, "8001", "/"]).contains("refused"), "nothing is published");
        let said = house.client("publish shop 1 --name shop");
        assert!(said.starts_with("http://shop.local/\n") && said.contains(":8001/"), "{said}");
        assert_eq!(house.client("open shop"), said);
        assert_eq!(house.await_page("8001", &[], "200"), "200 - from the shop");
        for host in ["shop.local", "SHOP.local.", "shop.local:80"] {
            let page = house.phone(&["get", PI, "80", "/", &format!("Host: {host}")]);
            assert_eq!(page, "200 - from the shop", "{host}");
        }
        assert!(house.phone(&["get", PI, "80", "/", "Host: other.local"]).starts_with("404 - "), "nobody's name");
        let table = house.client("published");
        assert!(table.contains("http://shop.local/") && table.contains("published"), "{table}");
        house.until("the owner sees who visits", || {
            let said = house.client("logs shop 1 --node ingress");
            said.contains("GET / HTTP/1.1") && house.client("published").contains("/s, 0.0 failed, ")
        });

        the_echo(&house);
        a_database(&house);
        switches(&house);

        house.client("unpublish shop 1");
        wait_refused(&house, "8001");
        assert_eq!(house.client("published").matches("shop.local").count(), 0);

        house.end_ingress(Signal::SIGTERM);
        assert!(house.phone(&["get", PI, "8123", "/"]).starts_with("503"), "nginx goes on");
        house.end_nginx();
        wait_refused(&house, "8123");
    });
}

/// A program of one's own: WebSockets, events, and uploads of any size.
fn the_echo(house: &House) {
    house.deploy_echo();
    house.client("publish echo 1 --port 8123 --name echo.example.org");
    house.await_page("8123", &[], "200");
    house.await_page("80", &["Host: echo.example.org"], "200");
    assert_eq!(house.phone(&["websocket", PI, "8123"]), "101 ping");
    assert_eq!(house.phone(&["events", PI, "8123"]), "first second");
    assert_eq!(house.phone(&["upload", PI, "8123", "300"]), "True True");
    assert!(house.n_bytes_in_temporary_files() == 0, "nothing of it went to the disk of the ingress");
}

/// A database over TCP.
fn a_database(house: &House) {
    for words in ["application create data", "application start data", "mysql add data", "mysql start data 1"] {
        house.client(words);
    }
    assert_eq!(house.phone(&["greeting", PI, "8306"]), "ConnectionRefusedError");
    let said = house.client("publish data 1 --tcp --port 8306");
    assert!(said.starts_with("tcp://") && said.contains(":8306/"), "{said}");
    let greeting = || house.phone(&["greeting", PI, "8306"]);
    house.until("the database answers", || greeting().contains("MariaDB"));
    house.client("unpublish data 1");
    wait_refused(house, "8306");
    house.client("application stop data --yes");
}

/// A password, a maintenance page, and the page of a stopped application.
fn switches(house: &House) {
    let password = house.write("password", "open sesame\n");
    house.client(&format!("publish echo 1 --auth alice --auth-password-file {password}"));
    house.await_page("8123", &[], "401");
    // alice:open sesame
    let known = ["Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU="];
    let page = house.await_page("8123", &known, "200");
    assert!(!page.contains("YWxpY2U6"), "the program does not learn the password: {page}");
    assert!(house.phone(&["get", PI, "8123", "/", "Authorization: Basic YWxpY2U6bm8="]).starts_with("401"));
    house.client("publish echo 1 --no-auth --maintenance on");
    let page = house.await_page("8123", &[], "503");
    assert!(page.starts_with("503 300 ") && page.contains("being worked on"), "{page}");
    house.client("publish echo 1 --maintenance off");
    house.await_page("8123", &[], "200");
    house.client("application stop echo --yes");
    let page = house.await_page("8123", &[], "503");
    assert!(page.contains("switched off") || page.contains("starting"), "{page}");
    house.until("it is told that it is stopped", || house.phone(&["get", PI, "8123", "/"]).contains("switched off"));
}

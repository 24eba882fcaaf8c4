//! A program in PHP that gets every path, as those of WordPress, MediaWiki, Laravel and Symfony do.

use std::path::Path;

use super::php::Site;
use super::{streams, world};

/// As Symfony and Laravel have it: one program for every path, below a directory of its own.
const FRONT_CONTROLLER: &str = "<?php require __DIR__.'/../src/kernel.php';\n\
    if (str_starts_with($_SERVER['REQUEST_URI'], '/stream/')) { stream(); exit; }\n\
    if ($_FILES) { upload($_FILES['file']); exit; }\n\
    echo kernel(), ' ', $_SERVER['REQUEST_METHOD'], ' ', $_SERVER['REQUEST_URI'], ' ', $_SERVER['SCRIPT_NAME'], ' ',\n\
    basename($_SERVER['DOCUMENT_ROOT']), ' ', $_GET['q'] ?? '-', ' ', $_SERVER['PATH_INFO'] ?: '-', \"\\n\";\n";
const KERNEL: &str = "<?php
function kernel() { return 'kernel'; }
function flag() { return sys_get_temp_dir() . '/go'; }
function stream() {
    header('Content-Type: text/event-stream');
    @unlink(flag());
    while (ob_get_level()) ob_end_clean();
    echo \"data: one\\n\\n\";
    flush();
    for ($i = 0; $i < 300 && !file_exists(flag()); $i++) { usleep(100000); clearstatcache(); }
    echo 'data: ', $i < 300 ? 'two' : 'late', \"\\n\\n\";
}
function upload($file) { echo $file['size'], ' ', hash_file('crc32b', $file['tmp_name']), \"\\n\"; }
";
const GO: &str = "<?php require __DIR__.'/../src/kernel.php'; touch(flag());\n";
const SEEN: &str = "<?php echo $_SERVER['HTTPS'] ?? 'off', ' ', $_SERVER['REQUEST_SCHEME'], ' ', $_SERVER['SERVER_PORT'],\n\
    ' ', $_SERVER['HTTP_HOST'], ' ', $_SERVER['HTTP_X_FORWARDED_FOR'] ?? '-', ' ', $_SERVER['HTTP_PROXY'] ?? '', \"\\n\";\n";
/// Asks as a proxy does that ends TLS, and as a visitor does.
const ASK_AS_PROXY: &str = "
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
forwarded = {'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '192.0.2.7', 'Host': 'shop.example', 'Proxy': 'evil'}
for headers in [forwarded, {'Host': 'shop.example'}]:
    print(opener.open(urllib.request.Request(sys.argv[1], headers=headers), timeout=60).read().decode().strip())
";

#[test]
fn a_front_controller_gets_every_path_and_all_that_is_long_and_large() {
    let image = world::engines_base();
    world::inside(
        "e2e::front_controller::a_front_controller_gets_every_path_and_all_that_is_long_and_large",
        |state| async move {
            let (_, nutshell) = world::nutshell(&state, &state, &image);
            nutshell.succeed("up", &[]);
            let site = Site { nutshell: &nutshell, directory: &state };
            let shop = state.join("shop");
            write(&shop);
            let said = site.client(&format!("deploy {}", shop.display()));
            let url =
                said.lines().last().and_then(|line| line.rsplit(' ').next()).expect("the address is told").to_owned();
            let host = url.trim_start_matches("http://").trim_end_matches('/');
            ask_for_paths(&site, &url);
            let seen = nutshell.type_command(&["python3", "-c", ASK_AS_PROXY, &format!("{url}seen.php")]);
            assert_eq!(seen.trim(), "on https 443 shop.example 192.0.2.7\noff http 80 shop.example -", "{seen}");
            assert_eq!(site.events(host, "/stream/a", "/go.php"), "200 text/event-stream data: one data: two");

            for key in ["post_max_size", "upload_max_filesize"] {
                site.client(&format!("php set_php_config shop 1 {key} 400M"));
            }
            assert_eq!(site.upload_to(host, "/pictures/new"), streams::whole());
            let said = site.announce_to(host, "/pictures/new", 401);
            assert!(said.starts_with("413 "), "{said}");
            roots_and_hooks(&site, &shop, &url);
        },
    );
}

fn write(shop: &Path) {
    for (path, text) in [
        ("public/index.php", FRONT_CONTROLLER),
        ("public/go.php", GO),
        ("public/seen.php", SEEN),
        ("public/css/app.css", "body {}\n"),
        ("src/kernel.php", KERNEL),
        ("composer.json", "{\"secret\": true}\n"),
    ] {
        let file = shop.join(path);
        std::fs::create_dir_all(file.parent().expect("it has one")).expect("it is new");
        std::fs::write(file, text).expect("it is writable");
    }
}

fn ask_for_paths(site: &Site<'_>, url: &str) {
    let told = |path: &str| site.fetch(&format!("{url}{path}"), 1).remove(0);
    let answer = |path: &str, q: &str, info: &str| format!("200 kernel GET /{path} /index.php public {q} {info}");
    for (path, q, info) in [
        ("", "-", "-"),
        ("blog/2026/a-page?q=1", "1", "-"),
        ("wiki/A%26B%2Fc", "-", "-"),
        ("index.php/Main_Page?q=2", "2", "/Main_Page"),
        ("src/kernel.php", "-", "-"),
        ("composer.json", "-", "-"),
        ("css/none.css", "-", "-"),
        ("public/index.php", "-", "-"),
    ] {
        let (seen, expected) = (told(path), answer(path, q, info));
        // A program that is not there is no matter of the front controller's.
        let is_program = path.ends_with(".php");
        assert!(seen == expected || is_program && seen.starts_with("404 "), "{path}: {seen}");
    }
    assert_eq!(told("css/app.css"), "200 body {}");
}

/// What visitors see is set, by `deploy` as well, and so are lines for nginx, which looks at them first.
fn roots_and_hooks(site: &Site<'_>, shop: &Path, url: &str) {
    let told = |path: &str| site.fetch(&format!("{url}{path}"), 1).remove(0);
    assert!(site.client("php get_php_config shop 1").contains("\ndocumentRoot: /public\n"));
    let refused = site.nutshell.run("shell", &["--", "conpaas", "php", "set_document_root", "shop", "1", "web"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("has no directory 'web'"), "{said}");
    let lines = shop.join("lines.conf");
    let set = |text: &str| {
        std::fs::write(&lines, text).expect("it is writable");
        let path = lines.display().to_string();
        let words = ["--", "conpaas", "php", "set_nginx_hook", "shop", "1", "server", &path];
        let output = site.nutshell.run("shell", &words);
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (is_set, said) = set("colour red;\n");
    assert!(!is_set && said.contains("unknown directive \"colour\""), "{said}");
    assert!(set("location = /own { return 200 'own line'; }\n").0);
    assert_eq!(told("own"), "200 own line");
    assert!(site.client("php get_nginx_hooks shop 1").contains("\tlocation = /own"));
    site.client("php add_nodes --web 1 --backend 1 shop 1");
    assert_eq!((told("own"), told("css/app.css")), ("200 own line".to_owned(), "200 body {}".to_owned()));
    std::fs::remove_dir_all(shop.join("public")).expect("it is there");
    std::fs::write(shop.join("index.php"), "<?php echo 'top';\n").expect("it is writable");
    site.client(&format!("deploy {}", shop.display()));
    assert_eq!(told(""), "200 top");
    assert!(!site.client("php get_php_config shop 1").contains("documentRoot"));
}

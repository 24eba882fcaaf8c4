//! What would break nginx, PHP or a node, tried at a site: each row is refused with a text, nothing changes, and the page
//! is there all the while.

use std::io::{Cursor, Write};
use std::path::Path;

use conpaas::rpc::{CallError, RpcCall};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use super::world::{Site, packed};
use crate::it::node::bench::{endpoint, tar_of};
use crate::it::node::world::{add_nodes, remove_nodes};
use crate::support::all_ports::inside;

/// What is asked, and a part of the text of the refusal.
type Row = (RpcCall, &'static str);

#[test]
fn what_would_break_a_site_is_refused_and_visitors_see_nothing_of_it() {
    let name = "it::node::site::bad_input::what_would_break_a_site_is_refused_and_visitors_see_nothing_of_it";
    inside(name, async || {
        let site = Site::new(&[]).await;
        assert_eq!(site.world.add("java").await, 2);
        site.world.start_service(1).await;
        let version = site.upload(&[("index.php", "<?php echo 'shop ', ini_get('memory_limit');")]).await;
        site.succeed(RpcCall::post(1, "update_php_configuration").param("codeVersionId", version)).await;
        let node = site.of_role("proxy").await.remove(0);
        let before = kept(&site).await;
        let mut n_rows = 0;
        let rows = [settings(), ids(), counts(&node), uploads(&site), keys(&site), hooks(&site)].into_iter().flatten();
        for (call, text) in rows {
            let shown: String = format!("{call:?}").chars().take(300).collect();
            let answer = site.world.user.call(&endpoint(site.world.address), &call).await;
            let said = match answer {
                Err(CallError::Remote(said)) => said,
                other => panic!("{shown}: {other:?}"),
            };
            assert!(said.contains(text) && !said.contains("Traceback"), "{shown}: {said}");
            n_rows += 1;
        }
        assert!(n_rows > 60, "{n_rows}");
        refused_by_nginx(&site, &node).await;
        assert_eq!(kept(&site).await, before);
        assert_eq!(site.see("/").await, (200, "shop 128M".to_owned()));
        assert_eq!(site.world.state(1).await, "RUNNING");
        assert!(!site.world.bench.wait_end(site.world.pid, std::time::Duration::ZERO), "the same manager goes on");
    });
}

/// Everything that a bad call might change.
async fn kept(site: &Site) -> Vec<Value> {
    let mut kept = Vec::new();
    for (sid, method) in [(1, "get_configuration"), (1, "list_nodes"), (1, "get_nginx_hooks"), (2, "get_configuration")]
    {
        kept.push(site.world.ok(RpcCall::get(sid, method)).await);
    }
    for sid in [1, 2] {
        kept.push(site.world.ok(RpcCall::get(sid, "list_code_versions")).await);
        kept.push(site.world.ok(RpcCall::get(sid, "list_authorized_keys")).await);
    }
    kept
}

fn update() -> RpcCall {
    RpcCall::post(1, "update_php_configuration")
}

fn settings() -> Vec<Row> {
    let bad = "Invalid arguments (phpconf attribute";
    let values = [
        ("memory_limit", json!("128M\nphp_admin_value[disable_functions] =")),
        ("memory_limit", json!("128M;")),
        ("memory_limit", json!("\"128M\"")),
        ("memory_limit", json!("128M}")),
        ("memory_limit", json!("${HOME}")),
        ("memory_limit", json!("128\u{0}M")),
        ("memory_limit", json!("99999999999999999999G")),
        ("memory_limit", json!("-1")),
        ("memory_limit", json!(" 128M")),
        ("memory_limit", Value::Null),
        ("memory_limit", json!(["128M"])),
        ("memory_limit", json!({"a": 1})),
        ("post_max_size", json!("8MM")),
        ("post_max_size", json!("8m;} server {")),
        ("upload_max_filesize", json!("٣M")),
        ("max_execution_time", json!("1e9")),
        ("max_execution_time", json!("")),
        ("max_execution_time", json!(1.5)),
        ("display_errors", json!("Onward")),
        ("display_errors", json!("on")),
        ("log_errors", json!(true)),
        ("disable_functions", json!("exec\nauto_prepend_file=/etc/passwd")),
        ("disable_functions", json!("exec\";")),
    ];
    let mut rows: Vec<Row> =
        values.into_iter().map(|(key, value)| (update().param("phpconf", json!({ key: value })), bad)).collect();
    for key in ["auto_prepend_file", "extension", "memory_limit ", "memory_limit\n", "", "sendmail_path", "$x"] {
        rows.push((update().param("phpconf", json!({ key: "1" })), "Unexpected arguments phpconf attribute"));
    }
    rows.extend([
        (update(), "Missing argument"),
        (update().param("phpconf", json!({})), "Missing argument"),
        (update().param("phpconf", json!(["memory_limit"])), "should be dict"),
        (update().param("phpconf", "memory_limit=1"), "should be dict"),
        (update().param("colour", "red"), "Unexpected parameters"),
    ]);
    for root in ["../..", "/../etc", "a b", "a;}", "$x", "a\nb", ".git", "a\u{0}"] {
        rows.push((update().param("documentRoot", root), "is no directory of the code"));
    }
    rows.push((update().param("documentRoot", 7), "it is no text"));
    let cdn = || RpcCall::post(1, "cdn_enable");
    rows.push((cdn().param("enable", "perhaps").param("address", "x"), "should be bool"));
    rows.push((cdn().param("enable", true).param("address", 7), "should be string"));
    rows
}

/// Ids of code versions and nodes that are none.
fn ids() -> Vec<Row> {
    let long = "a".repeat(100_000);
    let ids = [
        "../../../etc/passwd",
        "code-default/..",
        "",
        ".",
        "current",
        "code-default\n",
        "code\u{0}",
        &long,
        "*",
        "git-",
    ];
    let mut rows = Vec::new();
    for id in ids {
        rows.push((update().param("codeVersionId", id), "Parameter 'codeVersionId': '"));
        for method in ["delete_code_version", "update_java_configuration"] {
            rows.push((RpcCall::post(2, method).param("codeVersionId", id), "Parameter 'codeVersionId': '"));
        }
        // A call by GET is one line.
        if id.len() < 1000 {
            rows.push((RpcCall::get(1, "get_node_info").param("serviceNodeId", id), "Parameter 'serviceNodeId': '"));
        }
    }
    for id in [json!(3), json!(["code-default"]), json!({"a": "code-default"})] {
        rows.push((update().param("codeVersionId", id), "Parameter 'codeVersionId': "));
    }
    rows
}

fn counts(node: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for count in [json!(-1), json!(1_000_000), json!("2"), json!(1.5), json!([1]), Value::Null] {
        rows.push((add_nodes(1, json!({"backend": count})), "Invalid number of nodes"));
        rows.push((remove_nodes(1, json!({"backend": count})), "Invalid number of nodes"));
    }
    rows.extend([
        (add_nodes(1, json!({"backend": 0})), "Need a positive value"),
        (add_nodes(1, json!({})), "Need a positive value"),
        (add_nodes(1, json!({"master": 1})), "Wrong node type 'master' for service type 'php'."),
        (add_nodes(1, json!({"proxy": 1})), "Cannot add more proxy servers"),
        (add_nodes(1, json!(3)), "should be dict"),
        (remove_nodes(1, json!({"proxy": 1})), "Not enough 'proxy' nodes will be left"),
        (remove_nodes(1, json!({"backend": 1})), "Not enough 'backend' nodes will be left"),
    ]);
    let weights = |web: Value, backend: Value| {
        RpcCall::post(1, "update_nodes_weight").param("web", web).param("backend", backend)
    };
    for weight in [json!(-1), json!(1001), json!("2"), json!(1e300), Value::Null] {
        rows.push((weights(json!({ node: weight }), json!({})), "weights are numbers from 0 to 1000"));
    }
    rows.extend([
        (weights(json!({}), json!({"nobody": 1})), "There is no backend node 'nobody'"),
        (weights(json!([]), json!({})), "should be dict"),
        (RpcCall::post(1, "update_nodes_weight").param("web", json!({})), "Missing the mandatory parameter 'backend'."),
        (RpcCall::post(1, "migrate_nodes").param("migration_plan", json!([])), "non-empty list"),
        (RpcCall::post(1, "migrate_nodes").param("migration_plan", json!([{"vmid": "x"}])), "Nodes cannot be moved"),
    ]);
    rows
}

/// Archives that are none, or would leave their place.
fn uploads(site: &Site) -> Vec<Row> {
    let file = |name: &str, bytes: &[u8]| site.world.file(name, bytes);
    let upload = |sid: i64, path: &Path| RpcCall::upload(sid, "upload_code_version").file("code", path, "code.war");
    let links = |sort: tar::EntryType, to: &str| {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(sort);
        header.set_size(0);
        builder.append_link(&mut header, "index.php", to).unwrap();
        builder.into_inner().unwrap()
    };
    let named = |name: &str| {
        let mut bytes = tar_of(&[("placeholder", "x")]);
        bytes[..100].fill(0);
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().copy_from_slice(&bytes[..512]);
        header.set_cksum();
        bytes[..512].copy_from_slice(header.as_bytes());
        bytes
    };
    let both = [
        ("absolute.tar", named("/etc/evil.php")),
        ("above.tar", named("../../evil.php")),
        ("within.tar", named("a/../../evil.php")),
        ("link.tar", links(tar::EntryType::Symlink, "/etc/passwd")),
        ("up.tar", links(tar::EntryType::Symlink, "../../../etc")),
        ("hard.tar", links(tar::EntryType::Link, "/etc/shadow")),
        ("device.tar", links(tar::EntryType::Char, "x")),
        ("text.txt", b"hello".to_vec()),
        ("empty", Vec::new()),
        ("cut.zip", zip_of(&[("index.php", &[b'x'; 5000])])[..60].to_vec()),
        ("bomb.zip", zip_of(&[("index.php", &vec![0; 64 << 20])])),
        ("above.zip", zip_of(&[("../../evil.php", b"x")])),
        ("absolute.zip", zip_of(&[("/etc/evil.php", b"x")])),
    ];
    let mut rows = Vec::new();
    for (name, bytes) in &both {
        let path = file(name, bytes);
        rows.extend([1, 2].map(|sid| (upload(sid, &path), "Invalid arguments (")));
    }
    for (name, bytes, text) in [
        ("bare.war", zip_of(&[("readme.txt", b"x")]), "has neither a directory WEB-INF nor a first page"),
        ("source.war", zip_of(&[("pom.xml", b"x"), ("index.html", b"x")]), "has the source of a program"),
        (
            "jar.war",
            zip_of(&[("META-INF/MANIFEST.MF", b"x"), ("Main.class", b"x")]),
            "is a program of its own (a .jar)",
        ),
        ("site.tar", tar_of(&[("WEB-INF/web.xml", "<web-app/>")]), "is a tar archive and not a web application"),
    ] {
        rows.push((upload(2, &file(name, &bytes)), text));
    }
    rows.push((RpcCall::upload(1, "upload_code_version").param("code", "x"), "should be uploaded file"));
    rows
}

fn keys(site: &Site) -> Vec<Row> {
    let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\n";
    let keys: [(&str, &[u8]); 7] = [
        ("options.pub", b"command=\"sh\" ssh-ed25519 AAAA me\n"),
        ("private.pub", private.as_bytes()),
        ("binary.pub", &[0xff; 100]),
        ("short.pub", b"ssh-ed25519\n"),
        ("other.pub", b"ssh-ed448 AAAA\n"),
        ("shell.pub", b"ssh-ed25519 $(id) me\n"),
        ("second.pub", b"ssh-ed25519 AAAA me\nssh-ed25519 !!!! me\n"),
    ];
    let upload = |path: &Path| RpcCall::upload(1, "upload_authorized_key").file("key", path, "id.pub");
    let mut rows: Vec<Row> = keys
        .iter()
        .map(|(name, bytes)| (upload(&site.world.file(name, bytes)), "Invalid arguments (Not an SSH public key"))
        .collect();
    let large = "ssh-ed25519 AAAA me\n".repeat(10_000);
    rows.push((upload(&site.world.file("large.pub", large.as_bytes())), "larger than"));
    rows
}

/// Lines for nginx that are no text.
fn hooks(site: &Site) -> Vec<Row> {
    let hook =
        |place: &str, path: &Path| RpcCall::upload(1, "set_nginx_hook").param("place", place).file("hook", path, "h");
    let file = |name: &str, bytes: &[u8]| site.world.file(name, bytes);
    vec![
        (hook("http", &file("h1", b"")), "Parameter 'place': 'http' must be one of ['server', 'rootloc']."),
        (hook("server", &file("h2", &[0xff; 9])), "lines for nginx are a text"),
        (hook("server", &file("h3", b"a\0b")), "lines for nginx are a text"),
        (hook("rootloc", &file("h4", &vec![b' '; 100_000])), "larger than"),
    ]
}

/// What only nginx itself can say, and a document root that the code does not have: the service goes back.
async fn refused_by_nginx(site: &Site, node: &str) {
    let world = &site.world;
    for (n, (place, lines, words)) in [
        ("server", "colour red;", "unknown directive \"colour\""),
        ("server", "} server { listen 81;", "[emerg]"),
        ("rootloc", "return 200 'x", "[emerg]"),
        ("server", "return 503;", "answers 503, so the service goes back"),
        ("rootloc", "return 500;", "answers 500, so the service goes back"),
    ]
    .into_iter()
    .enumerate()
    {
        let file = world.file(&format!("hook-{n}"), lines.as_bytes());
        let call = RpcCall::upload(1, "set_nginx_hook").param("place", place).file("hook", &file, "h");
        let (status, reason) = world.outcome(call).await;
        assert!(status == "FAILED" && reason.as_ref().unwrap().contains(words), "{lines}: {reason:?}");
    }
    let (status, reason) = world.outcome(update().param("documentRoot", "public")).await;
    assert!(status == "FAILED" && reason.as_ref().unwrap().contains("has no directory 'public'"), "{reason:?}");
    // A hook file that somebody wrote in the node itself is looked at before it is used, too.
    let of_node = site.cache_of(node).join("nginx-user-server.conf");
    std::fs::write(&of_node, "colour red;\n").unwrap();
    let (status, reason) = world.outcome(update().param("phpconf", json!({"post_max_size": "9M"}))).await;
    assert!(status == "FAILED" && reason.as_ref().unwrap().contains("user-server.conf:1"), "{reason:?}");
    std::fs::write(&of_node, "location = /own { return 200 own; }\n").unwrap();
    for size in ["9M", "8M"] {
        site.succeed(update().param("phpconf", json!({ "post_max_size": size }))).await;
    }
    assert_eq!(site.see("/own").await, (200, "own".to_owned()));
    assert_eq!(site.roles().await, (packed(node), 1));
}

fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

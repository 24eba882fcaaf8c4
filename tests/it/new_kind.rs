//! The kind of `docs/new-service.md`: made from the page word for word in a copy of the sources, built, started, scaled.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::nutshell::{free_network, free_port};
use crate::support::nutshell::Nutshell;
use crate::support::wait::wait_until;

/// One thing that the page has its reader do.
enum Step<'a> {
    Make { path: &'a str, text: String },
    Add { path: &'a str, below: &'a str, text: String },
}

/// Reads the steps of the page: a sentence that ends in a colon, and the block below it.
fn steps(page: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let quoted: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        let is_make = line.starts_with("Make `") && line.ends_with("`:");
        let is_add = line.starts_with("In `") && line.ends_with("`, add:");
        if !is_make && !is_add {
            continue;
        }
        assert_eq!(lines.next(), Some(""), "an empty line follows {line}");
        assert!(lines.next().is_some_and(|fence| fence.starts_with("```")), "a block follows {line}");
        let text: String = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        steps.push(match (is_make, quoted.as_slice()) {
            (true, [path]) => Step::Make { path, text },
            (false, [path, below]) => Step::Add { path, below, text },
            _ => panic!("no step is written like this: {line}"),
        });
    }
    steps
}

fn follow(step: &Step<'_>, tree: &Path) {
    match step {
        Step::Make { path, text } => {
            let path = tree.join(path);
            assert!(!path.exists(), "{} is there already", path.display());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Step::Add { path, below, text } => {
            let old = std::fs::read_to_string(tree.join(path)).unwrap();
            let below = format!("{below}\n");
            assert_eq!(old.matches(&below).count(), 1, "{path} has one line {below}");
            std::fs::write(tree.join(path), old.replace(&below, &format!("{below}{text}"))).unwrap();
        }
    }
}

/// Copies what is needed to build the program.
fn copy_sources(to: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let parts = [
        "src",
        "images",
        "config",
        "systemd",
        ".cargo",
        "build.rs",
        "Cargo.toml",
        "Cargo.lock",
        "tests",
        "docs",
        "examples",
    ];
    let parts =
        parts.iter().map(|part| root.join(part)).chain(["rustfmt.toml", "clippy.toml"].map(|name| root.join(name)));
    let copied = Command::new("cp").arg("-a").args(parts).arg(to).status().unwrap();
    assert!(copied.success());
}

/// Builds the program of a copy. What other crates need not be built again is linked from this test's own build.
fn build(tree: &Path, target: &Path) -> PathBuf {
    let own = Path::new(env!("CARGO_BIN_EXE_conpaas")).parent().unwrap();
    std::fs::create_dir_all(target.join("debug")).unwrap();
    let parts = ["deps", "build", ".fingerprint"].map(|part| own.join(part));
    let linked = Command::new("cp").arg("-al").args(parts).arg(target.join("debug")).status().unwrap();
    assert!(linked.success());
    let output = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--bin", "conpaas"])
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", target)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("/page"), "the compiler warns of the new kind: {said}");
    target.join("debug/conpaas")
}

fn output(program: &Path, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Returns the page of a node, once it has one.
fn page_of(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect((address, 8080)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.starts_with("HTTP/1.0 200").then_some(text)
}

/// Returns the addresses of the service's nodes.
fn addresses(nutshell: &Nutshell) -> Vec<String> {
    let text = nutshell.type_command(&["conpaas", "page", "list_nodes", "pages", "1"]);
    let is_address = |word: &&str| word.parse::<std::net::Ipv4Addr>().is_ok();
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '.').filter(is_address);
    words.map(str::to_owned).collect()
}

#[test]
fn the_kind_of_the_page_compiles_starts_scales_and_is_listed() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/new-service.md")).unwrap();
    let steps = steps(&page);
    assert_eq!(steps.len(), 11, "the page has other steps than this test knows");
    let parent = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let tree = parent.path().join("conpaas");
    std::fs::create_dir(&tree).unwrap();
    copy_sources(&tree);
    steps.iter().for_each(|step| follow(step, &tree));
    let program = build(&tree, &parent.path().join("target"));

    assert!(output(&program, &["page", "--help"]).contains("set_title"));
    assert!(output(&program, &["completion", "bash"]).contains("page"));
    let manual = parent.path().join("manual");
    output(&program, &["manual", manual.to_str().unwrap()]);
    assert!(manual.join("man1/conpaas-page.1").exists());
    let recipes = tree.join("images");
    let image =
        output(&program, &["image", "show", "services", "--service", "page", "--recipes", recipes.to_str().unwrap()]);
    assert!(image.contains("python3"), "{image}");

    let directory = parent.path().join("nutshell");
    let (network, _held) = free_network();
    let port = free_port().to_string();
    let options = ["--cloud", "process", "--network", &network, "--port", &port];
    let nutshell = Nutshell::with_program(&program, &directory, &options);
    nutshell.succeed("up", &[]);
    let typed = |words: &[&str]| nutshell.type_command(&[&["conpaas"], words].concat());
    typed(&["application", "create", "pages"]);
    typed(&["application", "start", "pages"]);
    typed(&["page", "add", "pages"]);
    assert!(typed(&["page", "list"]).contains("page"));
    typed(&["page", "start", "pages", "1"]);
    typed(&["page", "add_nodes", "--count", "1", "pages", "1"]);
    let nodes = addresses(&nutshell);
    assert_eq!(nodes.len(), 2, "{nodes:?}");
    let show = |title: &str| {
        for node in &nodes {
            wait_until(&format!("{node} shows {title}"), || page_of(node).filter(|page| page.contains(title)));
        }
    };
    show("<h1>A page</h1>");
    typed(&["page", "set_title", "pages", "1", "<Fish & chips>"]);
    show("<h1>&lt;Fish &amp; chips&gt;</h1>");
    // The nodes come first: then the change is kept, and the service takes the next one.
    let is_running = || typed(&["page", "get_state", "pages", "1"]).contains("RUNNING").then_some(());
    wait_until("the service runs again", is_running);
    assert!(typed(&["page", "get_title", "pages", "1"]).contains("<Fish & chips>"));
    typed(&["page", "remove_nodes", "--count", "1", "pages", "1"]);
    assert_eq!(addresses(&nutshell), nodes[..1]);
}

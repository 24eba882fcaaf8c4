//! The recorded session once more, with the real director, managers, agents
//! and scripts, on a cloud of plain programs. Ids, times and addresses are
//! other ones, so that texts are compared word by word with those replaced.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::backend::Backend;
use super::place::Place;
use super::session::{Step, recorded};

/// How long scripts may take to end, and their states to be told.
const LIMIT: Duration = Duration::from_secs(60);

/// Steps that need services of other kinds, applications from manifests, or more credit than a test has.
fn is_elsewhere(step: &Step) -> bool {
    let needs_others = ["php", "mysql", "wiki", "empty"].iter().any(|word| step.stdout.contains(word));
    let begins = ["cps-user get_c", "cps-service get_types", "cps-cloud list_resources", "cps-application manifest m"];
    needs_others
        || step.command.contains("empty")
        || step.command.contains("wiki")
        || begins.iter().any(|begin| step.command.starts_with(begin))
}

/// Steps whose text is a program's own; only that they work is compared.
fn is_free_text(step: &Step) -> bool {
    step.command.contains(" get_agent_log ") || step.command.contains(" get_info ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_recorded_session_is_the_same_with_real_nodes() {
    let place = Place::new().await;
    let backend = Backend::start(&place).await;
    let steps = recorded();
    write_files(&place, &steps);
    assert_eq!(place.run(&["cps-user", "get_certificate"]).await.code, 0);
    let mut n_taken = 0;
    for step in steps.iter().filter(|step| !is_elsewhere(step)) {
        take(&place, step).await;
        n_taken += 1;
    }
    assert!(n_taken > 50, "only {n_taken} steps of the session were taken");
    other_cloud(&place).await;
    backend.stop(&place).await;
}

async fn take(place: &Place, step: &Step) {
    let mut command = step.command.replace("/home/user", place.work().to_str().unwrap());
    if command.contains("iaasi-00000036") {
        command = command.replace("iaasi-00000036", &last_agent(place).await);
    }
    let words: Vec<String> = command.split(' ').map(mapped).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let wanted_out: Vec<String> = step.stdout.lines().map(|line| normal(line, mapped)).collect();
    let wanted_err: Vec<String> = step.stderr.lines().map(|line| normal(line, mapped)).collect();
    if ["run", "interrupt", "cleanup", "create_volume", "delete_volume"].contains(&words[1]) {
        until_scripts_end(place).await;
    }
    let limit = Instant::now() + LIMIT;
    loop {
        let got = place.run(&words).await;
        let out: Vec<String> = got.stdout.lines().map(|line| normal(line, str::to_owned)).collect();
        let err: Vec<String> = got.stderr.lines().map(|line| normal(line, str::to_owned)).collect();
        let is_same = (got.code, &err) == (step.code, &wanted_err) && (out == wanted_out || is_free_text(step));
        if is_same {
            return;
        }
        // Scripts run on after the command that started them.
        let may_change = words[1] == "get_script_status" && step.code == got.code;
        assert!(
            may_change && Instant::now() < limit,
            "$ {command}\nwanted {wanted_out:#?} {wanted_err:#?} {}\ngot {got:#?}",
            step.code
        );
    }
}

async fn other_cloud(place: &Place) {
    assert_eq!(place.run(&["cps-application", "create", "empty"]).await.code, 0);
    let got = place.run(&["cps-application", "start", "empty", "-c", "cloud2"]).await;
    assert_eq!(
        (got.code, got.stdout.as_str()),
        (0, "Application 'empty' with id 3 is starting...  done.\n"),
        "{}",
        got.stderr
    );
    let listed = place.run(&["cps-application", "list", "--json"]).await;
    let applications: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(applications[2]["cloud"], "cloud2");
    let again = place.run(&["cps-application", "start", "empty"]).await;
    assert_eq!((again.code, again.stderr.as_str()), (1, "ERROR: Application already started\n"));
    for _ in 0..2 {
        let stopped = place.run(&["cps-application", "stop", "empty"]).await;
        assert_eq!(stopped.stdout, "Application 'empty' with id 3 was stopped.\n");
    }
}

async fn last_agent(place: &Place) -> String {
    let listed = place.run(&["cps-generic", "list_nodes", "webapp", "1", "--json"]).await;
    let nodes: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
    nodes.last().unwrap()["agent_id"].as_str().unwrap().to_owned()
}

async fn until_scripts_end(place: &Place) {
    let limit = Instant::now() + LIMIT;
    loop {
        let status = place.run(&["cps-generic", "get_script_status", "webapp", "1"]).await;
        if !status.stdout.contains("RUNNING") {
            return;
        }
        assert!(Instant::now() < limit, "scripts do not end: {}", status.stdout);
    }
}

/// The services had the ids 7 and 8; without those of other kinds they have 1 and 2.
fn mapped(word: &str) -> String {
    match word {
        "7" => "1".to_owned(),
        "8" => "2".to_owned(),
        other => other.to_owned(),
    }
}

/// A line with what differs from run to run replaced, and without the widths of columns.
fn normal(line: &str, map: impl Fn(&str) -> String) -> String {
    let words = line.split_whitespace().map(|word| {
        let core = word.trim_matches(|c| "'.,:".contains(c));
        let is_clock = |separator: char, n: usize| {
            core.split(separator).count() == n && core.split(separator).all(|part| part.parse::<u32>().is_ok())
        };
        let replacement = match core {
            core if core.parse::<Ipv4Addr>().is_ok() => "<ip>".to_owned(),
            core if core.starts_with("iaas") => "<node>".to_owned(),
            core if core.starts_with("code-") && !core.starts_with("code-default") => "<code>".to_owned(),
            core if !core.is_empty() && core.chars().all(|c| c == '-') => "<rule>".to_owned(),
            _ if is_clock(':', 3) || is_clock('-', 3) => "<time>".to_owned(),
            core => map(core),
        };
        if core.is_empty() { word.to_owned() } else { word.replacen(core, &replacement, 1) }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn write_files(place: &Place, steps: &[Step]) {
    let key = steps.iter().find(|step| step.command.contains("list_keys")).unwrap();
    std::fs::write(place.work().join("idrsa.pub"), &key.stdout).unwrap();
    std::fs::write(place.work().join("st.sh"), "#!/bin/bash\necho hi\n").unwrap();
    std::fs::write(place.work().join("m3.json"), "{").unwrap();
    let archive = std::fs::File::create(place.work().join("gencode.tar.gz")).unwrap();
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(archive, flate2::Compression::fast()));
    let script = b"#!/bin/sh\nexit 0\n";
    for name in ["init.sh", "notify.sh", "run.sh", "interrupt.sh", "cleanup.sh"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(script.len() as u64);
        header.set_mode(0o755);
        archive.append_data(&mut header, name, &script[..]).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap();
}

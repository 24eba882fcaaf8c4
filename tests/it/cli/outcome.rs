//! How commands end: by what became of what they asked for, and with their output written.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::backend::Backend;
use super::place::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_ends_by_what_became_of_its_own_operation() {
    let place = Place::new().await;
    let backend = Backend::start(&place).await;
    let run = async |line: &str| place.run(&line.split(' ').collect::<Vec<_>>()).await;
    for line in ["user get_certificate", "application create web", "application start web", "generic add web"] {
        let got = run(&format!("conpaas {line}")).await;
        assert_eq!(got.code, 0, "{line}: {got:?}");
    }
    let second = run("conpaas generic add web").await;
    assert!(second.stdout.contains("It is called 'New generic service 2'"), "{second:?}");
    assert_eq!(run("conpaas generic start web 1").await.code, 0);
    let nodes: Value = serde_json::from_str(&run("conpaas generic list_nodes web 1 --json").await.stdout).unwrap();
    let node = nodes[0]["agent_id"].as_str().unwrap();
    let huge = run(&format!("conpaas generic create_volume web huge 99999999 {node}")).await;
    assert_eq!((huge.code, huge.stdout.ends_with("...  FAILED!\n")), (1, true), "{huge:?}");
    assert!(huge.stderr.contains("99999999") && !huge.stderr.contains("log says more"), "{huge:?}");
    let huge = run(&format!("conpaas generic create_volume web huge 99999999 {node} --json")).await;
    assert_eq!(huge.code, 1, "{huge:?}");
    assert!(serde_json::from_str::<Value>(&huge.stderr).unwrap()["error"].as_str().unwrap().contains("99999999"));
    assert_eq!(serde_json::from_str::<Value>(&huge.stdout).unwrap(), json!({"aid": 2, "sid": 1, "state": "RUNNING"}));

    let number = run("conpaas application create 3").await;
    assert_eq!(number.code, 1);
    assert!(number.stderr.contains("'3'") && number.stderr.contains("digits"), "{number:?}");
    assert_eq!(run("conpaas generic rename web 1 77").await.code, 1);
    assert_eq!(run("conpaas application rename web 4").await.code, 1);
    let removed = run("conpaas service remove web 2").await;
    assert_eq!(removed.code, 0, "{removed:?}");
    losses_are_agreed_to(&place, node).await;
    backend.stop(&place).await;
}

/// A volume, code and a service are lost only by who says so; old names go on without a question.
async fn losses_are_agreed_to(place: &Place, node: &str) {
    let run = async |line: &str| place.run(&line.split(' ').collect::<Vec<_>>()).await;
    let site = place.work().join("site");
    std::fs::create_dir(&site).unwrap();
    std::fs::write(site.join("run.sh"), "#!/bin/bash\necho hello\n").unwrap();
    let uploaded = run("conpaas generic upload_code web 1 site").await;
    assert_eq!(uploaded.code, 0, "{uploaded:?}");
    assert_eq!(uploaded.stderr, "'site' is a directory: its 1 files are packed as site.tar.gz.\n");
    let mistyped = run("conpaas generic enable_code web 1 code-nope").await;
    let wanted = "ERROR: There is no code version 'code-nope' in service 1 of application 2: \
                  'conpaas generic list_codes 2 1' lists those that are there\n";
    assert_eq!((mistyped.code, mistyped.stderr.as_str()), (1, wanted));
    let made = run(&format!("conpaas generic create_volume web data 1 {node}")).await;
    assert_eq!(made.code, 0, "{made:?}");
    for (line, lost) in [
        ("conpaas generic stop web 1", &["volume 'data' (1 MB)"][..]),
        ("conpaas generic remove web 1", &["volume 'data' (1 MB)", "(site.tar.gz) of service 1"]),
        ("conpaas generic remove_nodes web 1", &["volume 'data' (1 MB)"]),
        ("conpaas application stop web", &["service 1 'New generic service'", "volume 'data'", "site.tar.gz", node]),
        ("conpaas application delete web --json", &["volume 'data' (1 MB)", "Add --yes"]),
    ] {
        let got = run(line).await;
        assert_eq!((got.code, got.stdout.as_str()), (2, ""), "{line}: {got:?}");
        lost.iter().for_each(|lost| assert!(got.stderr.contains(lost), "{line}: no {lost} in {got:?}"));
    }
    let volumes = run("conpaas generic list_volumes web 1").await;
    assert!(volumes.stdout.contains("data"), "nothing was done: {volumes:?}");
    volumes_are_kept(place).await;
    let stopped = run("conpaas generic stop web 1 --yes").await;
    assert_eq!(stopped.code, 0, "{stopped:?}");
    assert_eq!(run("conpaas generic list_volumes web 1").await.stdout, "No existing storage volumes.\n");
    assert_eq!(run("cps-application stop web").await.code, 0, "scripts of old names are not asked");
}

/// A volume outlives its service's stop and its application's, is attached again, and goes when its owner says so.
async fn volumes_are_kept(place: &Place) {
    let run = async |line: &str| place.run(&line.split(' ').collect::<Vec<_>>()).await;
    let well = async |line: &str| {
        let got = run(line).await;
        assert_eq!(got.code, 0, "{line}: {got:?}");
        got.stdout
    };
    let listed = async || serde_json::from_str::<Value>(&well("conpaas volume list --json").await).unwrap();
    let row = |sid: Option<i64>, state: &str| {
        json!([{"aid": 2, "application": "web", "sid": sid, "vol_name": "data", "vol_size": 1, "state": state,
                "cloud": "default"}])
    };
    assert_eq!(listed().await, row(Some(1), "attached"));
    let used = run("conpaas volume delete web data --yes").await;
    assert!(used.code == 1 && used.stderr.contains("is in use, not kept"), "{used:?}");
    well("conpaas generic stop web 1 --keep-volumes").await;
    assert_eq!(listed().await, row(Some(1), "kept"));
    well("conpaas generic start web 1").await;
    assert_eq!(listed().await, row(Some(1), "attached"));
    let asked = run("conpaas application stop web --keep-volumes").await;
    assert!(asked.code == 2 && !asked.stderr.contains("volume 'data'"), "{asked:?}");
    well("conpaas application stop web --keep-volumes --yes").await;
    assert_eq!(listed().await, row(None, "kept"));
    let table = well("conpaas volume list -a web").await;
    assert!(table.starts_with("aid application sid  vol_name vol_size state cloud"), "{table}");

    for line in ["application start web", "generic add web", "generic start web 1"] {
        well(&format!("conpaas {line}")).await;
    }
    let nodes: Value = serde_json::from_str(&well("conpaas generic list_nodes web 1 --json").await).unwrap();
    let node = nodes[0]["agent_id"].as_str().unwrap();
    let twice = run(&format!("conpaas generic create_volume web data 1 {node}")).await;
    assert!(twice.code == 1 && twice.stderr.contains("Volume 'data' is kept already"), "{twice:?}");
    well(&format!("conpaas volume attach web data {node}")).await;
    assert_eq!(listed().await, row(Some(1), "attached"));
    well("conpaas generic stop web 1 --keep-volumes").await;
    for line in ["conpaas volume delete web data", "conpaas application delete web"] {
        let asked = run(line).await;
        assert!(asked.code == 2 && asked.stderr.contains("volume 'data' (1 MB)"), "{line}: {asked:?}");
    }
    let unknown = run("conpaas volume delete web nope --yes").await;
    assert_eq!((unknown.code, unknown.stderr.contains("Unknown volume name 'nope'")), (1, true), "{unknown:?}");
    well("conpaas volume delete web data --yes").await;
    assert_eq!(well("conpaas volume list").await, "No existing storage volumes.\n");
    well("conpaas generic start web 1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_inits_at_once_make_one_director() {
    let place = Place::new().await;
    let at = |name: &str| place.work().join("twice").join(name).display().to_string();
    let config = at("director.cfg");
    let settings = [
        format!("conpaas.CONF_DIR={}", at("")),
        format!("conpaas.CERT_DIR={}", at("certs")),
        format!("director.DATABASE_URI=sqlite:///{}", at("director.db")),
        format!("director.USERDATA_DIR={}", at("data")),
        format!("director.STATE_DIR={}", at("state")),
        "iaas.DRIVER=process".to_owned(),
    ];
    let mut words = vec!["conpaas", "director", "init", "--hostname", "127.0.0.1", "--config", &config];
    settings.iter().for_each(|setting| words.extend(["--set", setting]));
    let made = futures_util::future::join_all((0..4).map(|_| place.run(&words))).await;
    for one in &made {
        assert_eq!(one.code, 0, "{made:#?}");
    }
    let n_made = made.iter().filter(|one| one.stdout.contains("made a certificate authority")).count();
    assert_eq!(n_made, 1, "{made:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_beginner_is_told_what_to_do() {
    let place = Place::new().await;
    let run = async |line: &str| place.run(&line.split(' ').collect::<Vec<_>>()).await;
    std::fs::write(place.state_dir().join("cps-tools.conf"), "").unwrap();
    let told = run("conpaas application list").await.stderr;
    assert!(told.contains("~/.conpaas/cps-tools.conf") && told.contains("--director_url"), "{told}");
    let told = run("conpaas application list --director_url https://[::1]:5555 -d").await;
    assert_eq!((told.code, told.stderr.contains("IPv6 addresses are not supported")), (1, true), "{told:?}");
    for line in ["conpaas director --help", "conpaas help director", "conpaas director help"] {
        let told = run(line).await;
        assert_eq!(told.code, 0, "{line}");
        for name in ["init", "check", "stop-nodes", "version"] {
            assert!(told.stdout.contains(&format!("  {name}")), "{line}: no {name} in {}", told.stdout);
        }
    }
    let told = run("conpaas director ini").await;
    assert!(told.code == 2 && told.stderr.contains("'init', 'check'"), "{told:?}");
    assert!(run("conpaas help generic").await.stdout.contains("upload_code"));
    assert!(run("conpaas help generic add_nodes").await.stdout.contains("--count"));
    assert_eq!(run("conpaas help nonsense").await.code, 2);
    for (line, hint) in [
        ("conpaas ps", "Here it is: conpaas status"),
        ("conpaas push", "Here it is: conpaas deploy"),
        ("conpaas deploy /nowhere", "there is no directory '/nowhere'"),
        ("conpaas application ls", "Here it is: list"),
        ("conpaas generic logs", "Here it is: get_agent_log"),
    ] {
        let told = run(line).await;
        assert!(told.code != 0 && told.stderr.contains(hint), "{line}: {told:?}");
    }
    let told = run("conpaas generic add_nodes a b --nodes 3").await;
    assert!(told.stderr.starts_with("usage: conpaas generic add_nodes [-h]"), "{told:?}");
    let told = run("conpaas nutshell up --cloud nowhere --json").await;
    let error: Value = serde_json::from_str(told.stderr.trim()).unwrap();
    assert!(told.code == 2 && error["error"].as_str().unwrap().contains("nowhere"), "{told:?}");
}

#[test]
fn output_that_is_lost_is_told_and_a_reader_that_has_gone_is_not() {
    let home = tempfile::tempdir().unwrap();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let command = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conpaas"));
        command.args(words).env("HOME", home.path()).stdin(Stdio::null());
        command
    };
    for words in [&["--version"][..], &["help"], &["completion", "bash"], &["generic", "help"], &["time", "check"]] {
        let output = command(words).stdout(full()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{words:?}: {stderr}");
        assert!(stderr.contains("the output cannot be written"), "{words:?}: {stderr}");
    }
    let output = command(&["time", "check", "--json"]).stdout(full()).output().unwrap();
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(error["error"].as_str().unwrap().contains("No space left"), "{error}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command(&["completion", "bash"]).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.is_empty()), (Some(0), true));
    let output = command(&["nonsense"]).stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "no panic where no complaint can be written");
}

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
    backend.stop(&place).await;
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

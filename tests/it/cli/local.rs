//! What upstream's client does not have, or does worse.

use serde_json::{Value, json};

use super::place::Place;

const APPLICATION: &str =
    r#"[{"status": "INIT", "name": "a", "vmid": null, "manager": null, "aid": 1, "cloud": null, "uid": 1}]"#;

async fn known_user() -> Place {
    let place = Place::new().await;
    assert_eq!(place.run(&["cps-user", "get_certificate"]).await.code, 0);
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_is_one_value_and_errors_are_json_too() {
    let place = known_user().await;
    place.script.lock().unwrap().set("director listapp", &[APPLICATION]);
    for words in [["cps-application", "--json", "list"], ["cps-application", "list", "--json"]] {
        let got = place.run(&words).await;
        let value: Value = serde_json::from_str(&got.stdout).unwrap();
        assert_eq!((value[0]["aid"].clone(), got.stderr.as_str()), (json!(1), ""));
    }
    let got = place.run(&["cps-application", "delete", "b", "--json"]).await;
    let value: Value = serde_json::from_str(&got.stderr).unwrap();
    assert_eq!((got.code, value), (1, json!({ "error": "Unknown application name 'b'" })));
    let got = place.run(&["cps-application", "delete", "--json"]).await;
    let value: Value = serde_json::from_str(&got.stderr).unwrap();
    assert_eq!((got.code, value), (2, json!({ "error": "too few arguments" })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_fails_exits_1_with_the_reason() {
    let place = known_user().await;
    let failed = APPLICATION.replace("INIT", "ERROR").replace("\"uid\": 1", "\"uid\": 1, \"reason\": \"no image\"");
    let starting = APPLICATION.replace("INIT", "PROLOGUE");
    place.script.lock().unwrap().set("director listapp", &[APPLICATION, &starting, &failed]);
    place.script.lock().unwrap().set("director startapp/1", &["{}"]);
    let got = place.run(&["conpaas", "application", "start", "a"]).await;
    assert_eq!(
        (got.code, got.stdout.as_str(), got.stderr.as_str()),
        (1, "Application 'a' with id 1 is starting...  FAILED!\n", "ERROR: no image\n")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_program_under_many_names() {
    let place = known_user().await;
    place.script.lock().unwrap().set("director version", &["2.0.0"]);
    for words in [
        vec!["cps-director", "version"],
        vec!["cps-tools", "director", "version"],
        vec!["conpaas", "director", "version"],
        vec!["conpaas", "cps-tools", "director", "version"],
        vec!["cps-director", "--conf", "../home/.conpaas/cps-tools.conf", "version"],
    ] {
        let got = place.run(&words).await;
        assert_eq!((got.code, got.stdout.as_str()), (0, "ConPaaS director version 2.0.0\n"), "{words:?} {got:?}");
    }
    let got = place.run(&["cps-tools", "director", "info"]).await;
    assert!(got.stderr.starts_with("usage: cps-tools director [-h] [-d]"), "{}", got.stderr);
    for words in [vec!["cps-helloworld", "help"], vec!["conpaas", "--help"], vec!["conpaas", "completion", "zsh"]] {
        assert_eq!(place.run(&words).await.code, 0, "{words:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_stays_in_the_working_directory() {
    let place = known_user().await;
    let port = place.manager.port;
    let app = format!(
        r#"{{"status": "RUNNING", "name": "a", "vmid": "x", "manager": "127.0.0.1", "aid": 1, "cloud": "iaas", "uid": 1, "manager_port": {port}}}"#
    );
    let service = r#"{"subnet": null, "application_id": 1, "name": "g", "created": "", "rec_id": 1, "state": "INIT", "sid": 1, "type": "generic", "cloud": null}"#;
    let versions = r#"{"codeVersions": [{"codeVersionId": "c", "filename": "../../evil.tar", "description": "", "current": true}]}"#;
    {
        let mut script = place.script.lock().unwrap();
        script.set("director listapp", &[&format!("[{app}]")]);
        script.set("director list", &[&format!(r#"[{{"service": {service}, "application": {app}}}]"#)]);
        script.set("manager 1 list_code_versions", &[versions]);
        script.set("manager 1 download_code_version", &["\"bytes\""]);
    }
    let got = place.run(&["cps-generic", "download_code", "a", "g"]).await;
    assert_eq!((got.code, got.stdout.as_str()), (0, "File 'evil.tar' written.\n"), "{got:?}");
    assert!(place.work().join("evil.tar").exists());
    let got = place.run(&["cps-generic", "download_code", "a", "g", "-v", "x"]).await;
    assert_eq!((got.code, got.stderr.as_str()), (1, "ERROR: Invalid code version 'x'\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_fails_tells_its_history_and_a_silent_manager_is_asked_again() {
    let place = known_user().await;
    let port = place.manager.port;
    let app = format!(
        r#"{{"status": "RUNNING", "name": "a", "vmid": "x", "manager": "127.0.0.1", "aid": 1, "cloud": "iaas", "uid": 1, "manager_port": {port}}}"#
    );
    let service = r#"{"subnet": null, "application_id": 1, "name": "g", "created": "", "rec_id": 1, "state": "INIT", "sid": 1, "type": "generic", "cloud": null}"#;
    {
        let mut script = place.script.lock().unwrap();
        script.set("director listapp", &[&format!("[{app}]")]);
        script.set("director list", &[&format!(r#"[{{"service": {service}, "application": {app}}}]"#)]);
        script.set("manager 0 start_service", &[r#"{"state": "PROLOGUE"}"#]);
        script.set("manager 1 get_service_info", &["break", r#"{"state": "ERROR", "type": "generic"}"#]);
        script.set(
            "manager 1 get_service_history",
            &[r#"{"state_log": [{"time": 1.5, "state": "ERROR", "reason": "no nodes"}]}"#],
        );
    }
    let got = place.run(&["cps-service", "start", "a", "1", "--json"]).await;
    let value: Value = serde_json::from_str(&got.stdout).unwrap();
    assert_eq!((got.code, value), (1, json!({ "aid": 1, "sid": 1, "state": "ERROR" })), "{got:?}");
    assert_eq!(got.stderr, "{\"error\":\"no nodes\"}\n");
}

//! Code versions of a service: kept, enabled on its nodes, pushed by git.

use std::fs;
use std::path::PathBuf;

use conpaas::rpc::RpcCall;
use serde_json::json;

use super::bench::{endpoint, tar_of};
use super::world::{World, create_volume};

#[tokio::test(flavor = "multi_thread")]
async fn code_versions_and_keys() {
    let world = World::start(&[]).await;
    let sid = world.add("generic").await;
    let key = world.file("id.pub", b"ssh-rsa AAAA test@x\n");
    let upload_key = |path: &PathBuf| RpcCall::upload(sid, "upload_authorized_key").file("key", path, "id.pub");
    for outcome in ["1 keys added to authorized_keys", "0 keys added to authorized_keys"] {
        assert_eq!(world.ok(upload_key(&key)).await, json!({"outcome": outcome}));
    }
    let keys = world.ok(RpcCall::get(sid, "list_authorized_keys")).await;
    assert_eq!(keys, json!({"authorizedKeys": ["ssh-rsa AAAA test@x"]}));
    let forced = world.file("bad.pub", b"command=\"sh\" ssh-rsa AAAA x\n");
    assert!(world.refused(upload_key(&forced)).await.starts_with("Invalid arguments (Not an SSH public key"));

    let archive = world.file("code.tar", &tar_of(&[("run.sh", "exit 0")]));
    let upload = |path: &PathBuf| {
        RpcCall::upload(sid, "upload_code_version").param("description", "mine").file("code", path, "/home/me/c.tar")
    };
    let id = world.ok(upload(&archive)).await["codeVersionId"].as_str().unwrap().to_owned();
    assert!(id.starts_with("code-") && id.len() == 11, "{id}");
    let bad = world.file("x.txt", b"hello");
    let error = world.refused(upload(&bad)).await;
    assert!(error.starts_with("Invalid arguments (Invalid archive format: the file is a text file; tar"), "{error}");
    let versions = world.ok(RpcCall::get(sid, "list_code_versions")).await;
    assert_eq!(versions["codeVersions"][0]["codeVersionId"], id.as_str());
    assert_eq!(versions["codeVersions"][0]["filename"], "c.tar");
    assert_eq!(versions["codeVersions"][0].get("current"), None);
    assert_eq!(versions["codeVersions"][1]["filename"], "code-default.tar");
    assert_eq!(versions["codeVersions"][1]["description"], "Initial version");
    assert_eq!(versions["codeVersions"][1]["current"], true);
    let named = |method: &str, id: &str| RpcCall::post(sid, method).param("codeVersionId", id);
    // The order is that of a dictionary of Python 2, which the id decides.
    let refusal = world.refused(named("enable_code", "nope")).await;
    let shown = [
        format!("'{id}': CodeVersion(id={id}, filename=c.tar)"),
        "'code-default': CodeVersion(id=code-default, filename=code-default.tar)".to_owned(),
    ];
    let either = [shown.join(", "), [shown[1].clone(), shown[0].clone()].join(", ")];
    let texts = either.map(|list| format!("Parameter 'codeVersionId': 'nope' must be one of {{{list}}}."));
    assert!(texts.contains(&refusal), "{refusal}");
    assert_eq!(world.ok(named("enable_code", &id)).await, json!({}));
    assert_eq!(world.ok(named("delete_code_version", "code-default")).await, json!({}));
    let error = world.refused(named("delete_code_version", &id)).await;
    assert_eq!(error, "Invalid arguments (Cannot remove the active code version)");
    let download = world.user.call_raw(&endpoint(world.address), &RpcCall::get(sid, "download_code_version")).await;
    let download = download.unwrap();
    assert_eq!(download.filename.as_deref(), Some("c.tar"));
    assert_eq!(download.body, fs::read(&archive).unwrap());
    let names: Vec<_> = fs::read_dir(world.root.join("var/cache/cpsmanager/code_repo/1")).unwrap().flatten().collect();
    assert_eq!(names.len(), 1, "deleted and refused code leaves nothing: {names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn enabling_code_on_running_nodes_is_done_or_undone() {
    let world = World::start(&[]).await;
    let sid = world.add("generic").await;
    let upload = async |name: &str, content: &str| -> String {
        let path = world.file(name, &tar_of(&[("init.sh", content)]));
        let answer = world.ok(RpcCall::upload(sid, "upload_code_version").file("code", path, name)).await;
        answer["codeVersionId"].as_str().unwrap().to_owned()
    };
    let quick = upload("quick.tar", "echo quick").await;
    let slow = upload("slow.tar", "exec sleep 600").await;
    world.start_service(sid).await;
    world.await_no_scripts(sid).await;
    let enable = |id: &str| RpcCall::post(sid, "enable_code").param("codeVersionId", id);
    assert_eq!(world.ok(enable(&quick)).await, json!({}));
    world.await_state(sid, "RUNNING").await;
    world.await_no_scripts(sid).await;
    let history = world.history(sid).await;
    assert!(history.contains(&("ADAPTING".into(), "Updating configuration".into())), "{history:?}");
    let master = world.node_ids().await.remove(0);
    let (pid, root) = world.director.node(&master);
    assert_eq!(fs::read_to_string(root.join("root/agent.out")).unwrap(), "quick\n");
    assert_eq!(world.ok(enable(&slow)).await, json!({}));
    world.await_state(sid, "RUNNING").await;
    let busy = "ERROR: Scripts are still running inside at least one agent. \
                Please wait for them to finish execution or call 'interrupt' first.";
    assert_eq!(world.refused(enable(&quick)).await, busy);
    assert_eq!(world.refused(create_volume("v", 1, &master)).await, busy);
    let active = async || {
        let versions = world.ok(RpcCall::get(sid, "list_code_versions")).await;
        let versions = versions["codeVersions"].as_array().unwrap().clone();
        versions.iter().find(|version| version["current"] == true).unwrap()["codeVersionId"].clone()
    };
    assert_eq!(active().await, slow.as_str());
    world.ok(RpcCall::post(sid, "execute_script").param("command", "interrupt")).await;
    world.await_no_scripts(sid).await;
    world.bench.kill(pid);
    let error = world.refused(enable(&quick)).await;
    assert!(error.contains(&format!("agent {master}")), "{error}");
    assert_eq!(active().await, slow.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn code_comes_by_git_as_well() {
    let world = World::start(&[]).await;
    let sid = world.add("generic").await;
    let work = world.bench.path("work");
    let bare = world.root.join("home/git/code");
    let git = |arguments: &[&str]| {
        let outcome = std::process::Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@x.y", "-c", "init.defaultBranch=master", "-C"])
            .arg(&work)
            .args(arguments)
            .output()
            .unwrap();
        assert!(outcome.status.success(), "{arguments:?}: {outcome:?}");
        String::from_utf8(outcome.stdout).unwrap().trim().to_owned()
    };
    fs::create_dir_all(work.join(sid.to_string())).unwrap();
    fs::create_dir_all(&bare).unwrap();
    fs::write(work.join(sid.to_string()).join("init.sh"), "echo from git\n").unwrap();
    git(&["init", "-q", "--bare", bare.to_str().unwrap()]);
    assert_eq!(world.ok(RpcCall::post(0, "git_push_hook")).await, json!("code version: git-"), "nothing was pushed");
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "First words"]);
    git(&["push", "-q", bare.to_str().unwrap(), "HEAD:master"]);
    let id = format!("git-{}", &git(&["rev-parse", "HEAD"])[..7]);
    assert_eq!(world.ok(RpcCall::post(0, "git_push_hook")).await, json!(format!("code version: {id}")));
    let versions = world.ok(RpcCall::get(sid, "list_code_versions")).await;
    assert_eq!(versions["codeVersions"][0]["codeVersionId"], id.as_str());
    assert_eq!(versions["codeVersions"][0]["description"], "First words");
    world.ok(RpcCall::post(sid, "enable_code").param("codeVersionId", id)).await;
    let error = world.refused(RpcCall::get(sid, "download_code_version")).await;
    assert_eq!(error, "ERROR: To download this code, please clone the git repository");
    world.start_service(sid).await;
    world.await_no_scripts(sid).await;
    let node = world.node_ids().await.remove(0);
    let out = fs::read_to_string(world.director.node(&node).1.join("root/agent.out")).unwrap();
    assert_eq!(out, "from git\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_its_script_is_refused_and_names_what_may_be_meant() {
    let world = World::start(&[]).await;
    let sid = world.add("generic").await;
    world.start_service(sid).await;
    world.await_no_scripts(sid).await;
    let enable = async |scripts: &[(&str, &str)]| {
        let path = world.file("code.tar", &tar_of(scripts));
        let answer = world.ok(RpcCall::upload(sid, "upload_code_version").file("code", path, "code.tar")).await;
        world.ok(RpcCall::post(sid, "enable_code").param("codeVersionId", answer["codeVersionId"].clone())).await;
        world.await_state(sid, "RUNNING").await;
        world.await_no_scripts(sid).await;
    };
    let execute = |command: &str| RpcCall::post(sid, "execute_script").param("command", command);
    enable(&[("init.sh", "exit 0")]).await;
    let error = world.refused(execute("run")).await;
    assert!(error.starts_with("Script 'run.sh' does not exist at the top of the active code version."), "{error}");
    enable(&[("init.sh", "exit 0"), ("Run.sh", "exit 0"), ("app/run.sh", "exit 0"), ("cleanup.sh", "exit 0")]).await;
    let error = world.refused(execute("run")).await;
    assert!(error.contains("there is 'Run.sh', 'app/run.sh'"), "{error}");
    assert_eq!(world.ok(execute("cleanup")).await, json!({"state": "RUNNING"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn code_of_a_code_host_and_of_windows_runs_and_says_what_was_done() {
    let world = World::start(&[]).await;
    let sid = world.add("generic").await;
    world.start_service(sid).await;
    world.await_no_scripts(sid).await;
    let run = "\u{feff}#!/bin/bash\r\necho run\r\nexit 0\r\n";
    let path = world.file("code.tar", &tar_of(&[("app-1.0/run.sh", run), ("app-1.0/Init.sh", "exit 0")]));
    let answer = world.ok(RpcCall::upload(sid, "upload_code_version").file("code", path, "code.tar")).await;
    let notes = json!([
        "everything lies in the directory 'app-1.0', which nodes leave out",
        "'run.sh' begins with a byte order mark; nodes run it without it",
        "'run.sh' has Windows line ends; nodes run it without them",
        "there is no 'init.sh' at the top, but 'Init.sh': rename or move it if that one is meant",
    ]);
    assert_eq!(answer["notes"], notes);
    let versions = world.ok(RpcCall::get(sid, "list_code_versions")).await;
    assert_eq!(versions["codeVersions"][0]["notes"], notes);
    assert_eq!(versions["codeVersions"][1].get("notes"), None, "there is nothing to say of the default code");
    world.ok(RpcCall::post(sid, "enable_code").param("codeVersionId", answer["codeVersionId"].clone())).await;
    world.await_state(sid, "RUNNING").await;
    let log = world.ok(RpcCall::get(sid, "get_manager_log")).await;
    assert!(log["log"].as_str().unwrap().matches("has Windows line ends").count() == 2, "at upload and when enabled");
    world.ok(RpcCall::post(sid, "execute_script").param("command", "run")).await;
    world.await_no_scripts(sid).await;
    let node = world.node_ids().await.remove(0);
    let (_, root) = world.director.node(&node);
    assert!(fs::read_to_string(root.join("root/agent.out")).unwrap().ends_with("run\n"));
    let script = fs::read_to_string(root.join("var/cache/cpsagent/bin/run.sh")).unwrap();
    assert_eq!(script, "#!/bin/bash\necho run\nexit 0\n");
}
